"""The word lists: readable, complete, and no entry twice where that would be a contradiction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import permutations

import pytest

from langchain_redis_semcache.guards.lexicon import (
    DEFAULT_LANGUAGE,
    Lexicon,
    languages,
    lexicon,
    probes,
)
from langchain_redis_semcache.guards.scripts import scripts_of

# Lists of one group say different things of a word: it may stand in one of them only.
DISJOINT = [
    ("negators", "soft_negators"),
    ("negators", "not_negated"),
    ("editions", "regions"),
]
PAIRS = ("opposites_verbs", "opposites_adjectives", "opposites")
KEYED = ("units", "dates", "things")
OFTEN = (
    *("irregular", "particles", "numbers", "classes", "synonyms", "asked", "written_out"),
    *("interchangeable", "endings", "wordnet"),
)


def entries(known: Lexicon, name: str) -> Iterator[tuple[str, str]]:
    """The words of a list, each with the place that it came from."""
    for number, line in enumerate(known.lines(name), 1):
        words = line.partition(": ")[2] if name in (*KEYED, "tenses", "modals") else line
        for word in words.split():
            yield word.partition("=")[0], f"{known.language}/{name}.txt, entry {number}: {line}"


def twice(found: Iterator[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    places: dict[str, list[str]] = defaultdict(list)
    for word, place in found:
        places[word].append(place)
    return [(word, where) for word, where in places.items() if len(where) > 1]


@pytest.fixture(params=languages())
def known(request: pytest.FixtureRequest) -> Lexicon:
    return lexicon(request.param)


def test_every_file_is_lower_case_text(known: Lexicon) -> None:
    """A list has no capital letter, since words are compared in lower case, and is not empty."""
    files = sorted(known.folder.glob("*"))
    assert files
    for file in files:
        assert file.suffix == ".txt"
        lines = known.lines(file.stem)
        assert lines, file
        assert [line for line in lines if line != line.lower()] == []


def test_no_word_stands_twice_in_a_list(known: Lexicon) -> None:
    """A plain list has each word once; the message names the list."""
    for name in sorted(file.stem for file in known.folder.glob("*.txt")):
        if name not in (*PAIRS, *OFTEN, "directions"):
            assert twice(entries(known, name)) == []


@pytest.mark.parametrize("group", DISJOINT)
def test_no_word_stands_in_two_lists(known: Lexicon, group: tuple[str, ...]) -> None:
    """Lists that contradict each other share no word."""
    assert twice(place for name in group for place in entries(known, name)) == []


def test_names_are_no_units(known: Lexicon) -> None:
    """A word is one kind of thing: units, dates and names share no word."""
    assert twice(place for name in KEYED for place in entries(known, name)) == []


def test_no_word_is_its_own_opposite(known: Lexicon) -> None:
    """The sides of a pair share no word, and no pair stands in a list twice."""
    for name in PAIRS:
        seen: dict[frozenset[str], str] = {}
        for left, right in known.pairs(name):
            where = f"{known.language}/{name}.txt: {left} | {right}"
            assert left, where
            assert right, where
            assert set(left).isdisjoint(right), where
            for word in left:
                for other in right:
                    pair = frozenset((word, other))
                    assert pair not in seen, (where, seen.get(pair))
                    seen[pair] = where


def test_words_that_count_when_added_are_in_a_class(known: Lexicon) -> None:
    """What makes another question by being added has a sense in classes.txt."""
    classes = {word for _, words in known.keyed("classes") for word in words}
    assert known.alone <= classes


def test_data_of_others_carries_its_licence(known: Lexicon) -> None:
    """What is not written for this project says whose it is, in the file itself."""
    for name in ("wordnet", "vocabulary"):
        if known.lines(name):
            text = (known.folder / f"{name}.txt").read_text(encoding="utf-8")
            assert "Princeton" in text.partition("\n\n")[0]


def test_no_word_tells_two_languages() -> None:
    """A word that tells a language is no frequent word of another one."""
    assert twice((w, language) for language in languages() for w in lexicon(language).telling) == []
    for one, other in permutations(languages()[1:], 2):
        assert lexicon(one).telling.isdisjoint(lexicon(other).stopwords)
        assert lexicon(one).telling.isdisjoint(lexicon(DEFAULT_LANGUAGE).stopwords)


def test_probes_are_two_texts_of_their_script() -> None:
    """Each script has two different texts, which are written in it."""
    for script, (one, other) in probes().items():
        assert one != other
        assert script in scripts_of(one)
        assert script in scripts_of(other)


def test_what_a_folder_lacks_is_empty() -> None:
    """A language needs no complete set of lists."""
    nothing = Lexicon("none-such")
    assert nothing.negators == frozenset()
    assert list(nothing.pairs("opposites")) == []


def test_english_comes_first() -> None:
    """English is the language of a text that shows no other."""
    assert languages()[0] == DEFAULT_LANGUAGE == "en"
