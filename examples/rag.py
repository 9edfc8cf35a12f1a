"""Answer questions about documents from the cache: in other words too, and never from an old text.

Needs nothing but the `embedded` extra: the server and the embeddings come from wheels, and the
model is a small stand-in that reads out the document it finds first.
"""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import SimpleChatModel
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings
from langchain_redis_semcache.rag import keyed

HANDBOOK = {
    "password": "To reset your password open Settings, then Security.",
    "email": "To change your email address open Settings, then Profile.",
    "invoices": "Invoices are sent on the first day of each month.",
}
PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer from the handbook:\n{context}"), ("human", "{question}")]
)


class StandIn(SimpleChatModel):
    """Says the first document again."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def _call(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> str:
        return messages[0].text.splitlines()[1]


class Handbook:
    """A knowledge base: its documents, and a version of what they are split and found by."""

    version = "2026-11"

    def __init__(self) -> None:
        self.store = InMemoryVectorStore(LocalEmbeddings())
        for name, text in HANDBOOK.items():
            self.put(name, text)

    def put(self, name: str, text: str) -> None:
        self.store.add_documents([Document(text, id=name)])

    def find(self, question: str) -> dict[str, Any]:
        found = self.store.similarity_search(question, k=2)
        context = "\n".join(document.page_content for document in found)
        ids = [document.id for document in found]
        return {"question": question, "context": context, "ids": ids, "version": self.version}


def main() -> None:
    with (
        EmbeddedRedis() as server,
        RedisSemanticCache(LocalEmbeddings(), server.url, ttl=86400) as cache,
    ):
        set_llm_cache(cache)
        handbook = Handbook()
        prompt = keyed(
            PROMPT,
            question="question",
            documents="context",
            identical=lambda inputs: inputs["version"],
            tags=lambda inputs: inputs["ids"],
        )
        chain = handbook.find | prompt | StandIn() | StrOutputParser()

        def show(question: str) -> None:
            hits = cache.stats.hits
            answer = chain.invoke(question)
            print(f"[{'CACHE' if cache.stats.hits > hits else 'LLM'}] {question} {answer}")

        show("How do I reset my password?")
        show("How can I reset my password?")
        show("How do I change my email address?")
        print("The document about passwords changes.")
        handbook.put("password", "To reset your password call the help desk.")
        print(f"Answers withdrawn: {cache.delete_tagged('password')}")
        show("How can I reset my password?")
        set_llm_cache(None)


if __name__ == "__main__":
    main()
