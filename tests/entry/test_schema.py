"""Names and keys: nothing that a user gives reaches outside of the cache's own keys."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.entry.schema import (
    IndexType,
    Schema,
    check_name,
    hidden,
    is_hidden,
    name_of,
    tag_id,
)
from langchain_redis_semcache.entry.vector import VectorType
from langchain_redis_semcache.errors import ConfigurationError
from langchain_redis_semcache.question.digest import digest
from tests.strategies import NASTY, nasty_text

SCHEMA = Schema("app", "emb", "float32", "hnsw")
SCOPE = digest("scope")


@pytest.mark.parametrize("name", ["app", "a", "support-bot", "a.b_c", "team:app", "A1", "x" * 128])
def test_names(name: str) -> None:
    """Ordinary names are taken as they are."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ":", "a:", ":a", "a::b", "a b", "a*", "a?", "a[b", "a{b}", "a\n", "ä", "x" * 129, None, 5]
    + [f"a{c}b" for c in NASTY if c not in (":", "2:")],
)
def test_bad_names(name: object) -> None:
    """Separators, glob characters, empty and foreign names are refused, with what to write."""
    with pytest.raises(ConfigurationError, match=r"name and prefix .* e\.g\. name="):
        check_name(name)  # type: ignore[arg-type]


names = st.from_regex(r"[A-Za-z0-9_.-]{1,3}(:[A-Za-z0-9_.-]{1,3}){0,2}", fullmatch=True)


@given(names, names)
def test_no_root_begins_another(one: str, two: str) -> None:
    """No cache's keys are below another's, and no glob of one matches another's."""
    first, second = (Schema(check_name(n), "emb", "float32", "hnsw") for n in (one, two))
    assert second.key(SCOPE, "x").startswith(first.root) is (one == two)
    assert second.index(3).startswith(first.root) is (one == two)
    assert not set("*?[]\\^") & set(first.root)


@given(names)
def test_name_of(name: str) -> None:
    """A name is read off what lies below it, and off nothing else."""
    schema = Schema(name, "emb", "float32", "hnsw")
    assert {name_of(schema.key(SCOPE, "x")), name_of(schema.index(3))} == {name}
    assert {name_of(name), name_of(f"{name}::audit:x"), name_of(f"{name}:0a0a0a0a:x")} == {None}


@given(nasty_text, nasty_text)
def test_keys(one: str, two: str) -> None:
    """Keys are equal exactly for equal texts, and hold nothing of them."""
    assert (SCHEMA.key(SCOPE, one) == SCHEMA.key(SCOPE, two)) is (one == two)
    assert re.fullmatch(r"app::[0-9a-f]{8}:[0-9a-f]{32}:[0-9a-f]{32}", SCHEMA.key(SCOPE, one))


@pytest.mark.parametrize(
    "changed", [{"embedding_id": "other"}, {"vector_type": "float16"}, {"name": "app2"}]
)
def test_variants(changed: dict[str, str]) -> None:
    """Another embedding model or vector type begins beside the old entries."""
    fields = {f.name: getattr(SCHEMA, f.name) for f in dataclasses.fields(SCHEMA) if f.init}
    other = Schema(**{**fields, **changed})
    assert other.prefix != SCHEMA.prefix
    assert not other.key(SCOPE, "x").startswith(SCHEMA.prefix)


METRIC = ("DISTANCE_METRIC", "COSINE")


@pytest.mark.parametrize(
    ("index_type", "vector_type", "tail"),
    [
        ("hnsw", "float32", ["HNSW", 10, "TYPE", "FLOAT32", "DIM", 3, *METRIC,
                             "M", 16, "EF_CONSTRUCTION", 200]),
        ("flat", "bfloat16", ["FLAT", 6, "TYPE", "BFLOAT16", "DIM", 3, *METRIC]),
    ],
)  # fmt: skip
def test_create(index_type: IndexType, vector_type: VectorType, tail: list[object]) -> None:
    """FT.CREATE indexes this variant's keys only: tags and the vector, no text."""
    schema = Schema("app", "emb", vector_type, index_type)
    command = list(schema.create(3))
    assert command[:2] == ["FT.CREATE", schema.index(3)]
    assert command[2:7] == ["ON", "HASH", "PREFIX", 1, schema.prefix]
    assert command[7:12] == ["SCHEMA", "scope", "TAG", "tag_ids", "TAG"]
    assert command[12:] == ["vector", "VECTOR", *tail]
    assert schema.index(3) != schema.index(4)


@given(nasty_text, nasty_text)
def test_tags(one: str, two: str) -> None:
    """Tags have an indexed form that needs no escaping and is equal exactly for equal tags."""
    assert re.fullmatch("[0-9a-f]{32}", tag_id(one))
    assert (tag_id(one) == tag_id(two)) is (one == two)


@pytest.mark.parametrize("namespace", [*NASTY, "acme", digest("acme"), ""])
def test_hidden(namespace: str) -> None:
    """What hides a namespace is told from one that is hidden, whatever tenants are named."""
    assert is_hidden(hidden(namespace))
    assert not is_hidden(namespace)
    assert hidden(namespace) != hidden(f"{namespace}2")
