"""The local embeddings are WordLlama's, read once, and leave the event loop to others."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import textwrap
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from langchain_redis_semcache import embedded
from langchain_redis_semcache.embedded import (
    LocalEmbeddings,
    embeddings,
)

needs_wordllama = pytest.mark.skipif(find_spec("wordllama") is None, reason="extra not installed")


def distance(one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return 1 - dot / (math.hypot(*one) * math.hypot(*other))


@needs_wordllama
def test_embeddings_know_a_paraphrase_from_another_question() -> None:
    """The vectors are those of WordLlama 0.4: its distances of three sentences come out."""
    france, paraphrase, germany = LocalEmbeddings().embed_documents(
        [
            "What is the capital of France?",
            "Which city serves as France's capital?",
            "What is the capital of Germany?",
        ]
    )
    assert {type(value) for value in france} == {float}
    assert len(france) == LocalEmbeddings.dimensions == 256
    assert distance(france, paraphrase) == pytest.approx(0.1325736, abs=1e-5)
    assert distance(france, germany) == pytest.approx(0.5607921, abs=1e-5)
    assert math.hypot(*paraphrase) == pytest.approx(3.6182332, abs=1e-5)


@needs_wordllama
def test_embedding_alone_or_among_others_is_the_same() -> None:
    """A text has one vector, asked for singly or in a batch, with or without awaiting."""
    texts = ["", "short", "a much longer text " * 400, "日本語 \N{GRINNING FACE}", "\0"]
    local = LocalEmbeddings()
    alone = [local.embed_query(text) for text in texts]
    assert local.embed_documents(texts) == alone
    assert asyncio.run(local.aembed_documents(texts)) == alone
    assert asyncio.run(local.aembed_query(texts[1])) == alone[1]
    assert local.embed_documents([]) == []


@needs_wordllama
def test_empty_text_is_all_zeros() -> None:
    """The empty text gives zeros, not NaN, and no other text does."""
    local = LocalEmbeddings()
    assert local.embed_query("") == [0.0] * 256
    assert all(any(local.embed_query(text)) for text in (" ", "\n", "\0", "ꙮ"))


@needs_wordllama
def test_model_is_read_without_a_trace(tmp_path: Path) -> None:
    """Embedding needs no network, writes no files, and leaves the logging set-up alone."""
    script = """
    import logging, os, sys
    def no_network(event, args):
        if event in ("socket.connect", "socket.getaddrinfo"):
            raise RuntimeError("network")
    sys.addaudithook(no_network)
    from langchain_redis_semcache.embedded import LocalEmbeddings
    LocalEmbeddings().embed_documents(["hello", "x" * 3000])
    assert not logging.getLogger().handlers and "wordllama" not in sys.modules
    assert os.listdir(os.environ["HOME"]) == os.listdir(".") == []
    """
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    source = str(Path(embedded.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=work,
        env={"HOME": str(home), "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_wordllama
def test_model_is_read_once() -> None:
    """Threads that embed for the first time together share one reading of the model."""
    embeddings._read_model.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(lambda _: LocalEmbeddings().embed_query("hello"), range(8)))
    assert all(vector == vectors[0] for vector in vectors)
    assert embeddings._read_model.cache_info().misses == 1


def turns_of_the_loop_during(work: Coroutine[Any, Any, object]) -> int:
    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await asyncio.sleep(0)
        before = turns
        await work
        during = turns - before
        counting.cancel()
        return during

    return asyncio.run(main())


@needs_wordllama
def test_loop_turns_while_much_is_embedded() -> None:
    """Reading the model and embedding much text leave the event loop to others; one short text,
    faster than the way to a thread, does not go there."""
    local = LocalEmbeddings()
    embeddings._read_model.cache_clear()
    assert turns_of_the_loop_during(local.aembed_query("first")) > 0
    assert turns_of_the_loop_during(local.aembed_query("long " * 2000)) > 0
    assert turns_of_the_loop_during(local.aembed_documents(["some text"] * 2000)) > 0
    assert turns_of_the_loop_during(local.aembed_query("short")) == 0


@pytest.mark.parametrize("missing", ["wordllama", "tokenizers", "safetensors.numpy"])
def test_missing_extra_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the module imports, and its use says what to install."""
    monkeypatch.setitem(sys.modules, missing, None)
    embeddings._read_model.cache_clear()
    with pytest.raises(ImportError, match=r'pip install "langchain-redis-semcache\[embedded\]"'):
        LocalEmbeddings().embed_query("hello")
