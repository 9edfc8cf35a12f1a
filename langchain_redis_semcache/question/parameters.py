"""Which parameters of a model or a call cannot change an answer.

Rule of this module: by known key of known classes. What is not known to be harmless stays in the
scope, and in somebody else's class everything does, unless the application declares otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError
from .canonical import canonical
from .digest import digest

__all__ = ["PLAIN", "Parameters"]

_CHAT_MODELS = ("langchain", "chat_models")
_SPEAKS_OPENAI = frozenset(
    {
        (*_CHAT_MODELS, "azure_openai", "AzureChatOpenAI"),
        (*_CHAT_MODELS, "fireworks", "ChatFireworks"),
        (*_CHAT_MODELS, "openai", "ChatOpenAI"),
        ("langchain_groq", "chat_models", "ChatGroq"),
        ("langchain_openrouter", "chat_models", "ChatOpenRouter"),
        ("langchain_xai", "chat_models", "ChatXAI"),
    }
)
# LangChain's own serialisable classes, by id, for which `_IRRELEVANT` is known to be just that. In
# somebody else's class, a "name" or "metadata" may be what the answer depends on.
_KNOWN = _SPEAKS_OPENAI | {
    (*_CHAT_MODELS, "anthropic", "ChatAnthropic"),
    (*_CHAT_MODELS, "bedrock", "ChatBedrock"),
    (*_CHAT_MODELS, "mistralai", "ChatMistralAI"),
    (*_CHAT_MODELS, "vertexai", "ChatVertexAI"),
    ("langchain_aws", "chat_models", "ChatBedrockConverse"),
    ("langchain_google_genai", "chat_models", "ChatGoogleGenerativeAI"),
}
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
        "http_socket_options",
        "idempotency_key",
        "include_response_headers",
        "max_retries",
        "metadata",
        "name",
        "rate_limiter",
        "request_id",
        "request_metadata",
        "request_timeout",
        "stream_chunk_timeout",
        "stream_options",
        "stream_usage",
        "streaming",
        "tags",
        "timeout",
        "verbose",
    }
)
# Who asks, what the provider keeps of it, and where its own prompt cache looks.
_IRRELEVANT_TO_OPENAI = _IRRELEVANT | {
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "user",
}
_HEADERS = frozenset({"default_headers", "extra_headers"})
_NESTED = _HEADERS | {"model_kwargs"}
# A header may switch a beta feature on, or tell a gateway which model to ask. Those that only
# tell requests and users apart are known by their names.
_KNOWN_HEADERS = frozenset(
    {
        "b3",
        "baggage",
        "cf-ray",
        "elastic-apm-traceparent",
        "http-referer",
        "idempotency-key",
        "referer",
        "sentry-trace",
        "tracestate",
        "user-agent",
        "x-client-request-id",
        "x-cloud-trace-context",
        "x-datadog-origin",
        "x-datadog-sampling-priority",
        "x-datadog-tags",
        "x-idempotency-key",
        "x-ms-client-request-id",
        "x-title",
    }
)
# Headers of these words alone, such as "X-Request-ID", tell requests, traces and users apart.
_HEADER_WORDS = frozenset({"x", "id", "ids", "uuid"}) | {
    "amzn",
    "b3",
    "correlation",
    "datadog",
    "interaction",
    "job",
    "newrelic",
    "parent",
    "parentid",
    "parentspanid",
    "req",
    "request",
    "requestid",
    "run",
    "sampled",
    "span",
    "spanid",
    "trace",
    "traceid",
    "traceparent",
    "tracing",
    "transaction",
    "user",
}
_MODELS = frozenset(
    {"azure_deployment", "deployment_name", "messages", "model", "model_id", "model_name"}
) | {"repo_id", "tools"}
_NAME = re.compile(r"\w[\w-]*(\.\w[\w-]*)*")


@dataclass(frozen=True)
class Parameters:
    """Says of parameters that this package does not know whether they can change an answer.

    Args:
        irrelevant: Names of those that cannot, for models of whatever class: calls that differ in
            nothing else share answers. "extra_body.trace" names one inside of another.
        relevant: Names of those that can, although they are taken for harmless, e.g. "user" or
            "metadata" where a gateway chooses a model by it.
    """

    irrelevant: Sequence[str] = ()
    relevant: Sequence[str] = ()

    def __post_init__(self) -> None:
        for argument in ("irrelevant", "relevant"):
            given = getattr(self, argument)
            names = () if isinstance(given, (str, bytes)) else tuple(given)
            named = all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
            if not named or isinstance(given, (str, bytes)):
                raise ConfigurationError(
                    f"{argument} must be names of parameters, e.g. Parameters({argument}="
                    f"('trace', 'extra_body.trace')), not {given!r}"
                )
            object.__setattr__(self, argument, tuple(sorted(set(names))))
        if both := set(self.irrelevant) & set(self.relevant):
            raise ConfigurationError(f"{', '.join(sorted(both))}: either relevant or irrelevant")
        if telling := _MODELS & set(self.irrelevant):
            raise ConfigurationError(
                f"{', '.join(sorted(telling))}: the answers of one are not those of another; for "
                "a shared cache of equal models give them the same name"
            )

    @property
    def identity(self) -> str:
        """A digest of what is declared; "" where nothing is."""
        if self == PLAIN:
            return ""
        return digest("parameters", canonical((self.irrelevant, self.relevant)))

    def relevant_of(self, kind: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what can change an answer, of the parameters of a model of this class."""
        kept = dict(given)
        known = _IRRELEVANT_TO_OPENAI if kind in _SPEAKS_OPENAI else _IRRELEVANT
        if kind in _KNOWN:
            kept = self._without(kept, known)
        for path in self.irrelevant:
            kept = _cut(kept, path.split("."))
        return kept

    def _without(self, given: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
        kept = {}
        for name, value in given.items():
            if name in self.relevant:
                kept[name] = value
            elif name in known:
                continue
            elif name in _NESTED and isinstance(value, dict):
                inner = _told(value) if name in _HEADERS else self._without(value, known)
                if inner:
                    kept[name] = inner
            else:
                kept[name] = value
        return kept


def is_known(kind: tuple[str, ...]) -> bool:
    """Tell whether a class is LangChain's own, so that its parameters mean what is known."""
    return kind in _KNOWN


def _told(headers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if not _only_identifies(name)}


def _only_identifies(header: str) -> bool:
    name = str(header).lower()
    return name in _KNOWN_HEADERS or _HEADER_WORDS.issuperset(name.split("-"))


def _cut(given: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Return a dict without what lies at the end of a path, nor what is left empty by that."""
    name, *deeper = path
    if name not in given:
        return given
    kept = {key: value for key, value in given.items() if key != name}
    if deeper:
        value = given[name]
        inner = _cut(value, deeper) if isinstance(value, dict) else value
        if inner or not value:
            kept[name] = inner
    return kept


PLAIN = Parameters()
