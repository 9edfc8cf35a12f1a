"""What is asked of a passed client, as far as it can be told without a server."""

from __future__ import annotations

import redis
import redis.asyncio

from langchain_redis_semcache.transport.conversation import ask, has_its_own_way, is_cluster


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


def test_numbers_go_as_text() -> None:
    """A client's packer that cannot be interrupted at numbers is given none."""
    told: list[tuple[object, ...]] = []

    class Client:
        def execute_command(self, *command: object, **options: object) -> None:
            told.append(command)

    asked = ask(Client(), [("PEXPIRE", "key", 1000)], False)
    next(asked)()
    assert told == [("PEXPIRE", "key", "1000")]
