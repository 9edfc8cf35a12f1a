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
from .prompt import REMEMBERED_CHARS

# LangChain's own serialisable classes, by id, for which `_IRRELEVANT` is known to be just that. In
# somebody else's class, a "name" or "metadata" may be what the answer depends on.
_KNOWN = frozenset(
    {
        ("langchain", "chat_models", "anthropic", "ChatAnthropic"),
        ("langchain", "chat_models", "azure_openai", "AzureChatOpenAI"),
        ("langchain", "chat_models", "bedrock", "ChatBedrock"),
        ("langchain", "chat_models", "fireworks", "ChatFireworks"),
        ("langchain", "chat_models", "mistralai", "ChatMistralAI"),
        ("langchain", "chat_models", "openai", "ChatOpenAI"),
        ("langchain", "chat_models", "vertexai", "ChatVertexAI"),
        ("langchain_aws", "chat_models", "ChatBedrockConverse"),
        ("langchain_google_genai", "chat_models", "ChatGoogleGenerativeAI"),
        ("langchain_groq", "chat_models", "ChatGroq"),
        ("langchain_openrouter", "chat_models", "ChatOpenRouter"),
        ("langchain_xai", "chat_models", "ChatXAI"),
    }
)
# How a call is carried out, not what is asked of the model. `base_url` stays in the scope: two
# endpoints may serve different models under one name.
_IRRELEVANT = frozenset(
    {
        "azure_ad_async_token_provider",
        "azure_ad_token_provider",
        "cache",
        "callback_manager",
        "callbacks",
        "custom_get_token_ids",
        "disable_streaming",
        "http_async_client",
        "http_client",
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
# A string among plain data: anything may stand in it. An apostrophe in a repr begins none.
_STRING = re.compile(
    r"""(?<=[\[({ ])(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?=[,:)\]}])""", re.DOTALL
)
# What the repr of an object shows where it has none of its own: its address, or a function in which
# it was made.
_INDISTINCT = re.compile(r"\b0x[0-9a-fA-F]|<locals>")
_TRIES = 5
_REMEMBERED = 256
"""Models of one application, at most: it uses few."""


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
def scope(embedding_id: str, namespace: str, model_identity: str, way: str, context: str) -> str:
    """Return the digest that all eligible entries of a question carry."""
    return digest("scope", embedding_id, namespace, model_identity, way, context)


def read_model(llm_string: str) -> Model:
    """Normalise the `llm_string` of a chat model, a completion model or anything else."""
    if len(llm_string) <= REMEMBERED_CHARS:
        return _read_short(llm_string)
    # Tools are bound: what they mean is worth remembering, the string is not worth keeping.
    key = digest(llm_string)
    model = _long.get(key)
    if model is None:
        model = _read(llm_string)
        if len(_long) >= _REMEMBERED:
            _long.clear()
        _long[key] = model
    return model


def _read(llm_string: str) -> Model:
    node, params = _split(llm_string)
    pairs = _literal(params)
    if node is None:
        # Of a class that is not serialisable its parameters are all that is known.
        return _model(("params", params), dict(pairs or ()), pairs is not None or _shows(params))
    fields = node.get("kwargs")
    fields = fields if isinstance(fields, dict) else {}
    if _is_known(node):
        fields = _relevant(fields)
        node = {"id": node["id"], "kwargs": fields}
        if pairs is not None:
            params = repr([(k, v) for k, v in pairs if k not in _IRRELEVANT])
    distinct = _is_distinct(node) and (pairs is not None or _shows(params))
    return _model(("object", _canonical(node), params), {**fields, **dict(pairs or ())}, distinct)


_read_short = lru_cache(maxsize=_REMEMBERED)(_read)
_long: dict[str, Model] = {}


def _model(identity: tuple[str, ...], fields: dict[str, Any], distinct: bool) -> Model:
    temperature = fields.get("temperature")
    known = float(temperature) if isinstance(temperature, (int, float)) else None
    return Model(digest(*identity), _label(fields), known, distinct)


def _is_known(node: dict[str, Any]) -> bool:
    name = node.get("id")
    if node.get("type") != "constructor" or not isinstance(name, list):
        return False
    return tuple(map(str, name)) in _KNOWN


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
        return pairs
    return None


def _evaluated(params: str) -> Any:
    """Read a literal; Python 3.11 loses count now and then where several threads do (gh-106905)."""
    for _ in range(_TRIES - 1):
        try:
            return ast.literal_eval(params)
        except SystemError:
            continue
    return ast.literal_eval(params)


def _relevant(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k not in _IRRELEVANT}


def _canonical(node: dict[str, Any]) -> str:
    return json.dumps(node, sort_keys=True, separators=(",", ":"))


def _label(fields: dict[str, Any]) -> str:
    for key in _MODEL_KEYS:
        value = fields.get(key)
        if isinstance(value, str):
            return value[:64]
    return ""
