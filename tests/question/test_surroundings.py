"""Two scopes are told apart in words: by part, with the first words that differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_redis_semcache.question.surroundings import (
    BLOCKS,
    MOST_PARAMETERS,
    OUTLINE,
    SHOWN_OF_SYSTEM,
    SYSTEM,
    Difference,
    counted,
    differences,
    hidden,
    in_system_prompts,
    outline,
    parameter_parts,
    part,
    system_parts,
)

LONG = " ".join(f"word{n}" for n in range(400))
SEARCH = {"type": "function", "function": {"name": "search", "description": "one"}}


@given(st.text(), st.text())
def test_parts_differ_exactly_where_values_do(one: str, two: str) -> None:
    """What is equal is no difference, and what is not is one, shown or hidden."""
    for write in (dict, hidden):
        found = differences(write({"a": part(one)}), write({"a": part(two)}))
        assert [difference.part for difference in found] == (["a"] if one != two else [])
    assert differences({"a": part(one)}, hidden({"a": part(one)})) == []


@given(st.dictionaries(st.text(), st.text(), max_size=40))
def test_parts_are_bounded(fields: dict[str, str]) -> None:
    """However much a call binds, its parts stay small."""
    parts = parameter_parts({name: value * 50 for name, value in fields.items()})
    assert len(parts) <= MOST_PARAMETERS
    assert all(len(name) + len(value) < 160 for name, value in parts.items())


def test_parameters() -> None:
    """The model and each parameter are named with their values, tools by their names."""
    given = {"model": "m1", "temperature": 0.2, "stop": None, "tools": [SEARCH, {"type": "web"}]}
    parts = parameter_parts(given)
    assert {name: value[9:] for name, value in parts.items()} == {
        "model": "m1",
        "parameter temperature": "0.2",
        "tools": "search, web",
    }
    assert parameter_parts({"tools": "as it is"})["tools"][9:] == "as it is"
    (found,) = differences(parts, parameter_parts({**given, "temperature": 0.7}))
    assert str(found) == "parameter temperature: stored with 0.7, asked with 0.2"


SECRETS: dict[str, Any] = {
    "openai_api_base": "https://user:hunter2@proxy",
    "default_headers": {"Authorization": "Bearer hunter2"},
    "extra_headers": {"x-key": "hunter2"},
    "extra_body": {"key": "hunter2"},
    "model_kwargs": {"api_key": "hunter2"},
    "openai_proxy": "http://:hunter2@proxy",
    "parameters": "<Client key=hunter2>",
    "anything": "hunter2",
}


def test_no_credentials() -> None:
    """What may hold a credential is a digest, by which it is told from another one all the same."""
    parts = parameter_parts(SECRETS)
    assert "hunter2" not in str(parts)
    others = parameter_parts(dict.fromkeys(SECRETS, "else"))
    found = differences(parts, others)
    assert len(found) == len(SECRETS)
    assert str(found[0]).startswith("parameter anything: stored with #")


def test_tools_of_the_same_names() -> None:
    """Tools that differ in more than their names differ all the same."""
    other: Any = {**SEARCH, "function": {"name": "search", "description": "two"}}
    (found,) = differences(
        parameter_parts({"tools": [SEARCH]}), parameter_parts({"tools": [other]})
    )
    assert found == Difference("tools", "search", "search")


def test_one_sided() -> None:
    """What only one of both has differs from nothing."""
    (found,) = differences({"tools": part("search")}, {})
    assert str(found) == "tools: stored with none, asked with search"
    assert differences({}, {"earlier turns": counted("x", 3)})[0].stored == "3"


def located(asked: str, stored: str, hide: bool = False) -> Difference:
    ours: Any = system_parts(asked)
    kept: Any = hidden(system_parts(stored)) if hide else system_parts(stored)
    (found,) = differences(ours, kept)
    assert found.part == SYSTEM
    return in_system_prompts(asked, kept)


@pytest.mark.parametrize(
    ("asked", "stored", "words", "others"),
    [
        (
            "Be brief. Today is Monday.",
            "Be brief. Today is Friday.",
            "'Today is Monday.'",
            "Friday",
        ),
        ("Be brief.", "Be kind.", "'Be brief.'", "'Be kind.'"),
        ("Be brief. Really.", "Be brief.", "Really.", "'Be brief.'"),
        ("Be brief.", "Be brief. Really.", "'Be brief.'", "Really."),
    ],
    ids=range(4),
)
def test_first_words(asked: str, stored: str, words: str, others: str) -> None:
    """The first words that differ are shown of both, with what stands before them."""
    found = located(asked, stored)
    assert words in found.asked
    assert others in found.stored


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("at", [150, 399])
def test_far_behind_the_beginning(at: int, hide: bool) -> None:
    """Where only an outline is kept, the words of the one who asks show the place."""
    words = LONG.split()
    words[at] = "Monday"
    found = located(" ".join(words), LONG, hide)
    assert "Monday" in found.asked
    assert "Monday" not in found.stored
    assert ("word0" in found.stored) is not hide


def test_within_the_beginning_of_a_long_one() -> None:
    """Of a long prompt the beginning is kept in words."""
    words = LONG.split()
    words[5] = "Monday"
    found = located(" ".join(words), LONG)
    assert "Monday" in found.asked
    assert "word5" in found.stored


@given(st.text(), st.text(), st.text())
def test_any_prompts(one: str, two: str, outlined: str) -> None:
    """Whatever was written, by whomever, a place is found and nothing raises."""
    for other in (outlined, f"0:{outlined}", f"3:{outlined}"):
        in_system_prompts(one, {SYSTEM: part(two, SHOWN_OF_SYSTEM), OUTLINE: other})
    in_system_prompts(one, {})


@pytest.mark.parametrize("words", [1, 8, 9, 255, 257, 100_000])
def test_outline(words: int) -> None:
    """An outline is short, and that of another text of that length is another one."""
    text = " ".join(["word"] * words)
    assert len(outline(text)) <= 3 * BLOCKS + 8
    assert outline(text) == outline(text)
    assert outline(text) != outline(text[:-1])
