"""A kept cluster as one process knows it: what the journal says, and what it holds of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lazytui.core.cluster_model import Cluster, ClusterState
from lazytui.core.cluster_store import NOTHING
from lazytui.core.owner import owner_alive, owner_me

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from lazytui.clusters.held import HeldCluster
    from lazytui.core.cluster_model import ClusterCheck, ClusterLog
    from lazytui.core.cluster_store import ClusterParts, ClusterRecord
    from lazytui.errors import LazytuiError

UP = (ClusterState.STARTING, ClusterState.RUNNING, ClusterState.STOPPING)
ENGINE_ENDED = "the engine that held it has ended; start it again"
ENGINE_KILLED = "the engine that held it was killed; start it again"


@dataclass(slots=True)
class KeptCluster:
    """A cluster, with what this process has to do with it.

    Args:
        record: as read from the journal last.
        state: how it is.
        reason: why.
        held: what runs of it here.
        life: the task that holds it.
        started: tells those who wait for its start.
        check: what was found before the last start.
        since: when it came up.
        signals: with which its parts are to be ended.
        last_words: what they had printed when it ended.
        left: what of it is still to be cleared away.
        noted: what was written to the journal last.
    """

    record: ClusterRecord
    state: ClusterState
    reason: str
    held: HeldCluster | None = None
    life: asyncio.Task[None] | None = None
    started: asyncio.Future[None] | None = None
    check: ClusterCheck | None = None
    since: float | None = None
    signals: tuple[str, ...] = ()
    last_words: Sequence[ClusterLog] = ()
    left: ClusterParts = NOTHING
    noted: tuple[object, ...] | None = None

    @property
    def name(self) -> str:
        """The name people gave it."""
        return self.record.spec.name

    @property
    def is_elsewhere(self) -> bool:
        """Whether another living process holds it."""
        owner = self.record.owner
        return self.life is None and owner not in ("", owner_me()) and owner_alive(owner)

    def learn(self, record: ClusterRecord) -> None:
        """Take over what another process may have written."""
        self.record = record
        if self.life is None:
            self.state, self.reason = record.state, record.reason
            self.left = record.parts
            self.noted = None

    def answer(self, error: LazytuiError | None) -> None:
        """Tell those who wait for the start."""
        if self.started is None or self.started.done():
            return
        if error is None:
            self.started.set_result(None)
        else:
            self.started.set_exception(error)

    def over(self, state: ClusterState, reason: str) -> None:
        """Note that nothing of it runs here any more."""
        self.held = self.life = self.since = None
        self.state, self.reason = state, reason

    def parts(self) -> ClusterParts:
        """Give what it consists of now, for who has to clear it away."""
        return self.left if self.held is None else self.held.parts().with_left(self.left)

    def shown(self) -> Cluster:
        """Give it as it is at this moment."""
        shown = Cluster(
            self.record.spec, self.state, self.reason, check=self.check, since=self.since
        )
        held = self.held
        if held is not None:
            return replace(
                shown,
                hosts=held.hosts,
                wanted=held.wanted,
                workers=held.workers(),
                tasks=held.tasks,
                master_port=held.master_port,
                dashboard_port=held.dashboard_port,
            )
        if self.life is not None or self.state not in UP:
            return shown
        if self.is_elsewhere:
            parts = self.record.parts
            ports = (parts.master_port, parts.dashboard_port)
            return replace(shown, master_port=ports[0], dashboard_port=ports[1], held=False)
        return replace(shown, state=ClusterState.FAILED, reason=ENGINE_KILLED)
