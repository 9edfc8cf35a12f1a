"""Owners find and remove what is stored, whatever embedded it, and nothing outside of the name."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_redis_semcache._effects import ErrorReply, RedisUnavailableError
from langchain_redis_semcache.entry.stored import Entry, Wanted
from langchain_redis_semcache.errors import CacheUnavailableError, ConfigurationError
from langchain_redis_semcache.flows import entries
from tests.lab import AGAIN, ASKED, FAR, Lab, chat, run, script

ALL = Wanted()


def found(lab: Lab, wanted: Wanted = ALL, limit: int | None = None) -> list[Entry]:
    flows = entries.entries(lab.core, wanted, limit)
    return [one for flow in flows for one in run(flow, lab.world)]


def filled(**changes: Any) -> Lab:
    """A lab with three entries, one alias of the first, and what is no entry."""
    lab = Lab(**changes)
    for prompt in (ASKED, AGAIN, FAR):
        lab.update(prompt)
    first = next(iter(lab.world.hashes))
    alias = {"prompt": b"an alias", "of": first.encode(), "created_at": b"1"}
    lab.world.hashes[first[:-32] + "0" * 32] = alias
    lab.world.hashes["app::audit:1"] = {"pairs": b"7"}
    lab.world.hashes["app2::x"] = {}
    lab.world.requests.clear()
    return lab


def key_of(lab: Lab, question: str) -> str:
    (key,) = (one.key for one in found(lab) if one.question == question)
    return key


def test_entries() -> None:
    """Every entry of the name is found, with its aliases, without its vector."""
    lab = filled(namespace="acme")
    questions = {one.question: one.namespace for one in found(lab)}
    assert questions.pop("an alias") == ""
    assert questions == dict.fromkeys(
        ["Capital of France?", "France's capital?", "Tell me a joke"], "acme"
    )
    assert not any("vector" in command for r in lab.world.requests for command in r.commands)  # type: ignore[union-attr]


def test_hidden_namespace() -> None:
    """A hidden namespace is found by who knows it, and read by nobody."""
    lab = Lab(namespace="acme", hides_namespaces=True)
    lab.update(ASKED)
    assert "acme" not in str(lab.world.hashes)
    assert len(found(lab, Wanted(namespace="acme"))) == 1
    assert found(lab, Wanted(namespace="other")) == []
    Lab(lab.world).update(FAR)
    assert len(found(lab, Wanted(namespace=""))) == 1


def test_no_namespace() -> None:
    """Without a namespace nothing is stored of it."""
    lab = Lab()
    lab.update(ASKED)
    assert all("namespace" not in fields for fields in lab.world.hashes.values())


def test_of_another_embedding_model() -> None:
    """Whoever looks for an entry need not have the embedder."""
    lab = filled()
    other = Lab(lab.world)
    object.__setattr__(other.core.settings.schema, "prefix", "app::00000000:")
    assert len(found(other)) == 4


def test_limit_and_repetitions() -> None:
    """A key that SCAN names twice is found once; no batch is fetched beyond the limit."""
    lab = filled()
    keys = [one.key for one in found(lab)]
    batches = [[b"7", keys[:2]], [b"9", []], [b"0", keys]]
    asked: list[Any] = []

    def answer(request: Any) -> Any:
        asked.append(request.commands[0][0])
        return [batches.pop(0)] if request.commands[0][0] == "SCAN" else lab.world(request)

    flows = entries.entries(lab.core, ALL, 3)
    assert [one.key for flow in flows for one in run(flow, answer)] == keys[:3]
    assert asked == ["SCAN", "HMGET", "SCAN", "SCAN", "HMGET"]
    assert len(found(lab, limit=2)) == 2


def test_get() -> None:
    """One entry is shown by its key; what is none, or not of this name, is not asked for."""
    lab = filled()
    key = key_of(lab, "Tell me a joke")
    one = run(entries.get(lab.core, key), lab.world)
    assert (one.question, one.answer) == ("Tell me a joke", "Paris.")
    assert run(entries.get(lab.core, key[:-1] + "x"), script()) is None
    assert run(entries.get(lab.core, key), script([[None] * 8, -2, [None]])) is None
    wrong = ErrorReply("WRONGTYPE", "WRONGTYPE Operation")
    assert run(entries.get(lab.core, key), script([wrong, -1, wrong])) is None


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("by", ["entry", "alias", "words of the entry", "words of the alias"])
def test_remove_with_aliases(by: str, dry_run: bool) -> None:
    """An entry and its aliases go together, whichever of them was named; a dry run only tells."""
    lab = filled()
    before = set(lab.world.hashes)
    entry, alias = key_of(lab, "Capital of France?"), key_of(lab, "an alias")
    key = {"entry": entry, "alias": alias}.get(by)
    words = {"words of the entry": "capital OF", "words of the alias": "alias"}.get(by)
    gone = run(entries.remove(lab.core, key, Wanted(text=words), dry_run), lab.world)
    assert {one.key for one in gone} == {entry, alias}
    assert before - set(lab.world.hashes) == (set() if dry_run else {entry, alias})


def test_aliases() -> None:
    """The other wordings of an entry are found; a key that is none of ours has none."""
    lab = filled()
    entry = key_of(lab, "Capital of France?")
    found = run(entries.aliases(lab.core, entry), lab.world)
    assert [one.question for one in found] == ["an alias"]
    assert run(entries.aliases(lab.core, key_of(lab, "Tell me a joke")), lab.world) == []
    assert run(entries.aliases(lab.core, "app2::x"), script()) == []


def test_remove_by_filter() -> None:
    """What the filters mean goes, and an alias that has lost its entry."""
    lab = filled()
    lab.update(chat("of another model"), model="[('model', 'm2')]")
    gone = run(entries.remove(lab.core, None, Wanted(model="m1"), False), lab.world)
    assert len(gone) == 4
    assert [one.question for one in found(lab)] == ["of another model"]
    assert {"app::audit:1", "app2::x"} <= set(lab.world.hashes)


def test_alias_without_its_entry() -> None:
    """An alias that leads nowhere is removed by itself."""
    lab = filled()
    alias = key_of(lab, "an alias")
    del lab.world.hashes[key_of(lab, "Capital of France?")]
    gone = run(entries.remove(lab.core, alias, ALL, False), lab.world)
    assert [one.key for one in gone] == [alias]


def test_nothing_to_remove() -> None:
    """A key that is not there removes nothing."""
    lab = filled()
    assert run(entries.remove(lab.core, "app::nothing", ALL, False), script()) == []


@pytest.mark.parametrize(("key", "wanted"), [(None, ALL), ("app::x", Wanted(text="x"))])
def test_remove_what(key: str | None, wanted: Wanted) -> None:
    """Neither everything nor two things at once are removed by accident."""
    with pytest.raises(ConfigurationError, match=r"clear\(\) removes all"):
        run(entries.remove(Lab().core, key, wanted, False), script())


@pytest.mark.parametrize("error", [RedisUnavailableError("Boom"), [ErrorReply("NOPERM", "x")]])
def test_unavailable(error: Any) -> None:
    """What was asked for explicitly and did not happen is an exception."""
    with pytest.raises(CacheUnavailableError, match=r"Boom|NOPERM"):
        run(next(entries.entries(Lab().core, ALL, None)), script(error))
