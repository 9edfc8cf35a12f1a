"""A miss whose very question is stored in another scope says where, and what differs."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_redis_semcache._effects import RedisUnavailableError
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.flows import elsewhere
from langchain_redis_semcache.flows.explain import explain
from langchain_redis_semcache.flows.explanation import Explanation
from tests.lab import ASKED, MODEL, Lab, World, run


def under(system: str, question: str = "Capital of France?") -> str:
    return dumps([SystemMessage(system), HumanMessage(question)])


def told(lab: Lab, prompt: str = ASKED, model: str = MODEL, world: Any = None) -> Explanation:
    found: Explanation = run(explain(lab.core, lab.options, prompt, model), world or lab.world)
    return found


def parts(found: Explanation) -> list[list[str]]:
    return [[difference.part for difference in one.differs] for one in found.elsewhere]


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_another_system_prompt(hide: bool, signed: bool) -> None:
    """The entry is named, and the first words in which the prompts differ."""
    settings = {"hides_namespaces": hide, "signer": Signer(b"k" * 32) if signed else None}
    lab = Lab(**settings)
    lab.update(under("Be brief. Today is Monday."))
    (key,) = lab.world.hashes
    found = told(Lab(lab.world, **settings), under("Be brief. Today is Friday."))
    assert (found.decision, found.reason) == ("miss", "no_candidate")
    assert [one.entry.key for one in found.elsewhere] == [key]
    assert parts(found) == [["system prompt"]]
    text = str(found)
    assert f"the same question is stored in another scope: {key}" in text
    assert "Friday" in text
    assert ("Monday" in text) is not hide


def test_other_processes_models_tenants_and_embedders() -> None:
    """Whoever stored it, with whatever: all of the name is looked at, the least different first."""
    world = World()
    Lab(world, namespace="acme").update(ASKED)
    Lab(world).update(ASKED, model="[('model', 'm2'), ('seed', 1)]")
    Lab(world, context="none").update(ASKED, model="[('model', 'm2')]")
    Lab(world, name="other").update(ASKED)
    found = told(Lab(world))
    assert parts(found) == [
        ["tenant"],
        ["model", "parameter seed"],
        ["model", "way of reading"],
    ] or parts(found) == [
        ["tenant"],
        ["model", "way of reading"],
        ["model", "parameter seed"],
    ]
    assert "tenant: stored with acme, asked with none" in str(found)


def test_another_embedding_model() -> None:
    """The entries of another embedding model are found below another variant."""
    lab = Lab()
    lab.update(ASKED)
    ((key, entry),) = lab.world.hashes.items()
    variant = key.split(":")[2]
    lab.world.hashes = {key.replace(variant, "0" * 8): entry}
    found = told(lab)
    assert parts(found) == [["embedding model"]]


def test_of_an_older_version() -> None:
    """What an entry does not tell is not known; its model and tenant are compared all the same."""
    lab = Lab(namespace="acme")
    lab.update(ASKED, model="[('model', 'm2')]")
    (entry,) = lab.world.hashes.values()
    del entry["parts"]
    found = told(Lab(lab.world, namespace="umbrella"))
    assert parts(found)[0][:2] == ["tenant", "model"]
    assert "not known: stored by an older version" in parts(found)[0][2]


def test_forged() -> None:
    """With a key, what somebody else wrote into an entry is not believed."""
    signer = Signer(b"k" * 32)
    lab = Lab(signer=signer)
    lab.update(under("Be brief."))
    (entry,) = lab.world.hashes.values()
    entry["parts"] = b'{"tenant": "00000000 forged"}'
    assert "forged" not in str(told(Lab(lab.world, signer=signer)))


def test_nothing_elsewhere() -> None:
    """A question that nobody has stored is just that; an entry in the same scope is no other."""
    lab = Lab()
    lab.update(under("Be brief.", "Joke?"))
    assert told(lab).elsewhere == ()
    lab.update(ASKED)
    assert told(lab).decision == "hit"


def test_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many scopes a few are shown, and how many more there are is said."""
    lab = Lab()
    for n in range(elsewhere.MOST + 3):
        lab.update(under(f"It is {n} o'clock."))
    found = told(lab)
    assert len(found.elsewhere) == elsewhere.MOST
    assert found.notes == ("and in 3 more scopes",)


def test_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database without end is not walked through to it."""
    monkeypatch.setattr(elsewhere, "SECONDS", -1.0)
    lab = Lab()
    lab.update(under("Be brief."))

    class Endless(World):
        def _reply(self, name: Any, key: Any, *args: Any) -> Any:
            reply = super()._reply(name, key, *args)
            return [b"7", reply[1]] if name == "SCAN" else reply

    lab.world = Endless(lab.world.vectors, lab.world.hashes, indexes=lab.world.indexes)
    found = told(lab)
    assert len(found.elsewhere) == 1
    assert "not all scopes were looked at" in found.notes[0]


def test_redis_that_stops_answering() -> None:
    """What could not be looked at is said, and what was found before is told all the same."""
    lab = Lab()
    lab.update(under("Be brief."))

    def failing(request: Any) -> Any:
        if getattr(request, "commands", [("",)])[0][0] == "SCAN":
            raise RedisUnavailableError("X", cause="ConnectionError: gone")
        return lab.world(request)

    found = told(lab, world=failing)
    assert found.reason == "distance" or found.reason == "no_candidate"
    assert "ConnectionError: gone" in found.notes[0]
