"""What an update stores, and that it does so whole, with its TTL, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.outputs import Generation

from langchain_redis_semcache._effects import Embed, EmbeddingUnavailableError, ErrorReply
from langchain_redis_semcache.entry.answer import encode
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.events import Bypassed, Failed, Stored
from tests.lab import AGAIN, ANGLES, ANSWER, ASKED, CALL, FAR, Failing, Lab, World, chat, script


def test_one_embedding_per_miss() -> None:
    """The vector of a missed lookup is stored by the update that follows."""
    lab = Lab()
    lab.lookup(ASKED)
    lab.update(ASKED)
    assert lab.world.names == ["HMGET", "embed", "FT.SEARCH", "FT.CREATE", "UNLINK HSET"]
    assert lab.reporter.stats().embeddings == 1
    assert isinstance(lab.last, Stored)
    assert (lab.last.model, lab.last.size) == ("m1", len(encode(ANSWER)))


def test_stored_at_once() -> None:
    """Where the lookup embedded nothing the answer is stored first; its vector comes behind."""
    lab = Lab(World(dict(ANGLES)))
    lab.update(ASKED)
    assert lab.world.names == ["UNLINK HSET", "embed", "FT.CREATE", "EVAL"]
    assert lab.lookup(AGAIN) == ANSWER


@pytest.mark.parametrize("key", [None, "k" * 16])
def test_nothing_in_the_scope(key: str | None) -> None:
    """In a scope without entries a lookup embeds nothing, in one that has some it does."""
    lab = Lab(World(dict(ANGLES)), signer=None if key is None else Signer(key))
    lab.update(FAR)
    lab.world.requests.clear()
    lab.lookup(ASKED, "another model")
    assert (lab.world.names, lab.last.reason) == (["HMGET FT.AGGREGATE"], "no_candidate")
    lab.update(ASKED, model="another model")
    assert lab.world.names[1:] == ["UNLINK HSET", "embed", "EVAL"]
    lab.world.requests.clear()
    assert lab.lookup(AGAIN, "another model") == ANSWER
    assert lab.world.names == ["HMGET", "embed", "FT.SEARCH"]


def test_of_another_process() -> None:
    """What others stored is found: the index is asked, not this process's memory alone."""
    ours = Lab(World(dict(ANGLES)))
    theirs = Lab(ours.world)
    ours.update(chat("of another model"), model="m0")
    theirs.update(ASKED)
    ours.world.requests.clear()
    assert ours.lookup(AGAIN) == ANSWER
    assert ours.world.names == ["HMGET FT.AGGREGATE", "embed", "FT.SEARCH"]


@pytest.mark.parametrize("withdrawn", ["deleted", "replaced"])
def test_withdrawn_before_its_vector_came(withdrawn: str) -> None:
    """A vector brings nothing back, and belongs to the answer that it was made for."""
    lab = Lab()

    def meanwhile(request: Any) -> Any:
        if isinstance(request, Embed):
            (entry,) = lab.world.hashes.values()
            entry["response"] = b"another"
            if withdrawn == "deleted":
                lab.world.hashes.clear()
        return lab.world(request)

    lab.update(ASKED, answer=meanwhile)
    assert not [entry for entry in lab.world.hashes.values() if "vector" in entry]
    assert bool(lab.world.hashes) is (withdrawn == "replaced")


def test_scripts_refused() -> None:
    """Who may not run scripts has vectors stored with their entries, from the next one on."""
    lab = Lab()
    refused = ErrorReply("NOPERM", "NOPERM this user has no permissions to run 'eval'")
    lab.update(ASKED, answer=script([0, 6], [1, 0], [b"OK"], [refused]))
    assert dict(lab.reporter.stats().failures) == {"vector": 1}
    lab.core.drop()
    lab.update(ASKED)
    assert lab.world.names == ["embed", "UNLINK HSET"]
    (entry,) = lab.world.hashes.values()
    assert "vector" in entry


def test_one_failed_embedding_per_miss() -> None:
    """The update does not wait for the embedder that has just failed the lookup."""
    lab = Lab()
    failed = EmbeddingUnavailableError("TimeoutError")
    lab.lookup(ASKED, answer=script([[None] * 9], failed))
    lab.update(ASKED)
    assert lab.world.names == ["UNLINK HSET"]
    lab.update(ASKED)
    assert "embed" in lab.world.names


def test_entry() -> None:
    """An entry holds readable text, its scope and its vector, and nothing it does not need."""
    lab = Lab()
    lab.update(ASKED)
    (entry,) = lab.world.hashes.values()
    assert set(entry) == {"prompt", "response", "scope", "created_at", "model", "vector", "parts"}
    assert entry["prompt"] == b"Capital of France?"
    assert b"Paris." in entry["response"]
    assert entry["model"] == b"m1"
    lab.update(chat("x"), model="unknown")
    assert sum("model" in entry for entry in lab.world.hashes.values()) == 1


def test_stored_at_once_again() -> None:
    """Entries that overwrite one another within a millisecond differ by their time: what belongs
    to one of them, such as an alias or a recorded hit, must not be taken for the next one's."""
    lab = Lab()
    times = []
    for _ in range(20):
        lab.update(ASKED)
        (entry,) = lab.world.hashes.values()
        times.append(entry["created_at"])
    assert len(set(times)) == len(times)


def test_odd_label() -> None:
    """A model may have any name: what is sent can be sent."""
    lab = Lab()
    lab.update(ASKED, model=r"[('model', '\ud800')]")
    (entry,) = lab.world.hashes.values()
    assert entry["model"] == "\ud800".encode("utf-8", "surrogatepass")


