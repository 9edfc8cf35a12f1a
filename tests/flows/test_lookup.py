"""The flows of lookup and update, driven by hand: what they ask for and what they make of it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import Generation

from langchain_redis_semcache._effects import (
    EmbeddingUnavailableError,
    ErrorReply,
    RedisUnavailableError,
)
from langchain_redis_semcache.admission import CompleteAnswers
from langchain_redis_semcache.entry.answer import encode
from langchain_redis_semcache.entry.query import CANDIDATES
from langchain_redis_semcache.events import Bypassed, Counted, Hit, Miss, Observer
from langchain_redis_semcache.flows.lookup import Core
from langchain_redis_semcache.policies import Candidate, Decision, DistancePolicy
from langchain_redis_semcache.question.way import VersionedHook
from langchain_redis_semcache.reporting.reporter import Reporter
from tests.lab import (
    AGAIN,
    ANGLES,
    ANSWER,
    ASKED,
    CALL,
    FAR,
    MODEL,
    NO_INDEX,
    BehindTheCall,
    Failing,
    Lab,
    World,
    chat,
    crowd,
    direction,
    run,
    script,
    stocked,
)

# -- lookup --------------------------------------------------------------------------------------


def test_semantic_hit() -> None:
    """A paraphrase costs one embedding and one search more."""
    lab = stocked()
    assert lab.lookup(AGAIN) == ANSWER
    assert lab.world.names == ["HMGET", "embed", "FT.SEARCH"]
    assert isinstance(lab.last, Hit)
    assert lab.last.kind == "semantic"
    assert lab.last.distance == pytest.approx(0.06, abs=0.01)
    assert lab.last.entry in lab.world.hashes
    assert lab.reporter.stats().semantic_hits == 1


@pytest.mark.parametrize(
    ("changes", "prompt", "reason"),
    [
        ({}, FAR, "distance"),
        ({"policy": DistancePolicy(0.15, {"no": lambda a, b: 1.0})}, AGAIN, "guard"),
        ({"policy": DistancePolicy(0.01, {})}, AGAIN, "distance"),
        ({"max_question_chars": 5}, AGAIN, "exact_only"),
        ({}, chat(" "), "exact_only"),
        ({"namespace": lambda: None}, ASKED, "namespace_failed"),
        ({"namespace": lambda: 1 / 0}, ASKED, "namespace_failed"),
        ({"question": lambda m: 1 / 0}, ASKED, "question_failed"),
        ({"question": lambda m: (1, 2)}, ASKED, "question_failed"),
    ],
)
def test_miss(changes: dict[str, Any], prompt: str, reason: str) -> None:
    """A miss names its reason."""
    lab = stocked()
    lab = Lab(lab.world, **changes)
    assert lab.lookup(prompt) is None
    assert isinstance(lab.last, Miss)
    assert lab.last.reason == reason
    assert lab.reporter.stats().misses == {reason: 1}


def test_guard_is_named() -> None:
    """The guard that objected is in the event and in the statistics."""
    lab = stocked(policy=DistancePolicy(0.15, {"soft": lambda a, b: 0.01, "hard": lambda a, b: 1}))
    assert lab.lookup(AGAIN) is None
    assert lab.last.guard == "hard"
    assert lab.last.distance == pytest.approx(0.06, abs=0.01)
    assert lab.last.entry in lab.world.hashes
    assert lab.reporter.stats().vetoes == {"hard": 1}


def test_empty_cache() -> None:
    """In an empty cache there is no candidate, with and without an index."""
    lab = Lab()
    assert lab.lookup(ASKED) is None
    assert lab.last.reason == "no_candidate"
    lab.world.indexes.add(lab.core.settings.schema.index(2))
    lab.world.requests.clear()
    assert lab.lookup(ASKED) is None
    assert lab.last.reason == "no_candidate"
    assert lab.world.names == ["HMGET FT.AGGREGATE"]
    assert not lab.reporter.stats().failures


def test_threshold_of_the_call() -> None:
    """A threshold set for a block is the one that decides inside of it."""
    lab = stocked()
    with lab.options.using(distance_threshold=0.01):
        assert lab.lookup(AGAIN) is None
    assert lab.lookup(AGAIN) == ANSWER


def test_farther_candidate() -> None:
    """Where the policy refuses the nearest candidate, the next one is judged."""

    class NotTheFirst:
        distance_threshold = 0.15

        def decide(self, asked: str, candidate: Candidate, threshold: float) -> Decision:
            return Decision(candidate.question != "one", "accepted")

    lab = Lab(World({"one": direction(1), "two": direction(2)}), policy=NotTheFirst())
    lab.update(chat("one"), [Generation(text="1")])
    lab.update(chat("two"), [Generation(text="2")])
    assert lab.lookup(ASKED) == [Generation(text="2")]


@pytest.mark.parametrize("kind", ["lookup", "update"])
def test_bypassed(kind: str) -> None:
    """A bypassed call asks for nothing."""
    lab = stocked()
    with lab.options.using(lookup=False, update=False, reason="bypass"):
        assert lab.lookup(ASKED) is None if kind == "lookup" else lab.update(ASKED) is None
    assert not lab.world.requests
    assert lab.events == [Bypassed(kind, "bypass")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "model", "reason"),
    [
        ({"max_temperature": 0.5}, "[('temperature', 0.7)]", "temperature"),
        ({"max_temperature": 0.0}, "[('temperature', 1)]", "temperature"),
        ({"max_temperature": 0.5}, "[('temperature', 0.5)]", None),
        ({"max_temperature": 0.5}, MODEL, None),
        ({"skip_time_sensitive": False}, "[('temperature', 2)]", None),
        ({}, "[('temperature', 2)]", "time_sensitive"),
    ],
)
def test_left_alone(changes: dict[str, Any], model: str, reason: str | None) -> None:
    """Calls that the owner wants nothing to do with are neither looked up nor stored."""
    asked = "What is love?" if "max_temperature" in changes else "What is the weather now?"
    lab = Lab(admission=CompleteAnswers(**changes))
    prompt = chat(asked)
    lab.update(prompt, model=model)
    assert (lab.lookup(prompt, model) is None) is (reason is not None)
    if reason is not None:
        assert lab.events == [Bypassed("update", reason), Bypassed("lookup", reason)]
        assert not lab.world.requests


# -- scopes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [ASKED, AGAIN])
def test_models_are_apart(prompt: str) -> None:
    """Two models each find their own entry, exactly and by meaning, whoever is nearer."""
    lab = stocked()
    other = "[('model', 'm2')]"
    assert lab.lookup(prompt, other) is None
    lab.update(ASKED, [Generation(text="Lutetia")], other)
    assert lab.lookup(prompt, other) == [Generation(text="Lutetia")]
    assert lab.lookup(prompt) == ANSWER


def test_tenants_are_apart() -> None:
    """The namespace is read at every call."""
    tenant = ["a"]
    lab = stocked(namespace=lambda: tenant[0])
    assert lab.lookup(AGAIN) is not None
    tenant[0] = "b"
    assert lab.lookup(ASKED) is None
    lab.update(ASKED, [Generation(text="B's")])
    assert lab.lookup(AGAIN) == [Generation(text="B's")]


def test_foreign_candidates_hide_nothing() -> None:
    """Where all candidates are of other scopes, the search within ours follows."""
    lab = stocked()
    crowd(lab)
    assert lab.lookup(AGAIN) == ANSWER
    assert lab.world.names == ["HMGET", "embed", "FT.SEARCH", "FT.SEARCH"]


def test_vetoed_among_twins() -> None:
    """Where ours is vetoed and others' twins took its neighbours' places, the search goes on."""

    def veto(asked: str, cached: str) -> float:
        return 9.0 if "not" in cached else 0.0

    lab = stocked(policy=DistancePolicy(0.15, {"no": veto}))
    lab.world.vectors["not?"] = direction(21)
    lab.update(chat("not?"))
    crowd(lab, CANDIDATES - 1)
    assert lab.lookup(AGAIN) == ANSWER
    assert lab.world.names == ["HMGET", "embed", "FT.SEARCH", "FT.SEARCH"]
    result = run(lab.core.look(AGAIN, MODEL, lab.options.current()), lab.world)
    assert [judged.decision.reason for judged in result.judged] == ["guard", "accepted"]


def test_vetoed_alone() -> None:
    """Where nobody else's entry is near, a veto is the end of it."""
    lab = stocked(policy=DistancePolicy(0.15, {"no": lambda asked, cached: 9.0}))
    assert lab.lookup(AGAIN) is None
    assert lab.world.names == ["HMGET", "embed", "FT.SEARCH"]


