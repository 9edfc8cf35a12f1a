"""Clusters: shards that join, hang and die, and engines that search them all, or do not."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.exceptions import RedisClusterException

from integration_tests.faults.conftest import Connect
from integration_tests.faults.coordinator import Coordinated, Valkey
from integration_tests.faults.harness import Application, eventually, new_question
from integration_tests.faults.scripted_cluster import (
    DEAD_SHARD,
    NO_INDEX,
    VALKEY_NO_INDEX,
    received,
    scripted_cluster,
    valkey_search,
)
from integration_tests.faults.scripted_redis import HANG, ScriptedRedis, in_turn, resp
from integration_tests.faults.servers import RawServer, is_well, three_nodes
from integration_tests.faults.test_privileges import (
    ADMINISTER,
    CLUSTER,
    CREATE,
    READ,
    USE,
)
from integration_tests.support import LLM, asked, told
from langchain_redis_semcache import Index, Limits
from langchain_redis_semcache.entry.stored import is_entry
from langchain_redis_semcache.errors import CacheUnavailableError
from langchain_redis_semcache.reporting.log import QUIET_SECONDS
from langchain_redis_semcache.transport.cluster_links import ClusterLink


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[RawServer]]:
    with three_nodes() as nodes:
        yield nodes


@pytest.fixture
def on_cluster(connect: Connect, cluster: list[RawServer]) -> Connect:
    return lambda **kwargs: connect(cluster[0].port, **kwargs)


def by_url(app: Application) -> bool:
    return isinstance(app.cache._links.sync, ClusterLink)


def bear_a_dead_shard(app: Application) -> None:
    if redis.VERSION < (7,) and not by_url(app):
        pytest.skip("a client of redis-py before 7 reaches no shard while one is dead")
    app.patience = 10  # clients take their time to find out


def sizes(cluster: list[RawServer]) -> list[int]:
    nodes = (map(bytes, node.client.scan_iter(count=1000)) for node in cluster)
    return [sum(not key.endswith((b"::stats", b"::served")) for key in keys) for keys in nodes]


# -- Redis Stack 7.4, which searches node by node ------------------------------------------------


def test_cluster(on_cluster: Connect, cluster: list[RawServer]) -> None:
    """On a cluster that searches node by node identical questions are served; that is said once."""
    app = on_cluster(ttl=1000, limits=Limits(redis=5))
    questions = [new_question() for _ in range(20)]
    for question in questions:
        assert not app(question)
    assert all(map(app, questions))
    assert all(sizes(cluster))
    (warning,) = app.warnings()
    assert "NotSearchedAcrossNodes" in warning
    assert "use Redis 8" in warning
    assert set(app.failures()) == {"search: NotSearchedAcrossNodes"}
    calls = app.embeddings.calls
    assert not app(new_question())
    assert app.embeddings.calls == calls, "embedded for nothing"
    app.do("clear")
    root = f"{app.cache.name}::"
    left = [key for node in cluster for key in node.client.scan_iter(f"{root}*")]
    assert not [key for key in left if is_entry(root, key.decode())]
    for node in cluster:
        assert not [
            index for index in node.client.execute_command("FT._LIST") if root in str(index)
        ]


def test_what_tasks_ask_at_once(on_cluster: Connect, cluster: list[RawServer], way: str) -> None:
    """By URL, what tasks ask within one tick goes to each node as one pipeline."""
    app = on_cluster(limits=Limits(redis=5))
    if way == "sync" or not by_url(app):
        pytest.skip("about event loops, and about connections of our own")
    known = [new_question() for _ in range(60)]
    for question in known:
        app(question)
    before = reads(cluster)
    app.storm(known)
    assert reads(cluster) - before < 20
    app.do("clear")


def reads(cluster: list[RawServer]) -> int:
    return sum(int(node.client.info("stats")["total_reads_processed"]) for node in cluster)


def test_cluster_tags(on_cluster: Connect, cluster: list[RawServer]) -> None:
    """Removing by tag and clearing reach every node, index or not, and nobody else's keys."""
    app = on_cluster(limits=Limits(redis=5))
    for node in cluster:
        for i in range(50):
            with contextlib.suppress(redis.ResponseError):  # another node's slot
                node.client.set(f"bystander{i}", "x")
    others = sum(sizes(cluster))
    for i in range(12):
        with app.cache.tags("even" if i % 2 == 0 else "odd"):
            app.do("lookup", asked(f"question {i}"), LLM)
            app.do("update", asked(f"question {i}"), LLM, told(str(i)))
    assert sum(sizes(cluster)) == others + 12
    assert app.do("delete_tagged", "even") == 6
    app.do("clear")
    assert sum(sizes(cluster)) == others
    for node in cluster:
        node.client.flushall()