def test_tags() -> None:
    """Tags are stored readable and as digests that are safe in a query."""
    lab = Lab()
    with lab.options.using(tags=("faq", "}|{*")):
        lab.update(ASKED)
    (entry,) = lab.world.hashes.values()
    assert entry["tags"] == b"faq, }|{*"
    assert all(len(part) == 32 and part.isalnum() for part in entry["tag_ids"].split(b","))


@pytest.mark.parametrize(
    ("ttl", "of_call", "milliseconds"),
    [(None, None, None), (60, None, 60_000), (60, 1.5, 1500), (None, 5, 5000), (1e-4, None, 1)],
)
def test_ttl(ttl: float | None, of_call: float | None, milliseconds: int | None) -> None:
    """The TTL is set in the transaction that writes the entry."""
    lab = Lab(ttl=ttl)
    with lab.options.using(ttl=of_call):
        lab.update(ASKED)
    request = lab.world.requests[0]
    assert request.atomic  # type: ignore[union-attr]
    expiry = [c[2] for c in request.commands if c[0] == "PEXPIRE"]  # type: ignore[union-attr]
    assert expiry == ([] if milliseconds is None else [milliseconds])


def test_overwritten_whole() -> None:
    """An update leaves no field of what was there before."""
    lab = Lab()
    with lab.options.using(tags=("old",), ttl=5):
        lab.update(ASKED)
    lab.update(ASKED, CALL)
    (entry,) = lab.world.hashes.values()
    assert "tags" not in entry
    assert "vector" not in entry
    assert not lab.world.ttl


def test_index_is_created_once() -> None:
    """The index is created by the first update, and again once a search has missed it."""
    lab = Lab()
    for n in range(3):
        lab.update(chat(str(n)))
    assert lab.world.names.count("FT.CREATE") == 1
    lab.world.indexes.clear()
    lab.lookup(ASKED)
    lab.update(ASKED)
    assert lab.world.names.count("FT.CREATE") == 2
    assert lab.world.indexes


@pytest.mark.parametrize(
    ("reply", "failures", "again"),
    [
        (ErrorReply("ERR", "Index already exists"), {}, False),
        (ErrorReply("NOPERM", "NOPERM no permissions"), {}, False),
        (ErrorReply("OOM", "OOM"), {"search": 1}, True),
        (ErrorReply("ERR", "ERR unknown command 'FT.CREATE'"), {"search": 1}, False),
    ],
)
def test_index_refused(reply: ErrorReply, failures: dict[str, int], again: bool) -> None:
    """An entry is stored even where its index cannot be created."""
    lab = Lab()
    lab.update(ASKED, answer=script([0, 6], [1, 0], [reply], [1]))
    assert any(isinstance(event, Stored) for event in lab.events)
    assert dict(lab.reporter.stats().failures) == failures
    lab.update(ASKED)
    assert ("FT.CREATE" in lab.world.names) is again


def test_create_index_false() -> None:
    """With `create_index=False` no index is created, and entries get their vector."""
    lab = Lab(create_index=False)
    lab.update(ASKED)
    assert lab.world.names == ["UNLINK HSET", "embed", "EVAL"]
    (entry,) = lab.world.hashes.values()
    assert "vector" in entry


@pytest.mark.parametrize(
    ("answers", "changes", "reason"),
    [
        ([Generation(text="")], {}, "empty_answer"),
        ([Generation(text="a", generation_info={"x": {1}})], {}, "not_plain_data"),
        ([Generation(text="a" * 200)], {"max_answer_bytes": 100}, "answer_too_large"),
        (ANSWER, {"admission": lambda q, g: "private" if "France" in q else None}, "private"),
    ],
)
def test_not_stored(answers: list[Generation], changes: dict[str, Any], reason: str) -> None:
    """What may not or cannot be stored is left out with a reason."""
    lab = Lab(**changes)
    lab.update(ASKED, answers)
    assert lab.events == [Bypassed("update", reason)]
    assert not lab.world.hashes


def test_update_without_tenant() -> None:
    """Nothing is stored where the namespace is unknown."""
    lab = Lab(namespace=lambda: 1 / 0)
    lab.update(ASKED)
    assert lab.events == [Failed("update", "namespace", "ZeroDivisionError")]
    assert not lab.world.requests


def test_store_refused() -> None:
    """A refused write is an event; the answer has long been the application's."""
    lab = Lab()
    lab.update(ASKED, answer=script([ErrorReply("OOM", "x")] * 2))
    assert lab.events == [Failed("update", "store", "OOM")]


# -- a failure at every step ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "stored", "vector"),
    [(0, False, False), (1, True, False), (2, True, False), (3, True, False), (4, True, True)],
)
def test_update_fails_at(at: int, stored: bool, vector: bool) -> None:
    """Wherever an update fails it ends; an entry is stored with its TTL or not at all."""
    lab = Lab(ttl=60)
    failing = Failing(lab.world, at)
    lab.update(ASKED, answer=failing)
    assert bool(lab.world.hashes) is stored
    assert any(isinstance(event, Stored) for event in lab.events) is stored
    assert any("vector" in entry for entry in lab.world.hashes.values()) is vector
    assert lab.world.ttl == dict.fromkeys(lab.world.hashes, 60_000)
    stage = {0: "store", 1: "embedding", 2: "vector", 3: "vector"}.get(at)
    assert dict(lab.reporter.stats().failures) == ({stage: 1} if stage else {})
