"""Who is asked for a second opinion, and what counts as a yes."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from pydantic import Field

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.policies import (
    ChatModelJudge,
    ChatModelVerifier,
    CrossEncoderVerifier,
)
from langchain_redis_semcache.policies.second_opinions import usable


class Structured(FakeListChatModel):
    """A chat model whose structured output is given."""

    responses: list[str] = Field(default_factory=list)
    verdict: Any = None
    seen: list[Any] = Field(default_factory=list)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        def reply(messages: Any) -> Any:
            self.seen.append((self.cache, messages))
            return schema(verdict=self.verdict) if isinstance(self.verdict, bool) else self.verdict

        return RunnableLambda(reply)


@pytest.mark.parametrize(
    ("verdict", "expected"), [(True, True), (False, False), (None, False), ({"verdict": 1}, False)]
)
async def test_a_chat_model_has_to_say_yes_clearly(verdict: Any, expected: bool) -> None:
    """Anything but the structured yes is a no, asked either way."""
    model = Structured(verdict=verdict)
    verifier, judge = ChatModelVerifier(model), ChatModelJudge(model)
    assert verifier.verify("B?", "A?", "answer") is expected
    assert await verifier.averify("B?", "A?", "answer") is expected
    assert judge("A?", "one", "other") is expected
    assert await judge.ajudge("A?", "one", "other") is expected
    assert len(model.seen) == 4


def test_a_chat_model_sees_both_questions_and_the_answer_and_no_cache() -> None:
    """Its own prompts all look alike: a semantic cache must not answer them."""
    model = Structured(verdict=True)
    ChatModelVerifier(model).verify("asked", "cached", "the answer")
    ((cache, (_, (_, text))),) = model.seen
    assert cache is False
    assert text.index("cached") < text.index("the answer") < text.index("asked")


def test_a_model_that_is_no_langchain_class_will_do() -> None:
    """Only `with_structured_output` is needed."""

    class Plain:
        def with_structured_output(self, schema: Any) -> Any:
            return RunnableLambda(lambda messages: schema(verdict=True))

    model: Any = Plain()
    assert ChatModelVerifier(model).verify("B?", "A?", "answer")


def test_a_model_without_structured_output_is_refused() -> None:
    """At once, not at the first call."""
    model: Any = object()
    with pytest.raises(ConfigurationError):
        ChatModelVerifier(model)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.95, 0.9], True), ([0.95, 0.89], False), ([0.95], False), ([float("nan")] * 2, False)],
)
def test_a_cross_encoder_has_to_agree_both_ways(scores: list[float], expected: bool) -> None:
    """Both orders of the two questions are scored in one call."""
    seen: list[Any] = []

    def score(pairs: Any) -> list[float]:
        seen.extend(pairs)
        return scores

    assert CrossEncoderVerifier(score, 0.9).verify("a", "b", "answer") is expected
    assert seen == [("a", "b"), ("b", "a")]
    with pytest.raises(ConfigurationError):
        CrossEncoderVerifier(None)  # type: ignore[arg-type]


def test_what_cannot_be_called_is_not_usable() -> None:
    """Neither a string nor an object without the method."""
    assert usable(lambda *texts: True, "verify")
    assert usable(ChatModelVerifier(Structured()), "verify")
    assert not usable("verifier", "verify")
    assert not usable(object(), "verify")