def test_setup_says_that_it_does_not_search_as_a_whole(on_cluster: Connect) -> None:
    """Set-up names what this engine lacks and which have it, each time."""
    for _ in range(5):
        with pytest.raises(CacheUnavailableError, match="use Redis 8, Redis Enterprise, or Valkey"):
            on_cluster().do("setup")


def test_doctor_says_so_where_nothing_is_stored(
    on_cluster: Connect, cluster: list[RawServer]
) -> None:
    """An examination names what this engine lacks before there is an index, and makes none."""
    for _ in range(5):
        (engine,) = (one for one in on_cluster().do("doctor") if one.subject == "engine")
        assert engine.health == "problem"
        assert "use Redis 8, Redis Enterprise, or Valkey" in engine.says
    assert not any(node.client.execute_command("FT._LIST") for node in cluster)


def test_cluster_node_hangs(on_cluster: Connect, cluster: list[RawServer]) -> None:
    """A node that hangs costs timeouts and no answers; when it is back, so is the cache."""
    app = on_cluster()
    app.patience += 0.3
    known = [new_question() for _ in range(6)]
    for question in known:
        app(question)
    os.kill(cluster[1].process.pid, signal.SIGSTOP)
    try:
        for question in known:
            app(question)
            app(new_question())
    finally:
        os.kill(cluster[1].process.pid, signal.SIGCONT)
    eventually(lambda: all(map(is_well, cluster)), 20)
    app.recovers(20, semantic=False)
    eventually(lambda: all(map(app, known)), 20)
    app.do("clear")


def test_a_dead_shard(connect: Connect) -> None:
    """Exact hits and stores of the shards that live go on; the outage is one line in the log."""
    with three_nodes({"cluster-require-full-coverage": "no"}) as nodes:
        app = connect(nodes[0].port)
        bear_a_dead_shard(app)
        known = [new_question() for _ in range(30)]
        for question in known:
            app(question)
        eventually(lambda: all(map(app, known)), 20)
        nodes[1].process.kill()
        nodes[1].process.wait()
        app.events.clear()
        for question in known:  # until all of its keys are suspended
            app(question)
        alive = [question for question in known if app(question)]
        assert 8 <= len(alive) < 30
        eventually(lambda: all(map(app, alive)))
        stored = [
            question for question in (new_question() for _ in range(30)) if stores(app, question)
        ]
        assert len(stored) >= 8
        lost = [line for line in app.warnings() if "redis failed" in line]
        assert len(lost) == 1
        app.discreet()


def stores(app: Application, question: str) -> bool:
    """Whether the answer to a question is found when it is asked again."""
    app(question)
    return app(question)


@pytest.mark.parametrize("rules", [CREATE, USE, READ, ADMINISTER], ids=range(4))
def test_the_documented_users(
    on_cluster: Connect, cluster: list[RawServer], name: str, rules: str
) -> None:
    """With what a cluster's client needs besides, each user of the documentation connects."""
    for node in cluster:
        node.client.execute_command(
            *("ACL", "SETUSER", "limited", "reset", "on", ">pw", "resetchannels"),
            *("resetkeys", f"~{name}::*", *rules.split(), *CLUSTER.split()),
        )
    app = on_cluster(
        options={"username": "limited", "password": "pw"}, limits=Limits(redis=5), name=name
    )
    question = new_question()
    app(question)
    assert app(question) == (rules != READ)
    failed = {failure for failure in app.failures() if "NotSearchedAcrossNodes" not in failure}
    assert failed == ({"store: NOPERM"} if rules == READ else set())
    if rules == ADMINISTER:
        app.do("clear")
        assert not app(question)


