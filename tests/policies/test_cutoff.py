"""A cut-off is drawn where few hits lie beyond, once that is sure, and follows what comes."""

from __future__ import annotations

import math
import random
import threading

import pytest

from langchain_redis_semcache.policies.cutoff import WINDOW, Cutoff


def filled(*distances: float, share: float = 0.02) -> Cutoff:
    cutoff = Cutoff(share)
    for distance in distances:
        cutoff.add(distance)
    return cutoff


def test_nothing_is_known() -> None:
    """Without enough hits there is no cut-off."""
    assert Cutoff(0.02).distance is None
    assert filled(*[0.1] * 150).distance is None
    assert filled(*[0.1] * 260).distance == 0.1
    assert filled(*[0.1] * 50, share=0.1).distance == 0.1


@pytest.mark.parametrize("share", [0.01, 0.02, 0.1])
def test_the_share_is_kept(share: float) -> None:
    """Of hits that are yet to come, fewer than the share lie beyond, in nearly all runs."""
    kept = 0
    for seed in range(20):
        dice = random.Random(seed)
        cutoff = filled(*(dice.random() for _ in range(1000)), share=share)
        assert cutoff.distance is not None
        kept += 1 - cutoff.distance < share
    assert kept >= 18
    assert cutoff.distance < 1  # something lies beyond


def test_hits_without_a_neighbour() -> None:
    """Entries that the cheap measure does not know are infinitely far away: nothing is skipped."""
    cutoff = filled(*[0.1] * 300, *[math.inf] * 20)
    assert cutoff.distance in (None, math.inf)


def test_it_follows() -> None:
    """Losses widen it, and what was long ago is forgotten."""
    cutoff = filled(*[0.1] * 1000)
    assert cutoff.distance == 0.1
    for _ in range(100):
        cutoff.add(0.7)
    assert cutoff.distance is None or cutoff.distance == 0.7
    for _ in range(WINDOW):
        cutoff.add(0.2)
    assert cutoff.distance == 0.2
    cutoff.drop()
    assert cutoff.distance is None


def test_a_fork() -> None:
    """A lock that was held when the process forked holds up nobody, and nothing is forgotten."""
    cutoff = filled(*[0.1] * 300)
    cutoff._lock.acquire()
    cutoff.unlock()
    cutoff.add(0.1)
    assert cutoff.distance == 0.1


def test_threads() -> None:
    """Threads may add at the same time."""
    cutoff = Cutoff(0.02, window=100)
    threads = [
        threading.Thread(target=lambda: [cutoff.add(n / 500) for n in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cutoff._sorted) == len(cutoff._latest) == 100
    assert cutoff._sorted == sorted(cutoff._latest)
