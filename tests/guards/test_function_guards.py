"""Small words that decide, and small words that do not."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS

from .material import Table, cases

VETOED: Table = {
    "scope": [
        ("Do all bees sting?", "Do some bees sting?"),
        ("are both rooms heated", "is either room heated"),
        ("which trains run on Sundays", "which trains only run on Sundays"),
        ("all fruits except apples", "all fruits including apples"),
        ("at least five guests", "at most five guests"),
        ("pick a few names at random from a hat", "pick all names in random order from a hat"),
        ("is tea stronger than coffee", "is tea as strong as coffee"),
        ("the film of last week", "the film of next week"),
        ("hotels in the park", "hotels near the park"),
        ("peel garlic before cooking it", "peel garlic while cooking it"),
        ("books on Kant and Hegel", "books on Kant or Hegel"),
        ("describe a quark as a list", "describe a quark as a table"),
        ("sum numbers in Go with a loop", "sum numbers in Go"),
        ("who is the former king of Spain", "who is the king of Spain"),
        ("count the lines of a file", "count the words of a file"),
        ("what is the name of the moon in Latin", "what is the name of the moon"),
        ("what was the name of the moon", "what is the name of the moon in Latin"),
        ("are all seats paid by card", "are the seats partly paid by card"),
        ("Did every guest stay long?", "Did no guest stay long?"),
        ("what does a nurse earn per week", "what does a nurse earn per year"),
        ("emails of the last hour", "emails of the last day"),
        ("emails sent since the audit", "emails sent until the audit"),
        ("rent just the bike", "rent everything but the bike"),
        ("soups free of salt", "soups full of salt"),
        ("feed the owl every day", "feed the owl every other day"),
        ("delete every photo of a year", "delete a single photo of a year"),
        ("does a bus run just on Mondays", "does a bus run even on Mondays"),
        ("what to say during a speech", "what to say before a speech"),
        ("a short account of the siege", "a detailed account of the siege"),
        ("the arguments for a toll", "the arguments against a toll"),
        ("explain a quark in one sentence", "explain a quark in detail with sketches and a poem"),
    ],
    "tense": [
        ("Who is the mayor of Ghent?", "Who was the mayor of Ghent?"),
        ("where are the games", "where will the games be"),
        ("how many wolves live here", "how many wolves lived here"),
        ("has the letter been sent", "will the letter be sent"),
        ("did the ferry carry enough rafts?", "could the ferry have carried enough rafts?"),
        ("which plays have they shown in the barn", "which plays will they show in the barn"),
        ("I am about to sell my boat, what now?", "I have sold my boat, what now?"),
        ("Can I freeze cheese?", "Should I freeze cheese?"),
        ("must guests register", "may guests register"),
        ("what can a judge decide", "what must a judge decide"),
        ("Has the council agreed on it?", "Will the council agree on it?"),
        ("Is the tower being painted?", "Has the tower been painted?"),
        ("which horse won the race", "which horse will win the race"),
        ("who owns the mill", "who owned the mill"),
        ("Muss ich hier parken?", "Darf ich hier parken?"),
        ("Would a bank take this cheque?", "Should a bank take this cheque?"),
        ("should you rinse quinoa", "must you rinse quinoa"),
    ],
    "form": [
        ("why does a mill need a wheel", "how does a mill turn a wheel"),
        ("how do masks protect us", "which masks protect us"),
        ("why do owls hoot", "how do owls hoot"),
        ("when was the tower built", "why was the tower built"),
        ("How long do I steam rice?", "How do I steam rice?"),
        ("how can I become a judge", "who can become a judge"),
        ("what does a spleen do", "where is a spleen"),
        ("where do storks nest", "how do storks nest"),
    ],
}

SAME: Table = {
    "scope": [
        ("are there any good films", "are there good films"),
        ("what are some names for dogs", "what are names for dogs"),
        ("is a bus also running at night, or a tram", "which vehicles run at night"),
        ("all the bones of the hand", "the bones of the hand"),
        ("the rent for a week", "the rent for 7 days"),
        ("a remedy for a cold", "a remedy against a cold"),
    ],
    "tense": [
        ("how can I peel garlic", "how should I peel garlic"),
        ("how long does it take", "how long will it take"),
        ("what should I wear", "what do I need to wear"),
        ("has the shop closed", "did the shop close"),
        ("will you tell me the time", "can you tell me the time"),
        ("you need to tell me the time", "can you tell me the time"),
        ("was the bridge repaired last year by the city", "are there repairs of that old bridge"),
        ("my parcel has been lost", "my parcel is lost"),
        ("what are the uses of clay", "what is clay used for"),
        ("Wie kann ich hier parken?", "Wie soll ich hier parken?"),
        ("why am I being billed twice", "why have I been billed twice"),
    ],
    "form": [
        ("how long do eggs take", "how much time do eggs take"),
        ("which is the best school", "which is the best school and why"),
        ("when is it due", "which day is it due"),
        ("where can I find the form", "how can I find the form"),
        ("how come the sky is red", "why is the sky red"),
        ("when does it open", "at what time does it open"),
        ("how often do storks nest", "how frequently do storks nest"),
        ("what is my next day off", "when is my next day off"),
        ("when will it rain", "how will I know when it rains"),
    ],
}


@pytest.mark.parametrize(("name", "asked", "cached"), cases(VETOED))
def test_veto(name: str, asked: str, cached: str) -> None:
    """Two senses of one class of words make two questions, whichever was asked first."""
    assert DEFAULT_GUARDS[name](asked, cached) == math.inf
    assert DEFAULT_GUARDS[name](cached, asked) == math.inf


@pytest.mark.parametrize(("name", "asked", "cached"), cases(SAME))
def test_no_objection(name: str, asked: str, cached: str) -> None:
    """Other ways to say it, and questions of which more differs, meet no objection."""
    assert DEFAULT_GUARDS[name](asked, cached) == 0
    assert DEFAULT_GUARDS[name](cached, asked) == 0
