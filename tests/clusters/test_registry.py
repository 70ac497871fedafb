"""Kept clusters, held by an engine on real sshd hosts that cannot reach each other."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lazytui.clusters import checking, versions
from lazytui.clusters.workers import KeptWorker
from lazytui.core.cluster_model import (
    Cluster,
    ClusterKind,
    ClusterSpec,
    ClusterState,
    ClusterWorker,
    WorkerState,
)
from lazytui.core.cluster_store import NOTHING, ClusterParts, ClusterStore
from lazytui.errors import InvalidRuntimeError, LazytuiError, MasterStartError, UsageError
from tests.clusters.programs import HOSTS, MONGOD, WORKER, processes, program
from tests.engines import engine_on
from tests.services import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from lazytui.core.engine import Engine
    from tests.sshd import SSHFarm

NAME = f"heal{os.getpid()}"  # processes of other tests are seen, too
HEAL = ClusterSpec(NAME, ClusterKind.DASK, "*")


async def until(engine: Engine, name: str, holds: Callable[[Cluster], bool]) -> Cluster:
    """Wait until something holds for a cluster; gives it as it was at that moment."""
    async with asyncio.timeout(60):
        with engine.events.subscribe() as events:
            while not holds(cluster := engine.clusters.get(name)):
                await events.drain()
    return cluster


def worker(cluster: Cluster, name: str) -> ClusterWorker:
    return next(worker for worker in cluster.workers if worker.name == name)


@asynccontextmanager
async def client_of(cluster: Cluster) -> AsyncIterator[Any]:
    """What the snippet makes, for a loop."""
    from distributed import Client

    address = f"tcp://127.0.0.1:{cluster.master_port}"
    assert address in cluster.snippet
    async with Client(address, asynchronous=True, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        yield client


async def test_a_dask_cluster_heals_scales_and_leaves_nothing(apart: SSHFarm) -> None:
    async with engine_on(apart) as engine:
        clusters = engine.clusters
        await clusters.add(HEAL)
        await clusters.start(NAME)

        cluster = clusters.get(NAME)
        assert cluster.state is ClusterState.RUNNING
        assert [each.host for each in cluster.workers] == HOSTS
        assert cluster.running == cluster.wanted == 3
        assert all(each.threads and each.memory for each in cluster.workers)
        assert cluster.check is not None
        assert {row.what for row in cluster.check.versions} >= {"python", "dask", "cloudpickle"}
        assert f"cluster {NAME}" in engine.needed()
        async with client_of(cluster) as client:
            assert await client.gather(client.map(lambda item: item + 1, range(3))) == [1, 2, 3]

            # Its worker dies: the nanny has another. The nanny dies: we have.
            pids = await client.run(os.getpid)
            os.kill(next(iter(pids.values())), signal.SIGKILL)
            (nanny,) = processes("dask_worker", f"--name={NAME} w-1")
            os.kill(nanny, signal.SIGKILL)
            ill = await until(
                engine, NAME, lambda now: worker(now, "w-1").state is WorkerState.RETRYING
            )
            retried = worker(ill, "w-1")
            assert retried.retry_at is not None
            assert "KILL" in retried.reason
            healed = await until(engine, NAME, lambda now: now.running == 3)
            assert worker(healed, "w-1").restarts == 1
            assert worker(healed, "w-0").restarts == 0
            assert len(set((await client.run(os.getpid)).values()) - set(pids.values())) >= 1

            await clusters.scale(NAME, 4)
            await until(engine, NAME, lambda now: now.running == 4)
            held = client.map(lambda item: item * 2, range(20), pure=False)
            await client.gather(held)
            await clusters.scale(NAME, 1)
            assert [each.name for each in clusters.get(NAME).workers] == ["w-0"]
            assert await client.gather(held) == [item * 2 for item in range(20)]
        titles = [part.title for part in await clusters.logs(NAME)]
        assert titles == ["scheduler", "w-0"]
        with pytest.raises(UsageError, match="stop it before"):
            await clusters.change(NAME, HEAL)

        await clusters.stop(NAME)

        assert clusters.get(NAME).state is ClusterState.STOPPED
        assert engine.exposures.all() == []
        assert not engine.runs.driven()
        assert not engine.port_claims
        assert not processes("dask_worker", NAME)
        assert engine.needed() == []
        assert b"cheduler" in (await clusters.logs(NAME))[0].data
        deeds = [(each.what, each.subject) for each in await engine.audit(200)]
        assert ("cluster started", NAME) in deeds
        assert ("cluster stopped", NAME) in deeds


async def test_a_cluster_whose_scheduler_dies_has_failed_and_says_so(apart: SSHFarm) -> None:
    port = free_port()
    async with engine_on(apart) as engine:
        await engine.clusters.add(
            ClusterSpec(
                "far", ClusterKind.DASK, "node[2-3]", workers=1, master="node1", master_port=port
            )
        )
        await engine.clusters.start("far")
        cluster = engine.clusters.get("far")
        assert cluster.master_port == port
        assert cluster.dashboard_port
        assert [each.host for each in cluster.workers] == ["node2"]
        async with client_of(cluster) as client:
            assert await client.submit(sum, [1, 2]) == 3
        names = {exposure.spec.name for exposure in engine.exposures.all()}
        assert names == {"far scheduler", "far w-0"}

        (scheduler,) = processes("lazytui_routes", f"--port={cluster.master_port}")
        os.kill(scheduler, signal.SIGKILL)

        failed = await until(engine, "far", lambda now: now.state is ClusterState.FAILED)
        assert "scheduler on node1 ended" in failed.reason
        assert failed.workers == ()
        assert engine.exposures.all() == []
        assert not engine.runs.driven()


async def test_hyperopt_heals_too_and_two_clusters_choose_other_ports(
    apart: SSHFarm, tmp_path: Path
) -> None:
    program(tmp_path, "mongod", MONGOD)  # stand-ins: they listen, and wait
    program(tmp_path, "hyperopt-mongo-worker", WORKER)
    async with engine_on(apart) as engine:
        for name in ("one", "two"):
            await engine.clusters.add(ClusterSpec(name, ClusterKind.HYPEROPT, "node[1-2]"))

        await asyncio.gather(engine.clusters.start("one"), engine.clusters.start("two"))

        one, two = engine.clusters.all()
        assert one.running == two.running == 2
        assert len({one.master_port, two.master_port}) == 2
        assert f"mongo://localhost:{one.master_port}/hyperopt/jobs" in one.snippet
        run = engine.runs.live(one.workers[0].run_id)
        assert run is not None
        assert run.pid is not None
        os.kill(run.pid, signal.SIGKILL)
        await until(engine, "one", lambda now: now.running == 1)
        healed = await until(engine, "one", lambda now: now.running == 2)
        assert healed.workers[0].restarts == 1

        # A run that is stopped by hand stays so; a new number replaces it.
        await engine.stop_run(healed.workers[1].run_id, "KILL")
        await until(engine, "one", lambda now: now.workers[1].state is WorkerState.STOPPED)
        await engine.clusters.scale("one", 2)
        assert [each.name for each in engine.clusters.get("one").workers] == ["w-0", "w-2"]

        # The database of the other one dies.
        (guard,) = processes("subprocess", "mongod", f"--port\0{two.master_port}")
        os.kill(guard, signal.SIGKILL)
        failed = await until(engine, "two", lambda now: now.state is ClusterState.FAILED)
        assert "mongod on this machine ended (killed by SIGKILL)" in failed.reason
        assert engine.clusters.get("one").state is ClusterState.RUNNING
    for port in (one.master_port, two.master_port):
        while processes("mongod", f"--port\0{port}"):  # told to end, which takes a moment
            await asyncio.sleep(0.05)

    async with engine_on(apart) as engine:
        states = [each.state for each in engine.clusters.all()]
        assert states == [ClusterState.STOPPED, ClusterState.FAILED]
        assert "engine that held it has ended" in engine.clusters.get("one").reason


async def test_a_cluster_that_is_stopped_while_it_grows_leaves_no_worker(
    apart: SSHFarm, tmp_path: Path
) -> None:
    program(tmp_path, "mongod", MONGOD)  # stand-ins: they listen, and wait
    program(tmp_path, "hyperopt-mongo-worker", WORKER)
    async with engine_on(apart) as engine:
        await engine.clusters.add(ClusterSpec("one", ClusterKind.HYPEROPT, "node[1-2]"))
        await engine.clusters.start("one")

        growing = asyncio.create_task(engine.clusters.scale("one", 6))
        while engine.clusters.get("one").wanted != 6:
            await asyncio.sleep(0)
        await engine.clusters.stop("one")

        with pytest.raises(LazytuiError, match="was stopped while it was scaled"):
            await growing
        assert not engine.runs.driven()
        assert engine.exposures.all() == []
        assert not processes("hyperopt-mongo-worker")
        with pytest.raises(UsageError, match="not running: start it first"):
            await engine.clusters.scale("one", 2)


async def test_workers_that_cannot_all_be_added_are_taken_away_again(
    apart: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "mongod", MONGOD)  # stand-ins: they listen, and wait
    program(tmp_path, "hyperopt-mongo-worker", WORKER)
    begin = KeptWorker.start

    async def only_two_more(worker: KeptWorker) -> None:
        if worker.name == "w-3":
            raise InvalidRuntimeError("node2", "away")
        await begin(worker)

    async with engine_on(apart) as engine:
        await engine.clusters.add(ClusterSpec("one", ClusterKind.HYPEROPT, "node[1-2]"))
        await engine.clusters.start("one")
        monkeypatch.setattr(KeptWorker, "start", only_two_more)

        with pytest.raises(InvalidRuntimeError):
            await engine.clusters.scale("one", 4)

        cluster = engine.clusters.get("one")
        assert [each.name for each in cluster.workers] == ["w-0", "w-1"]
        assert (cluster.running, cluster.wanted) == (2, 2)
        assert len(engine.runs.driven()) == 2
        await engine.clusters.stop("one")


async def test_nobody_notes_anything_of_a_cluster_that_another_holds(apart: SSHFarm) -> None:
    async with engine_on(apart) as engine:
        store = ClusterStore(engine.journal)
        await store.add(ClusterSpec("one", ClusterKind.DASK, "node1"))
        await store.claim("one", "another", lambda _: True)

        await store.note("one", "me", "", ClusterState.STOPPED, "", NOTHING)

        assert [record.owner for record in await store.all()] == ["another"]


def test_what_two_lives_left_is_cleared_away_together() -> None:
    now = ClusterParts(("a",), (1,), {"n1": ["/tmp/x"]})
    before = ClusterParts(("a", "b"), (2,), {"n1": ["/tmp/y", "/tmp/x"], "n2": ["/tmp/z"]})

    both = now.with_left(before)

    assert (both.runs, both.exposures) == (("a", "b"), (1, 2))
    assert both.folders == {"n1": ["/tmp/x", "/tmp/y"], "n2": ["/tmp/z"]}


async def test_what_cannot_start_says_why_and_leaves_nothing(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    farm.add("node1")
    farm.add_refused("gone1")
    monkeypatch.setenv("PATH", str(tmp_path))  # no mongod
    async with engine_on(farm) as engine:
        await engine.clusters.add(ClusterSpec("h", ClusterKind.HYPEROPT, "node1"))
        await engine.clusters.add(ClusterSpec("d", ClusterKind.DASK, "*"))
        await engine.clusters.add(ClusterSpec("none", ClusterKind.DASK, "mem>900T"))
        for name, words in (
            ("h", "no mongod on this machine: install"),
            ("d", "gone1 cannot take part"),
            ("none", "no host matches mem>900T"),
        ):
            with pytest.raises(MasterStartError, match=words):
                await engine.clusters.start(name)
            cluster = engine.clusters.get(name)
            assert cluster.state is ClusterState.FAILED
            assert words in cluster.reason
        assert engine.needed() == []

        alone = ClusterSpec("alone", ClusterKind.DASK, "node1")
        (problem,) = (await engine.clusters.check(alone)).problems
        assert problem.startswith("node1: no dask, no distributed")
        assert f"-m pip install dask=={versions.versions_here()['dask']}" in problem
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            busy = await engine.clusters.check(replace(alone, master_port=port))
        assert f"port {port} is taken on this machine: give another with --port" in busy.problems
        here = {**versions.versions_here(), "distributed": ""}
        monkeypatch.setattr(checking, "versions_here", lambda: here)
        (problem,) = (await engine.clusters.check(alone)).problems
        assert problem == "this machine has no distributed: pip install 'lazytui[dask]'"

        with pytest.raises(UsageError, match="no cluster x; there are h, d, none"):
            engine.clusters.get("x")
        with pytest.raises(UsageError, match="there is a cluster h already"):
            await engine.clusters.change("d", ClusterSpec("h", ClusterKind.DASK, "*"))
        renamed = await engine.clusters.change("d", ClusterSpec("e", ClusterKind.DASK, "node1"))
        assert renamed.name == "e"
        await engine.clusters.remove("h")
        assert {each.name for each in engine.clusters.all()} == {"e", "none"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ClusterSpec("", ClusterKind.DASK, "*"), "name begins with a letter"),
        (ClusterSpec("-x", ClusterKind.DASK, "*"), "name begins with a letter"),
        (ClusterSpec("a", ClusterKind.DASK, "*", workers=0), "at least one worker"),
        (ClusterSpec("a", ClusterKind.DASK, "*", master_port=70000), "from 1 to 65535"),
        (ClusterSpec("a", ClusterKind.DASK, "*", master="nobody"), "no host of the ssh config"),
        (ClusterSpec("a", ClusterKind.DASK, "nobody"), "nobody"),
        (ClusterSpec("a", ClusterKind.DASK, "mem>"), "mem>"),
        (ClusterSpec("a", ClusterKind.HYPEROPT, "*", master="node1"), "always on this machine"),
        (ClusterSpec("a", ClusterKind.HYPEROPT, "*", dbname="a/b"), "database's name"),
        (ClusterSpec("a", ClusterKind.HYPEROPT, "*", poll_interval=0), "poll interval"),
    ],
)
async def test_what_cannot_be_meant_is_not_kept(
    farm: SSHFarm, spec: ClusterSpec, words: str
) -> None:
    farm.add_refused("node1")
    async with engine_on(farm) as engine:
        with pytest.raises(UsageError, match=words):
            await engine.clusters.add(spec)
        assert engine.clusters.all() == []
