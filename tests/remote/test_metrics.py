"""Metrics on subscription: from the roots in the environment, at the interval asked for."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.remote.test_hello import smi

if TYPE_CHECKING:
    from pathlib import Path

    from tests.remote.agent_process import AgentProcess
    from tests.remote.conftest import StartAgent

MIB = 1024 * 1024


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A pretended /proc, as demo hosts have one."""
    folder = tmp_path / "proc"
    (folder / "net").mkdir(parents=True)
    (folder / "stat").write_text("cpu  1000 0 1000 8000 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    (folder / "loadavg").write_text("3.25 2.00 1.00 2/345 6789\n")
    (folder / "meminfo").write_text(
        "MemTotal:        8388608 kB\nMemFree: 100 kB\nMemAvailable:    2097152 kB\n"
    )
    write_net(folder, 1000, 500)
    return folder


def write_net(folder: Path, received: int, sent: int) -> None:
    header = "Inter-|   Receive\n face |bytes\n"
    line = "{}: {} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0\n"
    text = header + line.format("  lo", 999999, 999999) + line.format("eth0", received, sent)
    (folder / "net/dev").write_text(text)


def test_metrics_come_from_the_pretended_proc(start_agent: StartAgent, proc: Path) -> None:
    agent = start_agent(env={"LAZYTUI_PROC": str(proc)})
    agent.call("metrics", interval=0.1)
    (proc / "stat").write_text("cpu  1075 0 1000 8025 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    write_net(proc, 11000, 2500)

    sample = agent.event("metrics")[0]

    assert sample["cpu"] == pytest.approx(0.75)
    assert sample["load1"] == 3.25
    assert sample["mem_total"] == 8 << 30
    assert sample["mem_used"] == 6 << 30
    assert sample["net_in"] / sample["net_out"] == pytest.approx(5.0)
    assert sample["net_in"] > 0
    assert 0 < sample["disk_used"] <= sample["disk_total"]
    assert sample["gpus"] == []


def test_memory_of_a_limited_group_is_counted_against_its_limit(
    start_agent: StartAgent, proc: Path, tmp_path: Path
) -> None:
    group = tmp_path / "sys/fs/cgroup/job"
    group.mkdir(parents=True)
    (proc / "self").mkdir()
    (proc / "self/cgroup").write_text("0::/job\n")
    (group / "memory.max").write_text("1000000000\n")
    (group / "memory.current").write_text("700000000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 200000000\nactive_file 3\n")

    agent = start_agent(env={"LAZYTUI_PROC": str(proc), "LAZYTUI_SYS": str(tmp_path / "sys")})
    agent.call("metrics", interval=0.05)
    sample = agent.event("metrics")[0]

    assert (sample["mem_used"], sample["mem_total"]) == (500000000, 1000000000)


def test_real_metrics_are_plausible(agent: AgentProcess) -> None:
    agent.call("metrics", interval=0.05)

    samples = [agent.event("metrics")[0] for _ in range(3)]

    for sample in samples:
        assert 0 <= sample["cpu"] <= 1
        assert 0 < sample["mem_used"] < sample["mem_total"]
        assert min(sample["net_in"], sample["net_out"], sample["load1"]) >= 0


def test_an_interval_of_zero_stops_them(agent: AgentProcess) -> None:
    agent.call("metrics", interval=0.02)
    agent.event("metrics")

    agent.call("metrics", interval=0)
    agent.events.clear()
    time.sleep(0.1)
    agent.call("ping")

    assert not agent.events


def test_a_host_without_proc_still_sends_metrics(start_agent: StartAgent, tmp_path: Path) -> None:
    agent = start_agent(env={"LAZYTUI_PROC": str(tmp_path / "nothing")})

    agent.call("metrics", interval=0.05)
    sample = agent.event("metrics")[0]

    assert 0 <= sample["cpu"] <= 1
    assert sample["disk_total"] > 0


def test_gpu_use_and_memory_come_with_the_samples(start_agent: StartAgent, tmp_path: Path) -> None:
    smi(tmp_path, "echo 'NVIDIA A100, 85, 30000, 40960'; echo 'T4, [N/A], 0, 16384'")
    agent = start_agent(env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    agent.call("metrics", interval=0.05)
    gpus: list[list[object]] = []
    while not gpus:
        gpus = agent.event("metrics")[0]["gpus"]

    assert gpus == [
        ["NVIDIA A100", 0.85, 30000 * MIB, 40960 * MIB],
        ["T4", 0.0, 0, 16384 * MIB],
    ]


def test_samples_do_not_pile_up_for_a_manager_that_reads_nothing(agent: AgentProcess) -> None:
    job = agent.start("head -c 3000000 /dev/zero")
    agent.follow(job)
    agent.call("metrics", interval=0.005)

    time.sleep(0.3)  # nobody reads: the pipe is full of output
    agent.call("metrics", interval=0)

    assert sum(header["ev"] == "metrics" for header, _ in agent.events) < 20
