"""A model's failure in a thread, noticed through LangChain's callbacks."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.tracers.context import _configure_hooks

from langchain_redis_semcache.driver.noticing import notice_failures


class Failing(FakeListChatModel):
    """A model that raises."""

    def _call(self, *args: Any, **kwargs: Any) -> str:
        raise RuntimeError("down")


class Hears:
    def __init__(self) -> None:
        self.left_by: list[Any] = []

    def left(self, caller: Any) -> None:
        self.left_by.append(caller)


def test_failures() -> None:
    """The thread in which a model failed is named; one that answered is not."""
    hears = Hears()
    notice_failures(hears)
    FakeListChatModel(responses=["fine"]).invoke("a question")
    assert hears.left_by == []
    with pytest.raises(RuntimeError, match="down"):
        Failing(responses=[]).invoke("a question")
    assert hears.left_by == [threading.current_thread()]


def test_one_handler() -> None:
    """However many caches there are, LangChain has one handler of ours more."""
    notice_failures(Hears())
    before = len(_configure_hooks)
    notice_failures(Hears())
    assert len(_configure_hooks) == before
