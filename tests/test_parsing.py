"""What a chain's own code does wrong is not blamed on the answer; what it could not read is."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, cast

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_redis_semcache import ConfigurationError, RedisSemanticCache
from langchain_redis_semcache.parsing import WithdrawUnparsed

ANSWER = AIMessage("x")


class Thumb:
    """Stands for a cache: keeps what it was told is wrong."""

    def __init__(self) -> None:
        self.wrong: list[Any] = []

    def feedback(self, answer: Any, *, right: bool) -> bool:
        assert not right
        self.wrong.append(answer)
        return True


def after(error: Exception | None, given: Any = ANSWER) -> list[Any]:
    """Run one step, and return what was withdrawn."""
    thumb = Thumb()
    handler = WithdrawUnparsed(cast(RedisSemanticCache, thumb))

    def step(_: Any) -> str:
        if error is not None:
            raise error
        return "fine"

    watched = RunnableLambda(step).with_config(callbacks=[handler])
    with nullcontext() if error is None else pytest.raises(type(error)):
        watched.invoke(given)
    assert handler._given == {}
    return thumb.wrong


@pytest.mark.parametrize("error", [OutputParserException("x"), ValueError("x")])
def test_unparsed(error: Exception) -> None:
    """An answer that a step could not read is withdrawn, and the error is raised as ever."""
    assert after(error) == [ANSWER]


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), OSError("x"), None])
def test_not_the_answers_fault(error: Exception | None) -> None:
    """A bug, a database that is down and a success leave it."""
    assert after(error) == []


@pytest.mark.parametrize("given", ["text", {"raw": ANSWER}, [ANSWER]])
def test_other_steps(given: Any) -> None:
    """A step that was not given the message itself is not known to be about it."""
    assert after(ValueError("x"), given) == []


def test_no_cache() -> None:
    """What is no cache is refused at once."""
    with pytest.raises(ConfigurationError, match="takes a RedisSemanticCache, not a str"):
        WithdrawUnparsed(cast(Any, "redis://localhost"))
