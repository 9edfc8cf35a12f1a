"""The Lua scripts are files of the package, read on first use."""

from __future__ import annotations

from importlib import resources
from typing import Any, get_args

import langchain_redis_semcache.entry
from langchain_redis_semcache.entry.scripts import Script, script


def test_every_file_is_a_script() -> None:
    """Each script can be had by its name, with the reason for it in its first lines."""
    folder = resources.files(langchain_redis_semcache.entry)
    names: list[Any] = [
        f.name.removesuffix(".lua") for f in folder.iterdir() if f.name[-4:] == ".lua"
    ]
    assert sorted(names) == sorted(get_args(Script))
    for name in names:
        assert script(name).startswith("-- KEYS[1]")
        assert "redis.call" in script(name)
