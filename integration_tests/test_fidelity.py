"""Fidelity: what comes back is what the model said, in fresh objects, or it was not stored."""

from __future__ import annotations

import enum
from functools import partial
from typing import Any, Literal, TypedDict

import pytest
import redis
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk
from pydantic import BaseModel, Field

from integration_tests.conftest import MakeCache
from integration_tests.openai_endpoint import Answer, OpenAIEndpoint, ToolCall
from integration_tests.support import (
    FRANCE,
    FRANCE_REWORDED,
    LLM,
    Way,
    asked,
    chat_openai,
    healthy,
    only,
    text_of,
    told,
    verdicts,
)
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.events import Bypassed, Event, Stored

CALL: Any = {"name": "weather", "args": {"city": "Paris", "days": [1, 2.5]}, "id": "call_1"}
USAGE: Any = {
    "input_tokens": 12,
    "output_tokens": 5,
    "total_tokens": 17,
    "input_token_details": {"cache_read": 3},
}


class PartnerMessage(AIMessage):
    """As a partner package would derive it."""

    extra_field: str = "x"


class Colour(str, enum.Enum):
    RED = "red"


@pytest.fixture
def make_cache(make_cache: MakeCache) -> MakeCache:
    """Makes caches whose answers can be compared with what was stored."""
    return partial(make_cache, mark_hits=False)


def reply(content: Any = "Paris", info: Any = None, **fields: Any) -> ChatGeneration:
    return ChatGeneration(message=AIMessage(content, **fields), generation_info=info)


