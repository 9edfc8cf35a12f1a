"""The plan of the house: few rooms with a rule each, small modules, tests where one looks."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path

import langchain_redis_semcache

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(langchain_redis_semcache.__file__).parent
TESTS = Path(__file__).parent
ROOMS = sorted(folder.parent for folder in PACKAGE.glob("*/__init__.py"))
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
DATA = sorted(
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc")
)

MOST_ROOMS = 16
"""Twelve that are the cache, and four that stand on its public face."""
MOST_LINES = 350
MOST_LINES_OF_A_FUNCTION = 60

# Exceptions are named with the reason, and go when the reason does. One that begins with "being"
# is under way: it may be gone already.

# Modules without a test file of their name.
TESTED_ELSEWHERE = {
    "__main__.py": "three lines, run by tests/cli/test_calibrating.py",
    "face/administration.py": "through the cache: integration_tests/test_find_and_remove.py",
    "_arguments.py": "through the constructor: tests/test_cache.py",
    "face/at_call.py": "a cache to a stream: integration_tests/test_at_call.py",
    "face/blocks.py": "through the cache: tests/test_cache.py, integration_tests/test_tags.py",
    "face/insight.py": "through the cache: integration_tests/test_explain.py",
    "face/switches.py": "through the cache: integration_tests/test_switch.py",
    "reporting/log.py": "as the reporter's first listener: tests/reporting/test_reporter.py",
    "face/transfers.py": "through the cache: integration_tests/test_transfer.py",
    "face/lifetime.py": "through the cache: tests/test_cache.py, integration_tests/faults",
    "_effects.py": "the requests and errors that all flows are made of, nothing that decides",
    "cli/explaining.py": "with a server: integration_tests/test_shell_explain.py",
    "cli/counting.py": "what it shows: integration_tests/test_totals.py",
    "cli/looking.py": "what it shows: integration_tests/test_shell.py",
    "cli/moving.py": "what it moves: integration_tests/test_transfer.py, test_warming.py",
    "cli/named.py": "through its options: tests/cli/test_calibrating.py",
    "cli/opening.py": "through its options: tests/cli/test_main.py",
    "cli/printing.py": "what it prints: integration_tests/test_shell.py",
    "cli/removing.py": "what it removes: integration_tests/test_shell.py",
    "cli/switching.py": "what it changes: integration_tests/test_switch.py",
    "cli/watching.py": "what it shows: integration_tests/test_tail.py",
    "errors.py": "three classes: tests/test_api.py",
    "flows/explanation.py": "a shape and its words: tests/flows/test_explain.py",
    "flows/asked.py": "shapes, nothing that decides",
    "cli/review.py": "through a cache: integration_tests/test_ui.py",
    "driver/drivers.py": "the drivers need links: integration_tests, each test sync and async",
    "flows/by_hand.py": "names what is in other modules: tests/flows/test_admin.py and others",
    "flows/settings.py": "one shape, nothing that decides",
    "entry/candidate.py": "one shape, nothing that decides",
    "policies/decision.py": "shapes and their checks: tests/policies/test_distance.py",
    "transport/client_channels.py": "clients: integration_tests/test_clients.py and faults/",
    "transport/deadline.py": "sockets: integration_tests/test_deadline.py",
    "transport/hiredis_reader.py": "connections: integration_tests/test_streams.py, test_deadline",
    "transport/hiredis_socket.py": "connections: integration_tests/test_deadline.py",
    "transport/hiredis_stream.py": "connections: integration_tests/test_streams.py",
    "transport/streams.py": "connections: integration_tests/test_streams.py",
    "transport/on_loop.py": "connections: integration_tests/test_clients.py and faults/",
    "transport/sync.py": "connections: integration_tests/test_clients.py and faults/",
}
# Tests of no single module.
OF_NO_MODULE = {
    "test_api.py": "what is public",
    "test_rooms.py": "the house",
    "observe/test_dashboard.py": "a file of examples/observe against the registry",
    "guards/test_written_pairs.py": "all guards together",
}
LONG: dict[str, str] = {}
LONG_FUNCTIONS = {
    "cache.py:__init__": "a constructor: it only names",
}


def test_rooms() -> None:
    """A newcomer finds any behaviour from a list of folders that fits into a glance."""
    assert len(ROOMS) <= MOST_ROOMS


def test_every_room_says_its_rule() -> None:
    """A folder's `__init__` opens with what belongs in it."""
    docs = {room.name: ast.get_docstring(_parsed(f"{room.name}/__init__.py")) for room in ROOMS}
    assert [name for name, doc in docs.items() if not doc] == []


def test_every_module_says_what_it_is() -> None:
    """A module opens with its subject."""
    assert [name for name in MODULES if not ast.get_docstring(_parsed(name))] == []


def test_modules_are_small() -> None:
    """A module is read in one sitting."""
    lines = {name: len((PACKAGE / name).read_text().splitlines()) for name in MODULES}
    _only({name for name, count in lines.items() if count >= MOST_LINES}, LONG)


def test_functions_are_small() -> None:
    """A function fits on a page."""
    _only({f"{m}:{function.name}" for m in MODULES for function in _long(m)}, LONG_FUNCTIONS)


def test_log_lines_are_for_programs_too() -> None:
    """Whatever is logged names its event in `extra`, beside the sentence for people."""
    silent = [
        f"{name}:{node.lineno}"
        for name in MODULES
        for node in ast.walk(_parsed(name))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value).upper().endswith(("_LOGGER", "_LOG"))
        and node.func.attr in {"debug", "info", "warning", "error", "exception", "log"}
        and "extra" not in {keyword.arg for keyword in node.keywords}
    ]
    assert silent == []


def test_tests_mirror_the_package() -> None:
    """A module's test has its name and its place, and no test has the name of what is gone."""
    named = {_test_of(name): name for name in MODULES if not name.endswith("__init__.py")}
    found = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    _only({named[test] for test in named.keys() - found}, TESTED_ELSEWHERE)
    _only(found - named.keys(), OF_NO_MODULE)


def test_data_files_are_published() -> None:
    """Word lists, scripts and stylesheets go into the wheel: nothing leaves a file of ours out."""
    hatch = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert hatch["targets"]["wheel"] == {"packages": [PACKAGE.name]}
    assert hatch.keys() == {"targets"}
    # Hatchling leaves out what git ignores.
    ignored = [line.rstrip("/") for line in (TESTS.parent / ".gitignore").read_text().split()]
    for path in DATA:
        assert not [p for p in ignored if any(fnmatch(part, p) for part in path.parts)], path
        resource = resources.files(PACKAGE.name).joinpath(*path.parts)
        assert resource.read_text(encoding="utf-8") or path.name == "py.typed", path
    assert {path.suffix for path in DATA} >= {".css", ".lua", ".txt", ".typed"}


def _only(found: set[str], exceptions: dict[str, str]) -> None:
    assert sorted(found - exceptions.keys()) == [], "these break the rule; mend or name them"
    settled = {name for name, reason in exceptions.items() if not reason.startswith("being ")}
    assert sorted(settled - found) == [], "these keep the rule: no exceptions any more"


def _test_of(module: str) -> str:
    path = Path(module)
    return (path.parent / f"test_{path.name.lstrip('_')}").as_posix()


def _parsed(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def _long(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines >= MOST_LINES_OF_A_FUNCTION:
                yield node
