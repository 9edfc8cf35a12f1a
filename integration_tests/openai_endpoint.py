"""An OpenAI-compatible HTTP endpoint on loopback, for tests: chat completions and embeddings.

It speaks the wire format of `POST /v1/chat/completions` (whole and streamed) and of
`POST /v1/embeddings`, so that `ChatOpenAI` and `OpenAIEmbeddings` are exercised through HTTP, and
it needs nothing but the standard library.

    with OpenAIEndpoint() as endpoint:
        at = {"base_url": endpoint.base_url, "api_key": "test", "max_retries": 0}
        model = ChatOpenAI(model="gpt-4o-mini", **at)
        embeddings = OpenAIEmbeddings(check_embedding_ctx_length=False, **at)

What to know about the clients when there is no network:

- `OpenAIEmbeddings` tokenises by default, and tiktoken downloads its vocabulary at the first call.
  Offline either pass `check_embedding_ctx_length=False`, which sends strings, or wrap the calls in
  `offline_tokens()`, which sends token arrays as the default does.
- Both clients retry twice by default; `max_retries=0` makes a failure show at once.
- `ChatOpenAI` asks for usage in streams only at OpenAI's own address: pass `stream_usage=True`.
- An async client keeps its connections for a next call, and in a next event loop that call raises
  "Event loop is closed"; at the end of a loop they are left unclosed, with a ResourceWarning. Tests
  with several loops, or with warnings as errors, use `OpenAIEndpoint(keep_alive=False)`.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, cast

JSON = dict[str, Any]
Kind = Literal["chat", "embeddings"]

_PATHS: dict[str, Kind] = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings"}

_ERRORS: dict[int, JSON] = {
    400: {"type": "invalid_request_error", "code": None, "message": "Invalid request."},
    401: {
        "type": "invalid_request_error",
        "code": "invalid_api_key",
        "message": "Incorrect API key provided: test. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    },
    404: {"type": "invalid_request_error", "code": None, "message": "Unknown request URL."},
    429: {
        "type": "requests",
        "code": "rate_limit_exceeded",
        "message": "Rate limit reached for requests. Please try again in 20s.",
    },
    500: {
        "type": "server_error",
        "code": None,
        "message": "The server had an error while processing your request. Sorry about that!",
    },
    503: {"type": "server_error", "code": None, "message": "The engine is currently overloaded."},
}


@dataclass(frozen=True)
class ToolCall:
    """One tool call of an answer; `arguments` as a string is sent as it is, valid JSON or not."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the model says; a `finish_reason` left out is the one the API would give."""

    text: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    refusal: str | None = None
    break_after: int | None = None
    """Streaming only: reset the connection after that many events."""


Reply = str | Answer | Sequence[str | Answer]
"""One answer for every choice, or one for each."""


def user_text(request: JSON) -> str:
    """The text of the request's last user message."""
    for message in reversed(request["messages"]):
        if message["role"] == "user":
            return _text_of(message["content"])
    return ""


def default_answer(request: JSON) -> Reply:
    """Name the model and the question, in whatever form the request demands."""
    text = f"{request['model']} answers: {user_text(request)}"
    last = request["messages"][-1]
    if last["role"] == "tool":
        text += f" (tool said: {_text_of(last['content'])})"
    elif (name := _demanded_tool(request)) is not None:
        schema = _tool_schemas(request)[name]
        return Answer(tool_calls=[ToolCall(name, example_of(schema, text))])
    response_format = request.get("response_format") or {}
    if response_format.get("type") == "json_schema":
        text = json.dumps(example_of(response_format["json_schema"]["schema"], text))
    elif response_format.get("type") == "json_object":
        text = json.dumps({"answer": text})
    n = request.get("n") or 1
    return [text] + [f"{text} (choice {i})" for i in range(1, n)]


