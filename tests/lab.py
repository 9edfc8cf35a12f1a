"""Runs the core's generators by hand: requests out, replies in, failures thrown in."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_redis_semcache._effects import (
    Ask,
    Behind,
    Embed,
    EmbeddingUnavailableError,
    ErrorReply,
    Flow,
    Later,
    RedisUnavailableError,
    Request,
    Send,
    Soon,
    Work,
)
from langchain_redis_semcache.admission import CompleteAnswers
from langchain_redis_semcache.entry import scripts
from langchain_redis_semcache.entry.query import CANDIDATES
from langchain_redis_semcache.entry.schema import Schema
from langchain_redis_semcache.entry.vector import unpack
from langchain_redis_semcache.events import Event
from langchain_redis_semcache.flows.lookup import Core, Settings
from langchain_redis_semcache.flows.options import OptionStack
from langchain_redis_semcache.policies import DistancePolicy
from langchain_redis_semcache.reporting.reporter import Reporter

MODEL = "[('model', 'm1')]"
ANSWER = [Generation(text="Paris.")]
NO_INDEX = ErrorReply("SEARCH_INDEX_NOT_FOUND", "SEARCH_INDEX_NOT_FOUND Index not found: x")

Answerer = Callable[[Request], Any]


def run(flow: Flow[Any], answer: Answerer) -> Any:
    """Run a flow; what `answer` raises is thrown into it."""
    try:
        request = next(flow)
        while True:
            try:
                if isinstance(request, Soon):
                    reply = None  # not while the test lasts
                elif isinstance(request, Behind):
                    reply = run(request.make(), answer)
                else:
                    reply = request.function() if isinstance(request, Work) else answer(request)
            except Exception as error:
                request = flow.throw(error)
            else:
                request = flow.send(reply)
    except StopIteration as stop:
        return stop.value


def script(*replies: Any) -> Answerer:
    """Answer with these in order; an exception is raised, a function called with the request."""
    left: Iterator[Any] = iter(replies)

    def answer(request: Request) -> Any:
        reply = next(left, None)
        assert reply is not None, f"unexpected {request}"
        if isinstance(reply, Exception):
            raise reply
        return reply(request) if callable(reply) else reply

    return answer


def chat(text: str) -> str:
    return dumps([HumanMessage(text)])


def direction(degrees: float) -> list[float]:
    """A vector; two of them are 1 - cos(difference) apart."""
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


@dataclass
class World:
    """Answers as a Redis with search and an embedder do, from dictionaries."""

    vectors: dict[str, Any] = field(default_factory=dict)
    hashes: dict[str, dict[str, Any]] = field(default_factory=dict)
    ttl: dict[str, int] = field(default_factory=dict)
    indexes: set[str] = field(default_factory=set)
    streams: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    cheap: dict[str, Any] = field(default_factory=dict)
    """The vectors of the prefilter's embedder."""

    def __call__(self, request: Request) -> Any:
        self.requests.append(request)
        if isinstance(request, Embed):
            vectors = self.cheap if request.cheap else self.vectors
            return vectors.get(request.text, direction(0))
        assert isinstance(request, Send)
        replies = [self._reply(*command) for command in request.commands]
        if request.ours is not None and not request.ours(replies):
            raise RedisUnavailableError("ForeignReply", suspended=True)
        return replies

    @property
    def names(self) -> list[str]:
        """The requests so far in short, such as "embed" and "UNLINK HSET PEXPIRE"."""
        return [
            " ".join(str(c[0]) for c in r.commands) if isinstance(r, Send) else _embedding(r)
            for r in self.requests
        ]

    def _reply(self, name: Any, key: Any, *args: Any) -> Any:
        entry = self.hashes.get(key)
        if name == "HMGET":
            return [(entry or {}).get(_text(field)) for field in args]
        if name == "UNLINK":
            self.ttl.pop(key, None)
            return int(self.hashes.pop(key, None) is not None)
        if name == "HSET":
            pairs = [a.encode() if isinstance(a, str) else a for a in args]
            fields = [_text(a) for a in args[::2]]
            self.hashes.setdefault(key, {}).update(zip(fields, pairs[1::2], strict=True))
            return len(fields)
        if name == "HGETALL":
            return dict(entry or {})
        if name == "SCAN":
            return [b"0", [k.encode() for k in self.hashes if fnmatchcase(k, args[1])]]
        if name == "PTTL":
            return self.ttl.get(key, -1) if entry is not None else -2
        if name == "EVAL":
            return self._evaluate(key, *args[1:])
        if name == "PEXPIRE":
            self.ttl[key] = args[0]
            return int(entry is not None)
        if name in ("XADD", "XTRIM", "XDEL", "XRANGE", "XREVRANGE"):
            return self._stream(name, self.streams.setdefault(key, []), *args)
        if name == "HGET":
            return (entry or {}).get(args[0])
        if name == "FT.CREATE":
            self.indexes.add(key)
            return b"OK"
        if name == "FT.AGGREGATE":
            scopes = {e["scope"].decode() for e in self.hashes.values() if "vector" in e}
            return [int(args[0][8:-1] in scopes)] if key in self.indexes else NO_INDEX
        assert name == "FT.SEARCH", name
        return self._search(key, *args) if key in self.indexes else NO_INDEX

    def _stream(self, name: str, items: list[Any], *args: Any) -> Any:
        if name == "XADD":
            _, _, keep, _, *pairs = args
            identity = f"{int(items[-1][0].split('-')[0]) + 1 if items else 10**13}-0"
            items.append((identity, dict(zip(map(_text, pairs[::2]), pairs[1::2], strict=True))))
            del items[:-keep]
            return identity.encode()
        if name == "XTRIM":
            kept = [item for item in items if int(item[0].split("-")[0]) >= args[2]]
            removed = len(items) - len(kept)
        elif name == "XDEL":
            kept = [item for item in items if item[0] not in args]
            removed = len(items) - len(kept)
        else:
            start = args[0].removeprefix("(")
            ordered = items if name == "XRANGE" else items[::-1]
            if start not in "-+":
                at = [item[0] for item in ordered].index(start)
                ordered = ordered[at + 1 :]
            pairs = [(one, [part for pair in f.items() for part in pair]) for one, f in ordered]
            return [[one.encode(), fields] for one, fields in pairs[: args[-1]]]
        items[:] = kept
        return removed

    def _evaluate(self, lua: str, key: Any, condition: Any, *pairs: Any) -> int:
        if lua == scripts.script("label"):
            if key in self.hashes:
                count = int(self.hashes[key].get(condition, b"0")) + 1
                self.hashes[key][condition] = str(count).encode()
            return int(key in self.hashes)
        if lua == scripts.script("count"):
            counts = self.hashes.setdefault(key, {})
            for name, more in zip(pairs[1::2], pairs[2::2], strict=True):
                counts[name] = str(int(counts.get(name, b"0")) + more).encode()
            return 1
        if lua == scripts.script("tighten"):
            self.hashes[key]["radius"] = str(condition).encode()
            return 1
        fields = dict(zip(map(_text, pairs[::2]), pairs[1::2], strict=True))
        entry = self.hashes.get(key)
        if lua == scripts.script("alias"):
            if entry is None or "of" in entry:
                self.hashes[key] = fields
            return 1
        assert lua == scripts.script("extend")
        if entry is None or hashlib.sha1(entry.get("response", b"")).hexdigest() != condition:
            return 0
        entry.update(fields)
        return len(fields)

    def _search(self, _: str, query: str, *args: Any) -> list[Any]:
        if query == "*":
            return [len(self.hashes)]
        scope = re.search(r"@scope:\{(\w+)\}", query)
        limit, at = re.search(r"KNN (\d+) @(\w+) ", query).groups()  # type: ignore[union-attr]
        distance_as = query.split(" AS ")[1].rstrip("]").encode()
        asked = unpack(args[3], "float32")
        reply: list[Any] = []
        for key, entry in self.hashes.items():
            if at in entry and (scope is None or entry["scope"].decode() == scope[1]):
                stored = unpack(entry[at], "float32")
                distance = 1 - sum(a * b for a, b in zip(asked, stored, strict=True))
                fields = [distance_as, str(distance).encode()]
                for name, value in entry.items():
                    fields += [name.encode(), value]
                reply.append((distance, key.encode(), fields))
        nearest = sorted(reply)[: int(limit)]
        return [len(nearest), *(part for _, *document in nearest for part in document)]


