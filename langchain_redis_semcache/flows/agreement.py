"""Neighbours that vouch: served where they agree, compared behind the call where they do not yet.

Rule of this module: a group is a field of each entry that belongs to it. What is deleted, replaced
or has expired has left its group, and nothing is served that its own entry does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from langchain_core.outputs import Generation

from .._effects import Command, ErrorReply, Flow, RedisUnavailableError, Send
from ..entry.answer import EncodeError, encode
from ..entry.candidate import Candidate
from ..entry.scripts import extend
from ..events import Audited, Hit
from ..policies.agreement import Agreement, Witness, groups
from ..policies.decision import Decision, is_compared
from ..question.digest import raw
from .audit import Learning
from .calls import Asked, Calls, Judged, Result
from .judging import Judging, Waiting
from .serve import Server

FIELDS = ("group",)
SIGNED_FIELDS = ("group", "group_signature")


class Agreeing:
    """The witnesses of one cache."""

    def __init__(
        self, calls: Calls, server: Server, policy: Agreement, learning: Learning | None = None
    ) -> None:
        self._calls = calls
        self._learning = learning
        self._server = server
        self._policy = policy
        self._judging = Judging(calls, policy.judge)
        self._waiting: Waiting[tuple[str, list[Candidate]]] = Waiting()
        self.drop = self._waiting.drop

    def serve(self, asked: Asked, judged: list[Judged], threshold: float) -> Flow[Result | None]:
        """Return a hit where the nearest candidates were answered alike; else None.

        Where an audit decides, its decision takes the place of the nearest one's.
        """
        witnesses = [self._trusted(one) for one in _witnesses(judged)]
        settled = self._policy.settle(asked.text, witnesses, threshold)
        if settled is None:
            return None
        found, decision = settled
        if decision.accepted and self._learning is not None and asked.options.remember:
            decision = self._learning.drawn(decision)
        others = [one for one in judged if one.entry != found.entry]
        if decision.accepted:
            result = yield from self._server.serve(asked, found, "semantic")
            if isinstance(result.event, Hit):
                result.judged = [Judged(found, decision), *others]
                return result
        elif is_compared(decision):
            judged[:] = [Judged(found, decision), *others]
        return None

    def remember(self, asked: Asked, judged: list[Judged]) -> None:
        """Keep the neighbours of a miss until the model has answered."""
        trusted = [self._trusted(one) for one in _witnesses(judged)]
        chosen = self._policy.to_compare([one for one in trusted if _answer(one)])
        if chosen:
            size = sum(len(_answer(one)) for one in chosen)
            self._waiting.put(asked.key, (asked.text, chosen), size)

    def compare(
        self, key: str, generations: Sequence[Generation], verdicts: Mapping[str, bool]
    ) -> Flow[None] | None:
        """Compare the fresh answer with those of its neighbours, as far as `verdicts` lack them.

        To be run behind the call, if there is anything to do.
        """
        waiting = self._waiting.take(key)
        if waiting is None:
            return None
        return self._compare(key, *waiting, generations, verdicts)

    def _compare(
        self,
        key: str,
        text: str,
        near: list[Candidate],
        fresh: Sequence[Generation],
        verdicts: Mapping[str, bool],
    ) -> Flow[None]:
        equal = []
        for one in near:
            same = verdicts.get(one.entry)
            if same is None:
                same = yield from self._judging.compared(text, _answer(one), fresh)
                if same is not None:
                    self._calls.reporter.emit(Audited(same, one.distance, one.entry, "agreement"))
            if same:
                equal.append(one)
        try:
            answers = {one.entry: _answer(one) for one in equal} | {key: encode(fresh)}
        except EncodeError:
            return
        named = groups(key, equal)
        commands = [self._join(entry, answers[entry], group) for entry, group in named.items()]
        if not commands:
            return
        try:
            replies = yield Send(commands, write=True)
        except RedisUnavailableError as error:
            self._calls.failed("update", "agreement", error)
            return
        refused = next((r for r in replies if isinstance(r, ErrorReply)), None)
        if refused is not None:
            self._calls.failed("update", "agreement", refused)
        else:
            self._calls.reporter.recovered("agreement")

    def _join(self, entry: str, answer: bytes, group: str) -> Command:
        fields = {b"group": raw(group)}
        signer = self._calls.settings.signer
        if signer is not None:
            fields[b"group_signature"] = signer.sign(*_membership(entry, answer, raw(group)))
        return extend(entry, answer, fields)

    def _trusted(self, one: Candidate) -> Candidate:
        """Leave the group out of what somebody else may have written."""
        signer = self._calls.settings.signer
        if signer is None:
            return one
        group, signature = one.fields.get(b"group"), one.fields.get(b"group_signature")
        if isinstance(group, bytes) and self._server.authentic(one):
            place, fields = _membership(one.entry, _answer(one), group)
            if signer.verify(place, {**fields, b"signature": signature}):
                return one
        fields = {name: value for name, value in one.fields.items() if name != b"group"}
        return Candidate(one.entry, one.question, one.distance, one.radius, fields)


def _witnesses(judged: Iterable[Judged]) -> list[Candidate]:
    found = [one.candidate for one in judged if _vouches(one.decision)]
    return sorted(found, key=lambda one: one.distance)


def _vouches(decision: Decision) -> bool:
    return isinstance(decision, Witness) or is_compared(decision)


def _answer(one: Candidate) -> bytes:
    data = one.fields.get(b"response")
    return data if isinstance(data, bytes) else b""


def _membership(entry: str, answer: bytes, group: bytes) -> tuple[str, dict[bytes, bytes]]:
    """Return what is signed: this answer of this entry belongs to this group."""
    return f"{entry}#group", {b"response": answer, b"of": group}
