"""What each guard objects to, what it must let pass, and what no guard may ever do."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langchain_redis_semcache._text import read
from langchain_redis_semcache.guards import DEFAULT_GUARDS, objection

Pairs = list[tuple[str, str]]

VETOED: dict[str, Pairs] = {
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
    "negation": [
        ("should I include the tests", "should I not include the tests"),
        ("Which planets have rings?", "Which planets don't have rings?"),
        ("chili with beans", "chili without beans"),
        ("should you wash mushrooms", "should you never wash mushrooms"),
        ("foods you can eat with gout", "foods you cant eat with gout"),
        ("is there space left on the disk", "is there no space left on the disk"),
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
    ],
    "direction": [
        ("trains from Paris to London", "trains from London to Paris"),
        ("how do I get from lyon to nice", "from nice to lyon, how do I get there"),
        ("convert usd to eur", "convert eur to usd"),
        ("how to convert json into text", "how to convert text into json"),
        ("did Arsenal beat Chelsea", "did Chelsea beat Arsenal"),
        ("is the moon bigger than mercury", "is mercury bigger than the moon"),
        ("can my dog catch a cold from me?", "can I catch a cold from my dog?"),
    ],
    "quotes": [
        ('what does "connection refused" mean', 'what does "connection reset" mean'),
        ("explain `git rebase` please", "explain `git revert` please"),
        ("was heißt „Feierabend“", "was heißt „Brotzeit“"),
        ("que veut dire « chouette »", "que veut dire « truc »"),
    ],
    "identifiers": [
        ("what does os.path.join do", "what does os.path.split do"),
        ("what is the use of my_list", "what is the use of my_dict"),
        ("call getUser first", "call getOrder first"),
        ("where is order AB-10442?", "where is order AB-10447?"),
        ("what is in /etc/hosts", "what is in /etc/passwd"),
        ("git commit with --amend", "git commit with --signoff"),
        ("Describe the letter A", "Describe the letter H"),
        ("is vitamin C soluble in water?", "is vitamin D soluble in water?"),
    ],
    "dates": [
        ("is the museum open on Monday", "is the museum open on tuesdays"),
        ("the weather in March", "the weather in Sept"),
        ("shops at easter", "shops at Christmas"),
    ],
    "names": [
        ("a visa for France", "a visa for Germany"),
        ("sort a list in python", "sort a list in java"),
        ("side effects of aspirin", "side effects of ibuprofen"),
        ("how tall is he in meters", "how tall is he in feet"),
        ("what is the price in dollars", "what is the price in euros"),
        ("Do you know Brienz well?", "Do you know Meiringen well?"),
        ("What hotel in Peermade is safe?", "What hotel in Maibong is safe?"),
    ],
}

SAME: dict[str, Pairs] = {
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
        ("20 m²", "20 sqm"),
        ("bei 2,5 kg", "bei 2.5 kg"),
        ("20 °C", "20 degrees celsius"),
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
    ],
    "quotes": [
        ('what does "al dente" mean', "what does al dente mean"),
        ('what does "Al dente" mean', "what does “al dente” mean"),
        ('the error "404 not found"', "the error 404 not found in `curl`"),
        ('a 6" pipe', 'a 6" tube'),
    ],
    "identifiers": [
        ("what does os.path.exists do", "what does `os.path.exists` do?"),
        ("use Array.map in javascript", "use array.map in javascript"),
        ("is he on WhatsApp", "is he on whatsapp"),
        ("where is my_list", "where is it"),
        ("What is a B tree", "What is a B-tree"),
        ("Should I call A or B?", "Should I call (A) or B"),
        ("A dog or a cat", "a dog or a cat I like"),
        ("stress/anxiety", "stress and anxiety"),
    ],
    "dates": [
        ("open on monday", "open on Mondays"),
        ("may I leave in June", "can I leave in june"),
        ("on 25 December", "on December 25th"),
    ],
    "names": [
        ("a visa for the UK", "a visa for Britain"),
        ("Canadian law", "law in Canada"),
        ("France or Germany", "Germany or France"),
        ("Who was Mahatma Ghandi really", "Who was Mahatma Gandhi really"),
        ("Wie lösche ich mein Konto", "Wie lösche ich mein Profil"),
        ("What would Nehru do?", "what would he do?"),
        ("Do you know Brienz well?", "Do you know Brienzwiler well?"),
    ],
    "form": [
        ("Can you tell me the price?", "What is the price?"),
        ("best pizza in town", "what is the best pizza in town"),
        ("the tests, are they run", "the test run, are you there"),
        ("town pizza", "where could town pizza be"),
    ],
}

OBJECTED_SOFTLY: Pairs = [
    ("Is jet lag common?", "How can I avoid jet lag?"),
    ("I have a cold, should I rest", "what helps against a cold"),
]

FOREIGN: Pairs = [
    ("wie hoch ist der Eiffelturm", "Wie hoch ist der Eiffelturm?"),
    ("Wo kann ich ein Auto mieten?", "Wo kann ich einen Wagen mieten?"),
    ("¿cuál es la capital de Perú?", "cuál es la capital del Perú"),
    ("comment faire du pain", "comment fait-on du pain ?"),
    ("как сварить борщ", "как приготовить борщ"),
    ("東京の人口は", "東京の人口は何人ですか"),
    ("كيف أطبخ الأرز", "كيف يمكنني طبخ الأرز"),
]

CHAT = """how do i not turn on off from to Paris London 2 3.10 1,000 1/2 half two hundred km miles
    before after "a_b" `x.y` monday March is what the a . ? % $ without no enable disable
    than bigger smaller python java 3pm and million second °"""
ROLES = "from to into paris london than beat or me i the"
chat = st.lists(st.sampled_from(CHAT.split()), max_size=25).map(" ".join)
anything = st.text() | chat | st.text(st.characters(), max_size=20)


def cases(table: dict[str, Pairs]) -> list[tuple[str, str, str]]:
    return [(name, *pair) for name, pairs in table.items() for pair in pairs]


@pytest.mark.parametrize(("name", "asked", "cached"), cases(VETOED))
def test_veto(name: str, asked: str, cached: str) -> None:
    """Each guard vetoes its cases, whichever of the two was asked first."""
    assert DEFAULT_GUARDS[name](asked, cached) == math.inf
    assert DEFAULT_GUARDS[name](cached, asked) == math.inf


@pytest.mark.parametrize(("name", "asked", "cached"), cases(SAME))
def test_no_objection(name: str, asked: str, cached: str) -> None:
    """A guard says nothing when the difference is one of wording."""
    assert DEFAULT_GUARDS[name](asked, cached) == 0
    assert DEFAULT_GUARDS[name](cached, asked) == 0


@pytest.mark.parametrize(("asked", "cached"), OBJECTED_SOFTLY)
def test_form_is_a_penalty(asked: str, cached: str) -> None:
    """A yes-or-no question against an open one costs a little distance, never the hit outright."""
    penalty, guard = objection(asked, cached, DEFAULT_GUARDS)
    assert guard == "form"
    assert 0 < penalty < 0.1


@pytest.mark.parametrize(("asked", "cached"), FOREIGN)
def test_other_languages_pass(asked: str, cached: str) -> None:
    """Rewordings in other languages meet no objection."""
    assert objection(asked, cached, DEFAULT_GUARDS) == (0.0, None)


def test_guard_order_and_names() -> None:
    """The default guards have stable names, since users choose and remove them by name."""
    assert list(DEFAULT_GUARDS) == [
        *("numbers", "negation", "opposites", "direction"),
        *("quotes", "identifiers", "dates", "names", "form"),
    ]


def test_objection_names_the_heaviest_guard() -> None:
    """Penalties add up and the heaviest guard is named."""
    guards = {"light": lambda a, b: 0.01, "heavy": lambda a, b: 0.2, "none": lambda a, b: 0.0}
    penalty, guard = objection("a", "b", guards)
    assert penalty == pytest.approx(0.21)
    assert guard == "heavy"


def test_a_veto_ends_the_hearing() -> None:
    """After a veto no further guard is asked."""

    def never(asked: str, cached: str, /) -> float:
        raise AssertionError

    assert objection("a", "b", {"veto": lambda a, b: math.inf, "never": never}) == (
        math.inf,
        "veto",
    )


def test_no_guards_no_objection() -> None:
    """Without guards nothing is added to the distance."""
    assert objection("2 km", "2 miles", {}) == (0.0, None)


@settings(deadline=None)
@given(anything)
@example("\ud800 1 km")
@example("not not not")
def test_identical_text_is_never_objected(text: str) -> None:
    """No guard objects to a question being the same as itself, not even one asked alone."""
    assert objection(text, text, DEFAULT_GUARDS) == (0.0, None)
    for guard in DEFAULT_GUARDS.values():
        assert guard(text, text) == 0


@settings(deadline=None)
@given(anything, anything)
@example("\udfff$½ p.m.", "1 st ° a . m")
@example("0/0 1/0 00:99 pm", "9" * 5000)
@example("five hundred billion dozen", "a second second of")
def test_symmetric_and_total(a: str, b: str) -> None:
    """Any two strings get the same penalty in either order, and it is never negative."""
    for guard in DEFAULT_GUARDS.values():
        penalty = guard(a, b)
        assert penalty >= 0
        assert penalty == guard(b, a)


@settings(deadline=None)
@given(st.lists(st.sampled_from(ROLES.split())))
def test_whitespace_and_case_do_not_matter(words: list[str]) -> None:
    """Typing in capitals or with more space is no difference."""
    assert objection(" ".join(words), "  ".join(words).upper(), DEFAULT_GUARDS) == (0.0, None)


PIECES = ["a", "1", "1 ", "1,", "1.", "a.", "a-", "x/", '"', "`", "don't ", "\ud800", "five "]
PIECES += ["half of ", "from a to b ", "-", "A", " Ab", "\x00", "million ", "not ", "°"]


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_linear_time(piece: str) -> None:
    """Four times the text takes far less than the sixteen times of a quadratic guard."""

    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        started = time.perf_counter()
        for guard in DEFAULT_GUARDS.values():
            read.cache_clear()
            guard(text + " not a from b_1", text[1:] + ' from x "y" to z.zz')
        return time.perf_counter() - started

    short = min(seconds(25_000) for _ in range(2))
    assert seconds(100_000) < 12 * short + 0.5
