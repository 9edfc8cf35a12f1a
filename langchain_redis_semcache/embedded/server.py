"""A Redis server with search as a child process: how it lives and dies.

Nothing is downloaded, and nothing is written outside the data folder and one private temporary
folder a server.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from .failures import EmbeddedRedisError, NoSearchError, failure, last_lines
from .files import Candidate, executable
from .folders import SOCKET_NAME, private_folder

_TAIL_BYTES = 4096
_OWN_OPTIONS = frozenset(
    {"bind", "daemonize", "dir", "loadmodule", "logfile", "port", "unixsocket", "unixsocketperm"}
)
_ONE_WORD = frozenset({"dir", "loadmodule", "requirepass", "unixsocket"})
# Seconds that a server gets to save its data before it is killed.
_PATIENCE = 30

# Makes its own process the server, and leaves a watchdog beside it that waits at the end of a pipe
# whose other end only the Python process holds. The kernel closes that end however the process
# ends, SIGKILL included; then the watchdog ends the server, with patience ($1 seconds) since it may
# have data to save, and removes the private folder ($2). PR_SET_PDEATHSIG would be shorter, but it
# fires when the *thread* that forked ends, and exists only on Linux.
# $$ cannot mean a stranger, even after the server's end: no process gets that number while the
# watchdog itself is in the process group of that name. The pipe comes in as descriptor 2 and the
# lock of the data folder as 0, since sh can only name single digits; the server keeps the lock,
# the watchdog must not.
_RUN = """\
exec 3<&2 2>&1
patience=$1 folder=$2
shift 2
(
    read -r nothing <&3
    kill -s TERM $$
    kill -s CONT $$
    end=$(($(date +%s) + patience))
    while kill -s 0 $$ && [ "$(date +%s)" -lt "$end" ]; do sleep 0.1 || sleep 1; done
    rm -rf -- "$folder"
    kill -s KILL -- -$$
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
"""


def configuration(options: Mapping[str, str]) -> str:
    """The text of a redis.conf; as there, a value with spaces is several words, if it can be."""
    lines = []
    for name, value in options.items():
        if any(sign in name + value for sign in "\r\n\0"):
            raise ValueError(f"the option {name!r} has a line break")
        whole = name in _ONE_WORD or " " not in value
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name} "{escaped}"' if whole else f"{name} {value}")
    return "\n".join(lines) + "\n"


def checked_options(config: Mapping[str, str]) -> dict[str, str]:
    """The options by their lower-case names, without those that the embedded server sets itself."""
    options = {name.lower(): value for name, value in config.items()}
    if taken := _OWN_OPTIONS & options.keys():
        raise ValueError(f"EmbeddedRedis sets these options itself: {', '.join(sorted(taken))}")
    configuration(options)
    return options


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """One running server and its private folder; `stop` or the end of Python ends both."""

    def __init__(
        self,
        candidate: Candidate,
        *,
        port: int | None,
        data_dir: Path | None,
        lock: int | None,
        options: Mapping[str, str],
    ) -> None:
        self.stopped = False
        self._saves = data_dir is not None
        self._last_log = ""
        self._password = options.get("requirepass", "")
        self.folder = private_folder(for_socket=port is None)
        self._address: str | tuple[str, int] = (
            str(self.folder / SOCKET_NAME) if port is None else ("127.0.0.1", port)
        )
        try:
            self._spawn(candidate, port, data_dir or self.folder, lock, options)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        _running.add(self)

    def _spawn(
        self,
        candidate: Candidate,
        port: int | None,
        data_dir: Path,
        lock: int | None,
        options: Mapping[str, str],
    ) -> None:
        own = {"port": str(port or 0), "bind": "127.0.0.1", "dir": str(data_dir)}
        own["save"] = "60 1" if self._saves else ""
        if port is None:
            own["unixsocket"] = str(self.folder / SOCKET_NAME)
            own["unixsocketperm"] = "600"
        if candidate.module is not None:
            own["loadmodule"] = str(executable(candidate.module, self.folder))
        # A file, since other users can read the command line, and the password may be in it.
        text = configuration({**own, **options})
        (self.folder / "redis.conf").write_bytes(os.fsencode(text))
        environment = dict(os.environ)
        if candidate.libraries:
            links = self.folder / "lib"
            links.mkdir()
            for name, target in candidate.libraries.items():
                (links / name).symlink_to(target)
            others = environment.get("LD_LIBRARY_PATH")
            environment["LD_LIBRARY_PATH"] = f"{links}:{others}" if others else str(links)
        command = [str(executable(candidate.server, self.folder)), str(self.folder / "redis.conf")]
        patience = str(_PATIENCE if self._saves else 0)
        pipe, self._lifeline = os.pipe()
        try:
            with (self.folder / "server.log").open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the arguments are files we found
                    ["/bin/sh", "-c", _RUN, "sh", patience, str(self.folder), *command],
                    stdin=subprocess.DEVNULL if lock is None else lock,
                    stdout=log,
                    stderr=pipe,
                    cwd=self.folder,
                    env=environment,
                    # Ctrl-C in the terminal is for the application; the server ends after it.
                    start_new_session=True,
                )
        except OSError as error:
            os.close(self._lifeline)
            raise EmbeddedRedisError(f"cannot start a process: {error}") from error
        finally:
            os.close(pipe)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        password = f":{quote(self._password, safe='')}@" if self._password else ""
        if isinstance(self._address, str):
            return f"unix://{password}{quote(self._address)}"
        return f"redis://{password}{self._address[0]}:{self._address[1]}"

    @property
    def log(self) -> str:
        """The end of what the server logged."""
        try:
            with (self.folder / "server.log").open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return self._last_log

    def wait_until_ready(self, timeout: float) -> None:
        """Return once the server has read its data and answers FT.* commands."""
        deadline = time.monotonic() + timeout
        while (status := self._process.poll()) is None:
            reply = self._ask()
            # Another server may have been faster to take the port: only our own one's reply counts.
            if b"process_id:%d\r\n" % self.pid in reply and b"-LOADING" not in reply:
                if b"unknown command" in reply:
                    raise NoSearchError("has no search")
                return
            if time.monotonic() > deadline:
                raise EmbeddedRedisError(
                    f"the server was not ready within the start_timeout of {timeout:g} s:\n"
                    f"{last_lines(self.log)}"
                )
            time.sleep(0.005)
        raise failure(self.log, status)

    def _ask(self) -> bytes:
        """What the server answers, asked without a client library; nothing if it does not."""
        commands = [("INFO", "server"), ("FT._LIST",), ("QUIT",)]
        if self._password:
            commands.insert(0, ("AUTH", self._password))
        message = b""
        for command in commands:
            words = [word.encode() for word in command]
            message += b"*%d\r\n" % len(words)
            message += b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        unix = isinstance(self._address, str)
        reply = b""
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as connection:
            connection.settimeout(1.0)
            try:
                connection.connect(self._address)
                connection.sendall(message)
                while chunk := connection.recv(65536):
                    reply += chunk
            except OSError:
                return b""
        return reply

    def stop(self, *, save: bool = True) -> None:
        """End the server, after it has saved what it keeps, and remove the private folder."""
        if self not in _running:  # stopped before, or the parent's of this forked process
            return
        _running.discard(self)
        self.stopped = True
        if not self._ends_by_itself(save=save):
            # The group: a child that writes a snapshot is not to outlive the server either.
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._lifeline)
        self._last_log = self.log
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ends_by_itself(self, *, save: bool) -> bool:
        if self._saves and save and self._process.poll() is None:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
        return self._process.poll() is not None

    def forget(self) -> None:
        """Let go of the server in a forked child: it belongs to the parent and ends with that."""
        os.close(self._lifeline)


# Strong references: a server that was started and dropped runs until the interpreter ends.
_running: set[ServerProcess] = set()


def _stop_all() -> None:
    for server in list(_running):
        server.stop()


def _forget_all() -> None:
    for server in _running:
        server.forget()
    _running.clear()


atexit.register(_stop_all)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all)
