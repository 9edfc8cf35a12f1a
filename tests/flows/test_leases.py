"""Leading for all processes, or waiting for another one, driven by hand."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache import SingleFlight
from langchain_redis_semcache._effects import (
    Await,
    Caller,
    ErrorReply,
    Later,
    RedisUnavailableError,
    Send,
)
from langchain_redis_semcache.events import Waited
from langchain_redis_semcache.flows.leases import FAILED
from tests.lab import AGAIN, ANGLES, ANSWER, ASKED, FAR, Lab, World


class Shared(World):
    """A world with leases."""

    def _reply(self, name: Any, key: Any, *args: Any) -> Any:
        leases = self.__dict__.setdefault("leases", {})
        if name == "GET":
            return leases.get(key)
        if name == "UNLINK" and key in leases:
            return int(bool(leases.pop(key)))
        if name != "SET":
            return super()._reply(name, key, *args)
        if ("NX" in args and key in leases) or ("XX" in args and key not in leases):
            return None
        leases[key] = args[0].encode()
        return b"OK"


class Process:
    """A lab of its own in a shared world."""

    def __init__(self, world: World) -> None:
        self.lab = Lab(world, single_flight=SingleFlight(lease=2))
        self.meanwhile: list[Any] = []
        self.keeper: Any = None

    def __call__(self, request: Any) -> Any:
        if isinstance(request, Caller):
            return "caller"
        if isinstance(request, Later):
            self.keeper = request.flow
            return True
        if isinstance(request, Await):
            if self.meanwhile:
                self.meanwhile.pop(0)()
            return request.job.result() if request.job.wait(0) else None
        return self.lab.world(request)

    def lookup(self, prompt: str = ASKED) -> Any:
        return self.lab.lookup(prompt, answer=self)

    def keep(self) -> None:
        """Run the keeper of the leases until it is done or would wait."""
        for request in self.keeper:
            if isinstance(request, Await):
                return
            assert isinstance(request, Send)
            self.lab.world(request)


@pytest.fixture
def world() -> Shared:
    return Shared(vectors=dict(ANGLES))


@pytest.fixture
def pair(world: World) -> tuple[Process, Process]:
    return Process(world), Process(world)


def leases(process: Process) -> list[bytes]:
    found: dict[str, bytes] = process.lab.world.__dict__.get("leases", {})
    return list(found.values())


def test_the_first_leads(pair: tuple[Process, Process]) -> None:
    """The first process has the lease until its answer is stored; the other one waits for that."""
    first, second = pair
    assert first.lookup() is None
    assert len(leases(first)) == 1
    second.meanwhile = [lambda: None, lambda: first.lab.update(ASKED)]
    assert second.lookup() == ANSWER
    waited = second.lab.events[-2]
    assert isinstance(waited, Waited)
    assert waited.landed
    first.keep()
    assert leases(first) == []


def test_a_failed_leader(pair: tuple[Process, Process]) -> None:
    """What did not come is told to all processes, and none waits for a while."""
    first, second = pair

    def fail() -> None:
        first.lab.core.together.flights.left("caller")  # type: ignore[union-attr]  # it is on
        first.keep()

    first.lookup()
    second.meanwhile = [fail]
    assert second.lookup() is None
    assert leases(first) == [FAILED.encode()]
    assert second.lab.reporter.stats().waited == 1
    assert second.lookup() is None
    assert second.lab.reporter.stats().waited == 1


def test_an_expired_lease(pair: tuple[Process, Process], world: Shared) -> None:
    """Who finds the lease free leads."""
    first, second = pair
    first.lookup()
    before = leases(first)
    second.meanwhile = [world.__dict__["leases"].clear]
    assert second.lookup() is None
    assert leases(first) not in ([], before)


def test_a_search_carries_the_lease(pair: tuple[Process, Process], world: Shared) -> None:
    """Where there is a search, a lease costs no round trip of its own."""
    first, _ = pair
    first.lab.update(ASKED)
    world.requests.clear()
    assert first.lookup(FAR) is None
    assert world.names == ["HMGET", "embed", "FT.SEARCH SET GET"]
    world.requests.clear()
    assert first.lookup() == ANSWER
    assert first.lookup(AGAIN) == ANSWER
    assert world.names == ["HMGET", "HMGET", "embed", "FT.SEARCH SET GET"]


@pytest.mark.parametrize("trouble", [ErrorReply("NOPERM", "NOPERM x"), RedisUnavailableError("x")])
def test_no_lease_to_be_had(
    pair: tuple[Process, Process], world: Shared, monkeypatch: Any, trouble: Any
) -> None:
    """Where Redis refuses leases or does not answer, everybody asks for themselves."""
    plain = world._reply

    def refuse(name: Any, key: Any, *args: Any) -> Any:
        if name not in ("SET", "GET"):
            return plain(name, key, *args)
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    monkeypatch.setattr(world, "_reply", refuse)
    for process in pair:
        assert process.lookup() is None
        assert process.lab.reporter.stats().waited == 0


def test_renewing(pair: tuple[Process, Process], world: Shared) -> None:
    """A lease is renewed while its flight lasts, and left alone where somebody else has it."""
    first, _ = pair
    first.lookup()
    world.requests.clear()
    first.keep()
    assert world.names == ["SET"]
    world.__dict__["leases"].clear()
    first.keep()
    assert leases(first) == []


def test_a_lead_that_nobody_ends(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lasts longer than anybody waits is given up."""
    first, _ = pair
    first.lookup()
    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    first.keep()
    assert leases(first) == [FAILED.encode()]


def test_closing(pair: tuple[Process, Process]) -> None:
    """Who waits for another process is let go when the cache is closed."""
    first, second = pair
    first.lookup()
    second.meanwhile = [second.lab.core.land]
    assert second.lookup() is None


def test_a_fork(pair: tuple[Process, Process]) -> None:
    """A child has no lease, and a name of its own."""
    first, _ = pair
    first.lookup()
    together = first.lab.core.together
    assert together is not None
    together.reset()
    first.lab.core.drop()
    leased = together.leases
    assert leased is not None
    assert leased._held == {}
    assert leased._token.encode() not in leases(first)
