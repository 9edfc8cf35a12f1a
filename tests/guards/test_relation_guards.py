"""Negation, opposites and direction: what turns a question round, and what turns it back."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS

from .material import Table, cases

VETOED: Table = {
    "negation": [
        ("should I include the tests", "should I not include the tests"),
        ("Which planets have rings?", "Which planets don't have rings?"),
        ("chili with beans", "chili without beans"),
        ("should you wash mushrooms", "should you never wash mushrooms"),
        ("foods you can eat with gout", "foods you cant eat with gout"),
        ("is there space left on the disk", "is there no space left on the disk"),
        ("what if I pay the fine", "what if I fail to pay the fine"),
        ("a fruit that has seeds", "a fruit that lacks seeds"),
        ("which ferries sail to Malta", "which ferries no longer sail to Malta"),
        (
            "my lamp won't turn but the bulb works",
            "my lamp won't turn and the bulb doesn't work",
        ),
        ("which nuts can I eat with gout", "which nuts should I avoid with gout"),
        ("Wie koche ich mit Eiern?", "Wie koche ich ohne Eier?"),
        ("Wie öffne ich das Tor?", "Wie öffne ich das Tor nicht?"),
        ("was the letter sent", "wasn\N{RIGHT SINGLE QUOTATION MARK}t the letter sent"),
    ],
    "opposites": [
        ("how do I enable dark mode", "how do I disable dark mode"),
        ("taking pills before a meal", "taking pills after a meal"),
        ("what is the best phone", "what is the worst phone"),
        ("importing contacts into gmail", "exporting contacts into gmail"),
        ("is now a time to buy gold", "is now a time to sell gold"),
        ("why did rates increase", "why did rates decrease"),
        ("turn on the heating", "turn the heating off"),
        ("how do I log in to my account", "how do I log out of my account"),
        ("the cheapest flight", "the most expensive flight"),
        ("the easier way to learn chess", "the harder way to learn chess"),
        ("stopping the server", "starting the server"),
        ("Is the deposit refundable?", "Is the deposit non-refundable?"),
        ("what is typical of flu", "what is atypical of flu"),
        ("what does the payer sign", "what does the payee sign"),
        ("how do I pan in on a map", "how do I pan out of a map"),
        ("is the knee painful", "is the knee painless"),
        ("how do I enroll a fox again", "how do I un-enroll a fox again"),
        ("which is the cheapest boat", "which boat is cheaper than mine"),
    ],
    "direction": [
        ("trains from Paris to London", "trains from London to Paris"),
        ("how do I get from lyon to nice", "from nice to lyon, how do I get there"),
        ("convert usd to eur", "convert eur to usd"),
        ("how to convert json into text", "how to convert text into json"),
        ("did Arsenal beat Chelsea", "did Chelsea beat Arsenal"),
        ("is the moon bigger than mercury", "is mercury bigger than the moon"),
        ("can my dog catch a cold from me?", "can I catch a cold from my dog?"),
        ("Did Ajax beat Lyon?", "Did Lyon beat Ajax? Thanks!"),
        ("please tell me: why did Sparta attack Athens", "why did Athens attack Sparta"),
        ("did the fox see the owl", "was the fox seen by the owl"),
        ("who taught Plato", "who was taught by Plato"),
    ],
}

SAME: Table = {
    "negation": [
        ("my washing machine won't start", "my washing machine does not start"),
        ("I can't log in", "I am unable to log in"),
        ("pancakes without eggs", "eggless pancakes"),
        ("I'm not sure how to tie a tie", "how to tie a tie"),
        ("is it forbidden to park here", "is it not allowed to park here"),
        ("como chego no aeroporto", "como chego ao aeroporto"),
        (
            "The doctor told me not to run, and swimming bores me. Which sport trains the back?",
            "Which sport trains the back, apart from swimming? I hardly move, a run is too much",
        ),
        ("is it optional", "is it not mandatory"),
    ],
    "opposites": [
        ("should I rent or buy", "should I buy or rent"),
        ("is it better before or after a run", "is it better after or before a run"),
        ("is a passport optional", "is a passport not mandatory"),
        ("Is Canada bigger than China", "Is China smaller than Canada"),
        ("how do I turn off the phone", "how do I switch off the phone"),
        ("the fastest way to sort", "the quickest way to sort"),
        (
            "my left hand feels cold while typing in the office",
            "is it right that numb fingers come from desk work",
        ),
    ],
    "direction": [
        ("how do I get from Naples to Capri", "how do I get to Capri from Naples"),
        ("train from Zurich to Milan how long", "how long from Zurich to Milan by train"),
        ("the distance between earth and moon", "the distance between moon and earth"),
        ("what is better, tea or coffee", "what is better, coffee or tea"),
        ("how to learn to swim", "how to start to swim"),
        ("who wrote Emma", "by whom was Emma written"),
        ("how do bees make honey", "how is honey made by bees"),
        ("the old mill is in which town", "in which town is the old mill"),
    ],
}


@pytest.mark.parametrize(("name", "asked", "cached"), cases(VETOED))
def test_veto(name: str, asked: str, cached: str) -> None:
    """The guard vetoes its cases, whichever of the two was asked first."""
    assert DEFAULT_GUARDS[name](asked, cached) == math.inf
    assert DEFAULT_GUARDS[name](cached, asked) == math.inf


@pytest.mark.parametrize(("name", "asked", "cached"), cases(SAME))
def test_no_objection(name: str, asked: str, cached: str) -> None:
    """The guard says nothing when the difference is one of wording."""
    assert DEFAULT_GUARDS[name](asked, cached) == 0
    assert DEFAULT_GUARDS[name](cached, asked) == 0
