"""Runs that wait: for a host with what they need, for another task, through crashes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import HostState, RunState
from lazytui.core.plan import Plan
from lazytui.core.task import CommandSpec
from lazytui.errors import UsageError
from tests.engines import QUICK, ended, engine_on, environment, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lazytui.core.engine import Engine
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from tests.sshd import SSHFarm, SSHHost

LIVELY = replace(QUICK, metrics=replace(QUICK.metrics, interval_s=0.1))
BUSY, IDLE = "A100, 97, 30000, 40960", "A100, 0, 3, 40960"

# An nvidia-smi that says what stands in a file.
SMI = """\
#!/bin/sh
case $1 in
--query-gpu=name) cut -d, -f1 "$HOME/gpus" ;;
*) cat "$HOME/gpus" ;;
esac
"""


def add_gpu_host(farm: SSHFarm, name: str, *gpus: str) -> SSHHost:
    """Start a host with GPUs whose load is what :func:`show_gpus` says."""
    tools = farm.root / "tools"
    tools.mkdir(exist_ok=True)
    smi = tools / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(0o755)
    host = farm.add(name, path=f"{tools}:{farm._remote_path()}")
    show_gpus(host, *gpus)
    return host


def show_gpus(host: SSHHost, *gpus: str) -> None:
    """Let nvidia-smi say something else from now on."""
    new = host.home / "gpus.new"
    new.write_text("".join(f"{gpu}\n" for gpu in gpus))
    new.rename(host.home / "gpus")


@asynccontextmanager
async def engine(farm: SSHFarm) -> AsyncIterator[Engine]:
    async with engine_on(farm, settings=LIVELY) as running:
        yield running


async def begin(engine: Engine, command: str, hosts: list[str], **plan: object) -> list[LiveRun]:
    return await engine.start_runs(CommandSpec(command), hosts, plan=Plan(**plan))  # type: ignore[arg-type]


# --- conditions ------------------------------------------------------------------------------


async def test_a_run_waits_until_one_of_the_hosts_has_what_it_needs(farm: SSHFarm) -> None:
    first = add_gpu_host(farm, "gpu01", BUSY)
    second = add_gpu_host(farm, "gpu02", BUSY)
    async with engine(farm) as running:
        (run,) = await begin(
            running, "echo $HOME", ["gpu01", "gpu02"], when="gpu>=1", least_busy=True
        )
        await until(running, run, "waits for a host with gpu>=1")
        waiting = await running.journal.record(run.run_id)
        show_gpus(second, IDLE)
        record = await ended(run)
        kept = await running.journal.record(run.run_id)

    assert (waiting.host, waiting.state) == ("gpu[01-02]", RunState.QUEUED)
    assert (record.host, record.state) == ("gpu02", RunState.SUCCEEDED)
    assert (kept.host, kept.placed) == (record.host, record.placed)
    assert record.placed.startswith("0 runs, 1 of 1 GPUs free")
    assert first.home.joinpath("gpus").read_text() == f"{BUSY}\n"


async def test_two_runs_do_not_get_the_same_free_gpu(farm: SSHFarm) -> None:
    host = add_gpu_host(farm, "gpu01", IDLE)
    async with engine(farm) as running:
        await running.detect()
        (first,) = await begin(running, "while test ! -e go; do sleep 0.05; done", ["gpu01"],
                               when="gpu>=1")  # fmt: skip
        await first.settled.wait()
        (second,) = await begin(running, "true", ["gpu01"], when="gpu>=1")
        await until(running, second, "waits for gpu>=1")
        samples = running.runtime("gpu01").metrics
        async with asyncio.timeout(30):
            with running.events.subscribe() as events:  # nvidia-smi goes on to say it is idle
                while running.runtime("gpu01").metrics is samples:
                    await events.drain()
        still = second.record.state
        (host.home / "go").touch()
        records = [await ended(first), await ended(second)]

    assert still is RunState.QUEUED
    assert [record.state for record in records] == [RunState.SUCCEEDED] * 2
    assert (records[0].ended or 0) <= (records[1].started or 0)


async def test_each_of_several_hosts_waits_for_itself(farm: SSHFarm) -> None:
    add_gpu_host(farm, "gpu01", IDLE)
    late = add_gpu_host(farm, "gpu02", BUSY)
    async with engine(farm) as running:
        runs = await begin(running, "true", ["gpu01", "gpu02"], when="gpu>=1")
        first = await ended(runs[0])
        waits = runs[1].record.state
        show_gpus(late, IDLE)
        second = await ended(runs[1])

    assert first.state is second.state is RunState.SUCCEEDED
    assert waits is RunState.QUEUED


async def test_a_waiting_run_is_stopped_before_it_starts(farm: SSHFarm) -> None:
    host = add_gpu_host(farm, "gpu01", BUSY)
    async with engine(farm) as running:
        (run,) = await begin(running, "touch ran", ["gpu01"], when="gpu>=1", least_busy=True)
        await until(running, run, "waits for")
        answer = await running.stop_run(run.run_id)
        record = await ended(run)
        alive = running.runtime("gpu01").alive_runs

    assert (answer, record.state) == ("cancelled", RunState.CANCELLED)
    assert record.reason == "cancelled before it started"
    assert alive == 0
    assert not (host.home / "ran").exists()


async def test_a_host_that_is_down_is_waited_for(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    host.stop()
    async with engine(farm) as running:
        (run,) = await begin(running, "true", ["gpu01"], when="mem>1M")
        async with asyncio.timeout(30):
            with running.events.subscribe() as events:
                while running.runtime("gpu01").state is not HostState.INACTIVE:
                    await events.drain()
        host.start()
        record = await ended(run)

    assert record.state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    ("plan", "problem"),
    [({"when": "gpu>="}, "condition"), ({"when": "@moon"}, "@moon"), ({"after": 7}, "no task #7")],
)
async def test_a_plan_that_can_never_be_fulfilled_is_refused(
    farm: SSHFarm, plan: dict[str, object], problem: str
) -> None:
    farm.add("gpu01")
    async with engine(farm) as running:
        with pytest.raises(UsageError, match=problem):
            await begin(running, "true", ["gpu01"], **plan)
        assert await running.journal.records() == []


# --- after -----------------------------------------------------------------------------------


async def test_a_task_starts_when_the_one_before_is_over(farm: SSHFarm) -> None:
    farm.add("gpu01")
    async with engine(farm) as running:
        (first,) = await begin(running, "sleep 0.3; exit 3", ["gpu01"])
        (second,) = await begin(running, "true", ["gpu01"], after=first.record.task_id)
        await until(running, second, f"waits for #{first.record.task_id}")
        records = [await ended(first), await ended(second)]

    assert [record.state for record in records] == [RunState.FAILED, RunState.SUCCEEDED]
    assert (records[0].ended or 0) <= (records[1].started or 0)
    assert records[1].placed == f"#{records[0].task_id} is over"


async def test_one_that_needs_success_is_not_started_after_a_failure(farm: SSHFarm) -> None:
    farm.add("gpu01")
    async with engine(farm) as running:
        (first,) = await begin(running, "exit 3", ["gpu01"])
        task_id = first.record.task_id
        (second,) = await begin(running, "touch ran", ["gpu01"], after=task_id, after_ok=True)
        record = await ended(second)

    assert record.state is RunState.CANCELLED
    assert record.reason == f"not started, as #{task_id} failed on gpu01"
    assert not (farm.hosts["gpu01"].home / "ran").exists()


async def test_the_least_busy_host_is_chosen_when_the_task_before_is_over(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add("gpu02")
    async with engine(farm) as running:
        await running.detect()
        (first,) = await begin(running, "sleep 0.3", ["gpu01"])
        (other,) = await begin(running, "sleep 30", ["gpu01"])
        (second,) = await begin(
            running, "true", ["gpu01", "gpu02"], after=first.record.task_id, least_busy=True
        )
        record = await ended(second)
        await running.stop_run(other.run_id, "KILL")
        await ended(other)

    assert (record.host, record.state) == ("gpu02", RunState.SUCCEEDED)


# --- crashes ---------------------------------------------------------------------------------

# An engine that queues a run, and dies when the run waits, or when it has been placed.
_DYING = """\
import asyncio, os, signal, sys
from pathlib import Path
from lazytui.core.engine import Engine
from lazytui.core.journal import Journal
from lazytui.core.paths import Paths
from lazytui.core.plan import Plan
from lazytui.core.settings import load
from lazytui.core.task import CommandSpec
from lazytui.ssh.config import SSHConfig

