"""What is served: fresh objects, marked where that is wished, of an age."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration
from langchain_core.prompts import ChatPromptTemplate

from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Failed
from langchain_redis_semcache.flows.serve import LONGEST_QUESTION, _age
from langchain_redis_semcache.policies import DistancePolicy, Verified
from langchain_redis_semcache.rag import keyed
from tests.lab import AGAIN, ANGLES, ANSWER, ASKED, FAR, BehindTheCall, Lab, World, stocked


def test_fresh_objects() -> None:
    """Two hits share no object."""
    lab = stocked()
    assert lab.lookup(ASKED)[0] is not lab.lookup(ASKED)[0]


def message(answers: list[Any]) -> AIMessage:
    found: AIMessage = answers[0].message
    return found


def test_mark_hits() -> None:
    """With `mark_hits` a message that was served or just stored says where it came from."""
    lab = Lab(stocked().world, mark_hits=True)
    fresh = [ChatGeneration(message=AIMessage("Paris", response_metadata={"m": 1}))]
    lab.update(ASKED, fresh)
    (entry,) = lab.world.hashes
    mark = {"kind": "stored", "distance": 0.0, "entry": entry, "age": 0.0}
    assert message(fresh).response_metadata == {"m": 1, "semcache": mark}
    assert b"semcache" not in b"".join(lab.world.hashes[entry].values())
    mark = message(lab.lookup(AGAIN)).response_metadata["semcache"]
    assert set(mark) == {"kind", "distance", "entry", "age"}
    assert (mark["kind"], mark["entry"]) == ("semantic", entry)


def test_unmarked() -> None:
    """Without it messages are as the model made them."""
    lab = Lab(stocked().world, mark_hits=False)
    fresh = [ChatGeneration(message=AIMessage("Paris"))]
    lab.update(ASKED, fresh)
    assert message(fresh) == message(lab.lookup(ASKED)) == AIMessage("Paris")


def test_not_stored_not_marked() -> None:
    """What is not stored has no entry to name."""
    lab = Lab(stocked().world, mark_hits=True, max_answer_bytes=10)
    fresh = [ChatGeneration(message=AIMessage("Paris"))]
    lab.update(ASKED, fresh)
    assert message(fresh) == AIMessage("Paris")


@pytest.mark.parametrize(
    "created",
    [None, b"", b"x", b"nan", b"inf", b"-inf", b"99999999999999", b"1" * 400, [1], 10**400],
)
def test_age(created: object) -> None:
    """Whatever is stored as the time of storing gives an age."""
    assert 0 <= _age(created) < 3e9


class Reader:
    """A guard that notes what it has read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, asked: str, cached: str, /) -> float:
        self.read.append(cached)
        return 0.0


def tampered(reader: Reader, field: str, value: bytes, **changes: object) -> Lab:
    lab = stocked(policy=DistancePolicy(0.15, {"reader": reader}), **changes)
    (entry,) = lab.world.hashes.values()
    entry[field] = value
    return lab


@pytest.mark.parametrize("limit", [1000, None])
def test_a_question_that_is_too_long_is_read_by_nobody(limit: int | None) -> None:
    """What somebody put there to keep the guards busy is a miss at once."""
    longest, reader = limit or LONGEST_QUESTION, Reader()
    lab = tampered(reader, "prompt", b"x" * (longest + 1), max_question_chars=limit)
    assert lab.lookup(AGAIN) is None
    assert reader.read == []
    assert lab.events[-2] == Failed("lookup", "entry", "TooLong")
    assert lab.last.reason == "unreadable_entry"
    assert tampered(reader, "prompt", b"x" * longest, max_question_chars=limit).lookup(AGAIN)
    assert reader.read == ["x" * longest]


