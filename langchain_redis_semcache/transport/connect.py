"""From what the user gives (a URL, REDIS_URL, clients) to links that can be talked over."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from ..bounded.threads import Workers
from ..errors import ConfigurationError
from .client_channels import ThreadedChannel
from .clients import AsyncOnly, async_links, check_clients
from .on_loop import AsyncLink, GatheringLink, SocketChannel
from .place import Place, place_of
from .sync import ClientLink, SocketLink, SyncLink
from .urls import DEFAULT_URL, by_url


class Links:
    """The sync link and one async link per running event loop."""

    def __init__(self, sync: SyncLink, make_async: Callable[[], AsyncLink], place: Place) -> None:
        self.sync = sync
        self.place = place
        self._make_async = make_async
        self._per_loop: dict[asyncio.AbstractEventLoop, AsyncLink] = {}

    def on_running_loop(self) -> AsyncLink:
        loop = asyncio.get_running_loop()
        link = self._per_loop.get(loop)
        if link is None or link.closed:
            # Links refer to their loops, so weak references would keep both for ever.
            for other in list(self._per_loop):
                if other.is_closed():
                    self._per_loop.pop(other, None)
            link = self._per_loop[loop] = self._make_async()
        return link

    def forget(self) -> None:
        """After a fork: neither the parent's sockets nor its loops are ours."""
        self.sync.forget()
        self._per_loop = {}

    async def aclose(self) -> None:
        link = self._per_loop.pop(asyncio.get_running_loop(), None)
        if link is not None:
            await link.close()
        self.sync.close()


def open_links(
    redis_url: str | None,
    client: Any | None,
    async_client: Any | None,
    workers: Workers,
    timeout: float,
) -> Links:
    """Prepare links without connecting."""
    check_clients(client, async_client)
    if client is not None and redis_url is not None:
        raise ConfigurationError(
            "redis_url and redis_client name a server each; leave one of them out (a URL beside an "
            "async_redis_client serves the sync calls)"
        )
    if client is None and async_client is None:
        return _links_by_url(
            redis_url or os.environ.get("REDIS_URL", DEFAULT_URL), workers, timeout
        )
    if client is not None:
        link = ClientLink(client, workers)
        place = place_of(client)
        if async_client is None:
            return Links(link, lambda: GatheringLink(ThreadedChannel(link, workers)), place)
        return Links(link, async_links(async_client), place)
    sync: SyncLink = AsyncOnly()
    if redis_url is not None:
        sync = _links_by_url(redis_url, workers, timeout).sync
    return Links(sync, async_links(async_client), place_of(async_client))


def _links_by_url(url: str, workers: Workers, timeout: float) -> Links:
    connect, aconnect = by_url(url, timeout)
    place = place_of(connect())
    return Links(
        SocketLink(connect, workers), lambda: GatheringLink(SocketChannel(aconnect)), place
    )
