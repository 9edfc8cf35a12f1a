"""`explain` says what a lookup would do; it serves, stores and counts nothing."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_redis_semcache._effects import (
    EmbeddingUnavailableError,
    ErrorReply,
    RedisUnavailableError,
)
from langchain_redis_semcache.entry.vector import pack
from langchain_redis_semcache.events import Bypassed, Event, Failed, Hit, Miss, Stored
from langchain_redis_semcache.flows.explain import Explanation, explain, explain_served
from langchain_redis_semcache.policies import AuditPolicy, DistancePolicy
from tests.lab import MODEL, NO_INDEX, Lab, World, chat, direction, run, script

ASKED = chat("Capital of France?")
AGAIN = chat("France's capital?")


def stocked(**changes: Any) -> Lab:
    lab = Lab(World({"France's capital?": direction(20), "Joke?": direction(80)}), **changes)
    lab.update(ASKED)
    lab.events.clear()
    return lab


def told(lab: Lab, prompt: str) -> Explanation:
    result: Explanation = run(explain(lab.core, lab.options, prompt, MODEL), lab.world)
    return result


@pytest.mark.parametrize(
    ("prompt", "changes", "decision", "reason", "accepted"),
    [
        (ASKED, {}, "hit", "exact", []),
        (AGAIN, {}, "hit", "semantic", [True]),
        (chat("Joke?"), {}, "miss", "distance", [False]),
        (
            AGAIN,
            {"policy": DistancePolicy(0.15, {"no": lambda a, b: 9.0})},
            "miss",
            "guard",
            [False],
        ),
        (chat(""), {}, "miss", "exact_only", []),
        (ASKED, {"question": lambda m: None}, "bypassed", "question_hook", []),
        (ASKED, {"namespace": lambda: 1 / 0}, "miss", "namespace_failed", []),
    ],
    ids=range(7),
)
def test_explained(
    prompt: str, changes: dict[str, Any], decision: str, reason: str, accepted: list[bool]
) -> None:
    """Decision, reason and candidates are those of the lookup."""
    lab = Lab(stocked().world, **changes)
    found = told(lab, prompt)
    assert (found.decision, found.reason) == (decision, reason)
    assert [near.accepted for near in found.candidates] == accepted
    assert lab.reporter.stats().lookups == 0
    assert len(lab.world.hashes) == 1
    assert str(found).startswith(f"{decision}: {reason}")


def test_in_words() -> None:
    """As text it shows question, scope, threshold, each candidate with its guard, and a key."""
    lab = Lab(stocked().world, policy=DistancePolicy(0.15, {"no": lambda a, b: 9.0}))
    found = told(lab, AGAIN)
    text = str(found)
    assert found.question == "France's capital?"
    assert found.entry is None
    assert found.key
    assert found.scope
    for part in (repr(found.question), found.scope, f"would be stored as {found.key}", "model m1"):
        assert part in text
    for part in ("0.15", "guard (no)", "Capital of France?"):
        assert part in text
    assert "compared by meaning: no (no_text)" in str(told(stocked(), chat("")))
    assert "(guard)" not in str(told(stocked(), AGAIN))


def test_what_is_served() -> None:
    """The key is that of the entry which would be served, with its answer, age, ttl and tags."""
    lab = Lab(World({"France's capital?": direction(20)}), ttl=60)
    with lab.options.using(tags=("faq", "v2")):
        lab.update(ASKED)
    (entry,) = lab.world.hashes
    for prompt, kind in ((ASKED, "exact"), (AGAIN, "semantic")):
        found = told(lab, prompt)
        assert (found.decision, found.reason, found.entry) == ("hit", kind, entry)
        assert (found.key == entry) == (kind == "exact")
        assert found.served is not None
        assert (found.served.answer, found.served.ttl) == ("Paris.", 60)
        assert found.served.tags == ("faq", "v2")
        text = str(found)
        for part in (f"entry      {entry}", "'Paris.'", "0 s old", "60 s left", "tags faq, v2"):
            assert part in text
        assert ("asked then 'Capital of France?'" in text) == (kind == "semantic")


def test_a_user_who_may_not_ask() -> None:
    """What this user may not find out is said, and the rest all the same."""
    lab = stocked()

    class Restricted(World):
        def _reply(self, name: Any, key: Any, *args: Any) -> Any:
            if name in ("PTTL", "SCAN"):
                return ErrorReply("NOPERM", f"no permissions to run {name}")
            return super()._reply(name, key, *args)

    lab.world = Restricted(lab.world.vectors, lab.world.hashes, indexes=lab.world.indexes)
    found = told(lab, ASKED)
    assert found.served is not None
    assert found.served.answer == "Paris."
    assert found.notes == ("its ttl is not known: this user may not ask",)
    assert "may not SCAN" in str(told(lab, chat("Joke?")))


# -- why this answer -----------------------------------------------------------------------------


def why(lab: Lab, given: Any) -> Explanation:
    found: Explanation = run(explain_served(lab.core, given), lab.world)
    return found


def marked(lab: Lab, kind: str, distance: Any = 0.0) -> AIMessage:
    (entry,) = lab.world.hashes
    mark = {"kind": kind, "distance": distance, "entry": entry, "age": 1.0}
    return AIMessage("Paris.", response_metadata={"semcache": mark})


@pytest.mark.parametrize("kind", ["exact", "semantic", "stored"])
def test_a_message(kind: str) -> None:
    """A message says which entry it came from, or went to, and what is there now."""
    lab = stocked()
    (entry,) = lab.world.hashes
    distance = 0.1 if kind == "semantic" else 0.0
    given = marked(lab, kind, distance)
    for one in (given, ChatGeneration(message=given)):
        found = why(lab, one)
        assert (found.entry, found.decision) == (entry, "stored" if kind == "stored" else "hit")
        assert found.served is not None
        assert found.question == (None if kind == "semantic" else "Capital of France?")
        assert ("distance 0.1000" in str(found)) == (kind == "semantic")
        assert "asked then" in str(found) or kind != "semantic"
    lab.world.hashes.clear()
    assert "is not stored (any more)" in str(why(lab, given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (AIMessage("a"), "miss: answered by the model"),
        (AIMessage("a", response_metadata={"semcache": 5}), "miss: answered by the model"),
        (
            AIMessage("a", response_metadata={"semcache": {"kind": 5}}),
            "the message carries no mark",
        ),
        (Miss("guard", 0.1, "app::x", guard="numbers"), "miss: guard (numbers), distance 0.1000"),
        (Miss("no_candidate", differs="system prompt"), "with another system prompt"),
        (Bypassed("lookup", "bypass"), "bypassed: bypass"),
        (Failed("lookup", "redis", "TimeoutError"), "failed: redis, TimeoutError"),
        (Hit("semantic", 0.1, "other::x", 1.0), "other::x is no entry of this cache"),
    ],
    ids=range(8),
)
def test_events(given: Event | AIMessage, said: str) -> None:
    """An event, or a message that the cache has nothing to do with, says what it was."""
    assert said in str(why(stocked(), given))


def test_events_of_an_entry() -> None:
    """Hit and Stored show the entry, a Miss the nearest one."""
    lab = stocked()
    (entry,) = lab.world.hashes
    for event in (Hit("exact", 0.0, entry, 1.0), Stored(entry, 5), Miss("distance", 0.3, entry)):
        found = why(lab, event)
        assert found.entry == entry
        assert found.served is not None
    assert "was the nearest, and was not served" in str(found)


def test_a_key() -> None:
    """An entry's key shows the entry; a question without a model is told what is missing."""
    lab = stocked()
    (entry,) = lab.world.hashes
    assert "'Paris.'" in str(why(lab, entry))
    with pytest.raises(TypeError, match="what is asked and a model"):
        why(lab, "Capital of France?")


