"""What must be identical for an entry to be eligible: one fixed-width digest, the scope.

Parameters that cannot change an answer are taken out of LangChain's `llm_string`, by known key of
known classes; whatever is not known to be harmless stays in, and where two models cannot be told
apart for certain, that is said. A lost hit is cheap, a wrong one is not. Reading takes time in
proportion to the length, whatever the text.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .canonical import strict_json_start
from .digest import digest
from .parameters import PLAIN, Parameters, is_known
from .remembered import Remembered
from .surroundings import Parts, parameter_parts

_MODEL_KEYS = ("model_name", "model", "model_id", "azure_deployment", "deployment_name", "repo_id")
# A string among plain data: anything may stand in it. An apostrophe in a repr begins none.
_STRING = re.compile(
    r"""(?<=[\[({ ])(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?=[,:)\]}])""", re.DOTALL
)
# What the repr of an object shows where it has none of its own: its address, or a function in which
# it was made.
_INDISTINCT = re.compile(r"\b0x[0-9a-fA-F]|<locals>")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Model:
    """An `llm_string` reduced to what can change an answer, and a short readable label of it."""

    identity: str
    label: str
    temperature: float | None = None
    """As far as the call or the model names it."""
    distinct: bool = True
    """False where another model, or another object bound to it, may have the same `llm_string`."""


# Reads like `read_model`: few of them are busy at a time.
@lru_cache(maxsize=256)
def scope(namespace: str, model_identity: str, way: str, context: str) -> str:
    """Return the digest that all eligible entries of a question carry.

    Not the embedding model, which the variant in their keys stands for: what was embedded anew by
    another model is in the same scope there.
    """
    return digest("scope", namespace, model_identity, way, context)


def read_model(llm_string: str, declared: Parameters = PLAIN) -> Model:
    """Normalise the `llm_string` of a chat model, a completion model or anything else."""
    return _models.of(lambda: _model(*_read(llm_string, declared)), llm_string, declared.identity)


def model_parts(llm_string: str, declared: Parameters = PLAIN) -> Parts:
    """Return in short what `read_model` makes of it; to be remembered by whoever may forget it."""
    _, fields, _ = _read(llm_string, declared)
    return parameter_parts(fields)


def _read(llm_string: str, declared: Parameters) -> tuple[tuple[str, ...], dict[str, Any], bool]:
    """Return what identifies a model, its parameters, and whether they show all that it is."""
    node, params = _split(llm_string)
    pairs = _literal(params)
    kind = () if node is None else _kind(node)
    if pairs is not None and (is_known(kind) or declared.irrelevant):
        pairs = list(declared.relevant_of(kind, dict(pairs)).items())
        params = repr(pairs)
    shown = dict(pairs) if pairs is not None else {"parameters": params}
    if node is None:
        # Of a class that is not serialisable its parameters are all that is known.
        return ("params", params), shown, pairs is not None or _shows(params)
    fields = node.get("kwargs")
    fields = fields if isinstance(fields, dict) else {}
    if is_known(kind) or declared.irrelevant:
        fields = declared.relevant_of(kind, fields)
        others = {"id": node["id"]} if is_known(kind) else node
        node = {**others, "kwargs": fields}
    distinct = _is_distinct(node) and (pairs is not None or _shows(params))
    shown = {**fields, "class": ".".join(kind[-1:]), **shown}
    return ("object", _canonical(node), params), shown, distinct


_models: Remembered[Model] = Remembered()


def _model(identity: tuple[str, ...], fields: dict[str, Any], distinct: bool) -> Model:
    temperature = fields.get("temperature")
    known = float(temperature) if isinstance(temperature, (int, float)) else None
    return Model(digest(*identity), _label(fields), known, distinct)


def _kind(node: dict[str, Any]) -> tuple[str, ...]:
    """Return the id of the class of a model."""
    name = node.get("id")
    if node.get("type") != "constructor" or not isinstance(name, list):
        return ()
    return tuple(map(str, name))


def _is_distinct(node: dict[str, Any]) -> bool:
    """Tell whether JSON of LangChain's shows all that it stands for, however deep."""
    left: list[Any] = [node]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            if "lc" in value and value.get("type") == "not_implemented":
                # LangChain takes the repr out of most.
                shown = value.get("repr")
                if not isinstance(shown, str) or not _shows(shown):
                    return False
            left += value.values()
    return True


def _shows(text: str) -> bool:
    """Tell whether text with the reprs of objects in it says which objects these are."""
    return not (_INDISTINCT.search(text) and _INDISTINCT.search(_STRING.sub("", text)))


def _split(llm_string: str) -> tuple[dict[str, Any] | None, str]:
    """Separate the JSON of a serialisable model from the parameters that follow "---"."""
    if not llm_string.startswith("{"):
        return None, llm_string
    # The separator may also stand inside the JSON or a parameter: the first is where JSON ends.
    try:
        node, rest = strict_json_start(llm_string)
    except (ValueError, RecursionError):
        return None, llm_string
    if not isinstance(node, dict) or not rest.startswith("---["):
        return None, llm_string
    return node, rest.removeprefix("---")


def _literal(params: str) -> list[tuple[str, Any]] | None:
    """Read `str(sorted(params.items()))` back, where it holds plain data only."""
    try:
        pairs = _evaluated(params)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    if isinstance(pairs, list) and all(
        isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in pairs
    ):
        return pairs if len(dict(pairs)) == len(pairs) else None
    return None


def _evaluated(params: str) -> Any:
    """Read a literal; Python 3.11 loses count now and then where several threads do (gh-106905)."""
    for _ in range(_TRIES - 1):
        try:
            return ast.literal_eval(params)
        except SystemError:
            continue
    return ast.literal_eval(params)


def _canonical(node: dict[str, Any]) -> str:
    return json.dumps(node, sort_keys=True, separators=(",", ":"))


def _label(fields: dict[str, Any]) -> str:
    for key in _MODEL_KEYS:
        value = fields.get(key)
        if isinstance(value, str):
            return value[:64]
    return ""
