"""What went wrong, in a line that may be read by whoever looks for it: never a credential.

Rule of this module: what a message says is shown as far as nothing in it can be a secret. It may
hold words of a prompt, and so is for DEBUG logs, and for what an owner does by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from types import TracebackType

from ._effects import ErrorReply

LONGEST = 300
"""Characters of a message."""
_PACKAGE = PurePath(__file__).parent.name
# Servers repeat what they were sent: a question, or a password.
_REPEATED = re.compile(r",? with args beginning with.*", re.DOTALL | re.IGNORECASE)
_SECRETS = (
    (re.compile(r"(://)[^/\s@]*@"), r"\1***@"),
    (re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(
            r"((?:api[-_ ]?key|token|passw(?:or)?d|secret|authorization|credentials?)\w*"
            r"[\"']?(?:\s*[:=]\s*|\s+provided:\s*)[\"']?)(?!\*\*\*)[^\s\"',;&)}\]]+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (
        re.compile(r"\b(?:sk|pk|rk|hf|gh[a-z]|xox[a-z])[-_][\w*.-]{6,}|\bA(?:KIA|Iza)[\w-]{12,}"),
        "***",
    ),
)


def told(error: BaseException, place: str = "", secrets: Iterable[str] = ()) -> str:
    """Say what was raised, and where: by which server, or in which line."""
    said = _named(error, secrets)
    cause = error.__cause__
    if cause is not None and str(cause) not in str(error):
        said += f", from {_named(cause, secrets)}"
    where = place or _line_of(error.__traceback__)
    return f"{said} [{where}]" if where else said


def cleaned(text: str, secrets: Iterable[str] = ()) -> str:
    """Put a message on one line without what may be a credential in it."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _REPEATED.sub("", text)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def refusal(reply: ErrorReply) -> str:
    """Say what a server answered instead of a result."""
    text = cleaned(reply.text)
    return text if text.startswith(reply.code) else f"{reply.code} {text}"


def _named(error: BaseException, secrets: Iterable[str]) -> str:
    text = cleaned(str(error), secrets)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line_of(traceback: TracebackType | None) -> str:
    """Return the line that raised; of ours, only where nobody else's was under way."""
    found = ours = ""
    while traceback is not None:
        path = PurePath(traceback.tb_frame.f_code.co_filename)
        line = f"{'/'.join(path.parts[-2:])}:{traceback.tb_lineno}"
        if _PACKAGE in path.parts:
            ours = line
        else:
            found = line
        traceback = traceback.tb_next
    return found or ours
