"""The blocking cluster classes, with launchers of the test and with a stand-in for mongod."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from lazytui import (
    DaskCluster,
    HyperoptCluster,
    LazytuiError,
    MasterStartError,
    MasterWorkerCluster,
    PortInUseError,
    RuntimeCluster,
    RuntimeGroup,
    RuntimeTask,
)
from lazytui.clusters.base import MasterLauncher, WorkerLauncher
from lazytui.core.script.task import ScriptTask
from tests.clusters.test_clusters import HOSTS, MONGOD, WORKER, program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.netns import NetnsLab
    from tests.sshd import SSHFarm


class Master(MasterLauncher):
    """A master that takes a port and nothing else."""

    async def start(self, ports: list[int], timeout: float = 3, debug: bool = False) -> list[int]:
        self.asked = (ports[0], timeout, debug)
        self.port, *left = ports
        return left

    async def cleanup(self) -> None:
        await super().cleanup()
        self.port = 0


class Workers(WorkerLauncher):
    """Workers that print their number and wait."""

    async def start(
        self, worker_count: int, master_port: int, ports: list[int], debug: bool = False
    ) -> list[int]:
        for host in self.placed(worker_count):
            port, *ports = ports
            self.ports_per_host.setdefault(host, []).append(port)
            task = ScriptTask(f"worker-{port}").run_command(f"echo on {port}")
            task.run_command("sleep 600")
            await self.runtime_group.get_runtime(host).execute_task(task)
            self.tasks.append(task)
        await self.setup_worker_ssh_tunnels()
        return ports

    async def setup_worker_ssh_tunnels(self) -> None:
        self.tunnels = sum(map(len, self.ports_per_host.values()))


@pytest.mark.fact(
    "RuntimeCluster",
    "MasterWorkerCluster",
    "MasterWorkerCluster.start",
    "MasterWorkerCluster.runtime_group",
    "MasterWorkerCluster.master_port",
    "MasterLauncher",
    "MasterLauncher.start",
    "MasterLauncher.port",
    "MasterLauncher.process",
    "WorkerLauncher",
    "WorkerLauncher.start",
    "WorkerLauncher.ports_per_host",
    "WorkerLauncher.setup_worker_ssh_tunnels",
)
def test_a_cluster_starts_what_its_launchers_start(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    master, workers = Master(group._core), Workers(group._core)
    cluster = HyperoptCluster(group, master, workers)

    before = cluster.master_port
    cluster.start()

    assert isinstance(cluster, MasterWorkerCluster)
    assert isinstance(cluster, RuntimeCluster)
    assert cluster.runtime_group is group
    assert (before, cluster.master_port, master.port) == (0, 27017, 27017)
    assert master.process is None
    assert workers.ports_per_host == {"host-1": [60001], "host-2": [60002]}
    assert workers.tunnels == 2
    assert MasterLauncher.__abstractmethods__ == {"start"}
    assert WorkerLauncher.__abstractmethods__ == {"start", "setup_worker_ssh_tunnels"}
    cluster.cleanup()


@pytest.mark.fact(
    "MasterWorkerCluster.start_master",
    "MasterWorkerCluster.start_workers",
    "MasterWorkerCluster.print_log",
    "MasterWorkerCluster.cleanup",
    "RuntimeCluster.cleanup",
    "MasterLauncher.cleanup",
    "WorkerLauncher.cleanup",
)
def test_its_parts_are_started_one_by_one_and_end_with_the_clean_up(
    hosts: SSHFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    master, workers = Master(group._core), Workers(group._core)

    with HyperoptCluster(group, master, workers) as cluster:
        cluster.start_master(7000, timeout=5, debug=True)
        cluster.start_workers(3)
        cluster.start_workers(1)
        alive = [len(runtime.task_processes) for runtime in group.runtimes]
        logs = [task.execution_log[0] for task in map(RuntimeTask._of, workers.tasks)]
        cluster.print_log()
    printed = capsys.readouterr().out

    assert master.asked == (7000, 5, True)
    assert alive == [2, 2]
    assert logs == ["on 60001", "on 60002", "on 60003", "on 60004"]
    assert "worker-60001 on host-1 | on 60001\n" in printed
    assert [process.is_alive() for process in group.task_processes] == [False] * 4
    assert (workers.tasks, workers.ports_per_host, master.port) == ([], {}, 0)
    cluster.cleanup()  # once more does no harm


@pytest.mark.fact(
    "HyperoptCluster",
    "HyperoptCluster.mongo_url",
    "HyperoptCluster.mongo_trial_url",
    "HyperoptCluster ! MasterStartError",
    "MasterWorkerCluster.start ! PortInUseError",
)
@pytest.mark.netns
def test_hyperopt_starts_a_database_and_workers_that_reach_it(
    netns: NetnsLab, farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    path = f"{tmp_path}:{os.environ['PATH']}"
    program(tmp_path, "hyperopt-mongo-worker", WORKER)
    for host in HOSTS:
        netns.add(host, path=path)
    group = RuntimeGroup(hosts=HOSTS)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MasterStartError, match="no mongod on this machine: install"):
        HyperoptCluster(group).start()
    monkeypatch.setenv("PATH", path)
    program(tmp_path, "mongod", MONGOD)

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(taken)):
            HyperoptCluster(group).start(master_port=taken)
    with HyperoptCluster(group, dbname="trials") as cluster:
        cluster.start()
        url = f"localhost:{cluster.master_port}/trials"
        assert (cluster.mongo_url, cluster.mongo_trial_url) == (
            f"mongodb://{url}",
            f"mongo://{url}/jobs",
        )
        assert not group.has_free_port(cluster.master_port)
        assert len(group.task_processes) == 3
    assert group.has_free_port(cluster.master_port)


@pytest.mark.fact("DaskCluster", "DaskCluster.get_client", "DaskCluster.get_client ! LazytuiError")
def test_a_cluster_that_was_not_started_has_no_client(hosts: SSHFarm) -> None:
    cluster = DaskCluster(RuntimeGroup(hosts=["host-1"]))

    with pytest.raises(LazytuiError, match=r"not started: call start\(\) first"):
        cluster.get_client()


@pytest.mark.fact(
    "MasterWorkerCluster.DEFAULT_MASTER_PORT",
    "MasterWorkerCluster.DEFAULT_PORT_RANGE_START",
    "MasterWorkerCluster.DEFAULT_PORT_RANGE_END",
    "DaskCluster.DEFAULT_MASTER_PORT",
    "HyperoptCluster.DEFAULT_MASTER_PORT",
)
def test_the_ports_of_clusters_are_those_of_their_programs() -> None:
    kind = MasterWorkerCluster
    ports = (kind.DEFAULT_MASTER_PORT, kind.DEFAULT_PORT_RANGE_START, kind.DEFAULT_PORT_RANGE_END)

    assert ports == (60000, 60001, 60200)
    assert DaskCluster.DEFAULT_MASTER_PORT == 8786
    assert HyperoptCluster.DEFAULT_MASTER_PORT == 27017