def _embedding(request: Any) -> str:
    return "cheaply embed" if request.cheap else "embed"


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


class Lab:
    """A core with a world around it and the events it emitted."""

    def __init__(self, world: World | None = None, **changes: Any) -> None:
        self.world = world or World()
        self.events: list[Event] = []
        self.options = OptionStack()
        self.reporter = Reporter("app", [self.events.append])
        schema = Schema(changes.pop("name", "app"), "emb", "float32", "hnsw")
        chosen: dict[str, Any] = {
            "schema": schema,
            "policy": DistancePolicy(0.15, {}),
            "admission": CompleteAnswers(),
            "namespace": "",
            "context": "full",
            "question": None,
            "ttl": None,
            "sliding": False,
            "mark_hits": False,
            "max_question_chars": None,
            "max_answer_bytes": 10_000,
            "create_index": True,
            "signer": None,
        }
        self.core = Core(Settings(**{**chosen, **changes}), self.reporter, self.options)
        self.core.shared.heard([None] * 4)  # no call has to ask for what is shared

    def lookup(self, prompt: str, model: str = MODEL, answer: Answerer | None = None) -> Any:
        return run(self.core.lookup(prompt, model), answer or self.world)

    def update(
        self,
        prompt: str,
        answers: Any = None,
        model: str = MODEL,
        answer: Answerer | None = None,
    ) -> None:
        run(self.core.update(prompt, model, answers or ANSWER), answer or self.world)

    @property
    def last(self) -> Any:
        return self.events[-1]