def test_users_without_what_a_cluster_needs(
    on_cluster: Connect, cluster: list[RawServer], name: str
) -> None:
    """The rules of a single server do not let a cluster's client connect: that is an outage."""
    for node in cluster:
        node.client.execute_command(
            *("ACL", "SETUSER", "limited", "reset", "on", ">pw", "resetkeys", f"~{name}::*"),
            *CREATE.split(),
        )
    # A sync client reads the layout when it is made, in the application's own hands.
    with contextlib.suppress(RedisClusterException):
        app = on_cluster(
            options={"username": "limited", "password": "pw"}, limits=Limits(redis=5), name=name
        )
        assert not app(new_question())
        app.discreet()


def test_a_slot_that_moves(on_cluster: Connect, cluster: list[RawServer]) -> None:
    """While a slot moves and afterwards its entries are served and replaced; nobody hears of it."""
    app = on_cluster(limits=Limits(redis=5))
    question = new_question()
    app(question)
    app.events.clear()
    source, key = next(
        (node, key) for node in cluster for key in node.client.scan_iter(f"{app.cache.name}::*")
    )
    target = next(node for node in cluster if node is not source)
    slot = source.client.execute_command("CLUSTER", "KEYSLOT", key)
    ids = {node: node.client.execute_command("CLUSTER", "MYID") for node in (source, target)}

    def settle(node: RawServer, owner: RawServer) -> None:
        node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[owner])

    try:
        target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        assert app(question)
        source.client.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
        assert app(question), "asked where it was, and not where it is"
        with app.cache.refresh():
            app(question)
        assert list(target.client.scan_iter(key)) == [key]
        for node in (target, source):
            settle(node, target)
        assert all(app(question) for _ in range(3))
        # redis-py's transactions know no ASK, before 7 no MOVED either: by a passed client this one
        # store was lost.
        lost = () if by_url(app) else ("store: ASK", "store: MOVED", "store: TimeoutError")
        allowed = {"search: NotSearchedAcrossNodes", *lost}
        assert set(app.failures()) <= allowed
    finally:
        app.do("clear")
        for node in (source, target):
            settle(node, source)


def test_a_failover(connect: Connect) -> None:
    """When a shard's replica has taken over, its entries are served again without a restart."""
    options = {"cluster-enabled": "yes", "cluster-node-timeout": "1000"}
    several = three_nodes({**options, "cluster-require-full-coverage": "no"})
    with several as nodes, RawServer(options) as replica:
        met, primary = nodes[0], nodes[1]
        replica.client.execute_command("CLUSTER", "MEET", "127.0.0.1", met.port, met.cluster_port)
        eventually(lambda: replicates(replica, primary), 20)
        eventually(lambda: replica.client.info("replication")["master_link_status"] == "up", 20)
        app = connect(met.port)
        app.patience += 0.3
        known = [new_question() for _ in range(12)]
        for question in known:
            app(question)
        eventually(lambda: all(map(app, known)), 20)
        primary.client.execute_command("WAIT", 1, 5000)
        primary.process.kill()
        primary.process.wait()
        eventually(lambda: all(map(app, known)), 30)
        # The node that has left is forgotten by calls that go on without it.
        eventually(lambda: app(known[0]) and app.cache.stats.breakers["redis"] == "closed", 20)


def replicates(replica: RawServer, primary: RawServer) -> bool:
    """Make a node another one's replica, as soon as they have met."""
    with contextlib.suppress(redis.ResponseError):
        name = primary.client.execute_command("CLUSTER", "MYID")
        return bool(replica.client.execute_command("CLUSTER", "REPLICATE", name))
    return False


# -- Redis 8 and valkey-search, by what they were seen to answer -----------------------------------


@pytest.fixture
def scripted() -> Iterator[list[ScriptedRedis]]:
    with scripted_cluster(3) as nodes:
        yield nodes


def test_a_cluster_that_searches_as_a_whole(
    connect: Connect, scripted: list[ScriptedRedis]
) -> None:
    """Where any node answers for all, each has its turn: valkey-search indexes what a transaction
    wrote to a node when that node is searched."""
    app = connect(scripted[0].port, limits=Limits(redis=5))
    for _ in range(12):
        assert not app(new_question())
    assert not app.failures()
    assert app.cache.stats.stored == 12
    assert received(scripted, "FT.SEARCH") == 12
    assert all(len(node.received("FT.SEARCH")) >= 3 for node in scripted)


