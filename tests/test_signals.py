"""What a signal handler raises goes through; whatever else goes wrong does not."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.outputs import Generation

from langchain_redis_semcache import DistancePolicy, Limits, RedisSemanticCache
from langchain_redis_semcache._signals import let_through, raised_by_signal
from langchain_redis_semcache.events import Event, Failed
from tests.lab import MODEL, Fixed, chat

ANSWER = [Generation(text="a")]


class SoftLimitError(Exception):
    """As a task queue raises it: an ordinary exception."""


def strike(*_: Any) -> None:
    raise SoftLimitError


class Striking:
    def __call__(self, *_: Any) -> None:
        raise SoftLimitError

    def method(self, *_: Any) -> None:
        raise SoftLimitError


def interrupt(*_: Any) -> Any:
    """What a hook runs into when a signal arrives."""
    signal.raise_signal(signal.SIGUSR1)
    raise AssertionError("the handler did not raise")


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, strike)
    yield
    signal.signal(signal.SIGUSR1, before)


def error_of(function: Callable[[], Any]) -> BaseException | None:
    try:
        function()
    except Exception as error:
        return raised_by_signal(error)
    raise AssertionError("nothing was raised")


def catching(function: Callable[[], Any]) -> None:
    try:
        function()
    except Exception as error:
        let_through(error)


@pytest.mark.parametrize(
    "kind", [strike, functools.partial(strike, 1), Striking(), Striking().method], ids=range(4)
)
def test_any_handler(kind: Any) -> None:
    """The handler may be a function, a partial, an object or its method."""
    signal.signal(signal.SIGUSR1, kind)
    assert isinstance(error_of(interrupt), SoftLimitError)


def test_wrapped() -> None:
    """A library that makes another exception of it does not hide it."""

    def wrapping() -> None:
        try:
            interrupt()
        except SoftLimitError:
            raise ConnectionError from None

    assert isinstance(error_of(wrapping), SoftLimitError)
    with pytest.raises(SoftLimitError):
        catching(wrapping)


def test_while_it_is_handled() -> None:
    """What goes wrong while the application deals with its limit is a failure like any other."""

    def failing() -> None:
        raise ConnectionError

    try:
        interrupt()
    except SoftLimitError:
        assert error_of(failing) is None


def test_by_its_origin() -> None:
    """The same class raised by anything but a handler is a failure like any other."""

    def failing() -> None:
        raise SoftLimitError

    assert error_of(failing) is None
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert error_of(strike) is None


def test_in_another_thread() -> None:
    """Handlers run in the main thread: elsewhere nothing is looked for."""
    found: list[BaseException | None] = []
    thread = threading.Thread(target=lambda: found.append(error_of(strike)))
    thread.start()
    thread.join()
    assert found == [None]
    assert isinstance(error_of(strike), SoftLimitError)


class Interrupted(Fixed):
    def embed_query(self, text: str) -> list[float]:
        return interrupt()  # type: ignore[no-any-return]

    async def aembed_query(self, text: str) -> list[float]:
        return interrupt()  # type: ignore[no-any-return]


class Client:
    """Answers like an empty Redis, or stays silent after a signal has reached the main thread."""

    def __init__(self, silent: bool = False) -> None:
        self._silent = silent
        self.over = threading.Event()

    def execute_command(self, *command: Any, **_: Any) -> Any:
        if self._silent and not self.over.is_set():
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGUSR1)
            self.over.wait(30)
        return [None] * (len(command) - 2)

    def pipeline(self, **_: Any) -> Pipeline:
        return Pipeline(self)


class Pipeline:
    """Queues commands, and has them answered together."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._commands: list[Any] = []

    def execute_command(self, *command: Any, **_: Any) -> None:
        """Wait for `execute`."""
        self._commands.append(command)

    def execute(self, **_: Any) -> Any:
        return [self._client.execute_command(*command) for command in self._commands]


class InterruptedPolicy(DistancePolicy):
    @property
    def distance_threshold(self) -> float:
        return interrupt()  # type: ignore[no-any-return]


PLACES: dict[str, dict[str, Any]] = {
    "namespace": {"namespace": interrupt},
    "question": {"question": interrupt},
    "embedder": {"embeddings": Interrupted(), "limits": Limits(embedding=None)},
    "policy": {"policy": InterruptedPolicy()},
    "listener": {"listeners": [interrupt]},
}


@pytest.mark.parametrize("place", PLACES)
async def test_wherever_it_strikes(place: str) -> None:
    """Neither a hook nor the embedder, nor a listener is blamed for it, in sync and async calls."""
    events: list[Event] = []
    arguments = {"embeddings": Fixed(), "listeners": [events.append], **PLACES[place]}
    cache = RedisSemanticCache(redis_client=Client(), **arguments)
    with pytest.raises(SoftLimitError):
        cache.lookup(chat("q"), MODEL)
    if place != "embedder":  # a coroutine that never waits is run in a thread
        with pytest.raises(SoftLimitError):
            await cache.alookup(chat("q"), MODEL)
    assert not [event for event in events if isinstance(event, Failed)]
    assert set(cache.stats.breakers.values()) == {"closed"}


@pytest.mark.parametrize("limit", [SoftLimitError, TimeoutError])
def test_while_waiting_for_redis(limit: type[Exception]) -> None:
    """A limit that strikes while Redis is silent is not Redis's failure, whatever its class."""

    def end(*_: Any) -> None:
        raise limit("soft")

    signal.signal(signal.SIGUSR1, end)
    client = Client(silent=True)
    events: list[Event] = []
    cache = RedisSemanticCache(
        Fixed(), redis_client=client, limits=Limits(redis=30), listeners=[events.append]
    )
    try:
        for call in (
            lambda: cache.lookup(chat("q"), MODEL),
            lambda: cache.update(chat("q"), MODEL, ANSWER),
        ):
            with pytest.raises(limit, match="soft"):
                call()
    finally:
        client.over.set()
    assert not events
    assert set(cache.stats.breakers.values()) == {"closed"}
