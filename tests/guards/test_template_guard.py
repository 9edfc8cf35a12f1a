"""Templates: prompts of which most is the same whatever is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS, objection, template

DATA = Path(__file__).parent / "data"


def lines(name: str) -> Iterator[tuple[str, str]]:
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            mark, _, rest = line.partition(" ")
            yield mark, rest


def filled() -> Iterator[tuple[str, bool, str, str]]:
    """The prompts of the applications, two by two, and whether one answer serves both."""
    kind = text = ""
    for line in (DATA / "templates.txt").read_text(encoding="utf-8").splitlines():
        mark, rest = line[:2], line[2:]
        if mark == "= ":
            kind = rest
        elif mark in ("+ ", "- "):
            one, other = rest.split(" | ")
            yield kind, mark == "+ ", text.replace("{}", one), text.replace("{}", other)
        elif line and not line.startswith("#"):
            text = line.replace("\\n", "\n")


def retrieved(k: int, join: str) -> list[str]:
    """The questions over the documents that share most words with them, as a chain writes them."""
    rows = list(lines("rag.txt"))
    documents = [text for mark, text in rows if mark == "d"]
    prompts = []
    for question in [text for mark, text in rows if mark == "q"]:
        words = set(question.split())
        nearest = sorted(documents, key=lambda d: -len(words & set(d.lower().split())))[:k]
        prompts.append(
            "Answer the question using only the context. If it is not there, say so."
            f"{join}Context: {join.join(nearest)}{join}Question: {question}"
        )
    return prompts


UNLIKE = [(kind, a, b) for kind, same, a, b in filled() if not same]
ALIKE = [(kind, a, b) for kind, same, a, b in filled() if same]


def test_there_are_enough_pairs() -> None:
    """Ten kinds of applications and a hundred and fifty pairs are what the figures rest on."""
    assert len({kind for kind, *_ in UNLIKE}) >= 10
    assert len(UNLIKE) + len(ALIKE) >= 150


@pytest.mark.parametrize(("kind", "asked", "cached"), UNLIKE)
def test_other_fillings_are_vetoed(kind: str, asked: str, cached: str) -> None:
    """Whatever the template, two fillings with other words share no answer."""
    assert objection(asked, cached, DEFAULT_GUARDS)[0] == math.inf
    assert objection(cached, asked, DEFAULT_GUARDS)[0] == math.inf


@pytest.mark.parametrize(("kind", "asked", "cached"), ALIKE)
def test_paraphrased_fillings_pass(kind: str, asked: str, cached: str) -> None:
    """The same words of content in the same template can be served."""
    assert template(asked, cached) == 0
    assert template(cached, asked) == 0


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("join", ["\n", "\n\n", " "])
def test_no_two_questions_over_documents_share_an_answer(k: int, join: str) -> None:
    """Of the questions over one shop's documents, however joined, no two are taken for one."""
    near = [
        (a, b)
        for a, b in combinations(retrieved(k, join), 2)
        if objection(a, b, DEFAULT_GUARDS)[0] == 0 and shared(a, b) > 0.5
    ]
    assert near == []


def shared(a: str, b: str) -> float:
    x, y = set(a.lower().split()), set(b.lower().split())
    return len(x & y) / max(len(x), len(y))


def test_paraphrases_over_the_same_documents_can_hit() -> None:
    """The varying part is compared, so that another wording over the same documents is served."""
    prompt = retrieved(3, "\n")[0]
    assert template(prompt, prompt.replace("how do I change", "how can I change")) == 0
    assert template(prompt, prompt.replace("password", "passcode")) == 0


@pytest.mark.parametrize("change", [lambda t: t + " Thanks a lot!", str.upper])
def test_courtesies_are_no_filling(change: Callable[[str], str]) -> None:
    """Thanks and capital letters do not vary what is asked."""
    prompt = retrieved(2, "\n")[3]
    assert template(prompt, change(prompt)) == 0


def test_a_question_before_its_documents() -> None:
    """Where a form names its fields, the question is compared wherever it stands."""
    form = "Question: {}\n\nDocuments:\nThe hall opens at {}.\nPets stay outside.\n\nAnswer:"
    one = form.format("May I bring my dog?", "nine")
    assert template(form.format("When does the hall open?", "nine"), one) == math.inf
    assert template(form.format("Can I bring my dog?", "nine"), one) == 0
    chat = "User: {}\nAssistant: Gladly.\nUser: {}"
    assert template(chat.format("Hi", "Sing a song"), chat.format("Hi", "Write a song")) == math.inf


def test_short_questions_are_no_templates() -> None:
    """A question that somebody typed is left to the other guards."""
    assert template("how do I peel a mango", "how do I cut a mango") == 0
    assert template("note: how do I peel a mango", "note: how do I cut a mango") == 0
