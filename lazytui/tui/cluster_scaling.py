"""How many workers clusters shall have: presses of ``+`` and ``-``, told to the engine together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazytui.core.cluster_model import Cluster, Clusters


class Scaling:
    """Keeps the numbers asked for, so that ``+`` pressed three times is one step by three.

    Args:
        clusters: where they are scaled.
    """

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters
        self._asked: dict[str, int] = {}  # of clusters that are being scaled

    def wanted(self, cluster: Cluster) -> int:
        """Give how many workers there shall be, with what was asked for just now."""
        return self._asked.get(cluster.name) or cluster.wanted or len(cluster.workers)

    def ask(self, cluster: Cluster, by: int) -> bool:
        """Ask for more workers or fewer, at least one; True when :meth:`work` has to be done."""
        is_idle = cluster.name not in self._asked
        self._asked[cluster.name] = max(1, self.wanted(cluster) + by)
        return is_idle

    async def work(self, name: str) -> None:
        """Scale a cluster until it has what was asked for last.

        Raises:
            LazytuiError: as the engine says; nothing is asked for any more.
        """
        done = None
        try:
            while done != (number := self._asked[name]):
                await self._clusters.scale(name, number)
                done = number
        finally:
            self._asked.pop(name, None)
