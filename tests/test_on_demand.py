"""A public name is imported when it is first asked for, and names that there are not stay away."""

from __future__ import annotations

import subprocess
import sys

import pytest

from langchain_redis_semcache import policies


def test_one_name_does_not_import_the_others() -> None:
    """Whoever wants one policy does not wait for the audit's arithmetic."""
    code = (
        "import sys; from langchain_redis_semcache.policies import DistancePolicy;"
        "print('langchain_redis_semcache.policies.audit' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "False"


def test_found_once() -> None:
    """A name that was asked for stays: it is the same object the next time, and in `vars`."""
    assert policies.Verified is vars(policies)["Verified"]


def test_unknown() -> None:
    """A misspelt name is an AttributeError that names the package, as in any module."""
    with pytest.raises(AttributeError, match=r"'langchain_redis_semcache\.policies'.*'Verifed'"):
        policies.Verifed  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="Verifed"):
        from langchain_redis_semcache.policies import Verifed  # type: ignore[attr-defined] # noqa: F401


def test_listed() -> None:
    """`dir` lists what can be had, imported or not."""
    assert set(policies.__all__) <= set(dir(policies))
