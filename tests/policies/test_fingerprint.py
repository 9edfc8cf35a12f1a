"""Evidence of other judges, guards and embedders is told apart, by what they say of themselves."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from langchain_redis_semcache.policies.fingerprint import described, fingerprint


def one(asked: str, cached: str) -> float:
    return 0.0


def other(asked: str, cached: str) -> float:
    return 0.0


class Judge:
    def __init__(self, strict: bool, version: Any = None, calls: int = 0) -> None:
        self.strict, self.calls = strict, calls
        self.api_key = f"secret {calls}"
        if version is not None:
            self.version = version

    def judge(self, question: str, cached: str, fresh: str) -> bool:
        return self.strict


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (one, one, True),
        (one, other, False),
        (None, one, False),
        (Judge(True), Judge(True, calls=7), True),
        (Judge(True), Judge(False), False),
        (Judge(True, 1), Judge(True, 2), False),
        (Judge(True).judge, Judge(True).judge, True),
        (Judge(True).judge, Judge(False).judge, False),
        (FakeListChatModel(responses=[], i=1), FakeListChatModel(responses=[], i=2), False),
    ],
)
def test_what_tells_two_objects_apart(a: Any, b: Any, same: bool) -> None:
    """Names, versions and plain options do; counters, keys and places do not."""
    assert (described(a) == described(b)) is same
    assert "secret" not in described(a) + described(b)
    assert (fingerprint(a, {}, None) == fingerprint(b, {}, None)) is same


def test_guards_count_by_name_and_function() -> None:
    """One more, one less, or another one under the same name is another series."""
    kinds = [{}, {"g": one}, {"g": other}, {"h": one}, {"g": one, "h": other}]
    assert len({fingerprint(None, guards, None) for guards in kinds}) == len(kinds)
