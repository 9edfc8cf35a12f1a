"""A question is embedded once, whoever needs its vector, and not again where that failed."""

from __future__ import annotations

from langchain_redis_semcache._effects import Embed, EmbeddingUnavailableError
from langchain_redis_semcache.flows.options import CallOptions
from tests.lab import AGAIN, FAR, MODEL, Lab, run, stocked


def embedded(lab: Lab) -> list[str]:
    return [one.text for one in lab.world.requests if isinstance(one, Embed)]


def test_once() -> None:
    """The update that follows a miss has the vector of its lookup."""
    lab = stocked()
    lab.lookup(FAR)
    lab.update(FAR)
    assert embedded(lab) == ["Tell me a joke"]
    lab.lookup(AGAIN)
    assert embedded(lab) == ["Tell me a joke", "France's capital?"]


def test_a_failure_is_remembered() -> None:
    """The update stores without a vector what the embedder has just failed on."""
    lab = stocked()

    def fail(request: object) -> object:
        if isinstance(request, Embed):
            lab.world.requests.append(request)
            raise EmbeddingUnavailableError("Boom")
        return lab.world(request)  # type: ignore[arg-type]

    lab.lookup(FAR, answer=fail)
    lab.update(FAR)
    assert embedded(lab) == ["Tell me a joke"]
    lab.core.drop()
    lab.update(FAR)
    assert embedded(lab) == ["Tell me a joke"] * 2


def test_meanwhile() -> None:
    """Who asked is told that the question is being embedded, and of nothing else."""
    lab = stocked()
    told: list[str] = []
    options = CallOptions(meanwhile=lambda: told.append(lab.world.names[-1]))
    for prompt in (FAR, FAR, AGAIN):
        run(lab.core.lookup(prompt, MODEL, options), lab.world)
    assert told == ["HMGET", "HMGET"]  # the second time its vector was known
    run(lab.core.update(FAR, MODEL, [], options), lab.world)
    assert len(told) == 2
