"""An entry that was not signed with our key, or is not what was signed, is not served."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from langchain_redis_semcache.entry.answer import encode
from langchain_redis_semcache.entry.signing import SIGNED, Signer
from langchain_redis_semcache.errors import ConfigurationError
from tests.lab import ANSWER, Generation, Lab, World, chat, direction

OLD, NEW = b"o" * 16, "n" * 16
ASKED, AGAIN = chat("Capital of France?"), chat("France's capital?")
entries = st.tuples(
    st.text(max_size=4),
    st.dictionaries(st.sampled_from([name.encode() for name in SIGNED]), st.binary(max_size=6)),
)


def carries(fields: dict[bytes, Any], signature: bytes) -> dict[bytes, Any]:
    return {**fields, b"signature": signature}


def said(entry: tuple[str, dict[bytes, bytes]]) -> tuple[str, dict[bytes, bytes]]:
    return entry[0], {name: value for name, value in entry[1].items() if value}


@given(entries, entries)
def test_signatures(
    one: tuple[str, dict[bytes, bytes]], two: tuple[str, dict[bytes, bytes]]
) -> None:
    """A signature holds for the very entry that was signed, in its place, and for no other."""
    signer = Signer(OLD)
    signature = signer.sign(*one)
    assert signer.verify(one[0], carries(one[1], signature))
    assert signer.verify(two[0], carries(two[1], signature)) is (said(one) == said(two))


@given(entries, st.binary(max_size=70))
def test_forged(signed: tuple[str, dict[bytes, bytes]], forged: bytes) -> None:
    """No other bytes pass for a signature."""
    assume(forged != Signer(OLD).sign(*signed))
    assert not Signer(OLD).verify(signed[0], carries(signed[1], forged))


def test_documents() -> None:
    """The documents behind an answer cannot be added, changed or removed; there need be none."""
    signer = Signer(OLD)
    for fields in ({}, {b"documents": b"a"}, {b"documents": b""}):
        signed = carries(fields, signer.sign("x", fields))
        assert signer.verify("x", signed)
        for changed in (None, b"", b"b"):
            if changed != fields.get(b"documents"):
                assert not signer.verify("x", {**signed, b"documents": changed})


def test_rotation() -> None:
    """Every key of the list is accepted, the first one signs."""
    old, new, both = Signer(OLD), Signer(NEW), Signer([NEW, OLD])
    signed = carries({}, old.sign("x", {}))
    assert both.verify("x", signed)
    assert both.sign("x", {}) == new.sign("x", {})
    assert not new.verify("x", signed)


@pytest.mark.parametrize("keys", ["", b"", "short", [], [OLD, b"short"], b"x" * 15])
def test_weak_keys(keys: Any) -> None:
    """A key that can be guessed is refused, with what to write and without the key."""
    with pytest.raises(ConfigurationError, match=r"signing_key.*secrets\.token_bytes") as caught:
        Signer(keys)
    assert "short" not in str(caught.value)


# -- in the flows --------------------------------------------------------------------------------


def signed(keys: Any = OLD, world: World | None = None) -> Lab:
    return Lab(world or World({"France's capital?": direction(20)}), signer=Signer(keys))


@pytest.mark.parametrize("prompt", [ASKED, AGAIN])
def test_served(prompt: str) -> None:
    """What we signed is served, exactly and by meaning."""
    lab = signed()
    lab.update(ASKED)
    assert lab.lookup(prompt) == ANSWER


FORGERIES: list[dict[str, Any]] = [
    {"response": encode([Generation(text="Lyon.")])},
    {"prompt": b"France's capital!"},
    {"created_at": b"99999999999"},
    {"signature": b"0" * 64},
    {"signature": b""},
    {"signature": "a string"},
    {"signature": None},
    {"response": None},
]


@pytest.mark.parametrize("forged", FORGERIES, ids=str)
@pytest.mark.parametrize("prompt", [ASKED, AGAIN])
def test_tampered(prompt: str, forged: dict[str, Any]) -> None:
    """An entry changed in any field that is served or compared is a miss."""
    lab = signed()
    lab.update(ASKED)
    (entry,) = lab.world.hashes.values()
    entry.update(forged)
    assert lab.lookup(prompt) is None
    assert isinstance(forged.get("response", b""), bytes) or prompt
    assert lab.last.reason in ("unreadable_entry", "no_candidate", "foreign_reply")


def test_moved_vector() -> None:
    """A vector cannot be put to another question's answer."""
    lab = signed()
    lab.update(ASKED)
    lab.world.vectors["Tell me a joke"] = direction(90)
    lab.update(chat("Tell me a joke"), [Generation(text="Ha.")])
    first, second = lab.world.hashes.values()
    first["vector"], second["vector"] = second["vector"], first["vector"]
    assert lab.lookup(AGAIN) is None
    assert lab.last.reason == "unreadable_entry"


def test_transplanted() -> None:
    """An entry copied to another question's or another scope's key is a miss."""
    lab = signed()
    lab.update(ASKED)
    (entry,) = lab.world.hashes.values()
    lab.update(chat("Other"), [Generation(text="other")])
    lab.update(ASKED, [Generation(text="m2")], "m2")
    for other in lab.world.hashes.values():
        other.update(entry)
    # As it still says what it answers, it looks like somebody else's reply.
    assert lab.lookup(chat("Other")) is None
    assert lab.last.reason == "foreign_reply"
    assert lab.lookup(ASKED, "m2") is None
    assert lab.last.reason == "foreign_reply"
    for other in lab.world.hashes.values():
        other["prompt"] = b"Other"
    assert lab.lookup(chat("Other")) is None
    assert lab.last.reason == "unreadable_entry"


def test_rotated_in_the_flows() -> None:
    """Entries outlive a rotation of keys, not the removal of theirs; the next store heals."""
    lab = signed(OLD)
    lab.update(ASKED)
    assert signed([NEW, OLD], lab.world).lookup(ASKED) == ANSWER
    later = signed(NEW, lab.world)
    assert later.lookup(ASKED) is None
    assert dict(later.reporter.stats().failures) == {"entry": 1}
    later.update(ASKED)
    assert later.lookup(AGAIN) == ANSWER


def test_unsigned() -> None:
    """Entries stored before signing was switched on are not served."""
    lab = Lab()
    lab.update(ASKED)
    assert signed(OLD, lab.world).lookup(ASKED) is None


def test_replayed() -> None:
    """An expired entry that somebody puts back is a miss, with its ttl or without."""
    lab = signed()
    lab = Lab(lab.world, signer=Signer(OLD), ttl=60)
    lab.update(ASKED)
    (entry,) = lab.world.hashes.values()
    assert lab.lookup(AGAIN) == ANSWER
    del entry["ttl"]
    assert lab.lookup(ASKED) is None
    (again,) = replayed(lab)
    assert again is None


def replayed(lab: Lab) -> list[Any]:
    """Look up an entry of yesterday that was meant to live for a minute, as it was signed then."""
    signer = Signer(OLD)
    ((key, entry),) = lab.world.hashes.items()
    fields = {name.encode(): value for name, value in entry.items() if name != "signature"}
    fields |= {b"ttl": b"60000", b"created_at": str(time.time() - 86_400).encode()}
    entry.update({name.decode(): value for name, value in fields.items()})
    entry["signature"] = signer.sign(key, fields)
    return [lab.lookup(ASKED)]
