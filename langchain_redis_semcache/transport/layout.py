"""Which node of a cluster has a key, as far as that is known without asking."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from .._effects import Argument, Command


class Layout(Protocol):
    """Knows a cluster's nodes as far as that can be known without asking."""

    def owner(self, key: Argument) -> str: ...

    def primaries(self) -> Collection[str]: ...


def key_of(command: Command) -> Argument:
    return command[3] if command[0] == "EVAL" else command[1]


class ClientLayout:
    """The nodes of a cluster as a passed client knows them, sync or async."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def owner(self, key: Argument) -> str:
        try:
            return str(self._client.get_node_from_key(key).name)
        except Exception:  # it has not connected yet, or nobody owns the slot
            return ""

    def primaries(self) -> Collection[str]:
        return [node.name for node in self._client.get_primaries()]