def test_nothing_of_ours() -> None:
    """The search within the scope may find nothing, and is left out beyond the threshold."""
    lab = stocked()
    crowd(lab)
    del lab.world.hashes[next(iter(lab.world.hashes))]
    assert lab.lookup(AGAIN) is None
    assert lab.last.reason == "no_candidate"
    assert lab.lookup(FAR) is None
    assert lab.last.reason == "no_candidate"
    assert lab.world.names == [
        *("HMGET", "embed", "FT.SEARCH", "FT.SEARCH"),
        *("HMGET", "embed", "FT.SEARCH"),
    ]


@pytest.mark.parametrize(("mode", "hit"), [("full", False), ("system", True), ("none", True)])
def test_context(mode: str, hit: bool) -> None:
    """Earlier turns keep entries apart in the mode "full" only."""
    lab = Lab(context=mode)
    lab.update(_after("Hello"))
    assert (lab.lookup(_after("Bye")) is not None) is hit


@pytest.mark.parametrize("reader", ["full", "system", "none"])
@pytest.mark.parametrize("writer", ["full", "system", "none"])
def test_ways_of_reading(writer: str, reader: str) -> None:
    """An answer is served to those who take the same things for context, and to nobody else."""
    lab = Lab(context=writer)
    lab.update(dumps([SystemMessage("Talk like a pirate."), *_said("Hello")]))
    lab.update(_after("Hello"))
    other = Lab(lab.world, context=reader)
    found = [other.lookup(prompt) is not None for prompt in (_after("Hello"), ASKED)]
    assert found == [writer == reader, writer == reader != "full"]