def calls_tool(name: str, arguments: Mapping[str, Any]) -> Callable[[JSON], Reply]:
    """A rule for agents: call the tool when the user has spoken, answer once the tool has."""

    def rule(request: JSON) -> Reply:
        if request["messages"][-1]["role"] == "user" and name in _tool_schemas(request):
            return Answer(tool_calls=[ToolCall(name, arguments)])
        return default_answer(request)

    return rule


def example_of(schema: JSON, text: str, root: JSON | None = None) -> Any:
    """The simplest value that fits a JSON schema, with `text` wherever a string may stand."""
    root = schema if root is None else root
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return example_of(target, text, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example_of(schema[several][0], text, root)
    match schema.get("type"):
        case "object":
            properties: JSON = schema.get("properties", {})
            return {key: example_of(value, text, root) for key, value in properties.items()}
        case "array":
            return [example_of(schema.get("items", {}), text, root)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
    return text


def word_vector(text: str, dimensions: int = 256) -> list[float]:
    """A deterministic bag of hashed words of length 1: texts that share words are near."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
        vector[int.from_bytes(digest, "big") % dimensions] += 1.0
    return _normalised(vector) if any(vector) else [1.0, *vector[1:]]


def text_of_tokens(tokens: Sequence[int]) -> str:
    """The text of `offline_tokens()`, or one word per token of a vocabulary that we do not have."""
    if all(token < 256 for token in tokens):
        return bytes(tokens).decode("utf-8", "replace")
    return " ".join(f"token{token}" for token in tokens)


@contextmanager
def offline_tokens() -> Iterator[None]:
    """Let tiktoken work without its download: one token per byte, in OpenAI's encodings."""
    import tiktoken
    from tiktoken import registry

    byte_level = tiktoken.Encoding(
        "bytes",
        pat_str=r"[\s\S]",
        mergeable_ranks={bytes([i]): i for i in range(256)},
        special_tokens={},
    )
    names = ("cl100k_base", "o200k_base")
    before = {name: registry.ENCODINGS.get(name) for name in names}
    registry.ENCODINGS.update(dict.fromkeys(names, byte_level))
    try:
        yield
    finally:
        for name, encoding in before.items():
            if encoding is None:
                del registry.ENCODINGS[name]
            else:
                registry.ENCODINGS[name] = encoding


class BadRequestError(Exception):
    """The request breaks the API's contract; the client gets status 400 and this message."""


class OpenAIEndpoint:
    """The endpoint; a context manager that listens on a free port of loopback."""

    def __init__(
        self,
        *,
        answer: Callable[[JSON], Reply] = default_answer,
        embed: Callable[[str], Sequence[float]] = word_vector,
        keep_alive: bool = True,
    ) -> None:
        self.keep_alive = keep_alive
        self.answer = answer
        self.embed = embed
        self.decode_tokens: Callable[[Sequence[int]], str] = text_of_tokens
        self.chat_latency = 0.0
        self.embedding_latency = 0.0
        self.chats: list[JSON] = []
        self.embeddings: list[JSON] = []
        self.embedded: list[str] = []
        """Every text that was embedded, decoded where it came as tokens."""
        self.errors: list[BaseException] = []
        """What the scripted callables raised; the client got status 500."""
        self.connections_total = 0
        self.in_flight = 0
        self.max_in_flight = 0
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self._faults: dict[Kind, _Fault] = {}
        self._hanging: list[tuple[Kind, threading.Event]] = []
        self._stopping = threading.Event()

    def __enter__(self) -> OpenAIEndpoint:
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="openai-endpoint", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stopping.set()
        self.recover()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def connections_open(self) -> int:
        return len(self._server.open)

    @property
    def questions(self) -> list[str]:
        """The last user text of every chat request, in order of arrival."""
        return [user_text(request) for request in list(self.chats)]

    def fail(
        self, status: int, *, on: Kind | None = None, times: int | None = None, message: str = ""
    ) -> None:
        """Answer with this HTTP status and an error body, until `recover()` or so many times."""
        self._break("fail", on, times, status, message)

    def reset(self, *, on: Kind | None = None, times: int | None = None) -> None:
        """Reset the connection (TCP RST) instead of answering."""
        self._break("reset", on, times)

    def hang(self, *, on: Kind | None = None, times: int | None = None) -> None:
        """Take the request and say nothing until `recover()`, then answer."""
        self._break("hang", on, times)

    def recover(self, *, on: Kind | None = None) -> None:
        """End the faults and release what hangs."""
        with self._changed:
            for kind in _kinds(on):
                self._faults.pop(kind, None)
            for kind, over in self._hanging:
                if kind in _kinds(on):
                    over.set()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until the condition on these records holds; TimeoutError if it never does."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError("the endpoint did not get there in time")

    def _break(
        self, action: str, on: Kind | None, times: int | None, status: int = 0, message: str = ""
    ) -> None:
        with self._changed:
            for kind in _kinds(on):
                self._faults[kind] = _Fault(action, times, status, message)

    def _arrived(self, kind: Kind, request: JSON) -> tuple[_Fault | None, threading.Event]:
        """Record the request and say what is to go wrong with it, and until when it may hang."""
        over = threading.Event()
        with self._changed:
            (self.chats if kind == "chat" else self.embeddings).append(request)
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            fault = self._faults.get(kind)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self._faults[kind]
            if fault is not None and fault.action == "hang" and not self._stopping.is_set():
                self._hanging.append((kind, over))
            else:
                over.set()
            self._changed.notify_all()
        return fault, over

    def _left(self, over: threading.Event) -> None:
        with self._changed:
            self.in_flight -= 1
            self._hanging = [entry for entry in self._hanging if entry[1] is not over]
            self._changed.notify_all()

    def _embed_all(self, request: JSON) -> JSON:
        given = request.get("input")
        if given is None or given == []:
            raise BadRequestError("'$.input' is invalid.")
        one = isinstance(given, str) or isinstance(given[0], int)
        inputs = [given] if one else given
        dimensions: int | None = request.get("dimensions")
        data: list[JSON] = []
        tokens = 0
        for index, item in enumerate(inputs):
            text = item if isinstance(item, str) else self.decode_tokens(item)
            tokens += len(_pieces(text)) if isinstance(item, str) else len(item)
            with self._changed:
                self.embedded.append(text)
            if self.embed is word_vector:
                vector = word_vector(text, dimensions or 256)
            else:
                vector = [float(x) for x in self.embed(text)]
                if dimensions is not None and dimensions < len(vector):
                    vector = _normalised(vector[:dimensions])
            encoded: str | list[float] = vector
            if request.get("encoding_format") == "base64":
                encoded = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": encoded})
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": request["model"], "usage": usage}

    def _complete(self, request: JSON) -> tuple[JSON, list[_Choice]]:
        """The envelope and the choices of a chat completion."""
        if not request.get("messages"):
            raise BadRequestError("Missing required parameter: 'messages'.")
        n = request.get("n") or 1
        reply = self.answer(request)
        each = [reply] * n if isinstance(reply, str | Answer) else list(reply)
        if len(each) != n:
            raise ValueError(f"the request asks for {n} choices, the answer has {len(each)}")
        number = next(self._ids)
        choices = [_choice(request, answer, f"{number}_{i}") for i, answer in enumerate(each)]
        envelope = {
            "id": f"chatcmpl-test{number}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request["model"],
            "service_tier": "default",
            "system_fingerprint": "fp_test",
        }
        return envelope, choices


@dataclass
class _Fault:
    action: str
    times: int | None
    status: int
    message: str


@dataclass(frozen=True)
class _Choice:
    """An answer as the API sends it: cut to the request's limits, with its finish reason."""

    pieces: list[str]
    refusal: bool
    tool_calls: list[JSON]
    finish_reason: str
    tokens: int
    break_after: int | None

    @property
    def message(self) -> JSON:
        text = "".join(self.pieces)
        message: JSON = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
        if self.refusal:
            message["refusal"] = text
        elif text or not self.tool_calls:
            message["content"] = text
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message


def _choice(request: JSON, given: str | Answer, number: str) -> _Choice:
    answer = Answer(given) if isinstance(given, str) else given
    calls: list[JSON] = []
    for i, call in enumerate(answer.tool_calls):
        if call.name not in _tool_schemas(request):
            raise ValueError(f"the answer calls {call.name!r}, which the request does not offer")
        text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
        function = {"name": call.name, "arguments": text}
        call_id = call.id or f"call_{number}_{i}"
        calls.append({"id": call_id, "type": "function", "function": function})
    text = answer.refusal if answer.refusal is not None else answer.text or ""
    # The API says "stop", not "tool_calls", where the request itself named the tool.
    named = isinstance(request.get("tool_choice"), dict)
    finish = "tool_calls" if calls and not named else "stop"
    stops = request.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop)[0]
    pieces = _pieces(text)
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit is not None and len(pieces) > limit:
        pieces, finish = pieces[:limit], "length"
    tokens = len(pieces) + sum(len(_pieces(call["function"]["arguments"])) for call in calls)
    refused = answer.refusal is not None
    return _Choice(
        pieces, refused, calls, answer.finish_reason or finish, tokens, answer.break_after
    )


def _whole(request: JSON, envelope: JSON, choices: list[_Choice]) -> JSON:
    """The body of a completion that is not streamed."""
    body = [
        {
            "index": index,
            "message": choice.message,
            "logprobs": _logprobs(request, choice.pieces, choice.refusal),
            "finish_reason": choice.finish_reason,
        }
        for index, choice in enumerate(choices)
    ]
    return {**envelope, "choices": body, "usage": _usage(request, choices)}


def _events(request: JSON, envelope: JSON, choices: list[_Choice]) -> Iterator[JSON]:
    """The events of a streamed completion, without the closing [DONE]."""
    with_usage = (request.get("stream_options") or {}).get("include_usage", False)
    base = {**envelope, "object": "chat.completion.chunk"}
    if with_usage:
        base["usage"] = None

    def event(index: int, delta: JSON, logprobs: Any = None, finish: str | None = None) -> JSON:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return {**base, "choices": [choice]}

    for index, choice in enumerate(choices):
        content = None if choice.tool_calls and not choice.pieces else ""
        yield event(index, {"role": "assistant", "content": content, "refusal": None})
        for piece in choice.pieces:
            logprobs = _logprobs(request, [piece], choice.refusal)
            yield event(index, {"refusal" if choice.refusal else "content": piece}, logprobs)
        for position, call in enumerate(choice.tool_calls):
            function = call["function"]
            opening = {**call, "index": position, "function": {**function, "arguments": ""}}
            yield event(index, {"tool_calls": [opening]})
            for start in range(0, len(function["arguments"]), 8):
                part = {"arguments": function["arguments"][start : start + 8]}
                yield event(index, {"tool_calls": [{"index": position, "function": part}]})
        yield event(index, {}, finish=choice.finish_reason)
    if with_usage:
        yield {**base, "choices": [], "usage": _usage(request, choices)}


def _usage(request: JSON, choices: list[_Choice]) -> JSON:
    texts = [_text_of(message.get("content")) for message in request["messages"]]
    prompt = 3 + sum(4 + len(_pieces(text)) for text in texts)
    completion = sum(choice.tokens for choice in choices)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _logprobs(request: JSON, pieces: list[str], refusal: bool) -> JSON | None:
    if not request.get("logprobs"):
        return None
    top = request.get("top_logprobs") or 0
    tokens: list[JSON] = []
    for piece in pieces:
        entry = {"token": piece, "logprob": -0.125, "bytes": list(piece.encode())}
        tokens.append({**entry, "top_logprobs": [entry] if top else []})
    return {"content": None if refusal else tokens, "refusal": tokens if refusal else None}


def _demanded_tool(request: JSON) -> str | None:
    """The tool that the request does not leave to the model's choice."""
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        return cast(str, choice["function"]["name"])
    return next(iter(_tool_schemas(request))) if choice == "required" else None


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


def _normalised(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


def _kinds(on: Kind | None) -> tuple[Kind, ...]:
    return ("chat", "embeddings") if on is None else (on,)


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that shutting down leaves neither socket nor thread."""

    daemon_threads = False
    request_queue_size = 256

    def __init__(self, endpoint: OpenAIEndpoint) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint = endpoint
        self.open: set[Any] = set()
        self.to_reset: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.endpoint._changed:
            self.open.add(request)
            self.endpoint.connections_total += 1
            self.endpoint._changed.notify_all()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request in self.to_reset:
            self.to_reset.discard(request)
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.close()
        else:
            super().shutdown_request(request)
        with self.endpoint._changed:
            self.open.discard(request)
            self.endpoint._changed.notify_all()

    def close_connections(self) -> None:
        with self.endpoint._changed:
            connections = list(self.open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its client or its own thread was quicker

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):  # OSError: the client went away
            self.endpoint.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = _PATHS.get(self.path)
        if kind is None:
            return self._error(404, f"Invalid URL (POST {self.path})")
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            return self._error(401, "You didn't provide an API key.")
        try:
            request = json.loads(body)
        except ValueError:
            return self._error(400, "We could not parse the JSON body of your request.")
        fault, over = endpoint._arrived(kind, request)
        try:
            latency = endpoint.chat_latency if kind == "chat" else endpoint.embedding_latency
            if latency:
                endpoint._stopping.wait(latency)
            over.wait()
            if endpoint._stopping.is_set() or (fault is not None and fault.action == "reset"):
                self._reset()
            elif fault is not None and fault.action == "fail":
                self._error(fault.status, fault.message)
            else:
                self._serve(kind, request)
        finally:
            endpoint._left(over)

    def _serve(self, kind: Kind, request: JSON) -> None:
        endpoint = self.server.endpoint
        try:
            if not request.get("model"):
                raise BadRequestError("you must provide a model parameter")
            if kind == "embeddings":
                body = endpoint._embed_all(request)
            else:
                envelope, choices = endpoint._complete(request)
                if request.get("stream"):
                    return self._stream(_events(request, envelope, choices), choices[0].break_after)
                body = _whole(request, envelope, choices)
        except BadRequestError as error:
            return self._error(400, str(error))
        except Exception as error:  # a scripted callable may raise anything
            endpoint.errors.append(error)
            return self._error(500, f"{type(error).__name__}: {error}")
        self._send(200, body)

    def _send(self, status: int, body: JSON, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-request-id", f"req_test{next(self.server.endpoint._ids)}")
        self._may_close()
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _error(self, status: int, message: str = "") -> None:
        default = _ERRORS.get(status) or _ERRORS[400 if status < 500 else 500]
        error = {**default, "param": None}
        if message:
            error["message"] = message
        # The clients obey this, so that a test of their retries need not wait for their backoff.
        headers = {"retry-after-ms": "10"} if status == 429 or status >= 500 else {}
        self._send(status, {"error": error}, headers)

    def _stream(self, events: Iterator[JSON], break_after: int | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self._may_close()
        self.end_headers()
        for number, event in enumerate(events):
            if number == break_after:
                return self._reset()
            self._chunk(f"data: {json.dumps(event)}\n\n".encode())
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _may_close(self) -> None:
        if not self.server.endpoint.keep_alive:
            self.send_header("Connection", "close")  # closes our side as well

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _reset(self) -> None:
        self.close_connection = True
        self.server.to_reset.add(self.connection)

    def log_message(self, *args: Any, **kwargs: Any) -> None:
        """Tests read the records, not the terminal."""
