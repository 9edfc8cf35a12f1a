"""Real embeddings without an account: two data files of a wheel, read by us."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings

from .files import package_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_EXTRA = 'pip install "langchain-redis-semcache[embedded]"'
# Characters that are embedded on the event loop: 0.3 ms.
_SHORT = 1000
_reading = threading.Lock()


class LocalEmbeddings(Embeddings):
    """WordLlama's static word vectors, averaged: 256 dimensions, 20 microseconds a text, offline.

    The vectors are not of unit length, and that of the empty text is all zeros. The model is read
    at the first use, in 0.2 s, and shared by all instances.
    """

    model = "wordllama-l2-supercat-256"
    dimensions = 256

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        tokenizer, table = _model()
        # The batch call, since it lets go of the GIL.
        return [
            table[tokens.ids].mean(axis=0, dtype="float32").tolist()
            if tokens.ids
            else [0.0] * self.dimensions
            for tokens in tokenizer.encode_batch(texts, add_special_tokens=False)
        ]

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        # A short text takes half of what the way to a thread and back takes. A long one, many, or
        # the first use would hold up the loop.
        if _read_model.cache_info().currsize and sum(map(len, texts)) <= _SHORT:
            return self.embed_documents(texts)
        return await asyncio.to_thread(self.embed_documents, texts)


def _model() -> tuple[Tokenizer, NDArray[np.float16]]:
    with _reading:  # without the lock, threads that come first together would each read it
        return _read_model()


@functools.cache
def _read_model() -> tuple[Tokenizer, NDArray[np.float16]]:
    # The two files are all that is needed of wordllama; the mean of the tokens' rows is its vector
    # to the bit. Importing it would configure the application's root logger, and its loader looks
    # for the tokenizer in the wrong place and then downloads it.
    folder = package_folder("wordllama")
    if folder is None:
        raise ImportError(f"LocalEmbeddings needs wordllama: {_EXTRA}")
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ImportError(f"LocalEmbeddings needs {error.name}: {_EXTRA}") from error
    table = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    file = folder / "tokenizers" / "l2_supercat_tokenizer_config.json"
    return Tokenizer.from_file(str(file)), table
