"""Clusters in memory, with the shape of :class:`lazytui.core.cluster_model.Clusters`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.core.cluster_model import (
    Cluster,
    ClusterCheck,
    ClusterKind,
    ClusterLog,
    ClusterSpec,
    ClusterState,
    ClusterVersions,
    ClusterWorker,
    WorkerState,
)
from lazytui.core.events import ClusterChanged
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from tests.tui.fake_engine import FakeEngine

GIB = 1 << 30
NOW = 1_000_000.0
HOSTS = ("gpu01", "gpu02", "gpu03", "gpu04")


class FakeClusters:
    """Clusters by name; what is started runs at once. ``errors`` says what fails, by deed."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.by_name: dict[str, Cluster] = {}
        self.errors: dict[str, Exception] = {}
        self.found = ClusterCheck(HOSTS, same_versions(), ())
        self.printed: list[ClusterLog] = []
        self.may_scale = asyncio.Event()
        self.may_scale.set()

    def put(self, cluster: Cluster) -> None:
        """Let there be a cluster, or another state of it."""
        self.by_name[cluster.name] = cluster
        self._engine.events.publish(ClusterChanged(cluster.name))

    def _ask(self, deed: str, *what: object) -> None:
        self._engine.asked.append((deed, *what))
        if deed in self.errors:
            raise self.errors[deed]

    def all(self) -> list[Cluster]:
        return list(self.by_name.values())

    def get(self, name: str) -> Cluster:
        if name not in self.by_name:
            raise UsageError(f"there is no cluster {name!r}")
        return self.by_name[name]

    async def add(self, spec: ClusterSpec) -> Cluster:
        self._ask("add", spec)
        self.put(Cluster(spec))
        return self.by_name[spec.name]

    async def change(self, name: str, spec: ClusterSpec) -> Cluster:
        self._ask("change", name, spec)
        del self.by_name[name]
        self.put(Cluster(spec))
        return self.by_name[spec.name]

    async def remove(self, name: str) -> None:
        self._ask("remove", name)
        del self.by_name[name]
        self._engine.events.publish(ClusterChanged(name))

    async def check(self, spec: ClusterSpec) -> ClusterCheck:
        self._ask("check", spec)
        return self.found

    async def start(self, name: str) -> None:
        self._ask("start", name)
        self.put(running(self.get(name).spec))

    async def stop(self, name: str, *, force: bool = False) -> None:
        self._ask("kill" if force else "stop", name)
        self.put(Cluster(self.get(name).spec))

    async def scale(self, name: str, workers: int) -> None:
        self._ask("scale", name, workers)
        await self.may_scale.wait()
        self.put(replace(self.get(name), wanted=workers))

    async def logs(self, name: str) -> list[ClusterLog]:
        self._ask("logs", name)
        return self.printed


def same_versions() -> tuple[ClusterVersions, ...]:
    """Give versions that are the same everywhere."""
    here = {"python": "3.11.7", "dask": "2026.8.0", "distributed": "2026.8.0"}
    return tuple(
        ClusterVersions(what, version, dict.fromkeys(HOSTS, version))
        for what, version in here.items()
    )


def worker(number: int, host: str, **facts: object) -> ClusterWorker:
    """Give a worker that idles."""
    made = ClusterWorker(
        f"w-{number}",
        host,
        WorkerState.RUNNING,
        threads=8,
        memory=2 * GIB,
        memory_limit=64 * GIB,
        cpu=9.0,
        doing="idle",
        seen_at=NOW - 2,
    )
    return replace(made, **facts)  # type: ignore[arg-type]


def running(spec: ClusterSpec) -> Cluster:
    """Give a cluster of four workers, one of which is lost."""
    workers = (
        worker(0, "gpu01", memory=12 * GIB, cpu=688.0, doing="train-fold-3"),
        worker(1, "gpu02", memory=3 * GIB, cpu=12.0),
        worker(2, "gpu03"),
        worker(
            3,
            "gpu04",
            state=WorkerState.RETRYING,
            reason="connection lost",
            retry_at=NOW + 5,
            restarts=2,
        ),
    )
    return Cluster(
        spec,
        ClusterState.RUNNING,
        hosts=HOSTS,
        wanted=4,
        workers=workers,
        tasks=212,
        master_port=8786,
        dashboard_port=8787,
        check=ClusterCheck(HOSTS, same_versions(), ()),
        since=NOW - 7200,
    )


SWEEP = ClusterSpec("sweep", ClusterKind.DASK, "@train")
TUNE = ClusterSpec("tune", ClusterKind.HYPEROPT, "gpu[01-03]", workers=6)


def failed(spec: ClusterSpec) -> Cluster:
    """Give a cluster that did not start."""
    problem = "gpu03: dask 2025.1.0, but 2026.8.0 here: python3 -m pip install dask==2026.8.0"
    versions = ClusterVersions(
        "dask", "2026.8.0", {"gpu01": "2026.8.0", "gpu02": "2026.8.0", "gpu03": "2025.1.0"}
    )
    return Cluster(
        spec,
        ClusterState.FAILED,
        reason="Dask was not started: a host has other versions than the ones here",
        check=ClusterCheck(HOSTS[:3], (versions, *same_versions()[:1]), (problem,)),
    )
