"""The two drivers: they run the core's generators and perform what these ask for.

They know budgets and breakers, and turn every failure into one of the two exceptions that the
core expects. What they decide, they decide in the functions that both share.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from .._causes import told
from .._effects import (
    LARGE,
    OVERLOADED,
    Ask,
    Await,
    Behind,
    Caller,
    Embed,
    Flow,
    Later,
    RedisUnavailableError,
    Send,
    Soon,
    Work,
)
from .._signals import let_through
from ..bounded.awaited import awaited, in_time, within
from ..bounded.breaker import OverloadedError, SuspendedError
from ..bounded.callables import is_late
from ..bounded.threads import Workers
from ..reporting.reporter import Reporter
from ..transport.connect import Links
from ..transport.jobs import Budget
from ..transport.place import Place
from ..transport.replies import label
from .background import Background
from .breakers import Breakers
from .embedder import Embedder

T = TypeVar("T")

WORK_SECONDS = 2.0
"""For reading a prompt of ten megabytes; more than that, or a hook that hangs, is a miss."""


class Drivers:
    """Runs flows, sync and async, with one total Redis budget per flow."""

    def __init__(
        self,
        links: Links,
        embedders: tuple[Embedder, Embedder],
        budget: float,
        reporter: Reporter,
    ) -> None:
        self._links = links
        self._embedders = embedders
        # Threads of its own: connecting and clients may hang, and so may a hook.
        self.computing = Workers()
        self.budget = budget
        self.background = Background(reporter)

        self.breakers = Breakers(reporter, links.shards)

    def reset(self) -> None:
        """Begin anew in a forked process: there are no threads, and locks may be held."""
        for embedder in self._embedders:
            embedder.workers.reset()
            embedder.breaker.reset()
        for one in (self.computing, self.breakers, self.background):
            one.reset()

    def run(self, flow: Flow[T], glance: bool = False) -> T:
        """Run a flow in this thread; at a `glance` no breaker learns from it."""
        budget = Budget(self.budget)
        try:
            request = next(flow)
            while True:
                try:
                    reply: Any
                    if isinstance(request, Send):
                        started = time.monotonic()
                        try:
                            reply = self._send(request, budget, glance)
                        finally:
                            budget.left -= time.monotonic() - started
                    elif isinstance(request, Embed):
                        reply = self._embedders[request.cheap].embed(request.text, glance)
                    elif isinstance(request, Ask):
                        reply = self.background.ask(request)
                    elif isinstance(request, Later):
                        reply = self.background.start(self.run, request.flow)
                    elif isinstance(request, Soon):
                        reply = None
                        self.background.soon(self.run, request)
                    elif isinstance(request, Behind):
                        self.background.stores.store(self._quietly, request.make)
                        reply = None
                    elif isinstance(request, Caller):
                        reply = _this_thread()
                    elif isinstance(request, Await):
                        job = request.job
                        reply = job.result() if job.wait(request.timeout) else None
                    else:
                        reply = request.function()
                except Exception as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(reply)
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def arun(self, flow: Flow[T], glance: bool = False) -> T:
        """Do as a task what `run` does."""
        budget = Budget(self.budget)
        try:
            request = next(flow)
            while True:
                try:
                    reply: Any
                    if isinstance(request, Send):
                        reply = await self._asend(request, budget, glance)
                    elif isinstance(request, Embed):
                        reply = await self._embedders[request.cheap].aembed(request.text, glance)
                        if (turn := self._links.on_running_loop().pace.turn()) is not None:
                            await turn
                    elif isinstance(request, Ask):
                        reply = await self.background.aask(request)
                    elif isinstance(request, Later):
                        reply = self.background.astart(self.arun, request.flow)
                    elif isinstance(request, Soon):
                        reply = None
                        self.background.soon(self.run, request)  # not on a loop that may end
                    elif isinstance(request, Behind):
                        stores, make = self.background.stores, request.make
                        await stores.astore(self._quietly, self._aquietly, make)
                        reply = None
                    elif isinstance(request, Caller):
                        reply = asyncio.current_task()
                    elif isinstance(request, Await):
                        reply = await _waited(request)
                    else:
                        reply = await self._awork(request)
                except Exception as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(reply)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def each(self, flows: Iterable[Flow[Sequence[T]]]) -> Iterator[T]:
        """Run one flow after the other as their results are asked for."""
        for flow in flows:
            yield from self.run(flow)

    async def aeach(self, flows: Iterable[Flow[Sequence[T]]]) -> AsyncIterator[T]:
        """Do as a task what `each` does."""
        for flow in flows:
            for one in await self.arun(flow):
                yield one

    def _quietly(self, flow: Flow[None]) -> None:
        try:
            self.run(flow)
        except Exception as error:
            self.background.unforeseen(error)

    async def _aquietly(self, flow: Flow[None]) -> None:
        try:
            await self.arun(flow)
        except Exception as error:
            let_through(error)
            self.background.unforeseen(error)

    def _send(self, request: Send, budget: Budget, glance: bool) -> Sequence[Any]:
        commands = request.commands
        try:
            link = self._links.sync
            if request.timeout is not None:
                return link.exchange(commands, request.atomic, request.timeout)
            where = self._links.shards.where(commands)
            with self.breakers.guard(where, request.write, glance):
                replies = link.exchange(commands, request.atomic, budget.left, request.ours)
                return self.breakers.check(where, replies)
        except Exception as error:
            raise _unavailable(error, self._links.place) from None

    async def _asend(self, request: Send, budget: Budget, glance: bool) -> Sequence[Any]:
        commands = request.commands
        try:
            link = self._links.on_running_loop()
            if request.timeout is not None:
                own = Budget(request.timeout, begun=True)
                return await link.exchange(commands, request.atomic, own)
            where = self._links.shards.where(commands)
            with self.breakers.guard(where, request.write, glance):
                replies = await link.exchange(commands, request.atomic, budget, request.ours)
                return self.breakers.check(where, replies)
        except Exception as error:
            raise _unavailable(error, self._links.place) from None

    async def _awork(self, request: Work) -> Any:
        if request.size <= LARGE:
            if (turn := self._links.on_running_loop().pace.turn()) is not None:
                await turn
            return request.function()
        try:
            return await in_time(self.computing, request.function, WORK_SECONDS)
        except Exception as error:
            raise TimeoutError if is_late(error) else error from None


def _this_thread() -> threading.Thread | None:
    """Return this thread, unless it has a loop: what its tasks have under way could not end."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return threading.current_thread()
    return None


async def _waited(request: Await) -> Any:
    try:
        return await within(request.timeout, awaited(request.job))
    except Exception as error:
        if is_late(error):
            return None
        raise


def _unavailable(error: Exception, place: Place) -> RedisUnavailableError:
    if isinstance(error, OverloadedError):
        return RedisUnavailableError(OVERLOADED, suspended=True)
    if isinstance(error, SuspendedError) and type(error) is SuspendedError:
        return RedisUnavailableError("suspended", suspended=True)
    let_through(error)
    why = told(error, place.name, place.secrets)
    if isinstance(error, SuspendedError):
        return RedisUnavailableError(label(error), suspended=True, cause=why)
    return RedisUnavailableError("TimeoutError" if is_late(error) else label(error), cause=why)
