"""Which cache a call goes to, and how a hit is withheld from LangChain."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration

from langchain_redis_semcache.models.call import Call, Manner, Question, Withheld, cache_now
from tests.models.lab import Both, CountingCache

HIT = [ChatGeneration(message=AIMessage("Paris."))]
TWO = [*HIT, *HIT]


@pytest.fixture
def globally(cache: CountingCache) -> Any:
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


def test_which_cache(globally: CountingCache) -> None:
    """The model's own cache, else the global one, unless the model is to have none."""
    own = CountingCache()
    assert cache_now(Both(cache=own), behind=True) is own
    assert cache_now(Both(), behind=True) is globally
    assert cache_now(Both(cache=True), behind=True) is globally
    assert cache_now(Both(cache=False), behind=True) is None


def test_no_cache() -> None:
    """Without any cache there is nothing to ask."""
    assert cache_now(Both(), behind=True) is None


def test_the_words_of_invoke(cache: CountingCache) -> None:
    """A stream's question is put in the words of `invoke`, whatever ids its messages have."""
    model = Both(cache=cache)
    model.invoke([HumanMessage("Hello")], stop=["x"], other=2)
    call = Call(model, cache, Manner(), core_asks=False)
    question = Question(call, [HumanMessage("Hello", id="2")], ["x"], {"other": 2})
    assert [question.words] == list(cache.entries)


def test_withheld(cache: CountingCache) -> None:
    """A hit is a miss to LangChain and ours to give; it is not stored a second time."""
    withheld = Withheld(cache)
    assert withheld.lookup("p", "m") is None
    assert withheld.answer() is None
    withheld.update("p", "m", HIT)
    assert withheld.lookup("p", "m") is None
    answer = withheld.answer()
    assert answer is not None
    assert answer.text == "Paris."
    withheld.update("p", "m", HIT)
    assert withheld.answer() is None
    assert cache.counted.updates == 1


def test_not_withheld(cache: CountingCache) -> None:
    """What cannot be streamed is LangChain's to give."""
    cache.update("p", "m", TWO)
    assert Withheld(cache).lookup("p", "m") == TWO


async def test_each_task_its_own(cache: CountingCache) -> None:
    """Prompts that are answered at once, one a task, do not get each other's answers."""
    withheld = Withheld(cache)
    cache.update("0", "m", HIT)

    async def ask(number: int) -> bool:
        await withheld.alookup(str(number), "m")
        await asyncio.sleep(0)
        found = withheld.answer() is not None
        await withheld.aupdate(str(number), "m", HIT)
        return found

    assert await asyncio.gather(*map(ask, range(3))) == [True, False, False]
    assert cache.counted.updates == 3
