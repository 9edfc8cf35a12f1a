"""Why a server did not start: what the user is told, and what leaves another one its chance."""

from __future__ import annotations

import re

from ..errors import SemcacheError

# "4711:M 21 Nov 2026 11:44:26.723 # " in front of every line a running server logs, and the path
# that the dynamic loader puts before what it says.
_LOG_PREFIX = re.compile(r"^(\d+:[A-Z] .*? [.*#-] |.*: (?=error while loading))")
_SAYS_NO_MORE = ("Can't load module from", "initialization failed. Module not loaded")


class EmbeddedRedisError(SemcacheError, RuntimeError):
    """The embedded server could not be started or is not running."""


class PortTakenError(Exception):
    """Somebody else listens on the port."""


class NoSearchError(Exception):
    """This server cannot serve FT.* commands here; another candidate may."""


def failure(log: str, status: int) -> Exception:
    """What the log of a server that ended while starting means for the caller."""
    lines = [_LOG_PREFIX.sub("", line).strip() for line in log.splitlines() if line.strip()]
    if "Address already in use" in log:
        return PortTakenError()
    lacks_module = "Can't load module" in log or "no matching module" in log
    if "FATAL CONFIG FILE ERROR" in log or ("is starting" in log and not lacks_module):
        return EmbeddedRedisError(f"the server ended while starting:\n{last_lines(log)}")
    telling = [line for line in lines if not any(vague in line for vague in _SAYS_NO_MORE)]
    return NoSearchError(telling[-1] if telling else f"ended with status {status}")


def last_lines(log: str) -> str:
    """The end of a log, set in for a message."""
    return "\n".join(f"  {line}" for line in log.splitlines()[-12:])
