"""The test tools do what they say: the OpenAI endpoint, the fault proxy and the scripted Redis."""

from __future__ import annotations

import asyncio
import functools
import operator
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import openai
import pytest
import redis
import redis.asyncio
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr
from redis.backoff import NoBackoff
from redis.exceptions import MasterDownError
from redis.retry import Retry

from integration_tests.faults.proxy import FaultProxy
from integration_tests.faults.scripted_redis import (
    CLOSE,
    HANG,
    ScriptedRedis,
    encode,
    in_turn,
    resp,
    split_commands,
)
from integration_tests.openai_endpoint import (
    Answer,
    OpenAIEndpoint,
    ToolCall,
    calls_tool,
    offline_tokens,
    word_vector,
)


@pytest.fixture
def endpoint() -> Iterator[OpenAIEndpoint]:
    with OpenAIEndpoint(keep_alive=False) as running:
        yield running


def chat(endpoint: OpenAIEndpoint, **kwargs: Any) -> ChatOpenAI:
    kwargs = {"model": "gpt-4o-mini", "max_retries": 0, **kwargs}
    return ChatOpenAI(base_url=endpoint.base_url, api_key=SecretStr("test"), **kwargs)


def embedder(endpoint: OpenAIEndpoint, **kwargs: Any) -> OpenAIEmbeddings:
    kwargs = {"check_embedding_ctx_length": False, "max_retries": 0, **kwargs}
    return OpenAIEmbeddings(base_url=endpoint.base_url, api_key=SecretStr("test"), **kwargs)


def added(chunks: Iterable[Any]) -> AIMessage:
    return cast(AIMessage, functools.reduce(operator.add, chunks))


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class Capital(BaseModel):
    """A capital."""

    city: str
    population: int