die_when, when = sys.argv[1:]

class Dying(Journal):
    async def update_run(self, run_id, **change):
        done = await super().update_run(run_id, **change)
        if die_when == "waits" and change.get("reason", "").startswith("waits"):
            os.kill(os.getpid(), signal.SIGKILL)
        if die_when == "placed" and change.get("placed"):
            os.kill(os.getpid(), signal.SIGKILL)
        return done

async def main():
    import lazytui.core.engine as module
    module.Journal = Dying
    home = Path(os.environ["HOME"])
    config = SSHConfig.load(home / ".ssh" / "config", home=home)
    paths = Paths.of_user(os.environ)
    paths.create()
    plan = Plan(when=when, least_busy=True)
    async with Engine(config, load()[0], paths, origin="script", home=home) as engine:
        (run,) = await engine.start_runs(CommandSpec("echo x >>trace"), ["gpu01", "gpu02"],
                                         plan=plan)
        await run.done.wait()

asyncio.run(main())
"""


def crash(farm: SSHFarm, die_when: str, when: str) -> None:
    died = subprocess.run(
        [sys.executable, "-c", _DYING, die_when, when],
        env=environment(farm),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()


def traces(farm: SSHFarm) -> list[str]:
    files = [farm.hosts[name].home / "trace" for name in ("gpu01", "gpu02")]
    return [file.read_text() if file.exists() else "" for file in files]


async def test_a_waiting_run_of_a_killed_engine_waits_on_in_the_next(farm: SSHFarm) -> None:
    add_gpu_host(farm, "gpu01", BUSY)
    second = add_gpu_host(farm, "gpu02", BUSY)
    crash(farm, "waits", "gpu>=1")

    async with engine(farm) as running:
        (run,) = await running.adopt()
        await until(running, run, "waits for a host with gpu>=1")
        before = run.record
        show_gpus(second, IDLE)
        record: RunRecord = await ended(run)

    assert (before.host, before.state) == ("gpu[01-02]", RunState.QUEUED)
    assert (record.host, record.state) == ("gpu02", RunState.SUCCEEDED)
    assert traces(farm) == ["", "x\n"]


async def test_a_run_that_was_placed_before_the_crash_runs_there_once(farm: SSHFarm) -> None:
    add_gpu_host(farm, "gpu01", IDLE)
    add_gpu_host(farm, "gpu02", BUSY)
    crash(farm, "placed", "gpu>=1")

    async with engine(farm) as running:
        (run,) = await running.adopt()
        record = await ended(run)

    assert (record.host, record.state) == ("gpu01", RunState.SUCCEEDED)
    assert record.placed.startswith("0 runs, 1 of 1 GPUs free")
    assert traces(farm) == ["x\n", ""]
