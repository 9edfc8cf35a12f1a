"""Every fault is tried with `invoke` and with `ainvoke`, under a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integration_tests.faults.harness import Application, LoopInThread
from integration_tests.faults.proxy import FaultProxy

MakeApplication = Callable[..., Application]
MakeBoth = Callable[[str], list[Application]]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def loop() -> Iterator[LoopInThread]:
    running = LoopInThread()
    yield running
    running.close()


@pytest.fixture
def make_app(way: str, loop: LoopInThread, name: str) -> Iterator[MakeApplication]:
    """Makes applications that use the server at a URL, or a client."""
    made: list[Application] = []

    def make(redis_url: str | None = None, **kwargs: Any) -> Application:
        if redis_url is not None:
            kwargs["redis_url"] = redis_url
        made.append(Application(way, loop, **{"name": name, **kwargs}))
        return made[-1]

    yield make
    for app in made:
        app.close()


@pytest.fixture
def make_both(loop: LoopInThread, name: str) -> Iterator[MakeBoth]:
    """Makes a sync and an async application at once, where a fault takes long to produce."""
    made: list[Application] = []

    def make(redis_url: str) -> list[Application]:
        made.extend(
            Application(way, loop, name=f"{name}-{way}", redis_url=redis_url)
            for way in ("sync", "async")
        )
        return made[-2:]

    yield make
    for app in made:
        app.close()


@pytest.fixture
def proxy(redis_url: str) -> Iterator[FaultProxy]:
    """Stands before the server that all tests share."""
    with FaultProxy(redis_url) as running:
        yield running


@pytest.fixture
def app(make_app: MakeApplication, proxy: FaultProxy) -> Application:
    """With everything by default, through the proxy."""
    return make_app(proxy.url)
