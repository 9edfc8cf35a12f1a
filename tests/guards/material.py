"""Texts for the tests of the guards: tables of pairs, and strategies that make more."""

from __future__ import annotations

from hypothesis import strategies as st

Pairs = list[tuple[str, str]]
Table = dict[str, Pairs]
"""The name of a guard, and pairs of questions that it is asked about."""

CHAT = """how do i not turn on off from to Paris London 2 3.10 1,000 1/2 half two hundred km miles
    before after "a_b" `x.y` monday March is what the a . ? % $ without no enable disable
    than bigger smaller python java 3pm and million second °"""
DIGITS = "1 5 12 007 1,500 4,5 2,000 0.5 .5 -5 +3 1/2 11,0 3.10 12:30 € $ % k mg am pm . , / : - ½"

chat = st.lists(st.sampled_from(CHAT.split()), max_size=25).map(" ".join)
like_numbers = st.lists(st.sampled_from([*DIGITS.split(), "", " "]), max_size=12).map("".join)
anything = st.text() | chat | like_numbers | st.text(st.characters(), max_size=20)


def cases(table: Table) -> list[tuple[str, str, str]]:
    return [(name, *pair) for name, pairs in table.items() for pair in pairs]
