"""How an agent starts: on every Python, under every login shell, whatever the login prints."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core import bundle
from tests.remote.agent_process import AgentProcess, account_home, interpreters

if TYPE_CHECKING:
    from tests.remote.conftest import StartAgent

VERSIONS = [f"3.{minor}" for minor in range(6, 14)]


def interpreter(version: str) -> str:
    """A Python of this version, or skip."""
    found = interpreters().get(version)
    if found is None:
        pytest.skip(f"no Python {version} here")
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_hello_comes_from_every_python(start_agent: StartAgent, home: Path, version: str) -> None:
    agent = start_agent(python=interpreter(version))

    hello = agent.hello()

    assert hello["python"].startswith(version + ".")
    assert hello["proto"] == 1
    assert hello["pid"] == agent.process.pid
    assert hello["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert hello["home"] == str(home)
    assert hello["gpus"] == []
    assert 1 <= hello["cores"] <= len(os.sched_getaffinity(0))
    assert 0 < hello["memory"] <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_python_runs_every_part(start_agent: StartAgent, version: str) -> None:
    agent = start_agent(python=interpreter(version))

    output, end = agent.run("echo out; echo err >&2; exit 7")
    tty_output, tty_end = agent.run("tty >/dev/null && echo terminal", tty=True)
    found = agent.call("which", names=["sh"])["found"]
    agent.call("metrics", interval=0.05)

    assert (output, end["rc"]) == (b"out\nerr\n", 7)
    assert (tty_output, tty_end["rc"]) == (b"terminal\r\n", 0)
    assert found["sh"].endswith("/sh")
    assert agent.event("metrics")[0]["mem_total"] > 0


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "fish", "tcsh"])
def test_every_login_shell_takes_the_exec_line(start_agent: StartAgent, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")

    agent = start_agent(shell=shell, noise="'Welcome to the cluster'")

    assert agent.hello()["ev"] == "hello"
    assert agent.before == b"Welcome to the cluster\n"
    assert agent.call("ping")["ok"]


def test_requests_sent_with_the_boot_source_are_answered(home: Path) -> None:
    """The interpreter reads ahead of the boot source; what it read must not be lost."""
    source = bundle.boot_source(b"m" * 32)
    ping = b'{"id": 1, "op": "ping"}\n'
    bye = b'{"id": 2, "op": "bye"}\n'
    frames = b"".join(len(frame).to_bytes(4, "big") + frame for frame in (ping, bye))

    done = subprocess.run(
        ["sh", "-c", bundle.exec_line(sys.executable, len(source))],
        input=source + frames,
        capture_output=True,
        timeout=30,
    )

    assert done.stderr == b""
    assert done.stdout.count(b'"ok":true') == 2


def test_python_2_is_told_apart_by_its_message() -> None:
    found = glob.glob(f"{account_home()}/.pyenv/versions/2.7*/bin/python2.7")
    if not found:
        pytest.skip("no Python 2.7 here")
    source = bundle.boot_source(b"m" * 32)

    done = subprocess.run(
        ["sh", "-c", bundle.exec_line(found[0], len(source))],
        input=source,
        capture_output=True,
        timeout=30,
    )

    assert done.returncode != 0
    assert b"Unknown option: -I" in done.stderr


def test_python_3_5_is_told_to_be_unfit() -> None:
    source = bundle.boot_source(b"m" * 32)
    pretend = b"import sys;sys.version_info=(3,5,2,'final',0)\n" + source

    done = subprocess.run(
        ["sh", "-c", bundle.exec_line(sys.executable, len(pretend))],
        input=pretend,
        capture_output=True,
        timeout=30,
    )

    assert done.stdout[32 + 4 :] == b'{"ev":"unfit","python":"3.5.2"}\n'
    assert done.stdout[:32] == b"m" * 32
    assert int.from_bytes(done.stdout[32:36], "big") == len(done.stdout) - 36


def test_the_agent_ends_when_its_input_ends(agent: AgentProcess) -> None:
    agent.call("ping")
    assert agent.process.stdin is not None

    agent.process.stdin.close()

    assert agent.process.wait(timeout=30) == 0


def test_an_agent_that_was_never_asked_anything_ends_with_its_input(
    start_agent: StartAgent,
) -> None:
    agent = start_agent()
    agent.hello()
    assert agent.process.stdin is not None

    agent.process.stdin.close()

    assert agent.process.wait(timeout=30) == 0


def test_bye_is_answered_before_the_agent_ends(agent: AgentProcess) -> None:
    assert agent.call("bye")["ok"]
    assert agent.process.wait(timeout=30) == 0


def test_an_operation_that_does_not_exist_is_refused_by_name(agent: AgentProcess) -> None:
    reply = agent.call("dance")

    assert not reply["ok"]
    assert "dance" in reply["error"]


def test_a_request_without_its_fields_is_an_answer_not_a_crash(agent: AgentProcess) -> None:
    reply = agent.call("job_start", b"echo hi")

    assert not reply["ok"]
    assert agent.call("ping")["ok"]


def test_input_that_is_not_the_protocol_ends_the_agent_with_a_reason(agent: AgentProcess) -> None:
    agent.write(b"HTTP/1.1 200 OK\r\n\r\n")

    with pytest.raises(EOFError, match="not the protocol"):
        agent.call("ping")


def test_names_of_gpus_follow_when_nvidia_smi_has_found_them(
    start_agent: StartAgent, tmp_path: Path
) -> None:
    smi(tmp_path, "echo 'NVIDIA A100-SXM4-40GB'; echo 'NVIDIA \"T4\"'")

    agent = start_agent(env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    assert agent.hello()["gpus"] is None
    assert agent.event("gpus")[0]["gpus"] == ["NVIDIA A100-SXM4-40GB", 'NVIDIA "T4"']


def test_an_nvidia_smi_that_fails_means_no_gpus(start_agent: StartAgent, tmp_path: Path) -> None:
    smi(tmp_path, "echo 'NVIDIA-SMI has failed because it could not talk to the driver'; exit 9")

    agent = start_agent(env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    assert agent.event("gpus")[0]["gpus"] == []


def test_an_nvidia_smi_that_hangs_delays_nothing(start_agent: StartAgent, tmp_path: Path) -> None:
    smi(tmp_path, "while kill -0 $PPID; do sleep 0.1; done")

    agent = start_agent(env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    assert agent.hello()["gpus"] is None
    assert agent.run("echo hi")[0] == b"hi\n"
    assert "gpus" not in agent.order


def smi(folder: Path, script: str) -> None:
    """Put a pretended nvidia-smi into a folder."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_cgroup_limits_are_what_the_host_has(start_agent: StartAgent, tmp_path: Path) -> None:
    pretended = tmp_path / "proc"
    group = tmp_path / "sys/fs/cgroup/user.slice/job"
    group.mkdir(parents=True)
    (pretended / "self").mkdir(parents=True)
    (pretended / "self/cgroup").write_text("0::/user.slice/job\n")
    (pretended / "meminfo").write_text("MemTotal:       64000000 kB\nMemAvailable: 1000 kB\n")
    (pretended / "cpuinfo").write_text("processor\t: 0\n\nprocessor\t: 1\n" * 8)
    (group / "memory.max").write_text("max\n")
    (group / "cpu.max").write_text("250000 100000\n")
    (group.parent / "memory.max").write_text("1073741824\n")

    agent = start_agent(env={"LAZYTUI_PROC": str(pretended), "LAZYTUI_SYS": str(tmp_path / "sys")})
    hello = agent.hello()

    assert hello["memory"] == 1 << 30
    assert hello["cores"] == 3


