"""An OpenAI-compatible endpoint on loopback: what ChatOpenAI and OpenAIEmbeddings say over HTTP.

pytest-httpserver takes the requests, this module says what a model would. Its connections close
after each answer: clients keep theirs for a next call, which in a next event loop breaks.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import numpy as np
from openai import OpenAIError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

JSON = dict[str, Any]
Kind = Literal["chat", "embeddings"]

# What a broken connection raises: with an older langchain-openai the error of its own httpx.
BROKEN = (OpenAIError, httpx.TransportError)


@dataclass(frozen=True)
class ToolCall:
    """One tool call of an answer; `arguments` as a string is sent as it is, valid JSON or not."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)

    def on_the_wire(self, number: str) -> JSON:
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        return {"id": number, "type": "function", "function": _function(self.name, text)}


@dataclass(frozen=True)
class Answer:
    """What the model says; a `finish_reason` left out is the one the API would give."""

    text: str = ""
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    refusal: str | None = None
    break_after: int | None = None
    """Streaming only: break the connection after that many events."""


Reply = str | Answer | Sequence[str]
"""One answer for every choice, or one for each."""


def user_text(request: JSON) -> str:
    """The text of the request's last user message."""
    turns = (m["content"] for m in reversed(request["messages"]) if m["role"] == "user")
    return _text_of(next(turns, ""))


def default_answer(request: JSON) -> Reply:
    """Name the model and the question, in whatever form the request demands."""
    text = f"{request['model']} answers: {user_text(request)}"
    last = request["messages"][-1]
    demanded = request.get("tool_choice")
    if last["role"] == "tool":
        text += f" (tool said: {_text_of(last['content'])})"
    elif isinstance(demanded, dict):
        name = demanded["function"]["name"]
        return Answer(tool_calls=[ToolCall(name, example_of(_tool_schemas(request)[name], text))])
    wanted = request.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        text = json.dumps(example_of(wanted["json_schema"]["schema"], text))
    elif wanted.get("type") == "json_object":
        text = json.dumps({"answer": text})
    return [text] + [f"{text} (choice {i})" for i in range(1, request.get("n") or 1)]


def calls_tool(name: str, arguments: Mapping[str, Any]) -> Callable[[JSON], Reply]:
    """A rule for agents: call the tool when the user has spoken, answer once the tool has."""

    def rule(request: JSON) -> Reply:
        if request["messages"][-1]["role"] == "user" and name in _tool_schemas(request):
            return Answer(tool_calls=[ToolCall(name, arguments)])
        return default_answer(request)

    return rule


def example_of(schema: JSON, text: str) -> Any:
    """A value for the schemas in these tests, with `text` wherever a string may stand."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {key: example_of(value, text) for key, value in schema["properties"].items()}
        case "array":
            return [example_of(schema["items"], text)]
        case "integer" | "number":
            return 1
    return text


def word_vector(text: str, dimensions: int = 256) -> list[float]:
    """A bag of hashed words of length 1: texts that share words are near."""
    vector = np.zeros(dimensions)
    for word in re.findall(r"\w+", text.lower()) or [""]:
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        vector[int.from_bytes(digest, "big") % dimensions] += 1
    return list(vector / np.linalg.norm(vector))


@contextmanager
def offline_tokens() -> Iterator[None]:
    """Let tiktoken work without its download: one token per byte, in the embedders' encoding."""
    import tiktoken
    from tiktoken import registry

    ranks = {bytes([i]): i for i in range(256)}
    name = "cl100k_base"
    before = dict(registry.ENCODINGS)
    registry.ENCODINGS[name] = tiktoken.Encoding(
        name, pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={}
    )
    try:
        yield
    finally:
        registry.ENCODINGS.clear()
        registry.ENCODINGS.update(before)


