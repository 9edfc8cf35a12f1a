"""Entries say what their scope is made of, in bounded space; a process knows what it has stored."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Miss, Warned
from langchain_redis_semcache.flows import surroundings
from langchain_redis_semcache.flows.surroundings import CAPACITY, SCOPES, decode
from langchain_redis_semcache.question.prompt import REMEMBERED_CHARS, context_parts
from tests.lab import ASKED, MODEL, Lab, chat

SIGNER = Signer(b"k" * 32)


def conversation(*turns: Any) -> str:
    return dumps([HumanMessage(turn) if isinstance(turn, str) else turn for turn in turns])


BRIEF = conversation(SystemMessage("Be brief."), "Capital of France?")
KIND = conversation(SystemMessage("Be kind."), "Capital of France?")
THIRD = conversation("Hi", AIMessage("Hello"), "Capital of France?")


def kept(lab: Lab) -> Any:
    (key, entry), *_ = lab.world.hashes.items()
    fields = {name.encode(): value for name, value in entry.items()}
    return decode(key, fields, lab.core.settings.signer)


def test_an_entry_says_it() -> None:
    """System prompt, turns, model, reading, tenant and embedding model can be read of an entry."""
    lab = Lab(namespace="acme")
    lab.update(
        conversation(SystemMessage("Be brief."), "Hi", AIMessage("Hello"), "Capital of France?")
    )
    shown = {name: value[9:] for name, value in kept(lab).items()}
    outline = shown.pop("outline")
    assert outline is not None
    assert shown == {
        "system prompt": "Be brief.",
        "earlier turns": "2",
        "model": "m1",
        "way of reading": "context='full'",
        "embedding model": "emb",
        "tenant": "acme",
    }


def test_hidden() -> None:
    """Where namespaces are hidden, so is what else entries say of their scopes."""
    lab = Lab(namespace="acme", hides_namespaces=True)
    lab.update(BRIEF)
    (entry,) = lab.world.hashes.values()
    for word in (b"brief", b"acme", b"full", b"m1"):
        assert word not in entry["parts"]
    assert set(map(len, (v for k, v in kept(lab).items() if k != "outline"))) == {8}


def test_signed() -> None:
    """With a key nobody else's word is taken for it, nor another entry's."""
    lab = Lab(signer=SIGNER)
    lab.update(BRIEF)
    ((key, entry),) = lab.world.hashes.items()
    fields = {name.encode(): value for name, value in entry.items()}
    assert decode(key, fields, SIGNER)
    assert decode(f"{key}0", fields, SIGNER) is None
    assert decode(key, {**fields, b"parts": b"{}"}, SIGNER) is None
    assert decode(key, {b"parts": entry["parts"]}, SIGNER) is None


@pytest.mark.parametrize(
    "data", [None, "text", b"", b"[]", b'{"a": 1}', b"\xff", b"[" * 10_000, b'"' + b"x" * 200_000]
)
def test_whatever_is_stored(data: Any) -> None:
    """What cannot be read is as if nothing were said."""
    assert decode("k", {b"parts": data}, None) is None


def test_small() -> None:
    """A long conversation with many tools adds less than two kilobytes to an entry."""
    tools = [{"function": {"name": f"tool{n}", "description": "x" * 500}} for n in range(100)]
    turns = [SystemMessage("word " * 5000), *["a question " * 50] * 50]
    lab = Lab()
    lab.update(conversation(*turns), model=str([("model", "m1"), ("tools", tools)]))
    (entry,) = lab.world.hashes.values()
    assert len(entry["parts"]) < 2000


@pytest.mark.parametrize(
    ("stored", "asked", "differs"),
    [
        ((BRIEF, MODEL), (KIND, MODEL), "system prompt"),
        ((BRIEF, MODEL), (ASKED, MODEL), "system prompt"),
        ((ASKED, MODEL), (THIRD, MODEL), "earlier turns"),
        ((ASKED, MODEL), (ASKED, "[('model', 'm2')]"), "model"),
        ((ASKED, MODEL), (ASKED, "[('model', 'm1'), ('seed', 1)]"), "parameter seed"),
        ((ASKED, MODEL), (ASKED, "[('model', 'm1'), ('tools', [{'name': 'f'}])]"), "tools"),
        ((ASKED, MODEL), (THIRD, "[('model', 'm2')]"), "earlier turns, model"),
        ((ASKED, MODEL), (chat("Joke?"), MODEL), ""),
    ],
    ids=range(8),
)
def test_a_miss_names_what_differs(stored: Any, asked: Any, differs: str) -> None:
    """Where this process has stored the very question in another scope, the event says so."""
    lab = Lab()
    prompt, model = stored
    lab.update(prompt, model=model)
    lab.world.requests.clear()
    lab.lookup(*asked)
    assert isinstance(lab.last, Miss)
    assert lab.last.differs == differs
    assert lab.reporter.stats().elsewhere == ({differs: 1} if differs else {})
    assert differs in str(lab.reporter.stats())


def test_tenants() -> None:
    """That another tenant has asked is named, and neither of them."""
    tenant = ["acme"]
    lab = Lab(namespace=lambda: tenant[0])
    lab.update(ASKED)
    tenant[0] = "umbrella"
    lab.lookup(ASKED)
    assert lab.last.differs == "tenant"
    assert not {"acme", "umbrella"} & set(repr(lab.last).replace("'", " ").split())


def test_of_several_scopes_the_nearest() -> None:
    """What is named is the least that would have to be changed."""
    lab = Lab()
    lab.update(THIRD, model="[('model', 'm2')]")
    lab.update(BRIEF)
    lab.lookup(KIND)
    assert lab.last.differs == "system prompt"


def test_a_hit_or_a_miss_in_its_own_scope_names_nothing() -> None:
    """Where the question has been stored in this scope too, that is no reason."""
    lab = Lab()
    lab.update(BRIEF)
    lab.update(KIND)
    lab.world.hashes.clear()
    lab.lookup(KIND)
    assert lab.last.differs == ""


def test_forgotten() -> None:
    """What was cleared is no longer known."""
    lab = Lab()
    lab.update(BRIEF)
    lab.core.drop()
    lab.lookup(KIND)
    assert lab.last.differs == ""


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many questions and scopes there are, a bounded number is remembered."""
    lab = Lab()
    for n in range(CAPACITY + 10):
        lab.update(chat(f"Question {n}?"))
    for n in range(SCOPES + 3):
        lab.update(conversation(SystemMessage(f"{n}"), "Capital of France?"))
    known = lab.core.surroundings
    assert len(known._stored) == CAPACITY
    assert max(map(len, known._stored.values())) == SCOPES
    assert len(known._parts) <= CAPACITY


