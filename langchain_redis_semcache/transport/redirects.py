"""What the nodes of a cluster are asked for one request, by a generator for threads and loops.

It yields what is to be asked at once, and is sent one outcome each: the replies, or an exception.
The first command decides what becomes of the request; where another one's shard does not answer,
that one has an error for its reply.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .._effects import Command, ErrorReply
from .cluster import KEYLESS, Rota, plan, unreached
from .layout import key_of
from .replies import unpack_transaction
from .topology import Topology

MOST = 4
"""Rounds of redirections: a cluster that changes so fast is not one that answers."""
AGAIN = 0.3
"""Of a call's time is for asking for the layout once more."""
_WHERE = ("MOVED", "ASK")


class NoLayout(ConnectionError):  # noqa: N818 -- its name is what a `Failed` event says
    """No node says which has what: a single server, or a user who may not ask."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one node is asked."""

    node: str
    commands: Sequence[Command]
    atomic: bool = False
    whole: bool = False
    """It is the request itself: the replies are those that whoever asks can judge."""
    share: float = 1.0
    """Of the time that is left."""


Outcome: TypeAlias = "Sequence[Any] | BaseException"
Talk: TypeAlias = Generator[Sequence[Told], Sequence[Outcome], Sequence[Any]]


def talk(topology: Topology, rota: Rota, commands: Sequence[Command], atomic: bool) -> Talk:
    """Carry out one request."""
    if topology.is_due():
        yield from _refresh(topology)
    if atomic:
        return (yield from _transaction(topology, commands))
    answers: list[Any] = [None] * len(commands)
    keyed = [at for at, command in enumerate(commands) if command[0] not in KEYLESS]
    yield from _keyed(topology, commands, answers, keyed)
    for at, command in enumerate(commands):
        if command[0] in KEYLESS:
            answers[at] = yield from _keyless(topology, rota, command, len(commands) == 1)
    return answers


def _refresh(topology: Topology) -> Generator[Sequence[Told], Sequence[Outcome], None]:
    """Ask one node after the other for the layout; without any, nothing can be asked."""
    candidates = topology.candidates()
    error: BaseException = NoLayout()
    for number, node in enumerate(candidates):
        share = AGAIN if topology.known else 1 / (len(candidates) - number)
        (outcome,) = yield [Told(node, [("CLUSTER", "SLOTS")], share=share)]
        if isinstance(outcome, BaseException):
            topology.failed(node)
            error = outcome
        elif topology.learn(outcome[0], node):
            return
        if topology.known:  # the old one will do until another is to be had
            return
    raise error


def _keyed(
    topology: Topology, commands: Sequence[Command], answers: list[Any], keyed: Sequence[int]
) -> Generator[Sequence[Told], Sequence[Outcome], None]:
    todo = [(topology.owner(key_of(commands[at])), False, at) for at in keyed]
    for _ in range(MOST):
        if not todo:
            return
        groups: dict[tuple[str, bool], list[int]] = {}
        for node, asking, at in todo:
            groups.setdefault((node, asking), []).append(at)
        told = []
        for (node, asking), places in list(groups.items()):
            if 0 not in places and topology.watch.skips(node):
                del groups[node, asking]
                for at in places:
                    (answers[at],) = unreached(1)
                continue
            own = [commands[at] for at in places]
            # The flag holds for one command.
            sent = [part for command in own for part in (("ASKING",), command)] if asking else own
            told.append(Told(node, sent, whole=len(own) == len(commands) and not asking))
        outcomes = yield told
        todo = []
        for ((node, asking), places), outcome in zip(groups.items(), outcomes, strict=True):
            if isinstance(outcome, BaseException):
                topology.failed(node)
                if 0 in places:
                    raise outcome
                outcome = unreached(len(places))
            else:
                topology.watch.worked(node)
                outcome = outcome[1::2] if asking else outcome
            for at, reply in zip(places, outcome, strict=True):
                answers[at] = reply
                if (other := _redirected(topology, reply)) is not None:
                    todo.append((*other, at))


def _transaction(topology: Topology, commands: Sequence[Command]) -> Talk:
    node, asking = topology.owner(key_of(commands[0])), False
    replies: Sequence[Any] = ()
    for _ in range(MOST):
        if asking:
            sent = [("ASKING",), ("MULTI",), *commands, ("EXEC",)]
            (outcome,) = yield [Told(node, sent)]
        else:
            (outcome,) = yield [Told(node, commands, atomic=True, whole=True)]
        if isinstance(outcome, BaseException):
            topology.failed(node)
            raise outcome
        replies = unpack_transaction(outcome[1:]) if asking else outcome
        other = next((o for o in (_redirected(topology, r) for r in replies) if o), None)
        if other is None:
            break
        node, asking = other
    return replies


def _redirected(topology: Topology, reply: Any) -> tuple[str, bool] | None:
    """Return where else to ask, and whether with ASKING."""
    if not isinstance(reply, ErrorReply) or reply.code not in _WHERE:
        return None
    try:
        if reply.code == "MOVED":
            return topology.moved(reply.text), False
        return reply.text.split(" ")[-1], True
    except (ValueError, IndexError):
        return None


def _keyless(
    topology: Topology, rota: Rota, command: Command, alone: bool
) -> Generator[Sequence[Told], Sequence[Outcome], Any]:
    owner = topology.owner(command[1]) if len(command) > 1 else ""
    steps = plan(command, list(topology.primaries()), owner, rota)
    try:
        node, asked = next(steps)
        while True:
            (outcome,) = yield [Told(node, [asked], whole=alone)]
            if isinstance(outcome, BaseException):
                topology.failed(node)
                raise outcome
            node, asked = steps.send(outcome[0])
    except StopIteration as stop:
        return stop.value
