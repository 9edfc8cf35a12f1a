"""Events are counted, told and logged once; nobody is stopped by a listener."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from langchain_redis_semcache.events import (
    BreakerChanged,
    Event,
    Failed,
    Observer,
    Operation,
    Warned,
)
from langchain_redis_semcache.reporting.log import QUIET_SECONDS, Log
from langchain_redis_semcache.reporting.reporter import Reporter
from langchain_redis_semcache.stats import Stats
from tests.test_events import EVENTS


def test_stats() -> None:
    """Every event is counted, misses and failures by their reason."""
    reporter = Reporter("app", [])
    for event in EVENTS:
        reporter.emit(event)
    reporter.spent("embedding", 0.5)
    reporter.spent("redis", 0.25)
    reporter.spent("redis", 0.25)
    stats = reporter.stats()
    assert stats == Stats(
        lookups=4,
        hits=2,
        hit_rate=0.5,
        exact_hits=1,
        semantic_hits=1,
        misses={"distance": 1, "guard": 1},
        vetoes={"numbers": 1},
        stored=1,
        bypassed={"bypass": 1},
        failures={"redis": 1},
        feedback={"wrong": 1},
        waited=2,
        mean_waiting_seconds=1.0,
        embeddings=1,
        round_trips=2,
        mean_embedding_seconds=0.5,
        mean_redis_seconds=0.25,
        breakers={"redis": "open", "store": "closed", "embedding": "closed"},
    )


def test_stats_are_a_snapshot() -> None:
    """What was read stays as it was."""
    reporter = Reporter("app", [])
    stats = reporter.stats()
    reporter.emit(EVENTS[2])
    assert (stats.lookups, dict(stats.misses), stats.hit_rate) == (0, {}, 0.0)
    assert Stats().misses == Stats().breakers == {}


def test_counts_under_threads() -> None:
    """No count is lost between threads."""
    reporter = Reporter("app", [])

    def emit() -> None:
        for _ in range(500):
            reporter.emit(EVENTS[0])
            reporter.spent("embedding", 1)

    threads = [threading.Thread(target=emit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (reporter.stats().exact_hits, reporter.stats().embeddings) == (2000, 2000)


def test_listeners(caplog: pytest.LogCaptureFixture) -> None:
    """Each listener gets each event; one that raises stops nobody."""
    seen: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("in a listener")

    reporter = Reporter("app", (listener for listener in (broken, seen.append)))
    for event in EVENTS:
        reporter.emit(event)
    assert seen == EVENTS
    assert not [r for r in caplog.records if "listener" in r.message and r.levelno > logging.DEBUG]


def test_muted() -> None:
    """Inside of the block nothing is counted or told but what a breaker does."""
    seen: list[Event] = []
    reporter = Reporter("app", [seen.append])
    with reporter.muted():
        for event in EVENTS:
            reporter.emit(event)
        reporter.spent("embedding", 1.0)
    assert [type(event) for event in seen] == [BreakerChanged]
    assert (reporter.stats().lookups, reporter.stats().embeddings) == (0, 0)
    reporter.emit(EVENTS[0])
    assert reporter.stats().lookups == 1


def test_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is one warning until it is over, and its end is said once."""
    caplog.set_level(logging.INFO)
    reporter = Reporter("app", [])
    for _ in range(3):
        reporter.emit(Failed("lookup", "redis", "TimeoutError"))
    reporter.recovered("redis")
    reporter.recovered("redis")
    reporter.emit(Failed("lookup", "redis", "OOM"))
    texts = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert [level for level, _ in texts] == ["WARNING", "INFO", "WARNING"]
    assert texts[0][1].startswith("semcache app: redis failed (TimeoutError); chat calls go on")
    assert texts[1][1] == "semcache app: redis works again"
    assert caplog.records[0].semcache_stage == "redis"  # type: ignore[attr-defined]