class TestChat:
    def test_the_answer_names_the_model_and_the_question(self, endpoint: OpenAIEndpoint) -> None:
        """A plain call comes back as a message with usage, finish reason and model name."""
        message = chat(endpoint).invoke([("system", "Be brief."), ("user", "Who are you?")])
        assert message.content == "gpt-4o-mini answers: Who are you?"
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.response_metadata["model_name"] == "gpt-4o-mini"
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_tokens"] == 5
        assert endpoint.questions == ["Who are you?"]
        assert endpoint.chats[0]["messages"][0] == {"role": "system", "content": "Be brief."}

    def test_async_and_text_blocks(self, endpoint: OpenAIEndpoint) -> None:
        """Async calls work, and the text blocks of a message are joined."""
        blocks = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
        message = asyncio.run(chat(endpoint).ainvoke([HumanMessage(blocks)]))  # type: ignore[arg-type]
        assert message.content == "gpt-4o-mini answers: one\ntwo"

    def test_scripted_answers_and_batches(self, endpoint: OpenAIEndpoint) -> None:
        """The answer can be any function of the request, in concurrent calls as well."""
        endpoint.answer = lambda request: request["messages"][-1]["content"].upper()
        questions = [f"question {i}" for i in range(20)]
        answers = chat(endpoint).batch(list(questions))
        assert [answer.content for answer in answers] == [q.upper() for q in questions]
        assert sorted(endpoint.questions) == sorted(questions)

    @pytest.mark.parametrize("use_async", [False, True])
    def test_streams(self, endpoint: OpenAIEndpoint, use_async: bool) -> None:
        """A streamed answer arrives in pieces and adds up to the whole one, usage included."""
        model = chat(endpoint, stream_usage=True)
        whole = model.invoke("tell me")

        async def collect() -> list[AIMessageChunk]:
            return [chunk async for chunk in model.astream("tell me")]

        chunks = asyncio.run(collect()) if use_async else list(model.stream("tell me"))
        total: Any = added(chunks)
        assert len([chunk for chunk in chunks if chunk.content]) > 2
        assert total.content == whole.content
        assert total.usage_metadata == whole.usage_metadata
        assert total.response_metadata["finish_reason"] == "stop"

    def test_a_stream_can_break(self, endpoint: OpenAIEndpoint) -> None:
        """`break_after` resets the connection in the middle of a stream."""
        endpoint.answer = lambda request: Answer("one two three", break_after=2)
        received: list[Any] = []
        with pytest.raises(openai.APIConnectionError):
            received.extend(chunk.content for chunk in chat(endpoint).stream("count"))
        assert received == ["", "one"]

    @pytest.mark.parametrize("stream", [False, True])
    def test_tool_calls(self, endpoint: OpenAIEndpoint, stream: bool) -> None:
        """A rule can call the request's tools, whole and streamed."""
        endpoint.answer = lambda request: Answer(
            tool_calls=[ToolCall("weather", {"city": "Paris"}), ToolCall("weather", "{broken")]
        )
        model = chat(endpoint).bind_tools([weather])
        if stream:
            message = added(model.stream("weather?"))
            # LangChain completes what is broken once it is put together from pieces.
            assert [call["name"] for call in message.tool_calls] == ["weather", "weather"]
        else:
            message = model.invoke("weather?")
            assert [call["name"] for call in message.invalid_tool_calls] == ["weather"]
        assert message.tool_calls[0]["args"] == {"city": "Paris"}
        assert message.response_metadata["finish_reason"] == "tool_calls"

    def test_a_tool_that_was_not_offered_is_an_error(self, endpoint: OpenAIEndpoint) -> None:
        """A mistaken rule shows as status 500 and in `errors`, not as a strange answer."""
        endpoint.answer = lambda request: Answer(tool_calls=[ToolCall("weather")])
        with pytest.raises(openai.InternalServerError, match="does not offer"):
            chat(endpoint).invoke("weather?")
        assert isinstance(endpoint.errors[0], ValueError)

    def test_an_agent_with_a_tool(self, endpoint: OpenAIEndpoint) -> None:
        """An agent calls the tool, hands its result back and gets a final answer."""
        endpoint.answer = calls_tool("weather", {"city": "Paris"})
        agent = create_agent(chat(endpoint), [weather])
        result = agent.invoke({"messages": [HumanMessage("weather in Paris?")]})
        expected = "gpt-4o-mini answers: weather in Paris? (tool said: sunny in Paris)"
        assert result["messages"][-1].content == expected
        assert len(endpoint.chats) == 2

    @pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
    def test_structured_output(self, endpoint: OpenAIEndpoint, method: str) -> None:
        """Without a rule, structured output fits its schema and names the question."""
        if method == "json_mode":
            endpoint.answer = lambda request: '{"city": "what?", "population": 1}'
        model = chat(endpoint).with_structured_output(Capital, method=method)  # type: ignore[arg-type]
        result = model.invoke("what? as json")
        assert isinstance(result, Capital)
        assert "what?" in result.city

    def test_several_choices_and_logprobs(self, endpoint: OpenAIEndpoint) -> None:
        """With n and logprobs every choice differs and carries its tokens."""
        result = chat(endpoint, n=2, logprobs=True, top_logprobs=1).generate([[HumanMessage("hi")]])
        first, second = result.generations[0]
        assert (first.text, second.text) == (
            "gpt-4o-mini answers: hi",
            "gpt-4o-mini answers: hi (choice 1)",
        )
        tokens = (first.generation_info or {})["logprobs"]["content"]
        assert "".join(token["token"] for token in tokens) == first.text

    def test_finish_reasons(self, endpoint: OpenAIEndpoint) -> None:
        """Limits cut the answer as the API does; refusals and filters are scriptable."""
        assert chat(endpoint, stop=["answers"]).invoke("x").content == "gpt-4o-mini "
        cut = chat(endpoint, max_tokens=2).invoke("x")
        assert cut.content == "gpt-4o-mini answers:"
        assert cut.response_metadata["finish_reason"] == "length"
        endpoint.answer = lambda request: Answer("no", finish_reason="content_filter")
        filtered = chat(endpoint).invoke("x")
        assert filtered.response_metadata["finish_reason"] == "content_filter"
        endpoint.answer = lambda request: Answer(refusal="I can't help with that.")
        refused = chat(endpoint).invoke("x")
        assert refused.additional_kwargs["refusal"] == "I can't help with that."