@pytest.mark.parametrize("field", ["prompt", "response"])
def test_guards_read_what_is_signed(field: str) -> None:
    """With a key the signature is looked at first, so that nobody else decides what guards read."""
    reader = Reader()
    lab = tampered(reader, field, b"of somebody", signer=Signer("0123456789abcdef"))
    assert lab.lookup(AGAIN) is None
    assert reader.read == []
    assert lab.events[-2] == Failed("lookup", "entry", "Unsigned")
    lab.events.clear()
    assert lab.lookup(FAR) is None
    assert [type(event).__name__ for event in lab.events] == ["Embedded", "Miss"]
    assert lab.last.reason == "distance"


def test_signatures_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hit by meaning pays for one."""
    signer, computed = Signer("0123456789abcdef"), list[str]()
    verify = signer.verify
    monkeypatch.setattr(
        signer, "verify", lambda key, fields: computed.append(key) or verify(key, fields)
    )
    lab = stocked(signer=signer)
    assert lab.lookup(AGAIN) is not None
    assert len(computed) == 1


def retrieved(question: str, documents: str, overlap: float | None = 0.5) -> str:
    """A prompt with documents named by a letter each."""
    prompt = keyed(
        ChatPromptTemplate.from_messages([("system", "{context}"), ("human", "{question}")]),
        documents="context",
        identical=None,
        tags=lambda inputs: list(inputs["context"]),
        overlap=overlap,
    )
    return dumps(prompt.invoke({"context": documents, "question": question}).to_messages())


SAME, REWORDED = "Capital of France?", "France's capital?"


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("question", [SAME, REWORDED])
def test_overlap(question: str, signed: bool) -> None:
    """Served while enough of its documents are retrieved; otherwise answered anew from those."""
    signer = Signer("0123456789abcdef") if signed else None
    lab = Lab(World(vectors=dict(ANGLES)), signer=signer)
    lab.update(retrieved(SAME, "abcd"))
    assert lab.lookup(retrieved(question, "abxy")) == ANSWER
    assert lab.lookup(retrieved(question, "axyz")) is None
    assert lab.last.reason == "other_documents"
    assert lab.last.entry is not None
    lab.update(retrieved(question, "axyz"))
    assert lab.lookup(retrieved(question, "axyz")) == ANSWER
    # Who does not ask for it is served whatever the documents are.
    assert lab.lookup(retrieved(question, "pqrs", overlap=None)) == ANSWER


def test_overlap_unknown() -> None:
    """An answer that was stored without its documents is none for who asks for them."""
    lab = Lab(World(vectors=dict(ANGLES)))
    lab.update(retrieved(SAME, "abcd", overlap=None))
    for question in (SAME, REWORDED):
        assert lab.lookup(retrieved(question, "abcd")) is None
        assert lab.last.reason == "other_documents"


def test_overlap_farther_on() -> None:
    """The next nearest answer is served where the nearest was made from other documents."""
    vectors: dict[str, Any] = {**ANGLES, "Capital?": ANGLES[REWORDED]}
    lab = Lab(World(vectors=vectors))
    lab.update(retrieved("Capital?", "xyz"))
    lab.update(retrieved(SAME, "abc"))
    assert lab.lookup(retrieved(REWORDED, "abc")) == ANSWER


def test_overlap_goes_first() -> None:
    """No verifier is asked about an answer that its documents rule out, nor by an alias of it."""
    lab = Lab(
        World(vectors=dict(ANGLES)), policy=Verified(DistancePolicy(0.15, {}), lambda *_: True)
    )
    world = BehindTheCall(lab)
    lab.update(retrieved(SAME, "abcd"))
    assert lab.lookup(retrieved(REWORDED, "wxyz"), answer=world) is None
    assert world.asked == []
    assert lab.lookup(retrieved(REWORDED, "abcd"), answer=world) == ANSWER
    assert len(world.asked) == 1
    assert lab.lookup(retrieved(REWORDED, "abcd"), answer=world) == ANSWER
    assert lab.lookup(retrieved(REWORDED, "wxyz"), answer=world) is None
    assert len(world.asked) == 1