def test_an_engine_that_does_not_sort(connect: Connect, scripted: list[ScriptedRedis]) -> None:
    """valkey-search is asked once more, and from then on the way that it wants."""
    for node in scripted:
        node.script["FT.SEARCH"] = valkey_search  # type: ignore[assignment]
    app = connect(scripted[0].port, limits=Limits(redis=5))
    for _ in range(6):
        assert not app(new_question())
    assert not app.failures()
    assert received(scripted, "FT.SEARCH") == 7


@pytest.mark.parametrize("missing", [NO_INDEX, VALKEY_NO_INDEX])
def test_a_new_shard_gets_its_index(
    connect: Connect, scripted: list[ScriptedRedis], missing: str
) -> None:
    """Searches find no index on a shard that has joined: it is made, without a store."""
    app = connect(scripted[0].port, limits=Limits(redis=5))
    for _ in range(6):
        app(new_question())
    for node in scripted:
        node.script["FT.SEARCH"] = missing
        node.script["FT.CREATE"] = created(scripted)
    with app.cache.read_only():
        assert not app(new_question())
        assert app.cache.stats.misses["search_incomplete"] == 1
        eventually(lambda: received(scripted, "FT.CREATE") == 1)
        before = app.cache.stats.misses["search_incomplete"]
        assert not app(new_question())
        assert app.cache.stats.misses["search_incomplete"] == before
    assert not app.failures()


@pytest.mark.parametrize("missing", [NO_INDEX, VALKEY_NO_INDEX])
def test_setup_while_another_clears(
    connect: Connect, scripted: list[ScriptedRedis], missing: str
) -> None:
    """An index that is dropped on some shard as soon as it is made is made again, at whichever
    node it is each one's turn."""
    left = [missing] * 3

    def search(_: Any) -> Any:
        return left.pop().encode() if left else resp([0])

    for node in scripted:
        node.script |= {"FT.SEARCH": search, "FT.CREATE": "-Index already exists"}
    connect(scripted[0].port, limits=Limits(redis=5)).do("setup")
    assert received(scripted, "FT.CREATE") == received(scripted, "FT.SEARCH") == 4


def created(nodes: list[ScriptedRedis]) -> Any:
    """FT.CREATE that makes the index on all shards."""

    def create(_: Any) -> Any:
        for node in nodes:
            node.script["FT.SEARCH"] = resp([0])
        return b"+OK"

    return create


@pytest.mark.parametrize("create", [True, False])
def test_an_index_that_may_not_be_made(
    connect: Connect, scripted: list[ScriptedRedis], create: bool
) -> None:
    """Where the index is lacking and may not be made, one line says what to do."""
    for node in scripted:
        node.script |= {"FT.SEARCH": NO_INDEX, "FT.CREATE": "-NOPERM no permissions"}
    app = connect(scripted[0].port, index=Index(create=create), limits=Limits(redis=5))
    with app.cache.read_only():
        for _ in range(5):
            assert not app(new_question())
        eventually(app.failures)
    assert set(app.failures()) == {"search: IndexMissing"}
    eventually(app.warnings)
    (warning,) = app.warnings()
    assert "run setup() once as a user who may FT.CREATE" in warning


@pytest.mark.parametrize("reply", [DEAD_SHARD, HANG, "+Request timed out"])
def test_searches_while_a_shard_is_dead(
    connect: Connect, scripted: list[ScriptedRedis], reply: Any
) -> None:
    """Searches are suspended by themselves: lookups of keys and stores go on in their time."""
    app = connect(scripted[0].port)
    for _ in range(3):
        app(new_question())
    for node in scripted:
        node.script |= {"FT.SEARCH": reply, "FT.CREATE": reply, "FT.AGGREGATE": reply}
    app.events.clear()
    before = app.cache.stats.stored
    for _ in range(10):
        assert not app(new_question())
    assert app.cache.stats.misses["search_incomplete"] == 10
    assert app.cache.stats.stored == before + 10
    assert app.cache.stats.breakers["redis"] == "closed"
    assert app.cache.stats.breakers["search"] != "closed"
    assert {failure.split(":")[0] for failure in app.failures()} == {"search"}
    assert received(scripted, "FT.SEARCH") < 10
    app.discreet()
    for node in scripted:
        node.script |= {"FT.SEARCH": resp([0]), "FT.CREATE": "+OK", "FT.AGGREGATE": resp([1])}
    eventually(lambda: not app(new_question()) and app.cache.stats.breakers["search"] == "closed")