class TestEmbeddings:
    @pytest.mark.parametrize("kwargs", [{}, {"model_kwargs": {"encoding_format": "float"}}])
    def test_both_encodings(self, endpoint: OpenAIEndpoint, kwargs: dict[str, Any]) -> None:
        """Base64, which the client asks for by default, and plain floats carry the same vector."""
        vector = embedder(endpoint, **kwargs).embed_query("The capital of France")
        assert vector == pytest.approx(word_vector("the capital of france"))
        assert endpoint.embeddings[0]["encoding_format"] == ("float" if kwargs else "base64")
        assert asyncio.run(embedder(endpoint, **kwargs).aembed_query("x")) != vector
        assert endpoint.embedded == ["The capital of France", "x"]

    def test_shared_words_are_near(self, endpoint: OpenAIEndpoint) -> None:
        """The default vectors have length 1 and texts that share words are nearer than others."""
        texts = ["capital of France", "the capital of France", "reverse a string", ""]
        a, b, c, empty = embedder(endpoint).embed_documents(texts)
        assert sum(x * y for x, y in zip(a, b, strict=True)) > 0.8
        assert sum(x * y for x, y in zip(a, c, strict=True)) < 0.3
        assert all(sum(x * x for x in v) == pytest.approx(1) for v in (a, b, c, empty))

    def test_dimensions(self, endpoint: OpenAIEndpoint) -> None:
        """`dimensions` gives that many floats, for plugged-in vectors by cutting as OpenAI does."""
        assert len(embedder(endpoint, dimensions=64).embed_query("x")) == 64
        endpoint.embed = lambda text: [3.0, 4.0, 12.0]
        assert embedder(endpoint).embed_query("x") == [3.0, 4.0, 12.0]
        assert embedder(endpoint, dimensions=2).embed_query("x") == pytest.approx([0.6, 0.8])

    def test_token_arrays(self, endpoint: OpenAIEndpoint) -> None:
        """With `offline_tokens` the client's default path works and its tokens are read as text."""
        with offline_tokens():
            vector = embedder(endpoint, check_embedding_ctx_length=True).embed_query("Größe 5")
        assert isinstance(endpoint.embeddings[0]["input"][0][0], int)
        assert endpoint.embedded == ["Größe 5"]
        assert vector == pytest.approx(word_vector("Größe 5"))


class TestEndpointFaults:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (401, openai.AuthenticationError),
            (429, openai.RateLimitError),
            (500, openai.InternalServerError),
        ],
    )
    def test_statuses(self, endpoint: OpenAIEndpoint, status: int, error: type[Exception]) -> None:
        """A failing status is raised as the client's own error until the endpoint recovers."""
        endpoint.fail(status)
        with pytest.raises(error):
            chat(endpoint).invoke("x")
        with pytest.raises(error):
            embedder(endpoint).embed_query("x")
        endpoint.recover()
        assert chat(endpoint).invoke("x").content == "gpt-4o-mini answers: x"

    def test_so_many_times_on_one_path(self, endpoint: OpenAIEndpoint) -> None:
        """A fault can be limited to one path and a number of requests, so that a retry succeeds."""
        endpoint.fail(429, on="chat", times=2)
        embedder(endpoint).embed_query("x")
        assert chat(endpoint, max_retries=2).invoke("x").content == "gpt-4o-mini answers: x"
        assert len(endpoint.chats) == 3

    def test_reset(self, endpoint: OpenAIEndpoint) -> None:
        """A reset connection is a connection error for the client."""
        endpoint.reset()
        with pytest.raises(openai.APIConnectionError):
            chat(endpoint).invoke("x")

    def test_hang(self, endpoint: OpenAIEndpoint) -> None:
        """A hanging request runs into the client's timeout, or is answered when released."""
        endpoint.hang()
        with pytest.raises(openai.APITimeoutError):
            embedder(endpoint, timeout=0.1).embed_query("x")
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(chat(endpoint).invoke, "x")
            endpoint.wait_for(lambda: len(endpoint.chats) == 1)
            assert not asked.done()
            endpoint.recover()
            assert asked.result(5).content == "gpt-4o-mini answers: x"

    def test_latency_and_concurrency(self, endpoint: OpenAIEndpoint) -> None:
        """Requests overlap while the endpoint is slow, and the overlap is counted."""
        endpoint.chat_latency = 0.1
        started = time.monotonic()
        chat(endpoint).batch([str(i) for i in range(8)], config={"max_concurrency": 8})
        assert 0.1 <= time.monotonic() - started < 0.7
        assert endpoint.max_in_flight > 1
        endpoint.wait_for(lambda: endpoint.in_flight == 0)

    def test_keep_alive(self) -> None:
        """Connections are kept for the next request unless told otherwise."""
        for keep_alive in (False, True):
            with OpenAIEndpoint(keep_alive=keep_alive) as running:
                model = chat(running)
                for _ in range(3):
                    model.invoke("x")
                assert running.connections_total == (1 if keep_alive else 3)

    def test_several_loops(self, endpoint: OpenAIEndpoint) -> None:
        """Without kept connections one model and one embedder serve several event loops."""
        model, embeddings = chat(endpoint), embedder(endpoint)
        for _ in range(3):
            assert asyncio.run(model.ainvoke("x")).content == "gpt-4o-mini answers: x"
            assert len(asyncio.run(embeddings.aembed_query("x"))) == 256

    def test_nothing_is_left(self) -> None:
        """Leaving the context ends its threads and sockets, also under a hanging client."""
        with ThreadPoolExecutor(1) as pool:
            with OpenAIEndpoint() as endpoint:
                chat(endpoint).invoke("keeps its connection alive")
                endpoint.hang()
                asked = pool.submit(chat(endpoint).invoke, "x")
                endpoint.wait_for(lambda: endpoint.in_flight == 1)
            with pytest.raises(openai.APIConnectionError):
                asked.result(5)
            assert endpoint.connections_open == 0
        assert not [t for t in threading.enumerate() if "process_request" in t.name]


