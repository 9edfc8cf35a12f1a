"""Round trips on an event loop: what tasks send within one tick goes out as one pipeline.

Connections belong to the loop that opened them; each loop has its own and closes them when it
shuts down.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from redis.exceptions import ConnectionError as RedisConnectionError

from .._effects import Command
from .idle import Idle
from .jobs import Budget, Job
from .pace import PER_TICK, Pace
from .replies import (
    Ours,
    check,
    demoted,
    pack,
    unpack_transaction,
    unsendable,
    wire,
)
from .streams import Stream, opened

MAX_CONNECTIONS = 4
"""Per loop. More add nothing: what waits for one is gathered into the next pipeline."""
MAX_GATHERED = 128
"""Commands per pipeline, so that a single round trip stays short."""
_AT_ONCE = 1 << 16
"""Bytes that asyncio writes without waiting."""
_PARTING = 1.0
"""Seconds within which those whose exchange was cut off close their connection: mostly a tick."""


class AsyncLink(Protocol):
    """Carries commands to Redis and replies back, in time, without blocking the loop."""

    closed: bool
    pace: Pace

    def exchange(
        self, commands: Sequence[Command], atomic: bool, budget: Budget, ours: Ours = None
    ) -> asyncio.Future[Sequence[Any]]: ...

    async def close(self) -> None: ...


class GatheringLink:
    """Gathers jobs and hands them to a channel: our own connections or a passed client."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self.closed = False
        self.pace = Pace()
        self._new: list[Job] = []
        self._begun: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._shed: deque[Job] = deque()
        self._running: dict[asyncio.Task[None], list[Job]] = {}
        self._scheduled = False
        self._unanswered: set[Job] = set()
        self._alarm: asyncio.TimerHandle | None = None
        # Before anything is sent, as that happens in the next tick too.
        self._lifetime = self._loop.create_task(_begun(self._until_shutdown()))

    def exchange(
        self, commands: Sequence[Command], atomic: bool, budget: Budget, ours: Ours = None
    ) -> asyncio.Future[Sequence[Any]]:
        replies = self._loop.create_future()
        try:
            packed = pack(wire(commands, atomic))
        except UnicodeError as error:
            replies.set_result(unsendable(commands, error))
            return replies
        job = Job(packed, commands, atomic, budget, replies, ours)
        self._new.append(job)
        self._schedule()
        return replies

    async def close(self) -> None:
        self.closed = True  # the alarm stays set: whoever waits is told in time
        cut = list(self._running)
        for task in cut:
            task.cancel()
        if cut:  # their connections are closed by them, and the loop may be about to end
            await asyncio.wait(cut, timeout=_PARTING)
        await self._channel.close()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        now = self._loop.time()
        for job in self._new:
            # Before this moment nothing could be sent: the loop was busy with making jobs.
            job.queued(now)
            (self._begun if job.budget.begun else self._waiting).append(job)
            self._unanswered.add(job)
        if self._new:
            self._alarm_at(now + max(0.0, min(job.budget.left for job in self._new)))
            self._new.clear()
        while len(self._running) < MAX_CONNECTIONS and (jobs := self._next_jobs()):
            for job in jobs:
                job.sent(now)
            task = self._loop.create_task(self._channel.talk(jobs, self._arrived))
            self._running[task] = jobs
            task.add_done_callback(self._finished)

    def _next_jobs(self) -> list[Job]:
        jobs: list[Job] = []
        size = 0
        for queue in (self._begun, self._waiting):
            while queue and size < MAX_GATHERED:
                job = queue.popleft()
                if job not in self._unanswered or job.replies.done():  # too late, or cancelled
                    self._unanswered.discard(job)
                    continue
                jobs.append(job)
                size += len(job.commands)
        return jobs

    def _arrived(self, job: Job, replies: Sequence[Any]) -> None:
        """Take the replies to a job; whoever waits for them goes on when it is its turn."""
        check(replies, job.ours)
        job.arrived(self._loop.time())
        self._unanswered.discard(job)
        self.pace.in_turn(partial(job.answer, replies))

    def _finished(self, task: asyncio.Task[None]) -> None:
        jobs = self._running.pop(task)
        error = TimeoutError() if task.cancelled() else task.exception()
        for job in jobs:
            if job in self._unanswered:
                self._unanswered.discard(job)
                job.fail(error or ConnectionError())
        if self._begun or self._waiting:
            self._schedule()

    def _alarm_at(self, at: float) -> None:
        if self._alarm is None or at < self._alarm.when():
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = self._loop.call_at(at, self._tell_the_late)

    def _tell_the_late(self) -> None:
        """One timer for all jobs, as most are answered long before: one each costs 3 µs."""
        self._alarm = None
        now = self._loop.time()
        late = [job for job in self._unanswered if job.replies.done() or job.is_late(now)]
        for job in late:
            self._unanswered.discard(job)
            if job.sent_at is None and not job.replies.done():
                self._shed.append(job)
            else:
                job.end()
        self._end_some()
        for task, jobs in self._running.items():
            # Whoever waited has been told; the connection is of no use any more.
            if max(job.until for job in jobs) <= now:
                task.cancel()
        waits = [job.until for jobs in self._running.values() for job in jobs if job.until > now]
        waits += [job.until for job in self._unanswered]
        if waits:
            self._alarm_at(min(waits))

    def _end_some(self) -> None:
        """End a few per tick: those whose turn did not come may be thousands."""
        for _ in range(min(PER_TICK, len(self._shed))):
            self._shed.popleft().end()
        if self._shed:
            self._loop.call_soon(self._end_some)

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        # `asyncio.run` and its kin close pending async generators before they close the loop:
        # the one moment at which connections can be closed for good.
        try:
            yield
        finally:
            await self.close()


