"""Names and shapes in Redis: index, keys, fields, FT.CREATE.

Everything of one cache is below `{name}::`. Names cannot contain "::", so no cache's prefix is
the beginning of another's. The variant in a key changes with the embedding model, the vector
type and the schema version: a new one begins beside the old one and neither sees the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from .._effects import Command
from ..errors import ConfigurationError
from ..question.digest import digest
from .vector import VectorType

SCHEMA_VERSION = 1
VECTOR = "vector"
IndexType = Literal["hnsw", "flat"]

# HNSW graph: see docs/benchmarks.md for the measurement that chose them.
HNSW_M = 16
HNSW_EF_CONSTRUCTION = 200

_HIDDEN = re.compile(r"#[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)*")
_BELOW = re.compile(rf"({_NAME.pattern})::[0-9a-f]{{8}}:")


def check_name(name: str) -> str:
    """Refuse names that could reach outside of their own keys."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 128:
        raise ConfigurationError(
            "name and prefix must consist of letters, digits, '_', '-', '.' and single ':' between "
            "them, at most 128 characters, e.g. name='support-bot'; for tenants use namespace="
        )
    return name


def name_of(key: str) -> str | None:
    """Return the name that an entry or an index belongs to by its key; None where it is neither."""
    found = _BELOW.match(key)
    return None if found is None else found[1]


@dataclass(frozen=True)
class Schema:
    """Where the entries of one cache with one embedding model live."""

    name: str
    embedding_id: str
    vector_type: VectorType
    index_type: IndexType
    vector_field: str = VECTOR
    prefix: str = field(init=False)

    def __post_init__(self) -> None:
        variant = digest(f"schema {SCHEMA_VERSION}", self.embedding_id, self.vector_type)[:8]
        object.__setattr__(self, "prefix", f"{self.name}::{variant}:")

    @property
    def root(self) -> str:
        """What every key and index of this name begins with, whatever its variant."""
        return f"{self.name}::"

    def start(self, scope: str) -> str:
        """Return what the keys of a scope's entries begin with, and no others."""
        return f"{self.prefix}{scope}:"

    def key(self, scope: str, text: str) -> str:
        return f"{self.start(scope)}{digest(text)}"

    def index(self, dimensions: int) -> str:
        of = "" if self.vector_field == VECTOR else f"{self.vector_field}:"
        return f"{self.prefix}{of}{dimensions}:{self.index_type}"

    def beside(self, embedding_id: str) -> Schema:
        """Return the same entries as found by vectors of another embedding model."""
        return replace(self, vector_field=f"near_{digest('near', embedding_id)[:8]}")

    def create(self, dimensions: int) -> Command:
        """Return the FT.CREATE command; it uses only what valkey-search knows as well."""
        vector: tuple[str | int, ...] = (
            "TYPE",
            self.vector_type.upper(),
            "DIM",
            dimensions,
            "DISTANCE_METRIC",
            "COSINE",
        )
        if self.index_type == "hnsw":
            vector += ("M", HNSW_M, "EF_CONSTRUCTION", HNSW_EF_CONSTRUCTION)
        return (
            *("FT.CREATE", self.index(dimensions), "ON", "HASH", "PREFIX", 1, self.prefix),
            *("SCHEMA", "scope", "TAG", "tag_ids", "TAG"),
            *(self.vector_field, "VECTOR", self.index_type.upper(), len(vector), *vector),
        )


def tag_id(tag: str) -> str:
    """Return the form in which a tag is indexed: any string is safe in a query this way."""
    return digest("tag", tag)


def hidden(namespace: str) -> str:
    """Return the form in which a namespace is stored where nobody is to read it."""
    return f"#{digest('namespace', namespace)}"


def is_hidden(stored: str) -> bool:
    """Tell whether a stored namespace is a digest: a tenant may be named by 32 hex digits."""
    return _HIDDEN.fullmatch(stored) is not None
