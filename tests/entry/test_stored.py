"""Whatever is stored is shown as far as it can be read, and filters mean what they say."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_redis_semcache.entry.answer import encode
from langchain_redis_semcache.entry.schema import tag_id
from langchain_redis_semcache.entry.stored import Wanted, answer_text, check_limit, is_entry, read
from langchain_redis_semcache.errors import ConfigurationError
from tests.lab import CALL

ROOT = "app::"
KEY = f"{ROOT}{'a' * 8}:{'b' * 32}:{'c' * 32}"
OTHER = f"{ROOT}{'a' * 8}:{'b' * 32}:{'d' * 32}"
PARIS = encode([Generation(text="Paris, of course.")])


def fetched(**changes: Any) -> list[Any]:
    fields: dict[str, Any] = {
        "prompt": b"Capital of France?",
        "response": PARIS,
        "of": None,
        "created_at": b"1000.5",
        "model": b"m1",
        "namespace": b"acme",
        "tags": b"faq, v2",
        "right": b"2",
        "tag_ids": f"{tag_id('faq')},{tag_id('v2')}".encode(),
    }
    return list({**fields, **changes}.values())


def picked(values: list[Any] | None = None, **wanted: Any) -> bool:
    found = Wanted(**wanted).pick(ROOT, [KEY], [values or fetched(), -1], 2000.0)
    return bool(found.meant)


def test_read() -> None:
    """An entry says what it is."""
    one = read(ROOT, KEY, fetched(), 90_500, 1010.5)
    assert one is not None
    assert (one.question, one.answer) == ("Capital of France?", "Paris, of course.")
    assert (one.model, one.namespace, one.tags) == ("m1", "acme", ("faq", "v2"))
    assert (one.created_at, one.age, one.ttl) == (1000.5, 10.0, 90.5)
    assert one.alias_of is None
    assert one.right == 2


@pytest.mark.parametrize("count", [None, b"x", b"-1", b"nan"])
def test_unreadable_count(count: Any) -> None:
    """Whatever is stored as a count is a number."""
    one = read(ROOT, KEY, fetched(right=count), -1, 2000.0)
    assert one is not None
    assert one.right == 0


def test_read_alias() -> None:
    """An alias has no answer and names its entry."""
    one = read(ROOT, KEY, fetched(response=None, of=OTHER.encode()), -1, 2000.0)
    assert one is not None
    assert (one.answer, one.alias_of, one.ttl) == ("", OTHER, None)


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        [b"x"],
        fetched(prompt=None),
        fetched(response=None),
        fetched(response=None, of=b"other::x"),
    ],
)
def test_no_entry(values: Any) -> None:
    """What has gone, is of another type, or leads outside of the name is none."""
    assert read(ROOT, KEY, values, -2, 0.0) is None


@pytest.mark.parametrize("created", [None, b"", b"nan", b"1e999", b"\xff", b"x"])
def test_unreadable_time(created: Any) -> None:
    """An entry whose time cannot be read has no age, and is not older than anything."""
    one = read(ROOT, KEY, fetched(created_at=created), -1, 2000.0)
    assert one is not None
    assert (one.created_at, one.age) == (None, None)
    assert not picked(fetched(created_at=created), older=1)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (PARIS, "Paris, of course."),
        (encode([ChatGeneration(message=AIMessage("Hello")), Generation(text="x")]), "Hello\n\nx"),
        (
            encode([ChatGeneration(message=AIMessage(["a", {"type": "text", "text": "b"}, {}]))]),
            "ab",
        ),
        (encode(CALL), ""),
        (b"no json", "no json"),
        (b"[" * 100_000, "[" * 100_000),
        (b"\xff", "\ufffd"),
        (b"7", "7"),
        (b'{"generations": [5]}', '{"generations": [5]}'),
        (b'{"generations": [{"message": {"content": [5]}}]}', None),
        (b'{"generations": [{"message": 5}]}', '{"generations": [{"message": 5}]}'),
    ],
    ids=range(11),
)
def test_answer_text(data: bytes, text: str | None) -> None:
    """The text of an answer, or what lies there in its place."""
    assert answer_text(data) == (data.decode() if text is None else text)


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ({}, True),
        ({"text": "paris FRANCE"}, True),
        ({"text": "paris germany"}, False),
        ({"tag": "v2"}, True),
        ({"tag": "v"}, False),
        ({"tag": "faq, v2"}, False),
        ({"model": "m1"}, True),
        ({"model": "m"}, False),
        ({"namespace": "acme"}, True),
        ({"namespace": ""}, False),
        ({"older": 999}, True),
        ({"older": timedelta(seconds=1000)}, False),
        ({"text": "paris", "tag": "faq", "model": "m1", "namespace": "acme", "older": 1}, True),
        ({"text": "paris", "tag": "faq", "model": "m2"}, False),
    ],
)
def test_filters(wanted: dict[str, Any], meant: bool) -> None:
    """An entry is meant where every filter fits."""
    assert picked(**wanted) is meant


def test_aliases_are_told_apart() -> None:
    """Aliases are named whether they are meant or not."""
    alias = fetched(response=None, of=OTHER.encode(), model=None)
    found = Wanted(model="m1").pick(ROOT, [KEY, OTHER], [alias, -1, fetched(), -1], 0.0)
    assert [one.key for one in found.meant] == [OTHER]
    assert [one.key for one in found.aliases] == [KEY]


@pytest.mark.parametrize(
    "wanted", [{"text": " "}, {"text": 5}, {"tag": b"x"}, {"older": 0}, {"older": "7d"}]
)
def test_bad_filters(wanted: dict[str, Any]) -> None:
    """A filter that makes no sense is refused by its name."""
    with pytest.raises(ConfigurationError, match=next(iter(wanted))):
        Wanted(**wanted)


def test_bad_limit() -> None:
    """A limit is a number of entries."""
    assert check_limit(None) is None
    with pytest.raises(ConfigurationError, match="limit"):
        check_limit(0)


@pytest.mark.parametrize(
    "key", ["app::audit:x", "app2::x", KEY + "0", KEY[:-1], f"x{KEY}", "", None, json, f"{KEY}\n"]
)
def test_no_key_of_an_entry(key: Any) -> None:
    """Other things below the root, and whatever lies outside of it, are no entries."""
    assert not is_entry(ROOT, key)
    assert is_entry(ROOT, KEY)
