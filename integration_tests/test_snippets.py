"""What README and docs/ show runs as it stands there.

The Python blocks of a page run one after another, in one namespace, against a real Redis and an
endpoint that speaks OpenAI's protocol. What a page takes for granted, such as a chain of the
reader's, is prepared below; `<!-- not run: why -->` in front of a block leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.globals import set_llm_cache
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

import langchain_redis_semcache
from integration_tests.openai_endpoint import OpenAIEndpoint, offline_tokens
from integration_tests.support import FRANCE
from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: .+? -->\n+)?^( *)```python\n(.*?)^ *```$", re.M | re.S)
TENANT: ContextVar[str] = ContextVar("tenant", default="")


def blocks(page: str) -> list[tuple[int, str]]:
    """The Python of a page that is to run, with the line at which it begins."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        left_out, indent, code = block.groups()
        if not left_out:
            line = text.count("\n", 0, block.start(3))
            found.append((line, re.sub(f"^{indent}", "", code, flags=re.M)))
    return found


@contextmanager
def as_tenant(name: str) -> Iterator[None]:
    before = TENANT.set(name)
    yield
    TENANT.reset(before)


def taken_for_granted(page: str) -> dict[str, Any]:
    """What the reader of a page is supposed to have."""
    names: dict[str, Any] = {
        name: getattr(langchain_redis_semcache, name) for name in langchain_redis_semcache.__all__
    }
    cache = RedisSemanticCache(LocalEmbeddings(), name="prepared")
    model = ChatOpenAI(model="gpt-4o-mini")
    documents = [Document("The warranty lasts two years.", id="handbook-7")]
    prompt = ChatPromptTemplate.from_messages([("system", "{context}"), ("human", "{question}")])
    given = {"context": documents[0].page_content, "docs": documents, "version": 1}
    tenant: Any = SimpleNamespace(get=TENANT.get) if page == "README.md" else as_tenant
    return names | {
        "__name__": "snippet",
        "ChatOpenAI": ChatOpenAI,
        "OpenAIEmbeddings": OpenAIEmbeddings,
        "ChatPromptTemplate": ChatPromptTemplate,
        "cache": cache,
        "chain": ChatPromptTemplate.from_messages([("human", "{question}")]) | model,
        "create_agent": create_agent,
        "embeddings": LocalEmbeddings(),
        "ids_of_documents": lambda inputs: [document.id for document in inputs["docs"]],
        "np": np,
        "kb": SimpleNamespace(version=1),
        "key": "prepared::0:0",
        "llm": model,
        "model": model,
        "prompt": prompt,
        "question": FRANCE,
        "retrieve": lambda inputs: {**inputs, **given},
        "same_product": lambda asked, cached: 0.0,
        "template": prompt,
        "tenant": tenant,
        "timedelta": timedelta,
        "tools": [],
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_snippets(
    page: str,
    scratch: EmbeddedRedis,
    endpoint: OpenAIEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    switched_on: Callable[..., Any],
) -> None:
    """A reader who pastes what a page shows gets no error."""
    monkeypatch.setenv("REDIS_URL", scratch.url)
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
    names = taken_for_granted(page)
    with offline_tokens():
        for line, code in blocks(page):
            code = code.replace("redis://localhost:6379", scratch.url)
            exec(compile("\n" * line + code, ROOT / page, "exec"), names)  # as they are written
    set_llm_cache(None)
    for made in names.values():
        if isinstance(made, RedisSemanticCache):
            made.close()
