"""Replies as a broken middlebox passes them on: twice, not at all, or in each other's place."""

from __future__ import annotations

import random
from typing import Literal

Kind = Literal["double", "drop", "swap"]


def split_replies(data: bytes) -> tuple[list[bytes], bytes]:
    """The complete RESP2 replies at the head of the data, and what is left of it."""
    replies: list[bytes] = []
    done = 0
    while (end := _end(data, done)) is not None:
        replies.append(data[done:end])
        done = end
    return replies, data[done:]


def _end(data: bytes, start: int) -> int | None:
    """Where the reply that begins there ends, if all of it is there."""
    line = data.find(b"\r\n", start)
    if line < 0:
        return None
    kind, position = data[start : start + 1], line + 2
    if kind in b"+-:":
        return position
    size = int(data[start + 1 : line])
    if kind == b"$":
        end = position + (size + 2 if size >= 0 else 0)
        return end if end <= len(data) else None
    for _ in range(size):
        following = _end(data, position)
        if following is None:
            return None
        position = following
    return position


class Disorder:
    """What becomes of the replies of one connection, a share of them being struck."""

    def __init__(self, kind: Kind, share: float, seed: int) -> None:
        self._kind = kind
        self._share = share
        self._dice = random.Random(seed)
        self._partial = b""
        self._surplus = b""

    def pass_on(self, data: bytes) -> bytes:
        """Return what is delivered of these further bytes."""
        replies, self._partial = split_replies(self._partial + data)
        out: list[bytes] = []
        while replies:
            reply = replies.pop(0)
            # What comes twice comes late: right before the next one.
            out, self._surplus = [*out, self._surplus], b""
            if self._dice.random() >= self._share:
                out.append(reply)
            elif self._kind == "double":
                out.append(reply)
                self._surplus = reply
            elif self._kind == "swap":
                out += [replies.pop(0), reply] if replies else [reply]
        return b"".join(out)
