"""`explain` says what a lookup would do; it serves, stores and counts nothing."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import BaseCache
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue

from langchain_redis_semcache._effects import EmbeddingUnavailableError, RedisUnavailableError
from langchain_redis_semcache.entry.vector import pack
from langchain_redis_semcache.flows.explain import Explanation, as_llm_string, as_prompt, explain
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
    """As text it shows question, scope, entry, threshold and each candidate with its guard."""
    lab = Lab(stocked().world, policy=DistancePolicy(0.15, {"no": lambda a, b: 9.0}))
    found = told(lab, AGAIN)
    text = str(found)
    assert found.question == "France's capital?"
    assert found.entry
    assert found.scope
    for part in (repr(found.question), found.scope, found.entry, "model m1", "0.15", "guard (no)"):
        assert part in text
    assert "Capital of France?" in text
    assert "compared by meaning: no (no_text)" in str(told(stocked(), chat("")))
    assert "(guard)" not in str(told(stocked(), AGAIN))


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


# -- what LangChain would hand over --------------------------------------------------------------


class Spy(BaseCache):
    """Notes what LangChain asks a cache."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def lookup(self, prompt: str, llm_string: str) -> None:
        self.asked.append((prompt, llm_string))

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        """Keeps nothing."""

    def clear(self, **kwargs: Any) -> None:
        """Has nothing."""


MESSAGES: list[BaseMessage] = [SystemMessage("s", id="1"), HumanMessage("q", id="2")]


@pytest.mark.parametrize("bound", [{}, {"stop": ["x"]}, {"stop": ["x"], "seed": 1}], ids=str)
@pytest.mark.parametrize("kind", [FakeListChatModel, FakeListLLM])
@pytest.mark.parametrize("given", ["q", MESSAGES, ChatPromptValue(messages=MESSAGES),
                                   StringPromptValue(text="q")], ids=range(4))  # fmt: skip
def test_as_langchain_asks(given: Any, kind: Any, bound: dict[str, Any]) -> None:
    """Prompt and llm_string are those that LangChain hands to the cache."""
    spy = Spy()
    model = kind(responses=["a"], cache=spy)
    asked = model.bind(**bound) if bound else model
    asked.invoke(given)
    assert spy.asked == [(as_prompt(given, asked), as_llm_string(asked))]


def test_strings() -> None:
    """What the cache itself is handed may be given as it is."""
    assert as_prompt(ASKED, MODEL) == ASKED
    assert as_llm_string(MODEL) == MODEL
    assert as_prompt([HumanMessage("Capital of France?")], MODEL) == ASKED


def test_no_model() -> None:
    """Anything else is a TypeError that says what to give."""
    with pytest.raises(TypeError, match="explain needs the llm_string or a chat or completion"):
        as_llm_string(5)


@pytest.mark.parametrize("fails", [True, False])
def test_without_effect(fails: bool) -> None:
    """What explain found out, or did not, is nothing to the update that follows."""
    lab = Lab(World({"France's capital?": direction(20)}))
    error = EmbeddingUnavailableError("Boom")
    embedded: Any = error if fails else direction(90)
    run(explain(lab.core, lab.options, AGAIN, MODEL), script([[None] * 2], embedded, [NO_INDEX]))
    lab.update(AGAIN)
    (entry,) = lab.world.hashes.values()
    expected = lab.core.search.masked(pack(direction(20)), entry["scope"].decode())
    assert entry["vector"] == expected