def test_ways_of_hooks() -> None:
    """What was stored under another hook, or another version of one, is not served."""

    def one(messages: list[BaseMessage]) -> tuple[str, str]:
        return messages[-1].text, ""

    def two(messages: list[BaseMessage]) -> tuple[str, str]:
        return messages[-1].text, ""

    hooks: list[Any] = [None, one, two, VersionedHook(one, 1), VersionedHook(one, 2)]
    world = World()
    for writer in hooks:
        Lab(world, question=writer).update(ASKED, [Generation(text=repr(writer))])
    for reader in hooks:
        assert Lab(world, question=reader).lookup(ASKED)[0].text == repr(reader)


def _after(turn: str) -> str:
    return dumps(_said(turn))


def _said(turn: str) -> list[BaseMessage]:
    return [HumanMessage(turn), AIMessage("Hi"), HumanMessage("Capital of France?")]


def test_question_hook() -> None:
    """The hook names the question and its scope, or leaves the call alone."""

    def hook(messages: list[BaseMessage]) -> tuple[str, str] | None:
        asked, _, document = messages[-1].text.partition("|")
        return None if asked == "skip" else (asked, document)

    lab = Lab(question=hook)
    lab.update(chat("q|doc 1"))
    assert lab.lookup(chat("q|doc 1")) == ANSWER
    assert lab.lookup(chat("q|doc 2")) is None
    assert lab.lookup(chat("skip|doc 1")) is None
    assert lab.last == Bypassed("lookup", "question_hook")
    lab.update(chat("skip|doc 1"))
    assert lab.last == Bypassed("update", "question_hook")


@pytest.mark.parametrize("text", ["a" * 11, " \n", ""])
def test_exact_only(text: str) -> None:
    """Long and empty questions are stored and found without an embedding."""
    lab = Lab(max_question_chars=10)
    lab.update(chat(text))
    assert lab.lookup(chat(text)) == ANSWER
    assert lab.world.names == ["UNLINK HSET", "HMGET"]