def test_nothing_to_explain() -> None:
    """Anything else is a TypeError that says what to give."""
    with pytest.raises(TypeError, match="what is asked and a model, or an answer"):
        why(stocked(), 5)


def test_threshold_of_the_block() -> None:
    """The threshold shown is the one in force."""
    lab = stocked()
    assert told(lab, AGAIN).threshold == 0.15
    with lab.options.using(distance_threshold=0.01):
        assert told(lab, AGAIN).threshold == 0.01
    with lab.options.using(lookup=False, reason="refresh"):
        assert told(lab, AGAIN) == Explanation("bypassed", "refresh")


def test_explaining_an_audit_draws_nothing() -> None:
    """It says how many of such hits the model answers; the next calls' luck is as if not asked."""
    policy = AuditPolicy(audit_rate=0.5, mode="observe", threshold=0.15, guards={}, seed=1)
    lab = Lab(stocked().world, policy=policy)
    state = policy._chance.getstate()
    for _ in range(20):
        found = told(lab, AGAIN)
        assert (found.decision, found.reason, found.audit_share) == ("hit", "semantic", 0.5)
    assert "the model answers 50.0% of these" in str(found)
    assert policy._chance.getstate() == state
    assert {lab.lookup(AGAIN) is None for _ in range(20)} == {True, False}
    assert told(lab, ASKED).audit_share == 0


def test_redis_down() -> None:
    """Without Redis it still says how the question was read."""
    lab = stocked()
    flow = explain(lab.core, lab.options, ASKED, MODEL)
    found: Explanation = run(flow, script(RedisUnavailableError("T")))
    assert (found.reason, found.question) == ("redis_unavailable", "Capital of France?")


@pytest.mark.parametrize("fails", [True, False])
def test_without_effect(fails: bool) -> None:
    """What explain found out, or did not, is nothing to the update that follows."""
    lab = Lab(World({"France's capital?": direction(20)}))
    error = EmbeddingUnavailableError("Boom")
    embedded: Any = error if fails else direction(90)
    replies = script([[None] * 2], embedded, *([] if fails else [[NO_INDEX]]), [[b"0", []]])
    run(explain(lab.core, lab.options, AGAIN, MODEL), replies)
    lab.update(AGAIN)
    (entry,) = lab.world.hashes.values()
    expected = lab.core.search.masked(pack(direction(20)), entry["scope"].decode())
    assert entry["vector"] == expected
