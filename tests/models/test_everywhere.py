"""`enable_streaming` reaches every model while it is on, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import BaseCache
from langchain_core.language_models import BaseChatModel

from langchain_redis_semcache.models import cached, enable_streaming
from tests.models.lab import QUESTION, Both, Counted, total

NAMES = ("stream", "astream", "stream_events", "astream_events", "generate", "agenerate")


def methods() -> dict[str, Any]:
    return {name: vars(BaseChatModel).get(name) for name in NAMES}


def test_undone(made: Any, counted: Counted) -> None:
    """As a block or called, the undo puts LangChain's own methods back; twice does no harm."""
    before = methods()
    with enable_streaming() as undo:
        total(made(Both).stream(QUESTION))
        assert counted.take() == (1, 1, 1)
    undo()
    assert methods() == before
    total(made(Both).stream(QUESTION))
    assert counted.take() == (0, 0, 1)


def test_nested(made: Any) -> None:
    """It stays on until the last one who switched it on has undone it; the last replay counts."""
    before = methods()
    model = made(Both)
    first = enable_streaming()
    total(model.stream(QUESTION))
    with enable_streaming(replay="words"):
        assert len(list(model.stream(QUESTION))) > 4
    assert len(list(model.stream(QUESTION))) <= 4
    first()
    assert methods() == before


def test_beside_other_patches(made: Any, counted: Counted, monkeypatch: Any) -> None:
    """A patch that somebody put on top stays when ours goes, and ours below lets calls through."""
    monkeypatch.setattr(BaseChatModel, "stream", BaseChatModel.stream)
    undo = enable_streaming()
    ours = BaseChatModel.stream

    def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(self, *args, **kwargs)

    monkeypatch.setattr(BaseChatModel, "stream", theirs)
    undo()
    assert BaseChatModel.stream is theirs
    total(made(Both).stream(QUESTION))
    assert counted.take() == (0, 0, 1)
    with enable_streaming():
        total(made(Both).stream(QUESTION))
    assert counted.take() == (1, 1, 1)
    monkeypatch.undo()


def test_wrapped_models_too(made: Any, counted: Counted) -> None:
    """A wrapped model keeps its own replay and is asked once, not twice."""
    model = cached(made(Both), replay="words")
    with enable_streaming():
        total(model.stream(QUESTION))
        assert len(list(model.stream(QUESTION))) > 4
    assert counted.take() == (2, 1, 1)


def test_a_model_that_cannot_be_copied(made: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A model that resists goes on without the cache; that is said once, for its class."""

    class Single(Both):
        def __copy__(self) -> Any:
            raise TypeError("there is but one")

    model = made(Single)
    with enable_streaming():
        for _ in range(2):
            total(model.stream(QUESTION))
    assert model.counted.take() == (0, 0, 2)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "there is but one" not in caplog.text


def test_a_cache_that_fails(made: Any) -> None:
    """What somebody else's cache raises in a lookup is raised, as LangChain's `invoke` does."""

    class Failing(BaseCache):
        def lookup(self, *_: Any) -> Any:
            raise ConnectionError

        update = clear = lookup

    model = cached(made(Both, cache=Failing()))
    for call in (model.invoke, lambda q: total(model.stream(q))):
        with pytest.raises(ConnectionError):
            call(QUESTION)
