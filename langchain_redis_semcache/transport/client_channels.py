"""Clients that the application passed in, as channels on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .._effects import Command
from ..bounded.awaited import in_thread
from ..bounded.threads import Workers
from .conversation import ask, disconnecting, is_cluster
from .jobs import Job
from .on_loop import Arrived
from .replies import ForeignReply
from .sync import ClientLink


class ClientChannel:
    """A client for this loop, passed in by the application or made for it (`owned`)."""

    def __init__(self, client: Any, *, owned: bool) -> None:
        self._client = client
        self._owned = owned
        self._initializing: asyncio.Future[Any] | None = None

    async def talk(self, jobs: list[Job], arrived: Arrived) -> None:
        try:
            await self._talk(jobs, arrived)
        except ForeignReply:
            await self._disconnect()
            raise

    async def _talk(self, jobs: list[Job], arrived: Arrived) -> None:
        plain = [job for job in jobs if not job.atomic]
        if plain:
            replies = await self._ask([c for job in plain for c in job.commands], False)
            position = 0
            for job in plain:
                arrived(job, replies[position : position + len(job.commands)])
                position += len(job.commands)
        for job in jobs:
            if job.atomic:
                arrived(job, await self._ask(job.commands, True))

    async def close(self) -> None:
        if self._initializing is not None:
            self._initializing.cancel()
        if self._owned:
            await self._client.aclose()

    async def _ask(self, commands: Sequence[Command], atomic: bool) -> Sequence[Any]:
        if is_cluster(self._client):
            await self._cluster_is_known()
        conversation = ask(self._client, commands, atomic)
        try:
            call = next(conversation)
            while True:
                try:
                    reply = await call()
                except Exception as error:
                    call = conversation.throw(error)
                else:
                    call = conversation.send(reply)
        except StopIteration as stop:
            replies: Sequence[Any] = stop.value
            return replies

    async def _disconnect(self) -> None:
        disconnect = disconnecting(self._client)
        if disconnect is not None:
            await disconnect(inuse_connections=False)

    async def _cluster_is_known(self) -> None:
        # Reading the cluster's layout may take longer than one call can wait; it goes on meanwhile.
        if self._initializing is None:
            self._initializing = asyncio.ensure_future(self._client.initialize())
        try:
            await asyncio.shield(self._initializing)
        finally:
            if self._initializing is not None and self._initializing.done():
                self._initializing = None


class ThreadedChannel(ClientChannel):
    """A sync client in a worker thread: for applications that passed in no other."""

    def __init__(self, link: ClientLink, workers: Workers) -> None:
        super().__init__(link, owned=False)
        self._link = link
        self._workers = workers

    async def _disconnect(self) -> None:
        await in_thread(self._workers, self._link.disconnect)

    async def _ask(self, commands: Sequence[Command], atomic: bool) -> Sequence[Any]:
        return await in_thread(self._workers, lambda: self._link.talk(commands, atomic))