ANSWERS: dict[str, list[Generation]] = {
    "completion": [Generation(text="Paris", generation_info={"finish_reason": "stop", "n": None})],
    "text": [reply()],
    "usage": [reply(usage_metadata=USAGE, response_metadata={"model_name": "m", "logprobs": None})],
    "info": [reply(info={"finish_reason": "stop", "logprobs": [0.1, -2.5e-9]})],
    "name": [reply(name="guide", additional_kwargs={"custom": {"deep": [None, True, "x"]}})],
    "blocks": [reply([{"type": "text", "text": "Pa"}, "ris", {"type": "image", "url": "u"}])],
    "reasoning": [
        reply([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Paris"}])
    ],
    "choices": [reply("Paris"), reply("It is Paris"), reply("Paris!", usage_metadata=USAGE)],
    "unicode": [reply("Päris 🗼 \x00 \u2028 \ud83d \\n")],
    "numbers": [reply(response_metadata={"big": 2**70, "small": 1e-300, "t": True, "i": 1})],
    "chat-role": [ChatGeneration(message=ChatMessage("Paris", role="guide"))],
}
CALLS: dict[str, list[Generation]] = {
    "tool-calls": [reply("", tool_calls=[CALL, {**CALL, "id": "call_2"}])],
    "text-and-tool-call": [reply("Let me see.", tool_calls=[CALL], usage_metadata=USAGE)],
    "raw-tool-calls": [
        reply("", tool_calls=[CALL], additional_kwargs={"tool_calls": [{"id": "call_1"}]})
    ],
    "second-choice": [reply("Paris"), reply("", tool_calls=[CALL])],
}
BROKEN_CALL = AIMessage(
    "",
    invalid_tool_calls=[
        {"name": "weather", "args": "{broken", "id": "call_1", "error": "bad", "type": "x"}  # type: ignore[typeddict-item]
    ],
)


def admit_all(question: str, generations: Any) -> None:
    """Let everything pass, broken tool calls and empty answers included."""


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("question", [FRANCE, FRANCE_REWORDED], ids=["exact", "semantic"])
async def test_answers_come_back_equal(
    do: Way, cache: RedisSemanticCache, events: list[Event], answer: list[Generation], question: str
) -> None:
    """Generations come back equal, type for type, from exact and from semantic hits."""
    await do(cache.update, asked(FRANCE), LLM, answer)
    served = await do(cache.lookup, asked(question), LLM)
    assert served == answer
    assert [type(one) for one in served] == [type(one) for one in answer]
    assert [getattr(one, "message", None) for one in served] == [
        getattr(one, "message", None) for one in answer
    ]
    assert healthy(events)


@pytest.mark.parametrize("answer", CALLS.values(), ids=CALLS.keys())
async def test_tool_calls_are_served_on_exact_match_only(
    do: Way, cache: RedisSemanticCache, answer: list[Generation]
) -> None:
    """A paraphrase never triggers another prompt's action."""
    await do(cache.update, asked(FRANCE), LLM, answer)
    assert await do(cache.lookup, asked(FRANCE), LLM) == answer
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None


async def test_an_answer_that_became_a_tool_call(do: Way, cache: RedisSemanticCache) -> None:
    """Where a tool call replaces a text its question is out of reach for paraphrases at once."""
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM)
    await do(cache.update, asked(FRANCE), LLM, CALLS["tool-calls"])
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None


async def test_a_tool_call_with_a_vector(
    do: Way, cache: RedisSemanticCache, server: redis.Redis, events: list[Event]
) -> None:
    """Even where an entry with a tool call got into the index no paraphrase is served with it."""
    await do(cache.update, asked("a tool's question"), LLM, CALLS["tool-calls"])
    await do(cache.update, asked(FRANCE), LLM, told("Paris"))
    tool, text = (stored.entry for stored in only(events, Stored))
    server.hset(text, "response", server.hget(tool, "response"))  # type: ignore[arg-type]
    assert await do(cache.lookup, asked(FRANCE_REWORDED), LLM) is None
    assert await do(cache.lookup, asked(FRANCE), LLM) == CALLS["tool-calls"]
    assert verdicts(events) == ["tool_calls", "exact"]


async def test_invalid_tool_calls(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """By default not stored; an admission that lets them pass gets them back, exactly only."""
    answer = [ChatGeneration(message=BROKEN_CALL)]
    await do(make_cache().update, asked(FRANCE), LLM, answer)
    assert only(events, Bypassed) == [Bypassed("update", "invalid_tool_calls")]
    lenient = make_cache(admission=admit_all)
    await do(lenient.update, asked(FRANCE), LLM, answer)
    assert await do(lenient.lookup, asked(FRANCE), LLM) == answer
    assert await do(lenient.lookup, asked(FRANCE_REWORDED), LLM) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "empty_answer"),
        ([reply("")], "empty_answer"),
        ([reply("Par", response_metadata={"finish_reason": "length"})], "finish_reason_length"),
        ([reply("Par", info={"finish_reason": "length"})], "finish_reason_length"),
        (
            [reply("no", response_metadata={"finish_reason": "content_filter"})],
            "finish_reason_content_filter",
        ),
        ([reply("no", additional_kwargs={"refusal": "no"})], "finish_reason_refusal"),
        ([reply(response_metadata={"at": object()})], "not_plain_data"),
        ([reply(response_metadata={"at": {1: 2}})], "not_plain_data"),
        ([reply(response_metadata={"at": (1, 2)})], "not_plain_data"),
        ([reply(additional_kwargs={"raw": b"x"})], "not_plain_data"),
        ([ChatGeneration(message=HumanMessage("not an answer"))], "not_plain_data"),
        ([reply("x" * 1_000_001)], "answer_too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_not_stored(
    do: Way, cache: RedisSemanticCache, events: list[Event], answer: list[Generation], reason: str
) -> None:
    """Incomplete, refused and unencodable answers are left out with an event, never an error."""
    await do(cache.update, asked(FRANCE), LLM, answer)
    assert events == [Bypassed("update", reason)]
    assert await do(cache.lookup, asked(FRANCE), LLM) is None
    assert cache.stats.bypassed == {reason: 1}


async def test_subclasses_come_back_as_their_base(do: Way, cache: RedisSemanticCache) -> None:
    """A partner's AIMessage, a chunk, and an enum come back as what LangChain itself knows."""
    partner = PartnerMessage("Paris", response_metadata={"colour": Colour.RED})
    chunk = AIMessageChunk("Paris", response_metadata={"colour": "red"}, chunk_position="last")
    expected = AIMessage("Paris", response_metadata={"colour": "red"})
    for generation in (ChatGeneration(message=partner), ChatGenerationChunk(message=chunk)):
        await do(cache.update, asked(FRANCE), LLM, [generation])
        (served,) = await do(cache.lookup, asked(FRANCE), LLM)
        assert type(served) is ChatGeneration
        assert type(served.message) is AIMessage
        assert (served.text, served.message.response_metadata) == ("Paris", {"colour": "red"})
    assert expected.content == served.message.content
    await do(cache.update, "completion", LLM, [GenerationChunk(text="Paris")])
    assert await do(cache.lookup, "completion", LLM) == [Generation(text="Paris")]


async def test_fresh_objects_with_fresh_ids(do: Way, cache: RedisSemanticCache) -> None:
    """Two hits share no object and no message id, and neither has the stored one's id."""
    answer = reply(id="run-1", response_metadata={"list": [1]})
    await do(cache.update, asked(FRANCE), LLM, [answer])
    served = [(await do(cache.lookup, asked(FRANCE), LLM))[0] for _ in range(3)]
    assert len({one.message.id for one in served} | {"run-1"}) == 4
    assert all(one.message.id for one in served)
    served[0].message.response_metadata["list"].append(2)
    served[0].message.content = "changed"
    assert served[1].message.response_metadata == {"list": [1]}
    assert text_of(await do(cache.lookup, asked(FRANCE), LLM)) == "Paris"
    assert answer.message.id == "run-1"


async def test_answers_of_the_real_client(
    do: Way, make_cache: MakeCache, endpoint: OpenAIEndpoint
) -> None:
    """What ChatOpenAI made of the wire comes back as it was, but for id and cost."""
    model = chat_openai(endpoint, cache=make_cache(), logprobs=True)
    first = await do(model.invoke, FRANCE)
    second = await do(model.invoke, FRANCE)
    assert len(endpoint.chats) == 1
    assert second.usage_metadata == {**first.usage_metadata, "total_cost": 0}
    same = {"id": None, "usage_metadata": None}
    assert second.model_copy(update=same) == first.model_copy(update=same)
    assert second.content_blocks == first.content_blocks
    assert second.id != first.id


async def test_several_choices(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint, events: list[Event]
) -> None:
    """With n=3 all three choices come back, in order."""
    model = chat_openai(endpoint, cache=cache, n=3, temperature=1)
    for _ in range(2):
        result = await do(model.generate, [[HumanMessage(FRANCE)]])
        texts = [choice.text for choice in result.generations[0]]
        said = f"gpt-4o-mini answers: {FRANCE}"
        assert texts == [said, f"{said} (choice 1)", f"{said} (choice 2)"]
    assert len(endpoint.chats) == 1
    assert verdicts(events) == ["no_candidate", "exact"]


class River(BaseModel):
    """A river."""

    name: str


class Capital(BaseModel):
    """A capital and its country."""

    city: str
    country: str
    size: Literal["big", "small"] = "big"
    districts: list[str] = Field(default_factory=list)


class Town(TypedDict):
    """A town."""

    city: str


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
@pytest.mark.parametrize("schema", [Capital, Town], ids=["pydantic", "typed-dict"])
@pytest.mark.parametrize("include_raw", [False, True], ids=["", "raw"])
async def test_structured_output(
    do: Way,
    cache: RedisSemanticCache,
    endpoint: OpenAIEndpoint,
    events: list[Event],
    method: Any,
    schema: Any,
    include_raw: bool,
) -> None:
    """`with_structured_output` gives the same object from the cache as from the model."""
    model = chat_openai(endpoint, cache=cache)
    structured = model.with_structured_output(schema, method=method, include_raw=include_raw)
    first = await do(structured.invoke, FRANCE)
    second = await do(structured.invoke, FRANCE)
    if include_raw:
        assert first["parsing_error"] is second["parsing_error"] is None
        first, second = first["parsed"], second["parsed"]
    assert first == second
    assert type(first) is type(second) is (Capital if schema is Capital else dict)
    assert len(endpoint.chats) == 1
    assert len(only(events, Stored)) == 1
    assert verdicts(events)[-1] == "exact"


async def test_structured_output_by_json_mode(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint
) -> None:
    """JSON mode as well."""

    class Reply(BaseModel):
        answer: str

    structured = chat_openai(endpoint, cache=cache).with_structured_output(
        Reply, method="json_mode"
    )
    answers = [await do(structured.invoke, f"{FRANCE} (JSON)") for _ in range(2)]
    assert answers[0] == answers[1] == Reply(answer=f"gpt-4o-mini answers: {FRANCE} (JSON)")
    assert len(endpoint.chats) == 1


async def test_two_schemas_are_two_questions(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint
) -> None:
    """An answer in one schema is never served where another was asked for."""
    model = chat_openai(endpoint, cache=cache)
    for schema in (Capital, River, Capital, River):
        for method in ("function_calling", "json_schema"):
            structured: Any = model.with_structured_output(schema, method=method)  # type: ignore[arg-type]
            assert type(await do(structured.invoke, FRANCE)) is schema
    assert len(endpoint.chats) == 4


async def test_schemas_that_look_alike(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint
) -> None:
    """Classes made in a function have one repr for different schemas: the model answers each."""
    model = chat_openai(endpoint, cache=cache)
    for field in ("city", "country", "city"):
        schema = made_with(field)
        structured: Any = model.with_structured_output(schema, method="json_schema")
        assert type(await do(structured.invoke, FRANCE)) is schema
    assert len(endpoint.chats) == 3


def made_with(field: str) -> type[BaseModel]:
    class Made(BaseModel):
        __annotations__ = {field: str}

    return Made


async def test_real_tool_calls(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint
) -> None:
    """Tool calls of the wire come back with their arguments; broken ones are asked again."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    model = chat_openai(endpoint, cache=cache).bind(tools=[tool])
    endpoint.answer = lambda request: Answer(tool_calls=[ToolCall("weather", {"city": "Paris"})])
    first, second = [await do(model.invoke, "an umbrella?") for _ in range(2)]
    assert len(endpoint.chats) == 1
    assert first.tool_calls == second.tool_calls
    assert second.tool_calls[0]["args"] == {"city": "Paris"}
    endpoint.answer = lambda request: Answer(tool_calls=[ToolCall("weather", "{broken")])
    for _ in range(2):
        answer = await do(model.invoke, "and tomorrow?")
        assert answer.invalid_tool_calls
    assert len(endpoint.chats) == 3


async def test_cut_off_answers_are_asked_again(
    do: Way, cache: RedisSemanticCache, endpoint: OpenAIEndpoint
) -> None:
    """An answer cut at max_tokens, filtered or refused is not replayed."""
    for answer in (
        Answer("a few words that go on and on", finish_reason="length"),
        Answer("partly", finish_reason="content_filter"),
        Answer(refusal="I cannot help with that."),
    ):
        endpoint.chats.clear()
        endpoint.answer = lambda request, answer=answer: answer
        for _ in range(2):
            await do(chat_openai(endpoint, cache=cache).invoke, FRANCE)
        assert len(endpoint.chats) == 2


async def test_marks(do: Way, make_cache: MakeCache, events: list[Event]) -> None:
    """A served message says where it came from; what is stored stays clean."""
    cache = make_cache(mark_hits=True)
    await do(cache.update, asked(FRANCE), LLM, told("Paris", response_metadata={"a": 1}))
    entry = only(events, Stored)[0].entry
    for question, kind in ((FRANCE, "exact"), (FRANCE_REWORDED, "semantic")):
        (served,) = await do(cache.lookup, asked(question), LLM)
        mark = served.message.response_metadata["semcache"]
        assert (mark["kind"], mark["entry"]) == (kind, entry)
        assert (mark["distance"] == 0) == (kind == "exact")
        assert mark["age"] >= 0
    (plain,) = await do(make_cache().lookup, asked(FRANCE), LLM)
    assert plain.message.response_metadata == {"a": 1}
    await do(cache.update, "text", LLM, [Generation(text="Paris")])
    (completion,) = await do(cache.lookup, "text", LLM)
    assert completion == Generation(text="Paris")
