"""Least privilege: the ACL users of docs/operations.md suffice, and less than that does no harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from integration_tests.faults.conftest import MakeApplication
from integration_tests.faults.harness import eventually, new_question
from integration_tests.faults.scripted_redis import ScriptedRedis, resp
from integration_tests.faults.servers import RawServer
from integration_tests.support import LLM, asked, keys_of, text_of, told
from langchain_redis_semcache import Index, Recording, Sliding
from langchain_redis_semcache.embedded import EmbeddedRedis
from langchain_redis_semcache.errors import CacheUnavailableError

# As in docs/operations.md.
USE = "-@all +hmget +hset +unlink +pexpire +multi +exec +eval +ft.search +ft.aggregate"
CREATE = f"{USE} +ft.create"
LOOK = "+ft._list +scan +hget +hgetall +hexists +ping +pttl +xrange +xrevrange"
ADMINISTER = f"{CREATE} {LOOK} +ft.dropindex +xdel"
RECORD = f"{CREATE} +xadd +xtrim +xdel"
READ = "-@all +hmget +ft.search +ft.aggregate"
# What a cluster's client asks besides, and what our own connections by URL do.
CLUSTER = "+cluster|slots +command +asking"
if redis.VERSION < (7,):
    CLUSTER += " +unwatch"


@pytest.fixture(scope="module")
def guarded() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def admin(guarded: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(guarded.url, protocol=2) as client:
        yield client
        client.flushall()


def user(admin: redis.Redis, guarded: EmbeddedRedis, name: str, rules: str) -> str:
    """Make a user whose keys are those of one cache; the URL to use."""
    admin.execute_command(
        *("ACL", "SETUSER", "limited", "reset", "on", ">pw", "resetchannels"),
        *("resetkeys", f"~{name}::*", *rules.split()),
    )
    return guarded.url.replace("://", "://limited:pw@")


def test_a_user_who_may_create_the_index(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """With the documented rules everything works; CLIENT SETINFO is not among them."""
    app = make_app(user(admin, guarded, name, CREATE), ttl=Sliding(100))
    app.recovers()
    assert not app.failures()


def test_a_user_who_may_only_use_the_index(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """Without FT.CREATE and FT.INFO an existing index is used, with and without `create_index`."""
    creator = make_app(guarded.url)
    creator.warm_up()
    url = user(admin, guarded, name, USE)
    for create_index in (True, False):
        app = make_app(url, index=Index(create=create_index))
        assert app.works()
        assert not app.failures()


def test_no_index_and_no_right_to_create_it(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """Until somebody creates the index identical questions are served, then the others as well."""
    app = make_app(user(admin, guarded, name, USE))
    for _ in range(2):
        question = new_question()
        assert not app(question)
        assert app(question)
    assert set(app.failures()) == {"search: IndexMissing"}
    app.discreet()
    make_app(guarded.url).do("setup")
    app.events.clear()
    eventually(lambda: app(f"please {question}"))
    assert not app.failures()


def test_create_index_false_never_creates(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis
) -> None:
    """With `Index(create=False)` the command is not even sent."""
    app = make_app(guarded.url, index=Index(create=False))
    admin.config_resetstat()
    assert not app.works()
    assert "cmdstat_FT.CREATE" not in admin.info("commandstats")


def test_a_user_who_may_only_read(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """A reader gets its hits; that nothing is stored is said once."""
    known = make_app(guarded.url).warm_up()
    app = make_app(user(admin, guarded, name, READ), ttl=Sliding(100))
    for _ in range(3):
        assert app(known)
        assert app(f"please {known}")
        assert not app(new_question())
    assert all(failure.startswith("store: ") for failure in app.failures())
    app.discreet()


def test_a_user_who_may_record(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """With the documented rules hits are recorded, and the administrator sees and removes them."""
    app = make_app(user(admin, guarded, name, RECORD), ttl=100, recording=Recording(share=1))
    known = app.warm_up()
    assert app(known)
    eventually(lambda: admin.xlen(f"{name}::recorded") >= 1)
    assert not app.failures()
    reviewer = make_app(user(admin, guarded, name, ADMINISTER)).cache
    hit = next(reviewer.recorded())
    assert app.cache.delete_entry(hit.entry)  # and what was recorded stays, where nobody sees it
    assert hit.entry not in {one.entry for one in reviewer.recorded()}


def test_administration(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """The documented administrator can clear, find and remove; the user of the cache cannot."""
    app = make_app(user(admin, guarded, name, ADMINISTER))
    app.do("setup")
    with app.cache.tags("faq"):
        app.do("update", asked("one"), LLM, told("1"))
    assert app.do("delete_tagged", "faq") == 1
    app.do("update", asked("two"), LLM, told("2"))
    app.do("update", asked("three"), LLM, told("3"))
    (removed,) = app.do("remove", text="three")
    assert app.do("get", removed.key) is None
    assert [one for one in app.do("doctor") if one.says.startswith("1 of one embedding model")]
    app.do("clear")
    assert not keys_of(admin, name)
    user(admin, guarded, name, CREATE)
    with pytest.raises(CacheUnavailableError, match="NOPERM"):
        app.do("clear")


def test_keys_of_others_are_out_of_reach(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """A cache of another name gets nothing from this user, and says so once."""
    app = make_app(user(admin, guarded, name, CREATE), name=f"{name}-other")
    for _ in range(3):
        assert not app(new_question())
    app.discreet()


@pytest.mark.parametrize("query", ["", "?protocol=3"])
def test_handshake_commands_denied(query: str, make_app: MakeApplication) -> None:
    """A server or proxy that refuses CLIENT SETINFO, and even CLIENT as a whole, does no harm."""
    denied = "-NOPERM this user has no permissions to run the 'client|setinfo' command"
    script = {"CLIENT": denied, "HMGET": resp([None] * 5), "FT.SEARCH": resp([0])}
    with ScriptedRedis({**script, "HSET": resp(5)}, default=resp(1)) as server:
        app = make_app(server.url + query)
        app.do("lookup", asked("?"), LLM)
        app.do("update", asked("?"), LLM, told("!"))
        assert app.cache.stats.stored == 1
        assert not app.failures()
        app.close()


def test_privileges_withdrawn_and_given_back(
    make_app: MakeApplication, guarded: EmbeddedRedis, admin: redis.Redis, name: str
) -> None:
    """A user whose rights or password change is an outage that ends when they come back."""
    url = user(admin, guarded, name, CREATE)
    app = make_app(url)
    app.recovers()
    admin.execute_command("ACL", "SETUSER", "limited", "off", "resetpass", ">other")
    admin.client_kill_filter(_type="normal", skipme=True)
    for _ in range(3):
        assert not app(new_question())
    app.discreet()
    user(admin, guarded, name, CREATE)
    app.recovers()


def test_without_the_search_module(make_app: MakeApplication) -> None:
    """A plain Redis serves identical questions; one warning says what is missing."""
    with RawServer(search=False) as server:
        app = make_app(server.url)
        for _ in range(3):
            question = new_question()
            assert not app(question)
            assert app(question)
            assert not app(f"please {question}")
        (warning,) = app.warnings()
        assert "search failed (NoSearchModule)" in warning
        assert "identical questions are still served" in warning
        assert app.embeddings.calls == 1
        assert app.do("delete_tagged", "x") == 0
        app.do("clear")
        assert not app(question)


def test_a_database_that_cannot_be_searched(
    make_app: MakeApplication, scratch: EmbeddedRedis
) -> None:
    """Search knows database 0 only: with another one a warning says so."""
    app = make_app(f"{scratch.url}/1")
    question = new_question()
    assert not app(question)
    assert app(question)
    (warning,) = app.warnings()
    assert "OnlyDatabase0IsSearchable" in warning
    assert text_of(app.do("lookup", asked("never asked"), LLM)) is None