def test_searches_tell_the_server_when_to_give_up(
    connect: Connect, scripted: list[ScriptedRedis]
) -> None:
    """The server's word that it took too long is to come within the call's own time."""
    app = connect(scripted[0].port, limits=Limits(redis=2))
    app(new_question())
    (search,) = [command for node in scripted for command in node.received("FT.SEARCH")]
    assert search[search.index(b"TIMEOUT") + 1] == b"1600"


@pytest.fixture(params=[Coordinated, Valkey])
def searched(request: pytest.FixtureRequest) -> Iterator[Coordinated]:
    with request.param(3) as cluster:
        yield cluster


def test_a_shard_joins(connect: Connect, searched: Coordinated) -> None:
    """Under traffic a shard joins and takes a quarter of the slots: no wrong answer, and reworded
    questions are served again without a store or a restart."""
    app = connect(searched.ports[0], limits=Limits(redis=5))
    known = [new_question() for _ in range(24)]
    for question in known:
        app(question)
    eventually(lambda: all(app(f"please {question}") for question in known))
    app.events.clear()
    searched.join()
    with app.cache.read_only():
        eventually(lambda: all(app(f"please {question}") for question in known), 20)
        assert all(map(app, known))
    assert {failure.split(":")[0] for failure in app.failures()} <= {"search"}
    app.discreet() if app.failures() else None


def test_setup_of_a_shard_that_has_joined(connect: Connect, searched: Coordinated) -> None:
    """Set-up makes the index where it is lacking, though there is one on the other shards."""
    app = connect(searched.ports[0], limits=Limits(redis=5))
    app.do("setup")
    searched.join()
    app.do("setup")
    with app.cache.read_only():
        assert not app(new_question())
    assert not app.failures()


def test_a_shard_dies(
    connect: Connect, searched: Coordinated, caplog: pytest.LogCaptureFixture
) -> None:
    """Searches do not cover all shards any more, which is their own reason; keys of the others go
    on. The log says once that it is so, and once that it is over."""
    caplog.set_level("INFO", "langchain_redis_semcache")
    app = connect(searched.ports[0])
    bear_a_dead_shard(app)
    known = [new_question() for _ in range(24)]
    for question in known:
        app(question)
    eventually(lambda: all(map(app, known)))
    searched.kill(1)
    app.events.clear()
    before = app.cache.stats.misses.get("search_incomplete", 0)
    eventually(lambda: sum(map(app, known)) >= 5, 20)
    assert not any(app(f"please {question}") for question in known)
    assert app.cache.stats.misses["search_incomplete"] > before
    eventually(lambda: sum(map(app, known)) >= 5, 20)
    app.discreet()
    assert app.outages() == ["WARNING"]
    searched.revive(1)
    eventually(lambda: all(app(f"please {question}") for question in known), 30)

    def is_over() -> bool:
        app(new_question())  # a store as well: what had failed is over where it works, or in time
        return all(map(app, known)) and len(app.outages()) > 1

    eventually(is_over, QUIET_SECONDS + 10)
    assert app.outages() == ["WARNING", "INFO"]


def test_tags_on_every_node(connect: Connect, scripted: list[ScriptedRedis]) -> None:
    """What one node alone has indexed is removed as well."""
    for node, key in zip(scripted, "abc", strict=True):
        node.script["FT._LIST"] = resp(["test::x:64:hnsw"])
        node.script["FT.SEARCH"] = in_turn(resp([1, f"test::{key}"]), resp([0]))
        node.script["UNLINK"] = resp(1)
    app = connect(scripted[0].port, name="test")
    assert app.do("delete_tagged", "faq") == 3
