"""Entries are written and stored again; what is there, or over, or none, is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from langchain_redis_semcache._effects import Embed, EmbeddingUnavailableError, Request, Send
from langchain_redis_semcache.entry.signing import Signer
from langchain_redis_semcache.flows.transfer import export, restore
from tests.lab import Lab, run, stocked


def lines_of(lab: Lab, vectors: bool = True) -> list[str]:
    def answer(request: Request) -> Any:
        assert isinstance(request, Send)
        replies = []
        for command in request.commands:
            if command[0] == "HEXISTS":
                replies.append(int("vector" in lab.world.hashes[str(command[1])]))
            else:
                replies += lab.world(Send([command]))
        return replies

    return [line for flow in export(lab.core, vectors) for line in run(flow, answer)]


def came_to(lab: Lab, *lines: str, embeds: bool = True, fails: bool = False) -> Any:
    """Store lines in a lab's world; return what each came to, and the keys that were stored."""
    put: dict[str, dict[str, Any]] = {}

    def answer(request: Request) -> Any:
        if isinstance(request, Embed) and fails:
            raise EmbeddingUnavailableError("RuntimeError")
        if isinstance(request, Send) and request.commands[0][0] == "EVAL":
            _, _, _, key, left, *pairs = request.commands[0]
            fields = dict(zip([bytes(p).decode() for p in pairs[::2]], pairs[1::2], strict=True))
            put[str(key)] = {"left": left, **fields}
            return [int(str(key) not in lab.world.hashes)]
        return lab.world(request)

    outcomes = [one for flow in restore(lab.core, lines, embeds) for one in run(flow, answer)]
    return outcomes, put


def changed(line: str, **fields: Any) -> str:
    return json.dumps({**json.loads(line), **fields})


def test_to_the_same_model() -> None:
    """With its vector an entry is stored as it was, and nothing is embedded."""
    lab = stocked()
    (line,) = lines_of(lab)
    ((key, stored),) = lab.world.hashes.items()
    other = Lab()
    outcomes, put = came_to(other, line, "\n")
    assert outcomes == ["stored"]
    assert put[key]["left"] == 0
    assert {name: put[key][name] for name in ("prompt", "vector", "scope")} == {
        name: stored[name] for name in ("prompt", "vector", "scope")
    }
    assert "embed" not in other.world.names


@pytest.mark.parametrize("vectors", [True, False])
def test_to_another_model(vectors: bool) -> None:
    """What was embedded by another model is embedded again, and in the same scope there."""
    lab = stocked()
    (line,) = lines_of(lab, vectors)
    line = changed(line, variant="0" * 8)
    outcomes, put = came_to(Lab(), line)
    ((key, stored),) = put.items()
    assert outcomes == ["stored"]
    assert [key] == list(lab.world.hashes)
    assert stored["vector"]


def test_without_an_embedder() -> None:
    """A shell that has no model puts entries where they came from, if it has their vectors."""
    lab = stocked()
    (line,) = lines_of(lab)
    elsewhere = changed(line, variant="0" * 8)
    (without,) = lines_of(lab, vectors=False)
    outcomes, put = came_to(Lab(), elsewhere, without, embeds=False)
    assert outcomes == ["stored", "without_vector"]
    assert [key.startswith("app::00000000:") for key in put] == [True]
    exact = changed(without, by_meaning=False, variant="0" * 8)
    outcomes, put = came_to(Lab(), exact, embeds=False)
    assert outcomes == ["stored"]
    assert all(key.startswith("app::00000000:") and "vector" not in e for key, e in put.items())


def test_left_alone() -> None:
    """What is there stays, what is over stays away, what is none is said, and so is a failure."""
    lab = stocked()
    (line,) = lines_of(lab, vectors=False)
    assert came_to(lab, line)[0] == ["present"]
    assert came_to(Lab(), changed(line, expires_at=1.0)) == (["expired"], {})
    wrong = changed(line, answer={"v": 1, "generations": [{"lc": 1, "id": ["os", "system"]}]})
    assert came_to(Lab(), "no line", wrong) == (["unreadable", "unreadable"], {})
    assert came_to(Lab(max_answer_bytes=3), line)[0] == ["unreadable"]
    assert came_to(Lab(), line, fails=True) == (["not_embedded"], {})


@pytest.mark.parametrize("vector", ["", "YWJj", "AAAA"])
def test_no_vector(vector: str) -> None:
    """A line whose vector is none is no entry, and stops nobody."""
    (line,) = lines_of(stocked())
    assert came_to(Lab(), changed(line, vector=vector), line)[0] == ["unreadable", "stored"]


@pytest.mark.parametrize("tenant", ["acme", "0123456789abcdef" * 2])
def test_signed_and_hidden(tenant: str) -> None:
    """Whoever has a key signs what it stores; a tenant that is to be hidden is."""
    lab = stocked(namespace=tenant)
    (line,) = lines_of(lab)
    signer = Signer("s" * 16)
    _, put = came_to(Lab(signer=signer, hides_namespaces=True), line)
    ((key, stored),) = put.items()
    assert tenant.encode() not in stored["namespace"]
    assert signer.verify(key, {name.encode(): value for name, value in stored.items()})
    (again,) = lines_of(stocked(namespace=tenant, hides_namespaces=True))
    assert came_to(Lab(hides_namespaces=True), again)[1][key]["namespace"] == stored["namespace"]
