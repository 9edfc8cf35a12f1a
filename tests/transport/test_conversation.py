"""What is asked of a passed client, as far as it can be told without a server."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import redis
import redis.asyncio

from langchain_redis_semcache._effects import ErrorReply
from langchain_redis_semcache.transport.conversation import (
    Conversation,
    ask,
    has_its_own_way,
    is_cluster,
)


class Sub(redis.Redis):
    """Overrides nothing that is asked."""


class Traced(redis.Redis):
    def execute_command(self, *args: object, **options: object) -> None:
        raise NotImplementedError


class Foreign:
    def execute_command(self) -> None:
        raise NotImplementedError


def test_own_ways() -> None:
    """An override is one of a class of the application's, or of the object itself."""
    assert not has_its_own_way(redis.Redis())
    assert not has_its_own_way(redis.asyncio.Redis())
    assert not has_its_own_way(Sub())
    assert not has_its_own_way(Foreign())
    assert has_its_own_way(Traced())
    client = redis.Redis()
    vars(client)["execute_command"] = client.execute_command
    assert has_its_own_way(client)


def test_clusters() -> None:
    """A cluster's client is known by its class."""
    assert is_cluster(redis.asyncio.RedisCluster("nowhere"))
    assert not is_cluster(redis.Redis())


class Cluster(redis.RedisCluster):
    """Knows two nodes by the first letter of a key, and keeps what it is asked."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.told: list[object] = []

    def get_node_from_key(self, key: str, *_: object, **__: object) -> object:
        return SimpleNamespace(name=key[0])

    def execute_command(self, *command: str, **options: object) -> str:
        self.told.append(command[1])
        if command[1][0] in self.dead:
            raise redis.ConnectionError("dead")
        return f"of {command[1]}"

    def __del__(self) -> None:
        """Nothing is open."""


def carried_out(steps: Conversation) -> Sequence[object]:
    try:
        call = next(steps)
        while True:
            try:
                reply = call()
            except Exception as error:
                call = steps.throw(error)
            else:
                call = steps.send(reply)
    except StopIteration as stop:
        found: Sequence[object] = stop.value
        return found


def test_shards_of_a_passed_client() -> None:
    """A dead shard fails the calls that are its own, and of others only what goes along."""
    client = Cluster()
    own, other = ("HMGET", "a1"), ("HMGET", "b1")
    assert carried_out(ask(client, [own, other], False)) == ["of a1", "of b1"]
    client.dead = {"b"}
    first, second = carried_out(ask(client, [own, other], False))
    assert first == "of a1"
    assert isinstance(second, ErrorReply)
    assert second.code == "UNREACHED"
    with pytest.raises(redis.ConnectionError):
        carried_out(ask(client, [other, own], False))


def test_numbers_go_as_text() -> None:
    """A client's packer that cannot be interrupted at numbers is given none."""
    told: list[tuple[object, ...]] = []

    class Client:
        def execute_command(self, *command: object, **options: object) -> None:
            told.append(command)

    asked = ask(Client(), [("PEXPIRE", "key", 1000)], False)
    next(asked)()
    assert told == [("PEXPIRE", "key", "1000")]