@pytest.fixture
def server() -> Iterator[ScriptedRedis]:
    with ScriptedRedis({"GET": resp("value"), "HSET": resp(1), "EXPIRE": resp(1)}) as running:
        yield running


@pytest.fixture
def proxy(server: ScriptedRedis) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as running:
        yield running


def connect(url: str, **kwargs: Any) -> redis.Redis:
    return redis.Redis.from_url(url, **_options(kwargs))


def _options(kwargs: dict[str, Any]) -> dict[str, Any]:
    retry = Retry(NoBackoff(), 0)
    return {"socket_timeout": 0.5, "retry": retry, "decode_responses": True, **kwargs}


def get(url: str, use_async: bool, **kwargs: Any) -> Any:
    """GET once, on a new connection."""
    if not use_async:
        with connect(url, **kwargs) as client:
            return client.get("key")

    async def run() -> Any:
        async with redis.asyncio.Redis.from_url(url, **_options(kwargs)) as client:
            return await client.get("key")

    return asyncio.run(run())


both = pytest.mark.parametrize("use_async", [False, True], ids=["sync", "async"])


class TestScriptedRedis:
    @both
    @pytest.mark.parametrize("protocol", [2, 3])
    def test_handshake(self, server: ScriptedRedis, protocol: int, use_async: bool) -> None:
        """Clients of both protocols shake hands and read scripted replies."""
        assert get(server.url, use_async, protocol=protocol, client_name="me") == "value"
        assert server.received("GET") == [[b"GET", b"key"]]
        assert bool(server.received("HELLO")) is (protocol == 3)
        server.wait_for(lambda: server.connections_open == 0)

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_values(self, server: ScriptedRedis, protocol: int) -> None:
        """`resp` speaks the connection's protocol: maps, nulls and doubles are real in RESP3."""
        server.script["X"] = resp({"a": [None, 1.5, True, b"\xc3\xa9"]})
        with connect(server.url, protocol=protocol) as client:
            reply = client.execute_command("X")
        if protocol == 3:
            assert reply == {"a": [None, 1.5, True, "é"]}
        else:
            assert reply == ["a", [None, "1.5", 1, "é"]]

    @both
    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("-LOADING Redis is loading the dataset in memory", redis.BusyLoadingError),
            ("-BUSY Redis is busy running a script.", redis.ResponseError),
            ("-MASTERDOWN Link with MASTER is down", MasterDownError),
            ("-READONLY You can't write against a read only replica.", redis.ReadOnlyError),
            ("-OOM command not allowed when used memory > 'maxmemory'.", redis.OutOfMemoryError),
            ("-NOAUTH Authentication required.", redis.AuthenticationError),
            ("-NOPERM this user has no permissions", redis.ResponseError),
            ("-MOVED 1 127.0.0.1:1", redis.ResponseError),
            ("-CLUSTERDOWN The cluster is down", redis.ResponseError),
        ],
    )
    def test_error_lines(
        self, server: ScriptedRedis, line: str, error: type[Exception], use_async: bool
    ) -> None:
        """A scripted error line is raised by the client as its own class of error."""
        server.script["GET"] = line
        with pytest.raises(error):
            get(server.url, use_async)

    def test_unknown_commands(self, server: ScriptedRedis) -> None:
        """What no script knows is an unknown command, or gets the default."""
        with connect(server.url) as client:
            with pytest.raises(redis.ResponseError, match=r"unknown command 'FT\.SEARCH', with"):
                client.execute_command("FT.SEARCH", "index", "*")
            server.default = "-ERR everything fails"
            with pytest.raises(redis.ResponseError, match="everything fails"):
                client.execute_command("FT.SEARCH", "index", "*")
            server.script["GET"] = in_turn("-BUSY wait", resp(None), resp("late"))
            with pytest.raises(redis.ResponseError):
                client.get("key")
            assert [client.get("key") for _ in range(3)] == [None, "late", "late"]

    def test_passwords(self) -> None:
        """A server with a password wants it, in HELLO as well as in AUTH."""
        with ScriptedRedis({"GET": resp("value")}, password="secret") as server:
            for protocol in (2, 3):
                assert get(server.url, False, password="secret", protocol=protocol) == "value"
                with pytest.raises(redis.AuthenticationError):
                    get(server.url, False, password="wrong", protocol=protocol)
                with pytest.raises(redis.AuthenticationError):
                    get(server.url, False, protocol=protocol)

    @both
    def test_failing_handshakes(self, server: ScriptedRedis, use_async: bool) -> None:
        """The script beats the handshake: a denied SETINFO is survived, a denied HELLO is not."""
        server.script["CLIENT SETINFO"] = "-NOPERM this user has no permissions"
        assert get(server.url, use_async) == "value"
        server.script["HELLO"] = "-NOAUTH HELLO must be called with the client authenticated"
        with pytest.raises(redis.RedisError):
            get(server.url, use_async, protocol=3)

    def test_transactions(self, server: ScriptedRedis) -> None:
        """Commands are queued; EXEC carries their replies, or aborts after a queue error."""
        with connect(server.url) as client:
            pipeline = client.pipeline(transaction=True)
            assert pipeline.hset("h", "f", "v").expire("h", 5).execute() == [1, True]
            server.script["HSET"] = "-WRONGTYPE Operation against a key of the wrong kind"
            replies = pipeline.hset("h", "f", "v").expire("h", 5).execute(raise_on_error=False)
            assert isinstance(replies[0], redis.ResponseError)
            assert replies[1] == 1
            server.script["HSET"] = "-OOM command not allowed"
            with pytest.raises(redis.OutOfMemoryError, match="HSET"):
                pipeline.hset("h", "f", "v").expire("h", 5).execute()
            server.script |= {"HSET": resp(1), "EXEC": "-EXECABORT Transaction discarded"}
            with pytest.raises(redis.RedisError, match="discarded"):
                pipeline.hset("h", "f", "v").execute()

    @both
    def test_silence_and_closing(self, server: ScriptedRedis, use_async: bool) -> None:
        """HANG runs into the timeout, CLOSE and a greeting of maxclients into a lost connection."""
        server.script["GET"] = HANG
        with pytest.raises(redis.TimeoutError):
            get(server.url, use_async)
        server.script["GET"] = CLOSE
        with pytest.raises(redis.ConnectionError):
            get(server.url, use_async)
        server.greeting = "-ERR max number of clients reached"
        with pytest.raises(redis.ConnectionError):
            get(server.url, use_async)

    def test_split_commands(self) -> None:
        """Commands are cut out of any stream of bytes, binary arguments and all."""
        data = encode([b"SET", b"k", b"\r\n*1\r\n"]) + encode([b"PING"])
        for cut in range(len(data)):
            head, rest = split_commands(data[:cut])
            tail, left = split_commands(rest + data[cut:])
            assert head + tail == [[b"SET", b"k", b"\r\n*1\r\n"], [b"PING"]]
            assert left == b""


