"""What must be identical for an entry to be eligible: one fixed-width digest, the scope.

Parameters that cannot change an answer are taken out of LangChain's `llm_string`; whatever is
not known to be harmless stays in. A lost hit is cheap, a wrong one is not.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ._digest import digest
from ._prompt import strict_json

# How a call is carried out, not what is asked of the model. `base_url` stays in the scope: two
# endpoints may serve different models under one name.
_IRRELEVANT = frozenset(
    {
        "cache",
        "callback_manager",
        "callbacks",
        "custom_get_token_ids",
        "disable_streaming",
        "include_response_headers",
        "max_retries",
        "metadata",
        "name",
        "rate_limiter",
        "request_timeout",
        "stream_chunk_timeout",
        "stream_usage",
        "streaming",
        "tags",
        "timeout",
        "verbose",
    }
)
_MODEL_KEYS = ("model_name", "model", "model_id", "azure_deployment", "deployment_name", "repo_id")
# A string literal (kept as it is), or the address in the repr of an object.
_ADDRESS = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")| at 0x[0-9a-fA-F]+""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Model:
    """An `llm_string` reduced to what can change an answer, and a short readable label of it."""

    identity: str
    label: str
    temperature: float | None = None
    """As far as the call or the model names it."""


# Reads like `read_model`: few of them are busy at a time.
@lru_cache(maxsize=256)
def scope(embedding_id: str, namespace: str, model_identity: str, context: str) -> str:
    """Return the digest that all eligible entries of a question carry."""
    return digest("scope", embedding_id, namespace, model_identity, context)


# An application uses few models; the string is long where tools are bound.
@lru_cache(maxsize=256)
def read_model(llm_string: str) -> Model:
    """Normalise the `llm_string` of a chat model, a completion model or anything else."""
    node, params = _split(llm_string)
    if node is None:
        known = _literal(params)
        if known is None:
            return Model(digest("opaque", _without_addresses(params)), "")
        return _model(_identity("params", None, _relevant(known)), dict(known))
    fields = node.get("kwargs")
    fields = fields if isinstance(fields, dict) else {}
    reduced = {k: v for k, v in node.items() if k not in ("name", "graph")}
    reduced["kwargs"] = {k: v for k, v in fields.items() if k not in _IRRELEVANT}
    known = _literal(params)
    if known is None:
        return _model(_identity("object", reduced, _without_addresses(params)), fields)
    return _model(_identity("object", reduced, _relevant(known)), {**fields, **dict(known)})


def _model(identity: str, fields: dict[str, Any]) -> Model:
    temperature = fields.get("temperature")
    known = float(temperature) if isinstance(temperature, (int, float)) else None
    return Model(identity, _label(fields), known)


def _split(llm_string: str) -> tuple[dict[str, Any] | None, str]:
    """Separate the JSON of a serialisable model from the parameters that follow "---"."""
    head, dashes, params = llm_string.rpartition("---[")
    if not dashes or not head.startswith("{"):
        return None, llm_string
    # The separator may also stand inside the JSON or a parameter: take the split that parses.
    while True:
        try:
            node = strict_json(head)
        except (ValueError, RecursionError):
            head, dashes, more = head.rpartition("---[")
            if not dashes:
                return None, llm_string
            params = f"{more}---[{params}"
            continue
        return (node, f"[{params}") if isinstance(node, dict) else (None, llm_string)


def _literal(params: str) -> list[tuple[str, Any]] | None:
    """Read `str(sorted(params.items()))` back, where it holds plain data only."""
    try:
        pairs = ast.literal_eval(params)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    if isinstance(pairs, list) and all(
        isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in pairs
    ):
        return pairs
    return None


def _relevant(pairs: list[tuple[str, Any]]) -> str:
    return repr([(k, v) for k, v in pairs if k not in _IRRELEVANT])


def _without_addresses(text: str) -> str:
    """Drop ` at 0x7f..` outside of string literals: it differs from process to process."""
    return _ADDRESS.sub(lambda match: match.group(1) or "", text)


def _identity(kind: str, node: dict[str, Any] | None, params: str) -> str:
    return digest(kind, json.dumps(node, sort_keys=True, separators=(",", ":")), params)


def _label(fields: dict[str, Any]) -> str:
    for key in _MODEL_KEYS:
        value = fields.get(key)
        if isinstance(value, str):
            return value[:64]
    return ""