class OpenAIEndpoint:
    """Answers chats by `answer` and embeds by `embed`, and keeps what it was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.base_url = server.url_for("/v1")
        self.answer: Callable[[JSON], Reply] = default_answer
        self.embed: Callable[[str], Sequence[float]] = word_vector
        self.chats: list[JSON] = []
        self.embeddings: list[JSON] = []
        self.embedded: list[str] = []
        """Every text that was embedded, decoded where it came as tokens."""
        self._faults: dict[Kind, int] = {}
        self._ids = itertools.count(1)
        post: Any = {"method": "POST"}
        chat = server.expect_request("/v1/chat/completions", **post)
        chat.respond_with_handler(lambda request: self._serve("chat", request))
        embeddings = server.expect_request("/v1/embeddings", **post)
        embeddings.respond_with_handler(lambda request: self._serve("embeddings", request))

    @property
    def questions(self) -> list[str]:
        """The last user text of every chat request, in order of arrival."""
        return [user_text(request) for request in list(self.chats)]

    def fail(self, status: int, *, on: Kind) -> None:
        """Answer with this HTTP status and an error body from now on."""
        self._faults[on] = status

    def reset(self, *, on: Kind) -> None:
        """Close the connection instead of answering from now on."""
        self._faults[on] = 0

    def _serve(self, kind: Kind, http: Request) -> Response:
        request: JSON = http.get_json()
        (self.chats if kind == "chat" else self.embeddings).append(request)
        if (status := self._faults.get(kind)) is not None:
            if not status:
                _hang_up(http)
            error = {"type": "server_error", "code": None, "param": None, "message": "Sorry!"}
            return _json({"error": error}, status or 500)
        if kind == "embeddings":
            return _json(self._vectors(request))
        reply = self.answer(request)
        n = request.get("n") or 1
        answers = [reply] * n if isinstance(reply, str | Answer) else list(reply)
        choices = [_Choice(request, answer, next(self._ids)) for answer in answers]
        envelope = {
            "id": f"chatcmpl-test{next(self._ids)}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": request["model"],
            "service_tier": "default",
            "system_fingerprint": "fp_test",
        }
        if request.get("stream"):
            return Response(_events(http, request, envelope, choices), mimetype="text/event-stream")
        whole = [{"index": i, **choice.whole} for i, choice in enumerate(choices)]
        return _json({**envelope, "choices": whole, "usage": _usage(request, choices)})

    def _vectors(self, request: JSON) -> JSON:
        given = request["input"]
        inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
        texts = [item if isinstance(item, str) else bytes(item).decode() for item in inputs]
        self.embedded += texts
        vectors: list[Any] = [list(self.embed(text)) for text in texts]
        if request.get("encoding_format") == "base64":
            packed = [struct.pack(f"<{len(vector)}f", *vector) for vector in vectors]
            vectors = [base64.b64encode(vector).decode() for vector in packed]
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        tokens = sum(map(len, inputs))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": request["model"], "usage": usage}


class _Choice:
    """An answer as the API words it, whole and in pieces."""

    def __init__(self, request: JSON, given: str | Answer, number: int) -> None:
        self.answer = answer = Answer(given) if isinstance(given, str) else given
        assert {call.name for call in answer.tool_calls} <= {*_tool_schemas(request)}
        self.calls = [
            call.on_the_wire(f"call_{number}_{i}") for i, call in enumerate(answer.tool_calls)
        ]
        self.part = "content" if answer.refusal is None else "refusal"
        self.pieces = _pieces(answer.text if answer.refusal is None else answer.refusal)
        # The API says "stop", not "tool_calls", where the request itself named the tool.
        named = isinstance(request.get("tool_choice"), dict)
        default = "tool_calls" if self.calls and not named else "stop"
        self.finish_reason = answer.finish_reason or default
        self.logprobs = bool(request.get("logprobs"))

    @property
    def whole(self) -> JSON:
        message: JSON = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
        if self.pieces or not self.calls:
            message[self.part] = "".join(self.pieces)
        if self.calls:
            message["tool_calls"] = self.calls
        logprobs = self._logprobs(self.pieces)
        return {"message": message, "logprobs": logprobs, "finish_reason": self.finish_reason}

    def deltas(self) -> Iterator[JSON]:
        """The same in the choices of a stream's events."""
        start = None if self.calls and not self.pieces else ""
        yield {"delta": {"role": "assistant", "content": start, "refusal": None}}
        for piece in self.pieces:
            yield {"delta": {self.part: piece}, "logprobs": self._logprobs([piece])}
        for i, call in enumerate(self.calls):
            name, text = call["function"].values()
            yield {"delta": {"tool_calls": [{**call, "index": i, "function": _function(name, "")}]}}
            for at in range(0, len(text), 8):
                part = {"index": i, "function": {"arguments": text[at : at + 8]}}
                yield {"delta": {"tool_calls": [part]}}
        yield {"delta": {}, "finish_reason": self.finish_reason}

    def _logprobs(self, pieces: list[str]) -> JSON | None:
        tokens = [{"token": p, "logprob": -0.125, "bytes": [*p.encode()]} for p in pieces]
        listed = [{**token, "top_logprobs": []} for token in tokens]
        return {"content": None, "refusal": None, self.part: listed} if self.logprobs else None


def _events(http: Request, request: JSON, envelope: JSON, choices: list[_Choice]) -> Iterator[str]:
    base = {**envelope, "object": "chat.completion.chunk"}
    neither = {"logprobs": None, "finish_reason": None}
    bodies = [
        {**base, "choices": [{"index": i, **neither, **delta}]}
        for i, choice in enumerate(choices)
        for delta in choice.deltas()
    ]
    if (request.get("stream_options") or {}).get("include_usage"):
        bodies.append({**base, "choices": [], "usage": _usage(request, choices)})
    for number, body in enumerate(bodies):
        if number == choices[0].answer.break_after:
            _hang_up(http)
        yield f"data: {json.dumps(body)}\n\n"
    yield "data: [DONE]\n\n"


def _usage(request: JSON, choices: list[_Choice]) -> JSON:
    said = [piece for choice in choices for piece in choice.pieces]
    said += [call["function"]["arguments"] for choice in choices for call in choice.calls]
    prompt = sum(4 + len(_pieces(_text_of(m.get("content")))) for m in request["messages"])
    return {
        "prompt_tokens": prompt,
        "completion_tokens": len(said),
        "total_tokens": prompt + len(said),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _json(body: JSON, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _hang_up(http: Request) -> None:
    """Whatever is answered after this reaches nobody."""
    http.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


def _function(name: str, arguments: str) -> JSON:
    return {"name": name, "arguments": arguments}


def _tool_schemas(request: JSON) -> dict[str, JSON]:
    functions = [tool["function"] for tool in request.get("tools") or ()]
    return {function["name"]: function.get("parameters", {}) for function in functions}


def _text_of(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def _pieces(text: str) -> list[str]:
    """Cut a text into tokens: a word with the white space before it."""
    return re.findall(r"\s*\S+|\s+\Z", text)
