"""Numbers and units that make another question, and those that do not."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS

from .material import Table, cases

VETOED: Table = {
    "numbers": [
        ("Write a poem of 60 letters", "Write a poem of 120 letters"),
        ("give me five ideas for dinner", "give me 6 ideas for dinner"),
        ("is 2 km far to walk", "is 2 miles far to walk"),
        ("is 5 g of salt much", "is 5 mg of salt much"),
        ("a 10% discount", "a 15% discount"),
        ("how much is $20 in yen", "how much is €20 in yen"),
        ("what happened in the 18th century", "what happened in the nineteenth century"),
        ("who won the cup in 1998", "who won the cup in 2002"),
        ("call me at 3pm", "call me at 5 pm"),
        ("half a cup of sugar", "two cups of sugar"),
        ("what's new in python 3.10", "what's new in python 3.1"),
        ("which laptops do you sell", "which laptops do you sell under $500"),
        ("is 180 °C hot", "is 180 °F hot"),
        ("a room of 20 square feet", "a room of 20 square meters"),
        ("twenty-five days of rain", "twenty four days of rain"),
        ("was kostet 1 kg Mehl", "was kostet 3 kg Mehl"),
        ("is .5 mg enough", "is 5 mg enough"),
        ("is -5 cold", "is 5 cold"),
        ("(-5) squared", "(5) squared"),
        ("what is the root of y^2 + 4y", "what is the root of y^2 - 4y"),
        ("what is 6 * 7", "what is 6 + 7"),
        ("北京到上海 1200 公里吗", "北京到上海 1300 公里吗"),
        # three numbers and a clause more: an arithmetic problem with another result
        (
            "Tom has 3 boxes with 4 pens for $5 each. How much did he pay?",
            "Tom has 3 boxes with 4 pens for $5 each. He returned a broken pen later. "
            "How much did he pay?",
        ),
        # the same set of numbers, but one of them is no longer said of the boxes
        (
            "Tom packs 5 boxes and 2 bags within 5 weeks",
            "Tom packs several boxes and 2 bags within 5 weeks",
        ),
        (
            "Tom fills 5 boxes, 2 bags and one jar with 7 pens",
            "Tom fills 5 boxes, 2 bags and a jar with 7 pens",
        ),
    ],
}

SAME: Table = {
    "numbers": [
        ("1,000 people", "1000 people"),
        ("on 50k a year", "on 50,000 a year"),
        ("five tips", "5 tips"),
        ("one hundred and twenty letters", "120 letters"),
        ("$5", "5.00 dollars"),
        ("1.5 million users", "1,500,000 users"),
        ("the 1st of May", "the first of May"),
        ("twenty-first century", "21st century"),
        ("2 km", "2000 metres"),
        ("90 minutes", "1.5 hours"),
        ("within 60 minutes", "within an hour"),
        ("after 1 week", "after a week"),
        ("half of them", "50% of them"),
        ("1/2 teaspoon", "half a teaspoon"),
        ("two thirds", "2/3 of it"),
        ("a sixth of it", "1/6 of it"),
        ("twice a day", "2 times a day"),
        ("at 3 p.m.", "at 15:00"),
        ("World War II", "world war two"),
        ("blood pressure 130/85", "blood pressure 130 / 85"),
        ("what is 2 + 3", "what is 2+3"),
        ("tea - how hot", "how hot is a tea - a green one"),
        ("learn C++ from C", "learn C++, coming from C"),
        ("20 m²", "20 sqm"),
        ("bei 2,5 kg", "bei 2.5 kg"),
        ("20 °C", "20 degrees celsius"),
        ("is .5 mg enough", "is 0.5 mg enough"),
        ("5-10 people", "5 - 10 people"),
        ("for 90 minutes", "for one and a half hours"),
        ("$2m", "2 million dollars"),
        ("wait a second", "wait"),
        ("second hand books", "used books"),
        ("thousands of books", "many books"),
        ("which one is best", "which is best"),
        ("two three times", "2 or 3 times"),
        ("a five second break", "a break of 5 seconds"),
        ("10:30 am", "10:30 a.m."),
        ("the 5 a team", "the five a team"),
        ("12345 am", "12345 a.m."),
        # told again in other words: the days are incidental
        (
            "My knee hurts when I climb stairs, should I see a doctor?",
            "For 3 weeks now I feel pain in the knee climbing up. Is a visit necessary?",
        ),
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