def test_images() -> None:
    """A question with an image is found again, and only with the same image."""

    def asked(url: str) -> str:
        return dumps([HumanMessage(["What is this?", {"type": "image", "url": url}])])

    lab = Lab(max_question_chars=5)
    lab.update(asked("a"))
    assert lab.lookup(asked("a")) == ANSWER
    assert lab.lookup(asked("b")) is None
    assert lab.last.reason == "exact_only"
    assert "embed" not in lab.world.names


def test_tool_calls_are_never_near() -> None:
    """An answer with tool calls is served to the identical question only."""
    lab = Lab(World(vectors=dict(ANGLES)))
    lab.update(ASKED, CALL)
    assert lab.world.names == ["UNLINK HSET"]
    assert lab.lookup(ASKED) == CALL
    # Even where somebody has put it into an indexed entry.
    lab = stocked()
    (entry,) = lab.world.hashes.values()
    entry["response"] = encode(CALL)
    assert lab.lookup(AGAIN) is None
    assert lab.last.reason == "tool_calls"


# -- replies that are no answers -----------------------------------------------------------------


def stored(**fields: Any) -> Any:
    """Answer for the fields that are asked for, as an entry of these has them."""
    return lambda request: [[fields.get(name) for name in request.commands[0][2:]]]


EMPTY = stored()
SEARCHED = [[0]]


@pytest.mark.parametrize(
    ("replies", "reason", "stage"),
    [
        ([[ErrorReply("LOADING", "LOADING")]], "redis_unavailable", "redis"),
        ([[ErrorReply("WRONGTYPE", "x")], [1, 0], SEARCHED], "no_candidate", "entry"),
        ([EMPTY, [1, 0], [ErrorReply("ERR", "unknown command")]], "search_unavailable", "search"),
        ([EMPTY, [1, 0], [ErrorReply("NOPERM", "x")]], "search_unavailable", "search"),
        ([EMPTY, [1, 0], [NO_INDEX]], "no_candidate", None),
        ([EMPTY, [1, 0], [b"nonsense"]], "no_candidate", None),
        ([EMPTY, [float("nan")]], "embedding_failed", "embedding"),
        ([EMPTY, EmbeddingUnavailableError("E")], "embedding_failed", "embedding"),
        ([RedisUnavailableError("T")], "redis_unavailable", "redis"),
        ([EMPTY, [1, 0], RedisUnavailableError("T")], "redis_unavailable", "redis"),
        ([stored(response=b"broken")], "unreadable_entry", "entry"),
        ([stored(response="text")], "unreadable_entry", "entry"),
        ([stored(response=b"{}")], "unreadable_entry", "entry"),
        ([stored(response=b" " * 10_001)], "unreadable_entry", "entry"),
    ],
)
def test_no_answer(replies: list[Any], reason: str, stage: str | None) -> None:
    """Every kind of refusal, nonsense and failure is a miss with an event."""
    lab = Lab()
    assert lab.lookup(ASKED, answer=script(*replies)) is None
    assert lab.last.reason == reason
    assert dict(lab.reporter.stats().failures) == ({} if stage is None else {stage: 1})


def test_no_search_module() -> None:
    """A server without search is not asked for one again, and exact hits go on."""
    lab = Lab()
    unknown = [ErrorReply("ERR", "ERR unknown command 'FT.SEARCH'")]
    lab.lookup(ASKED, answer=script(EMPTY, [1, 0], unknown))
    lab.lookup(ASKED, answer=script(EMPTY))
    assert lab.last.reason == "search_unavailable"
    lab.update(FAR)
    assert lab.world.names == ["UNLINK HSET"]
    assert lab.lookup(FAR) == ANSWER


def test_filtered_search_refused() -> None:
    """The second search may be refused as well."""
    lab = Lab()
    document = [b"distance", b"0.1"]
    keys = [b"k%d" % n for n in range(CANDIDATES)]
    foreign = [[CANDIDATES, *(part for key in keys for part in (key, document))]]
    replies = (EMPTY, [1, 0], foreign, [ErrorReply("NOPERM", "x")])
    assert lab.lookup(ASKED, answer=script(*replies)) is None
    assert lab.last.reason == "search_unavailable"


