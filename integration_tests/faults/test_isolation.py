"""No two different scopes share an entry, whatever characters they are written with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage, SystemMessage

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import Application, WordEmbeddings
from integration_tests.support import text_of, told
from langchain_redis_semcache import DistancePolicy, Limits

NASTY = ["}|{", "-@", "*", "?", "[a-z]", "\0", "\ud800", "\udfff", ":", "::", "a:b", "{", "}", "%"]
NASTY += [
    "\u0430",
    "a",
    "A",
    "\u00e9",
    "e\u0301",
    "\u2126",
    "\u03a9",
    "\u200b",
    "\n",
    "---",
    "---[",
]
NASTY += [
    "@scope:{*}",
    "=>[KNN 1 @vector $v]",
    "'",
    '"',
    "\\",
    "\\u0000",
    "[('model', 'a')]",
    "",
    " ",
]
nasty = st.lists(st.sampled_from(NASTY) | st.characters(codec=None), max_size=4).map("".join)
scopes = st.fixed_dictionaries({"namespace": nasty, "system": nasty, "llm": nasty})


class Constant(WordEmbeddings):
    """Everything means nearly the same: only the scope keeps entries apart."""

    def embed_query(self, text: str) -> list[float]:
        return [1.0 + i * 1e-3 for i in range(8)]


@pytest.fixture
def current() -> dict[str, str]:
    return {"namespace": ""}


@pytest.fixture
def shared(make_app: MakeApplication, redis_url: str, current: dict[str, str]) -> Application:
    return make_app(
        redis_url,
        embeddings=Constant(),
        namespace=lambda: current["namespace"],
        policy=DistancePolicy(0.15, {}),
        limits=Limits(redis=5),
    )


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=scopes, second=scopes, tag=nasty.filter(bool))
def test_scopes_share_nothing(
    first: dict[str, str],
    second: dict[str, str],
    tag: str,
    shared: Application,
    current: dict[str, str],
) -> None:
    """An entry is found in its own scope, by key and by meaning, and in no other."""
    question = "the same question"

    def call(method: str, scope: dict[str, str], text: str, *rest: Any) -> Any:
        current["namespace"] = scope["namespace"]
        prompt = dumps([SystemMessage(scope["system"]), HumanMessage(text)])
        return shared.do(method, prompt, scope["llm"], *rest)

    shared.do("delete_tagged", "all")
    with shared.cache.tags("all", tag):
        call("update", first, question, told("first"))
    assert text_of(call("lookup", first, question)) == "first"
    assert text_of(call("lookup", first, "The same question!")) == "first"
    if first != second:
        assert call("lookup", second, question) is None
        assert call("lookup", second, "The same question!") is None
        with shared.cache.tags("all"):
            call("update", second, question, told("second"))
        assert text_of(call("lookup", first, question)) == "first"
        assert text_of(call("lookup", second, question)) == "second"
    assert shared.do("delete_tagged", tag) == (2 if tag == "all" and first != second else 1)
    assert call("lookup", first, question) is None
    assert not shared.failures()
