"""Clusters on real sshd hosts that cannot reach each other."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from lazytui.clusters import versions
from lazytui.clusters.dask import DaskCluster, DaskWorkerLauncher
from lazytui.clusters.hyperopt import HyperoptCluster
from lazytui.core.script.session import Session
from lazytui.errors import MasterStartError
from tests.clusters.programs import HOSTS, MONGOD, WORKER, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lazytui.core.script.group import ScriptGroup
    from tests.sshd import SSHFarm


@pytest.fixture
async def group(apart: SSHFarm) -> AsyncIterator[ScriptGroup]:
    """The three hosts."""
    async with Session() as session:
        yield await session.group(hosts=HOSTS)


@pytest.mark.fact(
    "DaskCluster: every entity reaches every other through exposures on localhost",
)
async def test_dask_shuffles_between_hosts_that_cannot_see_each_other_and_survives_a_dead_worker(
    group: ScriptGroup,
) -> None:
    def add_up(parts: list[range]) -> int:
        return sum(map(sum, parts))

    async with DaskCluster(group) as cluster:
        await cluster.start()
        async with await cluster.get_client(timeout=20) as client:
            await client.wait_for_workers(3, timeout=60)

            workers = list(client.scheduler_info(n_workers=-1)["workers"])
            parts = [client.submit(range, 10, workers=[worker], pure=False) for worker in workers]
            sums = [
                client.submit(add_up, parts, workers=[worker], pure=False) for worker in workers
            ]
            assert await client.gather(sums) == [135, 135, 135]

            victim = workers[0]
            before = (await client.run(os.getpid, workers=[victim]))[victim]
            os.kill(before, signal.SIGKILL)  # processes are not apart, only networks
            after = await client.submit(os.getpid, workers=[victim], pure=False)
            assert after != before

            assert await group.map(lambda item: item * 2, range(5)) == [0, 2, 4, 6, 8]
            await cluster.scale(1)
            assert isinstance(cluster.worker_launcher, DaskWorkerLauncher)
            assert list(await client.ncores()) == cluster.worker_launcher.addresses
            assert await client.submit(sum, [1, 2], pure=False) == 3
        assert len(cluster.worker_launcher.tasks) == 1
        assert any("scheduler" in name.lower() for name, _ in await cluster.log())
        process = cluster.master_launcher.process

    assert await group.map(lambda item: item * 2, range(5)) == [0, 2, 4, 6, 8]
    assert process is not None
    assert not process.is_alive
    assert group.session.engine.exposures.all() == []
    assert all(not run.executions.alive() for run in group.runtimes)


@pytest.mark.fact(
    "MasterWorkerCluster.start ! MasterStartError",
    "MasterStartError",
)
async def test_a_host_without_dask_stops_the_start_and_is_told_what_to_install(
    group: ScriptGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {**versions.versions_here(), "dask": "1.0"}
    monkeypatch.setattr(versions, "versions_here", lambda: here)
    cluster = DaskCluster(group)

    with pytest.raises(MasterStartError, match=r"node2: dask .*, but 1\.0 here: .*dask==1\.0"):
        await cluster.start()

    assert cluster.master_launcher.process is None


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ({}, "there is no python3"),
        ({"python": "2.7"}, "Python 2.7, but"),
        ({**versions.versions_here(), "distributed": ""}, "no distributed: python3 -m pip install"),
    ],
)
def test_what_a_host_lacks_is_said_with_the_way_to_get_it(
    there: dict[str, str], words: str
) -> None:
    assert words in versions.mismatch(versions.versions_here(), there, "python3")


@pytest.mark.fact(
    "HyperoptCluster: MONGO_CONNECTION_URL is set on the group",
    "MasterWorkerCluster: start: as many workers as runtimes, round robin",
)
async def test_hyperopt_workers_reach_the_database_by_its_port_and_end_with_the_cluster(
    group: ScriptGroup, tmp_path: Path
) -> None:
    program(tmp_path, "mongod", MONGOD)
    program(tmp_path, "hyperopt-mongo-worker", WORKER)
    cluster = HyperoptCluster(group, dbname="trials")

    await cluster.start()

    port = cluster.master_port
    assert cluster.mongo_trial_url == f"mongo://localhost:{port}/trials/jobs"
    tasks = cluster.worker_launcher.tasks
    assert [task.execution.host for task in tasks if task.execution] == HOSTS
    assert [await runtime.has_free_port(port) for runtime in group.runtimes] == [False] * 3
    assert await group.runtimes[0].echo("$MONGO_CONNECTION_URL") == cluster.mongo_url
    await cluster.scale(4)
    assert len(cluster.worker_launcher.tasks) == 4
    await cluster.scale(2)
    assert [task.name for task in cluster.worker_launcher.tasks] == [
        "hyperopt-worker-1",
        "hyperopt-worker-2",
    ]

    await cluster.cleanup()

    assert group.session.engine.exposures.all() == []
    assert all(not runtime.executions.alive() for runtime in group.runtimes)
    assert await group.runtimes[0].has_free_port(port)


async def test_without_a_mongod_there_is_a_way_to_get_one(
    group: ScriptGroup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MasterStartError, match="no mongod on this machine: install"):
        await HyperoptCluster(group).start()
