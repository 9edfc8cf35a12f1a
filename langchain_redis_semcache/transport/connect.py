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
from .cluster import Rota
from .cluster_links import AsyncClusterLink, ClusterLink
from .conversation import is_cluster
from .layout import ClientLayout
from .on_loop import AsyncLink, GatheringLink, SocketChannel
from .place import Place, place_of
from .shards import ShardedLink, Shards
from .sync import ClientLink, SocketLink, SyncLink
from .topology import Topology
from .urls import DEFAULT_URL, ClusterUrl, by_url, cluster_url, is_cluster_url


class Links:
    """The sync link and one async link per running event loop."""

    def __init__(
        self,
        sync: SyncLink,
        make_async: Callable[[], AsyncLink],
        place: Place,
        shards: Shards | None = None,
    ) -> None:
        self.sync = sync
        self.place = place
        self.shards = Shards() if shards is None else shards
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
    passed = [one for one in (client, async_client) if is_cluster(one)]
    shards = Shards(ClientLayout(passed[0]) if passed else None)
    if client is not None:
        link = ClientLink(client, workers)
        place = place_of(client)
        if async_client is not None:
            return Links(link, async_links(async_client, shards), place, shards)

        def threaded() -> AsyncLink:
            return GatheringLink(ThreadedChannel(link, workers))

        make = (lambda: ShardedLink(threaded, shards)) if passed else threaded
        return Links(link, make, place, shards)
    sync: SyncLink = AsyncOnly()
    if redis_url is not None:
        by = _links_by_url(redis_url, workers, timeout)
        sync, shards = by.sync, by.shards if by.shards.many else shards
    return Links(sync, async_links(async_client, shards), place_of(async_client), shards)


def _links_by_url(url: str, workers: Workers, timeout: float) -> Links:
    if is_cluster_url(url):
        return _cluster_by_url(cluster_url(url, timeout), workers, timeout)
    connect, aconnect = by_url(url, timeout)
    place = place_of(connect())
    return Links(
        SocketLink(connect, workers), lambda: GatheringLink(SocketChannel(aconnect)), place
    )


def _cluster_by_url(url: ClusterUrl, workers: Workers, timeout: float) -> Links:
    topology, rota = Topology(url.seeds), Rota()

    def node(name: str) -> SyncLink:
        connect, _ = by_url(url.of(name), timeout)
        return SocketLink(connect, workers)

    def anode(name: str) -> AsyncLink:
        _, aconnect = by_url(url.of(name), timeout)
        return GatheringLink(SocketChannel(aconnect))

    sync = ClusterLink(topology, node, rota)
    place = Place(f"the cluster of {', '.join(url.seeds)}", url.secrets)
    return Links(sync, lambda: AsyncClusterLink(topology, anode, rota), place, Shards(topology))
