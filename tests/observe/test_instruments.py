"""The list of what is measured."""

from __future__ import annotations

from langchain_redis_semcache.observe import instruments
from langchain_redis_semcache.observe.instruments import ALL, Instrument


def test_all() -> None:
    """No instrument is left out, and no name is given twice."""
    named = {one for one in vars(instruments).values() if isinstance(one, Instrument)}
    assert named == set(ALL)
    assert len({one.prometheus for one in ALL}) == len({one.name for one in ALL}) == len(ALL)


def test_names() -> None:
    """Names are those that Prometheus's users and OpenTelemetry's exporters expect."""
    for one in ALL:
        assert one.name.startswith("semcache.")
        assert one.prometheus.endswith("_seconds") == (one.unit == "s")
        assert bool(one.buckets) == (one.kind == "histogram")
        assert list(one.buckets) == sorted(set(one.buckets))