def test_what_cannot_be_said_keeps_nothing_from_being_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer has been paid for: it is stored without."""

    def fail(*_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(surroundings, "context_parts", fail)
    lab = Lab()
    lab.update(BRIEF)
    assert lab.lookup(BRIEF) is not None


def test_nothing_hits() -> None:
    """Once, after many misses and no hit, a warning says that the very questions are stored."""
    lab = Lab()
    for n in range(40):
        lab.update(conversation(SystemMessage(f"It is {n} o'clock."), "Capital of France?"))
        lab.lookup(conversation(SystemMessage(f"It is {n} hours."), "Capital of France?"))
    (warned,) = [event for event in lab.events if isinstance(event, Warned)]
    assert warned.setting == "scope"
    assert "a different system prompt" in warned.reason


def test_something_hits() -> None:
    """Where there are hits nobody is warned."""
    lab = Lab()
    lab.update(BRIEF)
    lab.lookup(BRIEF)
    for n in range(40):
        lab.lookup(conversation(SystemMessage(f"It is {n} o'clock."), "Capital of France?"))
    assert not [event for event in lab.events if isinstance(event, Warned)]


# -- what a prompt is made of --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "names"),
    [
        ("full", {"system prompt", "outline", "earlier turns"}),
        ("system", {"system prompt", "outline"}),
        ("none", set()),
    ],
)
def test_what_counts(context: Any, names: set[str]) -> None:
    """What the cache does not compare is not named."""
    prompt = conversation(SystemMessage("Be brief."), "Hi", AIMessage("Hello"), "And you?")
    assert set(context_parts(prompt, context)) == names


def test_fields_of_the_message() -> None:
    """A name or an image of the last message is a part; its text is the question."""
    plain, named = (conversation(HumanMessage("q", name=name)) for name in (None, "Anna"))
    assert context_parts(plain, "full") == {}
    assert set(context_parts(named, "full")) == {"fields of the message"}
    assert context_parts("a text", "full") == {}
    pictures = [conversation(HumanMessage([{"type": "image", "url": url}])) for url in "ab"]
    one, two = (context_parts(prompt, "full") for prompt in pictures)
    assert one != two


def test_hooks() -> None:
    """What a hook says must be identical is a part."""
    lab = Lab(question=lambda messages: (messages[-1].text, ("version", 2)))
    lab.update(BRIEF)
    assert kept(lab)["what must be identical"][9:] == "(str:'version',int:2)"
    assert "system prompt" not in kept(lab)


def test_long_prompts() -> None:
    """A prompt of megabytes is read once more for a store, and for no lookup."""
    lab = Lab()
    long = "x" * 100 * REMEMBERED_CHARS
    lab.update(ASKED)
    lab.lookup(conversation(SystemMessage(long), "Capital of France?"))
    assert lab.last.differs == ""
    lab.update(conversation(SystemMessage(long), "Another question?"))
    assert [b"system prompt" in entry["parts"] for entry in lab.world.hashes.values()] == [
        False,
        True,
    ]
