"""Quotations, identifiers, dates and names: other things, and other ways to write one."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS

from .material import Table, cases

VETOED: Table = {
    "quotes": [
        ('what does "connection refused" mean', 'what does "connection reset" mean'),
        ("explain `git rebase` please", "explain `git revert` please"),
        ("was heißt „Feierabend“", "was heißt „Brotzeit“"),
        ("que veut dire « chouette »", "que veut dire « truc »"),
    ],
    "identifiers": [
        ("is the Kite 8 waterproof", "is the Kite 8a waterproof"),
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

SAME: Table = {
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