@pytest.mark.parametrize("stage", ["internal", "namespace", "question"])
def test_a_hook_is_believed_after_a_minute(stage: str, caplog: pytest.LogCaptureFixture) -> None:
    """What fails in one call and works in the next is one warning, with an end when it is quiet."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    log = Log("app", lambda: now[0])
    for at in (0.0, 30.0, 80.0):
        now[0] = at
        log(Failed("lookup", stage, "KeyError"))
        log.recovered(stage)
    now[0] = 139.0
    log.recovered(stage)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    now[0] = 140.0
    for _ in range(2):
        log.recovered(stage)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    log(Failed("lookup", stage, "KeyError"))
    assert caplog.records[-1].levelname == "WARNING"


def test_each_stage_warns(caplog: pytest.LogCaptureFixture) -> None:
    """Another stage's failure is another warning, and says what still works."""
    reporter = Reporter("app", [])
    for stage in ("store", "redis", "search", "embedding", "entry"):
        reporter.emit(Failed("lookup", stage, "E"))
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 5
    assert "stored ones are still served" in warnings[0]
    assert "identical questions are still served" in warnings[2]


def test_suspension_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """What the breaker kept back is counted but not warned about, before and after."""
    reporter = Reporter("app", [])
    reporter.emit(Failed("lookup", "redis", "suspended"))
    assert not [r for r in caplog.records if r.levelno >= logging.INFO]
    reporter.emit(Failed("lookup", "redis", "TimeoutError"))
    assert [r.levelname for r in caplog.records if r.levelno >= logging.INFO] == ["WARNING"]
    assert dict(reporter.stats().failures) == {"redis": 2}


def test_log_levels(caplog: pytest.LogCaptureFixture) -> None:
    """Everything but failures is at DEBUG, and formatted only where DEBUG is on."""
    log = Log("app")
    caplog.set_level(logging.DEBUG)
    for event in EVENTS:
        log(event)
    assert sum(r.levelno > logging.DEBUG for r in caplog.records) == 1
    assert len(caplog.records) == len(EVENTS)
    caplog.clear()
    caplog.set_level(logging.INFO, "langchain_redis_semcache")
    log(EVENTS[0])
    assert not caplog.records


