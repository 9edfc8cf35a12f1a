"""A wrapped model is the model in every respect but its streams."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.load import dumpd
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langchain_redis_semcache import ConfigurationError
from langchain_redis_semcache.models import cached, enable_streaming
from tests.models.lab import QUESTION, Both, Counted, Sync, Whole, look_up, total

OPENAI: dict[str, Any] = {"model": "gpt-4o-mini", "api_key": SecretStr("test")}
COPIES = {
    "wrapped": lambda model: model,
    "wrapped twice": cached,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "model_copy": lambda model: model.model_copy(),
    "model_copy with changes": lambda model: model.model_copy(update={"temperature": 0.5}),
}


@pytest.mark.parametrize("kind", [Both, Sync, Whole])
def test_like_the_model(kind: type[Any], made: Any) -> None:
    """Class, name, identity for the cache, serialisation and fields are those of the model."""
    model = made(kind, temperature=0.3)
    wrapped = cached(model)
    assert isinstance(wrapped, kind)
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(type(wrapped), name) == getattr(kind, name)
    assert wrapped.temperature == 0.3
    assert wrapped.model_fields_set == model.model_fields_set
    assert wrapped._get_llm_string() == model._get_llm_string()
    assert wrapped.get_name() == model.get_name()


def test_like_chat_openai() -> None:
    """A serialisable model keeps its llm_string, its dump and what tracing is told about it."""
    model = ChatOpenAI(**OPENAI)
    wrapped = cached(model)
    assert isinstance(wrapped, ChatOpenAI)
    assert dumpd(wrapped) == dumpd(model)
    assert type(wrapped).lc_id() == ChatOpenAI.lc_id()
    assert wrapped._get_llm_string(stop=["x"]) == model._get_llm_string(stop=["x"])
    assert wrapped._get_ls_params() == model._get_ls_params()
    assert wrapped.client is model.client
    assert type(model) is ChatOpenAI
    assert type(cached(model)) is type(wrapped)


def test_what_a_model_lacks() -> None:
    """A model that cannot stream is given no `_stream`, by which LangChain would be misled."""
    assert type(cached(Whole()))._stream is BaseChatModel._stream
    assert type(cached(Whole()))._astream is BaseChatModel._astream
    assert type(cached(Sync()))._stream is not BaseChatModel._stream


@pytest.mark.parametrize("made_of", COPIES.values(), ids=COPIES)
def test_copies(made_of: Any, made: Any, cache: Any) -> None:
    """Copies of a wrapped model stream from the cache as well."""
    model = made_of(cached(made(Both)))
    model.cache = cache  # `deepcopy` takes a copy of the cache along
    for text in ("cold", "warm"):
        total(model.stream(text if text == "cold" else "cold"))
    assert cache.counted.lookups == 2
    assert cache.counted.updates == 1


def test_pickled(made: Any, cache: Any) -> None:
    """A wrapped model that is sent to another process arrives as one."""
    sent = cached(made(Both, cache=None, temperature=0.7), replay="words")
    model = pickle.loads(pickle.dumps(sent))
    assert isinstance(model, Both)
    assert model.temperature == 0.7
    model.cache = cache
    total(model.stream(QUESTION))
    assert len(list(model.stream(QUESTION))) > 10
    assert type(model) is type(sent)


def test_what_the_model_notes(made: Any) -> None:
    """What a model notes in itself while it streams is still there at the next call."""

    class Noting(Both):
        noted: int = 0

        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            self.noted += 1
            yield from super()._stream(*args, **kwargs)

    model = cached(made(Noting))
    for question in ("one", "two", "one"):
        total(model.stream(question))
    assert model.noted == 2


class Serialisable(Both):
    """A model whose `llm_string` is its dump, which LangChain notes at the first call."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True


@pytest.mark.parametrize(
    "ask",
    [lambda m: m.invoke(QUESTION), lambda m: total(m.stream(QUESTION))],
    ids=["whole", "stream"],
)
def test_changed_since_its_first_call(ask: Any, made: Any, cache: Any) -> None:
    """A model that was changed, or a changed copy of it, is not served what it said before."""
    model = cached(made(Serialisable))
    ask(model)
    ask(model)
    assert cache.counted.calls == 1
    model.temperature = 0.9
    ask(model)
    assert cache.counted.calls == 2
    ask(model.model_copy(update={"temperature": 0.5}))
    assert cache.counted.calls == 3


PROMPT = ChatPromptTemplate.from_messages([("human", "{q}")])
INSTEAD: list[tuple[Any, str]] = [
    ("gpt-4o-mini", r"init_chat_model\('...'\)"),
    (ChatOpenAI, r"write cached\(ChatOpenAI\(...\)\)"),
    (FakeListLLM(responses=["a"]), "FakeListLLM is a completion model"),
    (Both().bind_tools([look_up]), "the chat model inside of a .*Binding"),
    (PROMPT | Both(), "the chat model inside of a RunnableSequence"),
    (Both().with_retry(), "the chat model inside of a RunnableRetry"),
    (None, r"e.g. cached\(ChatOpenAI\(...\)\), not a NoneType"),
    (init_chat_model(configurable_fields=("model",)), "without configurable_fields, or .*enable_"),
]


@pytest.mark.parametrize(("given", "message"), INSTEAD, ids=[m for _, m in INSTEAD])
def test_no_chat_model(given: Any, message: str) -> None:
    """What cannot be wrapped is refused with what to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        cached(given)


@pytest.mark.parametrize("use", [lambda **k: cached(Both(), **k), enable_streaming])
def test_no_replay(use: Any) -> None:
    """A way to replay that does not exist is refused."""
    with pytest.raises(ConfigurationError, match="'few', 'words' or a function"):
        use(replay="letters")


def test_init_chat_model() -> None:
    """`init_chat_model` without configurable fields makes a model like any other."""
    wrapped = cached(init_chat_model("openai:gpt-4o-mini", api_key="test"))
    assert isinstance(wrapped, ChatOpenAI)


@pytest.mark.parametrize("setting", [None, False])
def test_without_a_cache(setting: Any) -> None:
    """Without a cache, or with `cache=False`, a wrapped model is the model."""
    counted = Counted()
    model = cached(Both(cache=setting, counted=counted))
    for _ in range(2):
        assert total(model.stream(QUESTION)).text.endswith("Paris.")
    assert counted.calls == 2