class TestProxy:
    @both
    def test_pass_through_and_counters(
        self, server: ScriptedRedis, proxy: FaultProxy, use_async: bool
    ) -> None:
        """Everything passes and is counted, and closed connections are seen as closed."""
        assert get(proxy.url, use_async, protocol=2) == "value"
        proxy.wait_for(lambda: proxy.connections_open == 0)
        assert proxy.connections_total == 1
        assert proxy.bytes_in > 20
        assert proxy.bytes_out > 10

    def test_round_trips(self, proxy: FaultProxy) -> None:
        """A pipeline is one round trip, however many commands it has."""
        with connect(proxy.url, socket_timeout=5) as client:
            client.get("warm up")
            before = proxy.round_trips
            pipeline = client.pipeline(transaction=False)
            for i in range(100):
                pipeline.hset("h", str(i), "x")
            pipeline.execute()
            assert proxy.round_trips == before + 1
            client.get("key")
            assert proxy.round_trips == before + 2

    @both
    def test_delay(self, proxy: FaultProxy, use_async: bool) -> None:
        """Each reply is late by the given time, which a timeout notices."""
        proxy.delay(0.05)
        started = time.monotonic()
        assert get(proxy.url, use_async, protocol=3) == "value"
        assert time.monotonic() - started >= 0.1
        proxy.delay(5)
        with pytest.raises(redis.TimeoutError):
            get(proxy.url, use_async)

    @both
    def test_drip(self, server: ScriptedRedis, proxy: FaultProxy, use_async: bool) -> None:
        """A dripping reply defeats the timeout of a single read."""
        server.script["GET"] = resp("0123456789" * 2)
        proxy.drip(0.02)
        started = time.monotonic()
        assert get(proxy.url, False, protocol=2) == "0123456789" * 2
        assert time.monotonic() - started > 0.2

    @both
    def test_deaf(self, server: ScriptedRedis, proxy: FaultProxy, use_async: bool) -> None:
        """A deaf proxy accepts and forwards nothing; a client that gives up is seen to go."""
        proxy.deaf()
        with pytest.raises(redis.TimeoutError):
            get(proxy.url, use_async)
        proxy.wait_for(lambda: proxy.connections_open == 0)
        assert server.commands == []

    def test_what_was_held_is_delivered(self, server: ScriptedRedis, proxy: FaultProxy) -> None:
        """When a deaf proxy hears again, waiting requests are answered on the same connection."""
        with connect(proxy.url, socket_timeout=5) as client, ThreadPoolExecutor(1) as pool:
            client.get("warm up")
            proxy.deaf()
            before = proxy.round_trips
            asked = pool.submit(client.get, "key")
            proxy.wait_for(lambda: proxy.round_trips > before)
            assert len(server.received("GET")) == 1
            proxy.pass_through()
            assert asked.result(5) == "value"
            assert proxy.connections_total == 1

    @both
    def test_refuse(self, proxy: FaultProxy, use_async: bool) -> None:
        """Refusing resets what is open, refuses what is new, and comes back on the same port."""
        with connect(proxy.url) as client:
            client.get("warm up")
            proxy.refuse()
            assert proxy.connections_open == 0
            with pytest.raises(redis.ConnectionError):
                client.get("key")
            with pytest.raises(redis.ConnectionError, match=r"refused|Connect call failed"):
                get(proxy.url, use_async)
            proxy.pass_through()
            assert client.get("key") == "value"
            assert get(proxy.url, use_async) == "value"

    @both
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (lambda proxy: proxy.reset(), redis.ConnectionError),
            (lambda proxy: proxy.half_reply("close"), redis.ConnectionError),
            (lambda proxy: proxy.half_reply("hang"), redis.TimeoutError),
            (lambda proxy: proxy.garbage(b"!!?\r\n"), Exception),
        ],
        ids=["reset", "half-close", "half-hang", "garbage"],
    )
    def test_broken_replies(
        self,
        proxy: FaultProxy,
        fault: Callable[[FaultProxy], None],
        error: type[Exception],
        use_async: bool,
    ) -> None:
        """A broken reply is an error of the client, and the next connection may be whole again."""
        fault(proxy)
        with pytest.raises(error):
            get(proxy.url, use_async)
        proxy.pass_through()
        assert get(proxy.url, use_async) == "value"

    def test_so_many_times(self, proxy: FaultProxy) -> None:
        """A fault with `times` strikes that often and then lets everything pass."""
        with connect(proxy.url) as client:
            client.get("warm up")
            proxy.reset(times=1)
            with pytest.raises(redis.ConnectionError):
                client.get("key")
            assert client.get("key") == "value"

    def test_cut(self, server: ScriptedRedis, proxy: FaultProxy) -> None:
        """A pipeline can be cut between two of its commands, or after any byte."""
        with connect(proxy.url) as client:
            pipeline = client.pipeline(transaction=False)
            client.get("warm up")
            proxy.cut_before("expire", times=1)
            with pytest.raises(redis.ConnectionError):
                pipeline.hset("h", "f", "v").expire("h", 5).execute()
            server.wait_for(lambda: len(server.received("HSET")) == 1)
            client.get("warm up")
            size = len(encode([b"HSET", b"h", b"f", b"v"]))
            proxy.cut_after(size + 10, times=1)
            with pytest.raises(redis.ConnectionError):
                pipeline.hset("h", "f", "v").expire("h", 5).execute()
            server.wait_for(lambda: len(server.received("HSET")) == 2)
            assert server.received("EXPIRE") == []
            assert pipeline.hset("h", "f", "v").expire("h", 5).execute() == [1, True]

    def test_block_writes(self, server: ScriptedRedis, proxy: FaultProxy) -> None:
        """Reads work while writes hang, also inside a transaction."""
        with connect(proxy.url) as client:
            proxy.block_writes()
            assert client.get("key") == "value"
            with pytest.raises(redis.TimeoutError):
                client.pipeline(transaction=True).hset("h", "f", "v").execute()
            assert client.get("key") == "value"
            assert server.received("MULTI") == []

    def test_a_transaction_is_one_round_trip(self, proxy: FaultProxy) -> None:
        """A transaction with a vector, which clients send in parts, counts as one round trip."""
        with connect(proxy.url) as client:
            client.get("warm up")
            for i in range(1, 51):
                before = proxy.round_trips
                pipeline = client.pipeline(transaction=True)
                pipeline.hset("h", "vector", "x" * 6144).expire("h", i).execute()
                assert proxy.round_trips == before + 1

    def test_close_idle(self, proxy: FaultProxy) -> None:
        """Idle connections are closed, and a client that checks finds a new one."""
        for reset in (False, True):
            with connect(proxy.url) as client:
                client.get("warm up")
                proxy.close_idle(reset=reset)
                assert proxy.connections_open == 0
                assert client.get("key") == "value"

    def test_it_works_while_the_tested_loop_is_blocked(self, proxy: FaultProxy) -> None:
        """The proxy has its own loop: a blocking call inside a coroutine is served."""

        async def blocking() -> Any:
            return get(proxy.url, use_async=False)

        assert asyncio.run(blocking()) == "value"

    def test_no_server_behind(self) -> None:
        """Where the server is away, the connection breaks at the first request."""
        with FaultProxy("redis://user:secret@127.0.0.1:1/2") as proxy:
            assert proxy.url == f"redis://user:secret@127.0.0.1:{proxy.port}/2"
            with pytest.raises(redis.ConnectionError):
                get(proxy.url, use_async=False)

    def test_nothing_is_left(self, server: ScriptedRedis) -> None:
        """Leaving the context ends the thread and every connection, whatever is held in it."""
        with connect(server.url) as direct:
            direct.get("key")
            with FaultProxy(server.url) as proxy:
                clients = [connect(proxy.url) for _ in range(3)]
                for client in clients:
                    client.get("key")
                proxy.deaf()
                for client in clients:
                    with pytest.raises(redis.TimeoutError):
                        client.get("key")
            assert proxy.connections_open == 0
            server.wait_for(lambda: server.connections_open == 1)
            for client in clients:
                client.close()
        assert not [t for t in threading.enumerate() if t.name == "FaultProxy"]