class Fixed(Embeddings):
    """Embeds every text as the same vector."""

    model = "fixed-1"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, 0.0]


# -- a cache in which one question has been answered --------------------------------------------

ASKED = chat("Capital of France?")
AGAIN = chat("France's capital?")
FAR = chat("Tell me a joke")
ANGLES: dict[str, Any] = {
    "France's capital?": direction(20),  # distance 0.06
    "Tell me a joke": direction(90),
}
CALL = [
    ChatGeneration(
        message=AIMessage("", tool_calls=[{"name": "pay", "args": {}, "id": "1"}]),
    )
]


def stocked(**changes: Any) -> Lab:
    """A lab in which one question has been answered."""
    lab = Lab(World(vectors=dict(ANGLES)), **changes)
    lab.update(ASKED)
    lab.world.requests.clear()
    lab.events.clear()
    return lab


def crowd(lab: Lab, count: int = CANDIDATES) -> None:
    """Put other scopes' entries between `AGAIN` and ours, as if their masks were the same."""
    Lab(lab.world).update(AGAIN)
    key, entry = lab.world.hashes.popitem()
    root = key.rsplit(":", 2)[0]
    for n in range(count):
        lab.world.hashes[f"{root}:foreign:{n}"] = {**entry, "scope": b"foreign"}
    lab.world.requests.clear()


class Failing:
    """A world in which the request number `at` fails, and all of its kind from then on."""

    def __init__(self, world: World, at: int) -> None:
        self.world = world
        self.at = at
        self.stage = ""

    def __call__(self, request: Any) -> Any:
        kind = "embedding" if hasattr(request, "text") else "redis"
        if len(self.world.requests) == self.at or kind == self.stage:
            self.stage = kind
            self.world.requests.append(request)
            error = EmbeddingUnavailableError if kind == "embedding" else RedisUnavailableError
            raise error("Boom")
        return self.world(request)


class BehindTheCall:
    """A lab's world in which what is asked and what runs behind the call is answered as well."""

    def __init__(self, lab: Lab, verdict: Any = True) -> None:
        self.lab = lab
        self.verdict = verdict
        self.asked: list[tuple[Any, ...]] = []
        self.behind: Any = None
        """What Redis answers to the command behind the call instead of carrying it out."""

    def __call__(self, request: Any) -> Any:
        if isinstance(request, Ask):
            self.asked.append(request.arguments)
            if isinstance(self.verdict, Exception):
                raise self.verdict
            return self.verdict(*request.arguments) if callable(self.verdict) else self.verdict
        if isinstance(request, Later):
            self._run(request.flow)
            return True
        return self.lab.world(request)

    def _run(self, flow: Any) -> None:
        try:
            request = next(flow)
            while True:
                try:
                    reply = self._behind(request)
                except Exception as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(reply)
        except StopIteration:
            return

    def _behind(self, request: Any) -> Any:
        if isinstance(request, Work):
            return request.function()
        if isinstance(request, Send) and self.behind is not None:
            name, reply = self.behind
            if request.commands[0][0] == name:
                if isinstance(reply, Exception):
                    raise reply
                return [reply]
        return self(request)
