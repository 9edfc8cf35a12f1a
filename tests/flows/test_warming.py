"""Warming stores what the application's own call would have stored, once."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_redis_semcache._effects import Ask, AskFailedError, Request
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.flows.held import strings
from langchain_redis_semcache.flows.warming import warm
from tests.lab import Lab, run

MODEL = FakeListChatModel(responses=["Paris."])


def warmed(lab: Lab, *rows: Any, model: Any = MODEL, system: str | None = None) -> list[str]:
    def answer(request: Request) -> Any:
        if isinstance(request, Ask):
            return getattr(request.subject, request.method)(*request.arguments)
        return lab.world(request)

    flows = warm(lab.core, lab.options, rows, model, system)
    return [outcome for flow in flows for outcome in run(flow, answer)]


def served(lab: Lab, given: Any, model: Any = MODEL) -> str | None:
    found = lab.lookup(*strings(given, model))
    return None if found is None else found[0].text


@pytest.mark.parametrize(
    "row", ["Capital?", ("Capital?", "Paris."), {"question": "Capital?", "answer": "Paris."}]
)
def test_every_kind_of_row(row: Any) -> None:
    """A question is put to the model, a pair is stored; the application's call is served it."""
    lab = Lab()
    assert warmed(lab, row) == ["stored"]
    assert served(lab, [HumanMessage("Capital?")]) == "Paris."
    assert warmed(lab, row) == ["present"]


def test_with_a_system_prompt_and_bound_tools() -> None:
    """What must be identical in the application's call is part of it."""
    lab, bound = Lab(), MODEL.bind(stop=["x"])
    assert warmed(lab, "Capital?", model=bound, system="Be brief.") == ["stored"]
    given = [SystemMessage("Be brief."), HumanMessage("Capital?")]
    assert served(lab, given, bound) == "Paris."
    assert served(lab, given) is None
    assert served(lab, given[1:], bound) is None


def test_completion_models() -> None:
    """They are warmed as well."""
    lab, model = Lab(), FakeListLLM(responses=["Paris."])
    assert warmed(lab, "Capital?", ("Other?", "Rome."), model=model) == ["stored", "stored"]
    assert (served(lab, "Capital?", model), served(lab, "Other?", model)) == ("Paris.", "Rome.")


def test_past_every_cache() -> None:
    """The model is asked, whatever cache it has itself."""
    from langchain_core.caches import InMemoryCache

    cache = InMemoryCache()
    model = FakeListChatModel(responses=["one", "two"], cache=cache)
    assert warmed(Lab(), "Capital?", model=model) == ["stored"]
    assert not cache._cache


def test_what_is_not_stored() -> None:
    """What the owner refuses is said, and so is a model that fails."""
    refusing = Lab(admission=lambda *_: "refused")
    assert warmed(refusing, "Capital?") == ["refused"]
    lab = Lab()

    def answer(request: Request) -> Any:
        if isinstance(request, Ask):
            raise AskFailedError("RuntimeError")
        return lab.world(request)

    (flow,) = warm(lab.core, lab.options, ["Capital?"], MODEL, None)
    assert run(flow, answer) == ["failed"]


@pytest.mark.parametrize("row", [{"q": "x"}, {"question": "x", "answer": 7}, ("x", 7)])
def test_no_row(row: Any) -> None:
    """What is neither a question nor a pair is refused, with what to give."""
    with pytest.raises(ConfigurationError, match="pairs of question and answer"):
        warmed(Lab(), row)
