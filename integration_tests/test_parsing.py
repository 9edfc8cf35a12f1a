"""An answer that does not parse is not served to the retry, by any way in which chains parse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, ValidationError

from integration_tests.support import FRANCE, FRANCE_REWORDED, Parrot, Way, only
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.events import Event, Feedback
from langchain_redis_semcache.models import cached
from langchain_redis_semcache.parsing import WithdrawUnparsed


class City(BaseModel):
    """A city."""

    name: str


class Learner(Parrot):
    """Answers at first what no parser takes, and then what all do."""

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        super()._generate(messages)
        arguments = {"town": "Paris"} if len(self.calls) == 1 else {"name": "Paris"}
        if "tools" in kwargs:
            message = AIMessage("", tool_calls=[{"name": "City", "args": arguments, "id": "1"}])
        else:
            message = AIMessage(json.dumps(arguments))
        return ChatResult(generations=[ChatGeneration(message=message)])


def check(message: AIMessage) -> City:
    return City.model_validate_json(message.text)


PARSER = PydanticOutputParser(pydantic_object=City)
WAYS: dict[str, Callable[[Any], Any]] = {
    "a parser": lambda model: model | PARSER,
    "a function": lambda model: model | RunnableLambda(check),
    "a cached model": lambda model: cached(model) | PARSER,
    "structured output": lambda model: model.with_structured_output(City),
}


@pytest.fixture
def model(cache: RedisSemanticCache) -> Learner:
    return Learner(cache=cache)


@pytest.mark.parametrize("way", WAYS)
async def test_the_retry_asks_the_model(
    do: Way, cache: RedisSemanticCache, model: Learner, events: list[Event], way: str
) -> None:
    """The error comes as ever; whoever asks again is answered by the model, and then by Redis."""
    chain = WAYS[way](model).with_config(callbacks=[WithdrawUnparsed(cache)])
    with pytest.raises(ValueError, match="name"):
        await do(chain.invoke, FRANCE)
    assert [event.right for event in only(events, Feedback)] == [False]
    for _ in range(2):
        assert await do(chain.invoke, FRANCE) == City(name="Paris")
    assert len(model.calls) == 2


async def test_served_to_others(
    do: Way, cache: RedisSemanticCache, model: Learner, events: list[Event]
) -> None:
    """An answer that got in unwatched goes with the first paraphrase that cannot be parsed."""
    await do(model.invoke, FRANCE)
    chain = (model | PARSER).with_config(callbacks=[WithdrawUnparsed(cache)])
    with pytest.raises(OutputParserException):
        await do(chain.invoke, FRANCE_REWORDED)
    assert await do(chain.invoke, FRANCE_REWORDED) == City(name="Paris")
    assert len(model.calls) == 2


async def test_with_the_raw_answer(do: Way, cache: RedisSemanticCache, model: Learner) -> None:
    """Where LangChain hands the error over instead of raising it the answer goes as well."""
    chain = model.with_structured_output(City, include_raw=True)
    watched = chain.with_config(callbacks=[WithdrawUnparsed(cache)])
    assert isinstance((await do(watched.invoke, FRANCE))["parsing_error"], ValueError)
    assert (await do(watched.invoke, FRANCE))["parsed"] == City(name="Paris")


async def test_retry(do: Way, cache: RedisSemanticCache, model: Learner) -> None:
    """A chain that tries again by itself gets another answer."""
    chain = (model | PARSER).with_retry(wait_exponential_jitter=False)
    chain = chain.with_config(callbacks=[WithdrawUnparsed(cache)])
    assert await do(chain.invoke, FRANCE) == City(name="Paris")


async def test_streams(do: Way, cache: RedisSemanticCache, model: Learner) -> None:
    """A served answer that a streaming chain cannot parse goes, too."""
    await do(model.invoke, FRANCE)
    chain = (cached(model) | check).with_config(callbacks=[WithdrawUnparsed(cache)])

    async def streamed() -> Any:
        return [part async for part in chain.astream(FRANCE)]

    with pytest.raises(ValidationError):
        await streamed() if do.is_async else list(chain.stream(FRANCE))
    assert await do(chain.invoke, FRANCE) == City(name="Paris")
    assert len(model.calls) == 2
