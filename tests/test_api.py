"""What is public is named in `__all__`, and what we raise has one base."""

from __future__ import annotations

import importlib
import importlib.resources
import inspect
from types import ModuleType

import pytest

import langchain_redis_semcache
from langchain_redis_semcache import SemcacheError

PUBLIC = ("policies", "guards", "events", "calibrate", "embedded", "models", "observe")
# Defined in a public module for this package's own use.
INTERNAL: dict[str, set[str]] = {}


def modules() -> list[ModuleType]:
    names = [f"langchain_redis_semcache.{name}" for name in PUBLIC]
    return [langchain_redis_semcache, *map(importlib.import_module, names)]


MODULES = modules()
by_name = pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)


def isort(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


@by_name
def test_sorted(module: ModuleType) -> None:
    """`__all__` is sorted, without duplicates, and everything in it exists."""
    assert module.__all__ == sorted(set(module.__all__), key=isort)
    assert all(hasattr(module, name) for name in module.__all__)


@by_name
def test_complete(module: ModuleType) -> None:
    """Every class and function of a public module is in `__all__` or known as internal."""
    defined = {
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    internal = INTERNAL.get(module.__name__.rpartition(".")[2], set())
    assert defined - set(module.__all__) == internal


@by_name
def test_one_error_base(module: ModuleType) -> None:
    """Every exception that a public module offers is a `SemcacheError` with a docstring."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) and issubclass(value, BaseException):
            assert issubclass(value, SemcacheError)
            assert value.__doc__


@by_name
def test_documented(module: ModuleType) -> None:
    """Every public module, class and function has a docstring of its own."""
    assert module.__doc__
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name


def test_unknown_name() -> None:
    """A name that is not public is an AttributeError, and `dir` lists those that are."""
    with pytest.raises(AttributeError, match="no attribute 'Cache'"):
        langchain_redis_semcache.Cache  # type: ignore[attr-defined]  # noqa: B018
    assert set(langchain_redis_semcache.__all__) <= set(dir(langchain_redis_semcache))


def test_typed() -> None:
    """The package says that it is typed."""
    assert (importlib.resources.files(langchain_redis_semcache) / "py.typed").is_file()
