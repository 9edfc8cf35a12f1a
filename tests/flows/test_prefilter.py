"""Where nothing is near by a cheap measure nobody waits for the embedder; losses are noticed."""

from __future__ import annotations

import time
from typing import Any

import pytest

from langchain_redis_semcache._effects import (
    Embed,
    EmbeddingUnavailableError,
    ErrorReply,
    RedisUnavailableError,
    Send,
)
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Failed, Hit, Prefiltered
from langchain_redis_semcache.flows.settings import CheapModel
from langchain_redis_semcache.policies import DistancePolicy, Verified
from tests.lab import (
    AGAIN,
    ANGLES,
    ANSWER,
    ASKED,
    FAR,
    BehindTheCall,
    Lab,
    World,
    chat,
    direction,
)

CHEAP = CheapModel("cheap", 0.02)
SAME, REWORDED, JOKE = "Capital of France?", "France's capital?", "Tell me a joke"
CHEAPLY: dict[str, Any] = {REWORDED: direction(30), JOKE: direction(80)}
NOTICED = 0.3
"""A cut-off between the two."""


def a_lab(limit: float | None = NOTICED, **changes: Any) -> Lab:
    """A lab in which one question has been answered, and hits are known to lie within `limit`."""
    world = World(dict(ANGLES), cheap=dict(CHEAPLY))
    lab = Lab(world, **{"prefilter": CHEAP, **changes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 1e9)
        lab.update(ASKED)
    knows(lab, limit)
    lab.world.requests.clear()
    lab.events.clear()
    return lab


def knows(lab: Lab, limit: float | None) -> None:
    assert lab.core.prefilter is not None
    lab.core.prefilter.cutoff.drop()
    for _ in range(0 if limit is None else 300):
        lab.core.prefilter.cutoff.add(limit or 0.0)


def of(lab: Lab, kind: type[Any]) -> list[Any]:
    return [event for event in lab.events if isinstance(event, kind)]


def test_nothing_near() -> None:
    """A question that nothing is near is a miss after two round trips, without the embedder."""
    lab = a_lab()
    assert lab.lookup(FAR) is None
    assert lab.world.names == ["HMGET", "cheaply embed", "FT.SEARCH"]
    assert lab.last.reason == "prefiltered"
    assert lab.last.embedding_seconds == 0


def test_something_near() -> None:
    """What may be near is looked up by the real measure."""
    lab = a_lab()
    assert lab.lookup(AGAIN) == ANSWER
    assert lab.world.names == ["HMGET", "cheaply embed", "FT.SEARCH", "embed", "FT.SEARCH"]


def test_an_identical_question() -> None:
    """It costs what it always costs: one round trip and no embedding of either kind."""
    lab = a_lab()
    assert lab.lookup(ASKED) == ANSWER
    assert lab.world.names == ["HMGET"]


def test_nothing_is_known_yet() -> None:
    """Until hits have shown how far away they lie, every question is embedded."""
    lab = a_lab(None)
    assert lab.lookup(FAR) is None
    assert lab.last.reason == "distance"


def test_what_is_learned() -> None:
    """Each hit that was let pass says how far away by the cheap measure its neighbour was."""
    lab = a_lab(None)
    cutoff = lab.core.prefilter.cutoff  # type: ignore[union-attr]
    lab.lookup(FAR)
    lab.lookup(ASKED)
    assert not cutoff._sorted
    lab.lookup(AGAIN)
    assert cutoff._sorted == [pytest.approx(0.134, abs=0.001)]


def test_an_entry() -> None:
    """An entry has the cheap vector beside the other one, and each has its index."""
    lab = a_lab()
    (entry,) = lab.world.hashes.values()
    (field,) = (name for name in entry if name.startswith("near_"))
    assert "vector" in entry
    assert len(lab.world.indexes) == 2
    assert any(f":{field}:" in index for index in lab.world.indexes)
    other = a_lab(prefilter=CheapModel("another", 0.02))
    (entry,) = other.world.hashes.values()
    assert field not in entry


def test_off() -> None:
    """Without a prefilter nothing of it is stored or asked."""
    lab = Lab(World(dict(ANGLES)))
    lab.update(ASKED)
    lab.lookup(AGAIN)
    assert not [request for request in lab.world.requests if getattr(request, "cheap", False)]
    assert len(lab.world.indexes) == 1


# -- losses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
def test_a_loss_is_noticed(signed: bool) -> None:
    """A hit that was skipped is found behind the call, told, and counted against the cut-off."""
    lab = a_lab(0.05, signer=Signer("0123456789abcdef") if signed else None)
    assert lab.lookup(AGAIN) is None
    assert lab.last.reason == "prefiltered"
    before = len(lab.core.prefilter.cutoff._sorted)  # type: ignore[union-attr]
    lab.update(AGAIN)
    (told,) = of(lab, Prefiltered)
    assert told.lost
    assert told.distance == pytest.approx(0.134, abs=0.001)
    assert len(lab.core.prefilter.cutoff._sorted) == before + 1  # type: ignore[union-attr]
    assert lab.reporter.stats().prefiltered == {"lost": 1}
    lab.update(AGAIN)
    assert len(of(lab, Prefiltered)) == 1


def test_a_right_skip_is_told() -> None:
    """What was no hit is told, and changes nothing."""
    lab = a_lab()
    lab.lookup(FAR)
    before = len(lab.core.prefilter.cutoff._sorted)  # type: ignore[union-attr]
    lab.update(FAR)
    assert [event.lost for event in of(lab, Prefiltered)] == [False]
    assert len(lab.core.prefilter.cutoff._sorted) == before  # type: ignore[union-attr]
    assert lab.reporter.stats().prefiltered == {"right": 1}


def test_a_hit_never_existed() -> None:
    """What was stored after the lookup, its own answer for one, is no loss."""
    lab = a_lab()
    lab.lookup(FAR)
    lab.update(chat("A joke, please"))  # embedded like the stored ones
    lab.world.vectors["A joke, please"] = lab.world.vectors[JOKE]
    lab.update(FAR)
    assert [event.lost for event in of(lab, Prefiltered)] == [False]


def test_losses_open_it() -> None:
    """So many losses that the share is not kept have every question embedded again."""
    lab = a_lab(0.05)
    for number in range(30):
        text = f"wording {number}"
        lab.world.vectors[text] = direction(20)
        lab.world.cheap[text] = direction(40 + number)
        if lab.lookup(chat(text)) is None:
            lab.update(chat(text))
    assert lab.reporter.stats().misses["prefiltered"] < 25
    assert isinstance(of(lab, Hit)[-1], Hit)


def test_what_a_verifier_would_be_asked_about() -> None:
    """A doubtful neighbour counts as one that was lost."""
    policy = Verified(DistancePolicy(0.01, {}), lambda *_: True, between=(0.01, 0.2))
    lab = a_lab(0.05, policy=policy)
    world = BehindTheCall(lab)
    assert lab.lookup(AGAIN, answer=world) is None
    lab.update(AGAIN, answer=world)
    assert [event.lost for event in of(lab, Prefiltered)] == [True]
    assert world.asked == []


def test_entries_without_a_cheap_vector() -> None:
    """What a process without a prefilter has stored is lost to nobody unnoticed."""
    lab = a_lab(0.05)
    for entry in lab.world.hashes.values():
        for name in [name for name in entry if name.startswith("near_")]:
            del entry[name]
    assert lab.lookup(AGAIN) is None
    lab.update(AGAIN)
    assert [event.lost for event in of(lab, Prefiltered)] == [True]
    assert lab.core.prefilter.cutoff._sorted[-1] == float("inf")  # type: ignore[union-attr]


def test_who_stores_nothing() -> None:
    """A lookup that nothing will be stored for could not be made behind the call: it is made."""
    lab = a_lab(0.05)
    with lab.options.using(update=False, reason="read_only"):
        assert lab.lookup(AGAIN) == ANSWER


def test_a_glance_has_no_effect() -> None:
    """`explain` says what would happen and teaches nothing."""
    lab = a_lab(0.05)
    with lab.options.using(remember=False):
        assert lab.lookup(AGAIN) is None
    lab.update(AGAIN)
    assert of(lab, Prefiltered) == []


def test_a_vector_that_is_known() -> None:
    """A question whose vector is at hand costs no embedding: it is looked up."""
    lab = a_lab(None)
    lab.lookup(FAR)
    knows(lab, NOTICED)
    lab.world.requests.clear()
    lab.lookup(FAR)
    assert lab.world.names == ["HMGET", "FT.SEARCH"]


# -- where something does not work --------------------------------------------------------------


@pytest.mark.parametrize("broken", [EmbeddingUnavailableError("Boom"), [0.0, 0.0]])
def test_an_embedder_that_fails(broken: Any) -> None:
    """Without the cheap embedder all goes on as if there were none, and it is said."""
    lab = a_lab()

    def answer(request: Any) -> Any:
        if isinstance(request, Embed) and request.cheap:
            if isinstance(broken, Exception):
                raise broken
            return broken
        return lab.world(request)

    lab.lookup(FAR, answer=answer)
    assert lab.last.reason == "distance"
    lab.update(FAR, answer=answer)
    assert {event.stage for event in of(lab, Failed)} == {"prefilter"}
    (entry,) = (e for e in lab.world.hashes.values() if e["prompt"] == JOKE.encode())
    assert "vector" in entry


def test_a_search_that_is_refused() -> None:
    """Where the second index cannot be searched the first one is."""
    lab = a_lab()

    def answer(request: Any) -> Any:
        if isinstance(request, Send) and "@near_" in str(request.commands[0][2:3]):
            return [ErrorReply("ERR", "ERR no")]
        return lab.world(request)

    assert lab.lookup(AGAIN, answer=answer) == ANSWER


def test_redis_fails_behind_the_call() -> None:
    """A check that cannot be made is none."""
    lab = a_lab(0.05)
    lab.lookup(AGAIN)

    def answer(request: Any) -> Any:
        if isinstance(request, Send) and request.commands[0][0] == "FT.SEARCH":
            raise RedisUnavailableError("TimeoutError")
        return lab.world(request)

    lab.update(AGAIN, answer=answer)
    assert of(lab, Prefiltered) == []
    assert len([e for e in lab.world.hashes.values() if "vector" in e]) == 2


def test_the_index_comes_back() -> None:
    """After a FLUSHALL the next store makes both indexes anew."""
    lab = a_lab()
    lab.world.hashes.clear()
    lab.world.indexes.clear()
    lab.core.forget_indexes()
    lab.update(ASKED)
    assert len(lab.world.indexes) == 2
    assert lab.lookup(AGAIN) == ANSWER
