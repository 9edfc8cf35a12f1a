"""What texts came to is remembered without them, and never for more than a bounded number."""

from __future__ import annotations

from langchain_redis_semcache.question.remembered import Remembered


def test_read_once() -> None:
    """The same texts are read once, other ones for themselves; None is a result too."""
    known: Remembered[str | None] = Remembered()
    read = iter(["ab", None, "unused"])
    assert [known.of(lambda: next(read), "a", "b") for _ in range(2)] == ["ab", "ab"]
    assert [known.of(lambda: next(read), "ab", "") for _ in range(2)] == [None, None]


def test_no_text_is_kept() -> None:
    """Whoever looks into the process finds digests."""
    known: Remembered[int] = Remembered()
    known.of(lambda: 1, "a secret")
    assert "secret" not in repr(vars(known))


def test_bounded() -> None:
    """What is one too many makes room for itself."""
    known: Remembered[str] = Remembered(capacity=2)
    for text in "abca":
        assert known.of(lambda text=text: text, text) == text  # type: ignore[misc]
    assert len(known._kept) <= 2


def test_what_cannot_be_read_is_not_remembered() -> None:
    """An exception is the caller's, each time."""
    known: Remembered[float] = Remembered()
    for _ in range(2):
        try:
            known.of(lambda: 1 / 0, "a")
        except ZeroDivisionError:
            continue
        raise AssertionError("it was remembered")
