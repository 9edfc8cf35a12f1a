"""Folders of a server: private ones, short enough for a socket, and those that one server holds."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from .failures import EmbeddedRedisError

SOCKET_NAME = "redis.sock"
# sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL among them.
_LONGEST_SOCKET_PATH = 103
_LOCK_NAME = "semcache.lock"


def private_folder(*, for_socket: bool) -> Path:
    """A new folder that only this user can read, short enough in name for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="semcache-"))
    if for_socket and len(os.fsencode(folder / SOCKET_NAME)) > _LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="semcache-", dir="/tmp"))
    return folder


def lock_folder(folder: Path) -> int:
    """Take the folder, made if need be, for one server: a descriptor that holds it while open."""
    import fcntl  # not on Windows, where the rest of the package works

    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    patient_until = time.monotonic() + 5.0
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # After a SIGKILL the old server needs a moment to save and go. Its owner is gone,
                # so it is worth waiting for.
                owner = os.pread(descriptor, 20, 0).decode(errors="replace")
                if _alive(owner) or time.monotonic() > patient_until:
                    raise EmbeddedRedisError(
                        f"{folder} is served by another embedded server, of process {owner}; "
                        "two servers on one data folder would destroy it"
                    ) from None
            time.sleep(0.02)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _alive(owner: str) -> bool:
    try:
        os.kill(int(owner), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