def test_limits_of_old_cgroups_count_too(start_agent: StartAgent, tmp_path: Path) -> None:
    pretended = tmp_path / "proc"
    memory, cpu = (tmp_path / "sys/fs/cgroup" / name for name in ("memory", "cpu"))
    memory.mkdir(parents=True)
    cpu.mkdir()
    (pretended / "self").mkdir(parents=True)
    # As in a container: the paths are the host's, the mount is the container's own.
    (pretended / "self/cgroup").write_text("5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n0::/\n")
    (pretended / "meminfo").write_text("MemTotal:       64000000 kB\n")
    (pretended / "cpuinfo").write_text("processor\t: 0\n\nprocessor\t: 1\n" * 8)
    (memory / "memory.limit_in_bytes").write_text("2147483648\n")
    (cpu / "cpu.cfs_quota_us").write_text("400000\n")
    (cpu / "cpu.cfs_period_us").write_text("100000\n")

    agent = start_agent(env={"LAZYTUI_PROC": str(pretended), "LAZYTUI_SYS": str(tmp_path / "sys")})
    hello = agent.hello()

    assert hello["memory"] == 2 << 30
    assert hello["cores"] == 4


def test_odd_characters_in_the_home_arrive_as_they_are(tmp_path: Path) -> None:
    home = tmp_path / 'hé"llo\\ \U0001f600'
    home.mkdir()

    with AgentProcess(home) as agent:
        assert agent.hello()["home"] == str(home)


def test_free_ports_are_told_from_taken_ones(agent: AgentProcess) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert agent.call("ports_free", ports=[port, 70000])["free"] == []
    assert agent.call("ports_free", ports=[port])["free"] == [port]


def test_idle_agents_do_not_spin(agent: AgentProcess) -> None:
    agent.call("metrics", interval=30)
    before = cpu_ticks(agent.process.pid)

    time.sleep(0.3)

    assert cpu_ticks(agent.process.pid) - before <= 2


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
