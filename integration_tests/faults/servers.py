"""Servers that `EmbeddedRedis` does not offer: sentinels, cluster nodes, and one without search."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import redis

from langchain_redis_semcache.embedded.files import (
    Candidate,
    installed_candidates,
)
from langchain_redis_semcache.embedded.server import (
    configuration,
    free_port,
)

Self = TypeVar("Self", bound="RawServer")


class RawServer:
    """A server process with any options; ends with the `with` block."""

    def __init__(
        self,
        options: Mapping[str, str] | None = None,
        *,
        search: bool = True,
        tail: str = "",
        candidate: Candidate | None = None,
    ) -> None:
        self.port = free_port()
        self._options = {"port": str(self.port), "bind": "127.0.0.1", **(options or {})}
        if "cluster-enabled" in self._options:  # by default the port plus 10,000, if there is one
            self.cluster_port = free_port()
            self._options["cluster-port"] = str(self.cluster_port)
        if "tls-cert-file" in self._options:  # beside the plain one
            self.tls_port = free_port()
            self._options["tls-port"] = str(self.tls_port)
        self._candidate = candidate
        self._search = search
        self._tail = tail
        """Lines of the configuration that must come as they are."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self: Self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="semcache-faults-"))
        candidate = self._candidate or runnable()
        environment = _environment(candidate, self.folder)
        options = {"dir": str(self.folder), "save": "", **self._options}
        if self._search and candidate.module is not None:
            options["loadmodule"] = str(candidate.module)
        file = self.folder / "server.conf"
        file.write_text(configuration(options) + "\n" + self._tail)
        command = [str(candidate.server), str(file)]
        if "sentinel " in self._tail:
            command.append("--sentinel")
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=environment
            )
        self.client = redis.Redis.from_url(self.url, protocol=2)
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                log = (self.folder / "log").read_text()[-2000:]
                assert self.process.poll() is None, log
                assert time.monotonic() < until, log
                time.sleep(0.02)


@contextmanager
def three_nodes(options: Mapping[str, str] | None = None) -> Iterator[list[RawServer]]:
    """Three masters, each with a third of the slots and, being Redis Stack 7.4, its own indexes."""
    chosen = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", **(options or {})}
    with ExitStack() as stack:
        nodes = [stack.enter_context(RawServer(chosen)) for _ in range(3)]
        for i, node in enumerate(nodes):
            first, last = i * 16384 // 3, (i + 1) * 16384 // 3 - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for node in nodes[1:]:
            met = nodes[0]
            node.client.execute_command("CLUSTER", "MEET", "127.0.0.1", met.port, met.cluster_port)
        until = time.monotonic() + 30
        while not all(is_well(node) for node in nodes):
            assert time.monotonic() < until, "the cluster did not form"
            time.sleep(0.02)
        yield nodes


def is_well(node: RawServer) -> bool:
    """Whether a node of a cluster of three finds it complete."""
    info = node.client.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info


def runnable() -> Candidate:
    """The server of this machine that starts."""
    for candidate in installed_candidates():
        if candidate.absent:
            continue
        with tempfile.TemporaryDirectory() as folder:
            environment = _environment(candidate, Path(folder))
            command = [str(candidate.server), "--version"]
            if not subprocess.run(command, env=environment, capture_output=True).returncode:
                return candidate
    raise RuntimeError("no server runs here")


def _environment(candidate: Candidate, folder: Path) -> dict[str, str]:
    environment = dict(os.environ)
    if candidate.libraries:
        links = folder / "lib"
        links.mkdir(exist_ok=True)
        for name, target in candidate.libraries.items():
            (links / name).symlink_to(target)
        environment["LD_LIBRARY_PATH"] = str(links)
    return environment
