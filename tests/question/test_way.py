"""Two ways of reading prompts are told apart, in every process alike."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.question.prompt import QuestionHook
from langchain_redis_semcache.question.way import VersionedHook, way


def first(messages: list[BaseMessage]) -> tuple[str, str]:
    return messages[0].text, ""


class Reader:
    """A hook that is an object."""

    def __call__(self, messages: list[BaseMessage]) -> tuple[str, str]:
        return messages[-1].text, ""


HOOKS: list[QuestionHook] = [
    first,
    Reader(),
    lambda messages: None,
    VersionedHook(first, 1),
    VersionedHook(first, "1"),
    VersionedHook(first, 2),
    VersionedHook(Reader(), 1),
]


def test_told_apart() -> None:
    """Modes, hooks and versions of a hook are ways of their own."""
    ways = [way("full", None), way("system", None), way("none", None)]
    ways += [way("full", hook) for hook in HOOKS]
    assert len(set(ways)) == len(ways)


def test_alike() -> None:
    """A hook that is made anew is the same one, and a hook has no use for the mode."""
    assert way("full", Reader()) == way("none", Reader())
    assert way("full", VersionedHook(Reader(), 1)) == way("full", VersionedHook(Reader(), 1))


def test_versioned_hook_reads() -> None:
    """A version changes nothing about what the hook says."""
    message = BaseMessage("q", type="human")
    assert VersionedHook(first, 1)([message]) == ("q", "")


@pytest.mark.parametrize("wrong", [(first, object()), (first, None), (None, 1)], ids=range(3))
def test_versions_are_plain(wrong: Any) -> None:
    """A version that is not the same in every process is refused at once."""
    with pytest.raises(ConfigurationError, match=r"VersionedHook\(read, 2\)"):
        VersionedHook(*wrong)