# -- a failure at every step ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "at", "served", "misses"),
    [
        (ASKED, 0, False, {"redis_unavailable": 1}),
        (ASKED, 1, True, {}),  # the TTL is not refreshed, the answer is served
        (AGAIN, 0, False, {"redis_unavailable": 1}),
        (AGAIN, 1, False, {"embedding_failed": 1}),
        (AGAIN, 2, False, {"redis_unavailable": 1}),
        (AGAIN, 3, False, {"redis_unavailable": 1}),
        (AGAIN, 4, True, {}),
    ],
)
def test_lookup_fails_at(prompt: str, at: int, served: bool, misses: dict[str, int]) -> None:
    """Wherever a lookup fails it ends, with a hit where one was found, else with one miss."""
    lab = stocked(sliding=True, ttl=60)
    crowd(lab)
    assert (lab.lookup(prompt, answer=Failing(lab.world, at)) == ANSWER) is served
    assert lab.world.names[at:] != []
    stats = lab.reporter.stats()
    assert dict(stats.misses) == misses
    assert (stats.hits == 1) is served
    assert bool(stats.failures) is not served


def test_suspended_embedder_is_not_counted() -> None:
    """A call that the breaker kept from the embedder is no embedding."""
    lab = Lab()
    suspended = EmbeddingUnavailableError("suspended", suspended=True)
    lab.lookup(ASKED, answer=script(EMPTY, suspended))
    assert lab.reporter.stats().embeddings == 0
    lab.lookup(ASKED, answer=script(EMPTY, EmbeddingUnavailableError("E")))
    assert lab.reporter.stats().embeddings == 1


# -- ttl on hits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "refreshed"),
    [
        ({"ttl": 60}, None),
        ({"ttl": 60, "sliding": True}, 60_000),
        ({"ttl": 1e-4, "sliding": True}, 1),
        ({"sliding": True}, None),
    ],
)
def test_refresh_ttl(changes: dict[str, Any], refreshed: int | None) -> None:
    """A hit writes only where its owner asked for it, and never shortens a life to nothing."""
    lab = stocked(**changes)
    lab.world.ttl.clear()
    assert lab.lookup(ASKED) == ANSWER
    assert list(lab.world.ttl.values()) == ([] if refreshed is None else [refreshed])


def test_look_changes_nothing() -> None:
    """`look`, of which `explain` is made, counts no lookup and refreshes nothing."""
    lab = stocked(sliding=True, ttl=60)
    result = run(lab.core.look(ASKED, MODEL, lab.options.current()), lab.world)
    assert isinstance(result.event, Hit)
    assert lab.world.names == ["HMGET"]
    assert lab.reporter.stats().lookups == 0


def test_counting_behind_a_lookup() -> None:
    """Observers hear how many entries there are, once in a while, and of a failure nothing."""
    lab = stocked()
    lab.reporter = Reporter("app", [Observer(), lab.events.append])
    lab.core = Core(lab.core.settings, lab.reporter, lab.options)
    behind = BehindTheCall(lab)
    assert lab.lookup(ASKED, answer=behind) is not None  # the index has no name yet
    assert lab.lookup(AGAIN, answer=behind) is not None
    assert [event for event in lab.events if isinstance(event, Counted)] == [Counted(1)]
    lab.lookup(AGAIN, answer=behind)
    assert len([event for event in lab.events if isinstance(event, Counted)]) == 1


@pytest.mark.parametrize(
    "failure", [RedisUnavailableError("TimeoutError"), ErrorReply("NOPERM", "NOPERM")]
)
def test_counting_that_fails(failure: Any) -> None:
    """Nobody hears of a count that did not come: the next call says what is wrong."""
    lab = stocked()
    lab.reporter = Reporter("app", [Observer(), lab.events.append])
    lab.core = Core(lab.core.settings, lab.reporter, lab.options)
    behind = BehindTheCall(lab)
    behind.behind = ("FT.SEARCH", failure)
    assert lab.lookup(AGAIN, answer=behind) is not None
    assert [type(event).__name__ for event in lab.events] == ["Embedded", "Hit"]