async def _begun(life: AsyncGenerator[None, None]) -> AsyncGenerator[None, None]:
    """Begin what ends when the loop does: a generator that was never asked is not closed."""
    await anext(life)
    return life


Arrived = Callable[[Job, Sequence[Any]], None]


class Channel(Protocol):
    """Carries out the jobs of one pipeline, and says of each what has arrived for it."""

    async def talk(self, jobs: list[Job], arrived: Arrived) -> None: ...

    async def close(self) -> None: ...


class SocketChannel:
    """Connections of our own on one loop."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._idle: Idle[Stream] = Idle()
        self._closed = False

    async def talk(self, jobs: list[Job], arrived: Arrived) -> None:
        began = time.monotonic()
        stream = None
        try:
            counts = [len(wire(job.commands, job.atomic)) for job in jobs]
            stream = await self._sent(b"".join([job.packed for job in jobs]), sum(counts))
            usable = True
            for job, count in zip(jobs, counts, strict=True):
                replies = await stream.replies(count)
                usable = usable and not demoted(replies)
                arrived(job, unpack_transaction(replies) if job.atomic else replies)
        except BaseException:  # a timeout is a cancellation
            if stream is not None:
                await stream.end()
            for other in self._idle.before(began):
                await other.end()
            raise
        if usable and not self._closed:
            self._idle.put(stream)
        else:
            await stream.end()

    async def close(self) -> None:
        self._closed = True
        closing = []
        while (stream := self._idle.take()) is not None:
            closing.append(stream.close())
        await asyncio.gather(*closing, return_exceptions=True)

    async def _sent(self, packed: bytes, count: int) -> Stream:
        """Return the connection that this was sent on."""
        while (stream := await self._established()) is not None:
            try:
                await stream.send(packed, count)
                return stream
            except RedisConnectionError:
                await stream.end()
                # That it was reset while it rested shows now; what fails at once was not sent.
                if len(packed) > _AT_ONCE:
                    raise
        stream = await opened(self._connect)
        try:
            await stream.send(packed, count)
        except BaseException:
            await stream.end()
            raise
        return stream

    async def _established(self) -> Stream | None:
        for old in self._idle.expired():
            await old.end()
        while (stream := self._idle.take()) is not None:
            if await stream.is_silent():
                return stream
            await stream.end()
        return None
