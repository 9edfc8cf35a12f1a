"""What all processes of a name share lies on one shard of a cluster, or goes along to several."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from integration_tests.faults.conftest import Connect
from integration_tests.faults.harness import Application, eventually, new_question
from integration_tests.faults.servers import RawServer, three_nodes
from langchain_redis_semcache import Limits, RecordedHit, Recording, SharedSettings
from langchain_redis_semcache.events import SettingsChanged
from langchain_redis_semcache.flows.shared import STALE

Make = Callable[..., Application]


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[RawServer]]:
    with three_nodes({"cluster-require-full-coverage": "no"}) as nodes:
        yield nodes


@pytest.fixture
def make(connect: Connect, cluster: list[RawServer], name: str) -> Iterator[Make]:
    """Makes processes' applications, all of one name, on a cluster of three."""
    made: list[Application] = []

    def make(**kwargs: object) -> Application:
        made.append(connect(cluster[0].port, **{"name": name, "limits": Limits(redis=5), **kwargs}))
        return made[-1]

    yield make
    made[0].do("clear")


def older(app: Application) -> None:
    """Let time pass since a cache was last told what is shared."""
    app.cache._core.shared._heard -= STALE
    app.cache._core.shared._asked -= STALE


def unfailing(app: Application) -> bool:
    return set(app.failures()) <= {"search: NotSearchedAcrossNodes"}


def test_the_switch(make: Make) -> None:
    """What one process switches off and on all others learn, whichever shard they ask."""
    here, there = make(), make()
    known = [new_question() for _ in range(12)]
    for question in known:
        here(question)
    assert all(map(here, known))
    there.do("off")
    older(here)
    assert not any(map(here, known))
    here(new := new_question())
    there.do("on")
    older(here)
    eventually(lambda: all(map(here, known)))
    assert not here(new), "stored while it was off"
    assert [e.on for e in here.events if isinstance(e, SettingsChanged)] == [False, True]
    assert unfailing(here)
    assert unfailing(there)


def test_settings(make: Make, cluster: list[RawServer]) -> None:
    """A ttl that is set for all is that of what any process stores from then on."""
    here, there = make(), make()
    here(new_question())
    there.do("set", ttl=60, distance_threshold=0.01)
    assert here.do("settings") == SharedSettings(True, 0.01, 60)
    older(here)
    for question in (new_question() for _ in range(4)):
        here(question)
        assert here(question)
    entries = f"{here.cache.name}::*:*"
    found = [node.client.pttl(key) for node in cluster for key in node.client.scan_iter(entries)]
    assert sum(0 < left <= 60_000 for left in found) >= 4
    there.do("unset")
    assert here.do("settings") == SharedSettings()


def test_counts(make: Make) -> None:
    """What all processes did is added up, and how often an entry was served is known of it."""
    apps = [make(), make()]
    known = [new_question() for _ in range(12)]
    for question in known:
        apps[0](question)
    for app in apps:
        assert all(map(app, known))

    def told() -> tuple[int, int, int]:
        apps[0].do("totals")
        totals = apps[1].do("totals")
        return totals.lookups, totals.exact_hits, totals.stored

    # What is under way behind a call is added when it arrives.
    eventually(lambda: told() == (36, 24, 12))
    # Two of twelve entries share one of the 4,096 counters once in 60 runs; one of them is unknown.
    served = [apps[1].do("get", key).served for key in keys(apps[1])]
    assert served.count(2) >= 9
    assert all(map(unfailing, apps))


def keys(app: Application) -> list[str]:
    async def listed() -> list[str]:
        return [entry.key async for entry in app.cache.aentries()]

    if app.way == "async":
        return app.loop.run(listed())
    return [entry.key for entry in app.cache.entries()]


def test_recorded_hits(make: Make) -> None:
    """Served hits are recorded in one stream, whichever shard they came from, and go with their
    entries."""
    app = make(recording=Recording(share=1.0))
    known = [new_question() for _ in range(12)]
    for question in known:
        app(question)
    assert all(map(app, known))
    eventually(lambda: sorted(hit.asked for hit in recorded(app)) == sorted(known))
    gone, *left = keys(app)
    assert app.do("delete_entry", gone)
    assert {hit.entry for hit in recorded(app)} == set(left)
    assert unfailing(app)


def recorded(app: Application) -> list[RecordedHit]:
    async def listed() -> list[RecordedHit]:
        return [hit async for hit in app.cache.arecorded()]

    return app.loop.run(listed()) if app.way == "async" else list(app.cache.recorded())
