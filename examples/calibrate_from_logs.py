"""Find a distance threshold from a log of questions and answers, and try it on what it never saw.

Questions that were answered alike are taken for one: where your log has no such answers (free
text of a model), label pairs by hand instead, as docs/quality.md says. The log here is made up and
needs no key; a file of yours has lines like {"question": ..., "answer": ...}:

    python examples/calibrate_from_logs.py my-log.jsonl
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from langchain_core.outputs import Generation

from langchain_redis_semcache import RedisSemanticCache
from langchain_redis_semcache.calibrate import Clustered, calibrate
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings

LANDS = """
Albania Algeria Angola Argentina Armenia Australia Austria Belgium Bolivia Brazil Bulgaria
Cambodia Cameroon Canada Chile China Colombia Croatia Cuba Cyprus Denmark Ecuador Egypt Estonia
Ethiopia Finland France Gabon Germany Ghana Greece Guatemala Guinea Haiti Honduras Hungary Iceland
India Indonesia Iran Iraq Ireland Israel Italy Jamaica Japan Jordan Kenya Kuwait Laos Latvia
Lebanon Liberia Libya Lithuania Malaysia Mali Malta Mexico Moldova Mongolia Morocco Namibia Nepal
Nicaragua Niger Nigeria Norway Oman Pakistan Panama Paraguay Peru Poland Portugal Qatar Romania
Russia Rwanda Senegal Serbia Singapore Slovakia Slovenia Somalia Spain Sudan Sweden Switzerland
Syria Tanzania Thailand Togo Tunisia Turkey Uganda Ukraine Uruguay Vietnam Yemen Zambia"""
FACTS = ("capital", "currency", "highest mountain")


def made_up_log() -> Iterator[tuple[str, str]]:
    for land in LANDS.split():
        for fact in FACTS:
            yield f"What is the {fact} of {land}?", f"{fact}/{land}"
    for land in LANDS.split():
        for fact in FACTS:
            yield f"What's {land}'s {fact}?", f"{fact}/{land}"


def read_log(path: str) -> Iterator[tuple[str, str]]:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["question"], row["answer"]


def main() -> None:
    log = list(read_log(sys.argv[1]) if len(sys.argv) > 1 else made_up_log())
    embeddings = LocalEmbeddings()
    # The part of the log that calibration does not see: every tenth answer with all its questions.
    answers = list(dict.fromkeys(answer for _, answer in log))
    kept_aside = set(answers[::10])
    seen = [Clustered(question, answer) for question, answer in log if answer not in kept_aside]
    result = calibrate(seen, embeddings, target_precision=0.98)
    threshold = result.recommended
    print(f"{len(seen)} questions with {len(answers) - len(kept_aside)} answers")
    if threshold is None:
        sys.exit("They cannot support a threshold: more questions are needed (docs/quality.md)")
    print(f"RedisSemanticCache(embeddings, ..., distance_threshold={threshold:g})")

    right = wrong = asked = 0
    with (
        EmbeddedRedis() as server,
        RedisSemanticCache(embeddings, server.url, distance_threshold=threshold) as cache,
    ):
        for question, answer in log:
            if answer in kept_aside:
                asked += 1
                if served := cache.lookup(question, "any model"):
                    right += served[0].text == answer
                    wrong += served[0].text != answer
                else:
                    cache.update(question, "any model", [Generation(text=answer)])
    print(f"Kept aside: {asked} questions, {right} right and {wrong} wrong answers from the cache")


if __name__ == "__main__":
    main()