def test_an_outage_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """That nothing can be stored where nothing can be reached is no news."""
    reporter = Reporter("name", ())
    reporter.emit(Failed("lookup", "redis", "TimeoutError"))
    reporter.emit(Failed("update", "store", "TimeoutError"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    reporter.recovered("redis")
    reporter.emit(Failed("update", "store", "OOM"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


@pytest.mark.parametrize("first", ["redis", "search", "store", "vector"])
def test_an_outage_is_one_line_wherever_it_shows(
    first: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever stage fails first is told of for all of them, and so is the end of all."""
    caplog.set_level(logging.INFO)
    reporter = Reporter("app", ())
    stages = [first, "redis", "search", "store", "vector"]
    for _ in range(3):
        for stage in stages:
            reporter.emit(Failed("lookup", stage, "TimeoutError"))
            reporter.emit(Failed("lookup", stage, "suspended"))
    reporter.emit(Failed("lookup", "search", "SearchIncomplete"))
    reporter.emit(Failed("lookup", "redis", "ConnectionError: herror(2)"))
    reporter.emit(Failed("update", "store", "READONLY"))
    reporter.emit(Failed("lookup", "recording", "TimeoutError"))
    for stage in dict.fromkeys(stages):
        assert len(caplog.records) == 1
        reporter.recovered(stage)
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith(f"semcache app: {first} failed (TimeoutError); chat calls go on")
    assert told[1:] == [f"semcache app: {first} works again"]
    reporter.emit(Failed("lookup", "redis", "ConnectionError"))
    assert caplog.records[-1].levelname == "WARNING"


def test_what_nobody_asks_for_does_not_prolong_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    """Searches that failed and are not tried any more keep neither the end nor the next outage
    from being told; what has failed all the time is not told again."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    log = Log("app", lambda: now[0])
    for stage in ("redis", "search"):
        log(Failed("lookup", stage, "TimeoutError"))
    log.recovered("redis")
    now[0] = QUIET_SECONDS / 2
    log.recovered("redis")
    assert len(caplog.records) == 1
    now[0] = QUIET_SECONDS
    assert "redis" in log.failing
    log.recovered("redis")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "redis" not in log.failing
    log(Failed("update", "store", "TimeoutError"))
    now[0] += QUIET_SECONDS
    log(Failed("update", "store", "TimeoutError"))
    assert len(caplog.records) == 3
    now[0] += QUIET_SECONDS
    log.recovered("redis")
    assert len(caplog.records) == 3, "nobody knows yet whether stores work"
    log(Failed("lookup", "redis", "TimeoutError"))
    assert [record.levelname for record in caplog.records[3:]] == ["WARNING"]


@pytest.mark.parametrize(
    ("stage", "error"),
    [("search", "NotSearchedAcrossNodes"), ("search", "NOPERM"), ("store", "OOM")],
)
def test_what_is_refused_is_no_outage(
    stage: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What Redis refuses for good is a line of its own, beside an outage's."""
    caplog.set_level(logging.INFO)
    reporter = Reporter("app", ())
    for each in (stage, "redis"):
        reporter.emit(Failed("lookup", each, error if each == stage else "TimeoutError"))
    reporter.recovered("redis")
    for _ in range(2):
        reporter.recovered(stage)
    assert [r.getMessage().split(": ", 1)[1].split(" (")[0] for r in caplog.records] == [
        f"{stage} failed",
        "redis failed",
        "redis works again",
        f"{stage} works again",
    ]


def test_a_setting_that_is_hardly_meant(caplog: pytest.LogCaptureFixture) -> None:
    """A warning about a setting is a line whose fields a program can read."""
    Reporter("app", ()).emit(Warned("distance_threshold", "0.9 accepts nearly everything"))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    fields = {name: value for name, value in vars(record).items() if name.startswith("semcache_")}
    assert fields == {
        "semcache_event": "Warned",
        "semcache_name": "app",
        "semcache_setting": "distance_threshold",
        "semcache_reason": "0.9 accepts nearly everything",
    }


class Watcher(Observer):
    """Notes whose it is, and what it hears and stands around."""

    def __init__(self, notes: list[str], raises: str = "") -> None:
        self.notes = notes
        self.raises = raises
        self.name = ""

    def of(self, name: str) -> Watcher:
        bound = Watcher(self.notes, self.raises)
        bound.name = name
        return bound

    def __call__(self, event: Event, /) -> None:
        self.notes.append(f"{self.name} {type(event).__name__}")

    @contextmanager
    def around(self, operation: Operation) -> Iterator[None]:
        if self.raises == "before":
            raise ValueError
        self.notes.append(f"{self.name} before {operation}")
        yield
        self.notes.append("behind")
        if self.raises == "behind":
            raise ValueError


def test_observers_stand_around_calls() -> None:
    """An observer knows whose events it hears, and stands around each call."""
    notes: list[str] = []
    reporter = Reporter("app", [Watcher(notes)])
    with reporter.around("lookup"):
        reporter.spent("embedding", 1.0)
        reporter.emit(EVENTS[0])
    assert notes == ["app before lookup", "app Embedded", "app Hit", "behind"]


@pytest.mark.parametrize("raises", ["before", "behind"])
def test_observers_stop_nobody(raises: str) -> None:
    """What an observer raises before or behind a call is nobody's, and what the call raises is."""
    notes: list[str] = []
    reporter = Reporter("app", [Watcher(notes, raises), Watcher(notes)])
    with reporter.around("update"):
        pass
    assert notes.count("behind") == (1 if raises == "before" else 2)
    with pytest.raises(KeyError), reporter.around("update"):
        raise KeyError


def test_counting_now_and_then() -> None:
    """The entries are counted for observers only, and not more than once a minute."""
    now = [0.0]
    assert not Reporter("app", [lambda _: None]).wants_count()
    reporter = Reporter("app", [Watcher([])], clock=lambda: now[0])
    assert reporter.wants_count()
    now[0] = 59.0
    assert not reporter.wants_count()
    now[0] = 60.0
    assert reporter.wants_count()
