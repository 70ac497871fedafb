"""How a task is spread over hosts: batches, turns, time limits, failures, crashes in between."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import HostState, Metrics, RunState, RuntimeInfo
from lazytui.core.placement import least_busy
from lazytui.core.plan import (
    AT_ONCE,
    Plan,
    caution,
    cautions,
    read_environment,
    read_limits,
    read_seconds,
)
from lazytui.core.task import CommandSpec
from lazytui.errors import UsageError
from tests.engines import ended, engine_on, environment, grown, lazytui, output, start, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lazytui.core.engine import Engine
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from tests.sshd import SSHFarm

GIB = 1 << 30
NAMES = ["gpu01", "gpu02", "gpu03"]


# --- the plan itself -------------------------------------------------------------------------


def test_batches_keep_the_order_of_the_hosts_and_the_last_one_may_be_smaller() -> None:
    hosts = ["e", "d", "c", "b", "a"]

    assert Plan(batch=2).batches(hosts) == [["e", "d"], ["c", "b"], ["a"]]
    assert Plan(batch=9).batches(hosts) == [hosts]
    assert AT_ONCE.batches(hosts) == [hosts]
    assert AT_ONCE.batches([]) == []


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", (None, None)),
        ("5m", (300.0, None)),
        ("task 2h", (None, 7200.0)),
        ("5m task 2h", (300.0, 7200.0)),
        (" 90 , Task 1d ", (90.0, 86_400.0)),
    ],
)
def test_limits_of_time_are_read_and_written(
    text: str, limits: tuple[float | None, float | None]
) -> None:
    timeout_s, task_timeout_s = read_limits(text)

    assert (timeout_s, task_timeout_s) == limits
    assert read_limits(Plan(timeout_s=timeout_s, task_timeout_s=task_timeout_s).limits) == limits


@pytest.mark.parametrize("text", ["task", "soon", "5m task", "task soon", "5m 2h"])
def test_a_limit_of_time_that_cannot_be_read_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        read_limits(text)


@pytest.mark.parametrize(
    "plan", [AT_ONCE, Plan(3), Plan(0, True), Plan(1, True, 2.5), Plan(task_timeout_s=9.0)]
)
def test_a_plan_is_read_back_from_the_step_that_keeps_it(plan: Plan) -> None:
    step = plan.to_step({"kind": "command", "command": "true"})

    assert Plan.from_step(step) == plan
    assert ("plan" in step) == (plan != AT_ONCE)


def test_a_plan_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert Plan.from_step({"plan": {"batch": 2, "phase": "moon"}}) == Plan(2)


def test_a_batch_of_less_than_no_host_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        Plan(batch=-1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("90s", 90),
        ("5m", 300),
        ("1.5h", 5400),
        ("2D", 172_800),
        (" 1 s ", 1),
        ("", None),
    ],
)
def test_times_are_read_with_their_units(text: str, seconds: float | None) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0", "soon", "-5", "5 years", "1e9", "inf", "9" * 400])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time"):
        read_seconds(text)


def test_variables_are_names_with_any_value() -> None:
    assert read_environment(["A=1=2", "_b=", "C3= x "]) == {"A": "1=2", "_b": "", "C3": " x "}
    for word in ("A", "=1", "1A=2", "A-B=1", "Ä=1"):
        with pytest.raises(UsageError, match="NAME=VALUE"):
            read_environment([word])


# --- where -----------------------------------------------------------------------------------


@dataclass
class Host:
    host: str
    alive_runs: int = 0
    free: int | None = None
    state: HostState = HostState.ACTIVE
    reason: str = ""
    info: RuntimeInfo | None = None
    disk: float = 0.1

    @property
    def metrics(self) -> Metrics | None:
        if self.free is None:
            return None
        disk_used = round(100 * self.disk)
        return Metrics(0.0, 0.0, 0.0, 64 * GIB - self.free, 64 * GIB, disk_used, 100, 0.0, 0.0)


def test_the_least_busy_host_is_chosen_with_the_reason() -> None:
    hosts = [Host("a", 2, 60 * GIB), Host("b", 1, 10 * GIB), Host("c", 1, 40 * GIB), Host("d", 3)]

    chosen = least_busy(hosts)

    assert (chosen.host, chosen.why) == ("c", "1 run, 40G memory free")


def test_memory_counts_as_free_while_there_is_no_sample() -> None:
    hosts = [Host("a"), Host("b", info=RuntimeInfo("Linux", 4, 8 * GIB, "3.11"))]

    assert least_busy(hosts).why == "0 runs, 8.0G memory free"
    assert least_busy(hosts[:1]).why == "0 runs"


def test_a_host_that_is_not_active_is_never_the_least_busy() -> None:
    with pytest.raises(UsageError, match="active"):
        least_busy([Host("a", state=HostState.STALE), Host("b", state=HostState.INACTIVE)])


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (Host("a", free=GIB), ""),
        (Host("a", free=GIB, disk=0.9), ""),
        (Host("a", free=GIB, disk=0.91), "disk 91% full"),
        (Host("a", state=HostState.INACTIVE, reason="no \x1b[31manswer"), "down (no answer)"),
        (Host("a", state=HostState.STALE, reason="x"), "not answering just now"),
        (Host("a", state=HostState.CONNECTING), ""),
    ],
)
def test_what_speaks_against_a_host_is_said_in_a_few_words(host: Host, text: str) -> None:
    assert caution(host) == text


def test_hosts_with_the_same_trouble_are_named_together() -> None:
    off = {"state": HostState.INACTIVE, "reason": "refused"}
    hosts = [
        Host("node07", **off), Host("gpu01"), Host("node08", **off),
        Host("gpu03", free=GIB, disk=0.91), Host("gpu04", state=HostState.STALE),
    ]  # fmt: skip

    assert cautions(hosts) == [
        "node[07-08] are down (refused)",
        "gpu03 disk is 91% full",
        "gpu04 is not answering just now",
    ]


# --- batches on hosts ------------------------------------------------------------------------


@asynccontextmanager
async def engine_on_three(farm: SSHFarm) -> AsyncIterator[Engine]:
    for name in NAMES:
        if name not in farm.hosts:
            farm.add(name)
    async with engine_on(farm) as engine:
        yield engine


async def begin(engine: Engine, command: str, plan: Plan) -> list[LiveRun]:
    return await engine.start_runs(CommandSpec(command), NAMES, plan=plan)


async def all_ended(runs: list[LiveRun]) -> list[RunRecord]:
    return [await ended(run) for run in runs]


def spans(records: list[RunRecord]) -> list[tuple[float, float]]:
    assert all(record.started and record.ended for record in records), records
    return [(record.started or 0, record.ended or 0) for record in records]


async def test_a_batch_begins_when_the_one_before_is_over(farm: SSHFarm) -> None:
    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "sleep 0.2", Plan(batch=2))
        await until(engine, runs[2], "waits for batch 1")
        kept = await engine.journal.record(runs[2].run_id)
        first, second, third = spans(await all_ended(runs))

    assert (kept.state, kept.reason) == (RunState.QUEUED, "waits for batch 1")
    assert first[0] < second[1]
    assert second[0] < first[1]
    assert third[0] >= max(first[1], second[1])
    assert [run.record.reason for run in runs] == ["", "", ""]


async def test_one_at_a_time_goes_on_after_failures_when_nobody_said_otherwise(
    farm: SSHFarm,
) -> None:
    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "exit 4", Plan(batch=1))
        records = await all_ended(runs)

    assert [record.exit_status for record in records] == [4, 4, 4]
    at = spans(records)
    assert at[0][1] <= at[1][0]
    assert at[1][1] <= at[2][0]


async def test_a_failure_keeps_those_from_starting_that_have_not_when_asked_for(
    farm: SSHFarm,
) -> None:
    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "echo x >>trace; exit 3", Plan(batch=1, stop_on_failure=True))
        records = await all_ended(runs)
        kept = await engine.journal.records()

    assert [record.state for record in records] == [
        RunState.FAILED, RunState.CANCELLED, RunState.CANCELLED
    ]  # fmt: skip
    assert [record.reason for record in records[1:]] == [
        "not started, as gpu01 failed with exit 3"
    ] * 2
    assert [record.state for record in kept] == [record.state for record in records]
    assert [(farm.hosts[name].home / "trace").exists() for name in NAMES] == [True, False, False]


async def test_a_host_that_is_not_reached_counts_as_a_failure(farm: SSHFarm) -> None:
    farm.add("gpu01").stop()

    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "true", Plan(batch=1, stop_on_failure=True))
        records = await all_ended(runs)

    assert records[0].reason.startswith("not reached")
    assert records[1].reason == "not started, as gpu01 failed"


async def test_what_runs_already_is_not_stopped_by_the_failure_of_another(farm: SSHFarm) -> None:
    async with engine_on_three(farm) as engine:
        await engine.detect()
        home = farm.hosts["gpu01"].home
        command = f'test "$HOME" = {home} || {{ sleep 0.5; exit 0; }}; sleep 0.2; exit 1'
        runs = await begin(engine, command, Plan(stop_on_failure=True))
        records = await all_ended(runs)

    assert [record.state for record in records] == [
        RunState.FAILED, RunState.SUCCEEDED, RunState.SUCCEEDED
    ]  # fmt: skip


async def test_one_that_waits_for_its_turn_can_be_stopped_here(farm: SSHFarm) -> None:
    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "sleep 0.3", Plan(batch=1))
        await until(engine, runs[1], "waits for batch 1")
        answer = await engine.stop_run(runs[1].run_id)
        records = await all_ended(runs)

    assert answer == "cancelled"
    assert [record.state for record in records] == [
        RunState.SUCCEEDED, RunState.CANCELLED, RunState.SUCCEEDED
    ]  # fmt: skip


async def test_one_that_waits_for_its_turn_can_be_stopped_by_another_process(
    farm: SSHFarm,
) -> None:
    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "while ! test -e go; do sleep 0.05; done", Plan(batch=1))
        await until(engine, runs[1], "waits for batch 1")
        stopped = await asyncio.to_thread(lazytui, farm, "stop", runs[1].run_id)
        for name in NAMES:
            (farm.hosts[name].home / "go").touch()
        records = await all_ended(runs)

    assert stopped.returncode == 0, stopped.stderr
    assert [record.state for record in records] == [
        RunState.SUCCEEDED, RunState.CANCELLED, RunState.SUCCEEDED
    ]  # fmt: skip


async def test_nobody_waits_for_news_of_a_run_whose_turn_has_not_come(farm: SSHFarm) -> None:
    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "while ! test -e go; do sleep 0.05; done", Plan(batch=1))
        async with asyncio.timeout(20):
            await engine.runs.caught_up(runs[2])
        for name in NAMES:
            (farm.hosts[name].home / "go").touch()
        await all_ended(runs)


# --- crashes ---------------------------------------------------------------------------------

_DYING = """
import asyncio, os, signal, sys
from lazytui.core.engine import Engine
from lazytui.core.model import RunState
from lazytui.core.paths import Paths
from lazytui.core.plan import Plan
from lazytui.core.settings import Settings
from lazytui.core.task import CommandSpec
from lazytui.ssh.config import SSHConfig

async def main():
    paths = Paths.of_user()
    paths.create()
    at, stop, command, *hosts = sys.argv[1:]
    plan = Plan(batch=1, stop_on_failure=stop == "stop")
    async with Engine(SSHConfig.load(), Settings(), paths, origin="script") as engine:
        runs = await engine.start_runs(CommandSpec(command), hosts, plan=plan)
        with engine.events.subscribe() as events:
            while runs[int(at)].record.state is RunState.QUEUED:
                await events.drain()
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def crash_when_it_runs(farm: SSHFarm, at: int, command: str, *, stop: bool) -> None:
    """Run a task one host at a time in an engine that dies when its run ``at`` has started."""
    died = subprocess.run(
        [sys.executable, "-c", _DYING, str(at), "stop" if stop else "go on", command, *NAMES],
        env=environment(farm),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()


@pytest.mark.parametrize("at", [0, 1])
async def test_later_batches_of_a_killed_engine_keep_their_order(farm: SSHFarm, at: int) -> None:
    for name in NAMES:
        farm.add(name)
    crash_when_it_runs(farm, at, "echo x >>trace; sleep 0.5", stop=False)

    async with engine_on(farm) as engine:
        adopted = await engine.adopt()
        await until(engine, adopted[-1], "waits for batch 2")
        before = await engine.journal.records()
        await all_ended(adopted)
        records = await engine.journal.records()

    assert [record.state for record in before[at + 1 :]] == [RunState.QUEUED] * (2 - at)
    assert [record.state for record in records] == [RunState.SUCCEEDED] * 3
    times = spans(records)
    assert times[0][1] <= times[1][0]
    assert times[1][1] <= times[2][0]
    assert [(farm.hosts[name].home / "trace").read_text() for name in NAMES] == ["x\n"] * 3


async def test_the_stop_rule_of_a_killed_engine_still_holds(farm: SSHFarm) -> None:
    for name in NAMES:
        farm.add(name)
    crash_when_it_runs(farm, 0, "echo x >>trace; sleep 0.5; exit 6", stop=True)

    async with engine_on(farm) as engine:
        await all_ended(await engine.adopt())
        records = await engine.journal.records()

    assert [record.state for record in records] == [
        RunState.FAILED, RunState.CANCELLED, RunState.CANCELLED
    ]  # fmt: skip
    assert records[2].reason == "not started, as gpu01 failed with exit 6"
    assert not (farm.hosts["gpu02"].home / "trace").exists()


async def test_a_failure_that_was_recorded_before_the_crash_is_heeded_after_it(
    farm: SSHFarm,
) -> None:
    async with engine_on_three(farm) as engine:
        runs = await begin(engine, "sleep 0.5", Plan(batch=1, stop_on_failure=True))
        await until(engine, runs[2], "waits for batch 2")
        await engine.journal.update_run(runs[0].run_id, state=RunState.FAILED, exit_status=1)

    async with engine_on(farm) as engine:
        records = await all_ended(await engine.adopt())

    assert [record.state for record in records] == [RunState.CANCELLED] * 2
    assert records[0].reason == "not started, as gpu01 failed with exit 1"


# --- time ------------------------------------------------------------------------------------


async def test_a_run_whose_time_is_over_is_interrupted(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(
            CommandSpec("trap 'echo bye; exit 7' INT; echo up; while :; do sleep 0.05; done"),
            ["gpu01"],
            plan=Plan(timeout_s=0.5),
        )
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.FAILED, 7)
    assert record.reason == "timed out after 0.5 s"
    assert output(run) == b"up\nbye\n"


async def test_one_that_does_not_heed_the_interrupt_is_killed(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lazytui.core.deadline.GRACE_S", 0.3)
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(
            CommandSpec("trap '' INT; while :; do sleep 0.05; done"),
            ["gpu01"],
            plan=Plan(timeout_s=0.3),
        )
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.FAILED, 137)
    assert record.reason == "timed out after 0.3 s"


async def test_one_that_ends_in_time_ends_as_ever(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(
            CommandSpec("exit 5"), ["gpu01"], plan=Plan(timeout_s=60.0)
        )
        record = await ended(run)

    assert (record.state, record.exit_status, record.reason) == (RunState.FAILED, 5, "")


async def test_the_time_of_a_run_goes_on_when_its_engine_has_ended(farm: SSHFarm) -> None:
    farm.add("gpu01")
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(
            CommandSpec("echo up; exec sleep 60"), ["gpu01"], plan=Plan(timeout_s=1.0)
        )
        await grown(engine, run, 3)

    async with engine_on(farm) as engine:
        (adopted,) = await engine.adopt()
        record = await ended(adopted)

    assert (record.state, record.exit_status) == (RunState.FAILED, 130)
    assert record.reason == "timed out after 1 s"


@pytest.mark.parametrize("jump_s", [-86_400, 86_400], ids=["a day back", "a day on"])
async def test_a_clock_that_jumps_ends_no_run_and_makes_no_time_negative(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    host = farm.add("gpu01")
    now = time.time
    async with engine_on(farm) as engine:
        command = CommandSpec("echo up; while [ ! -e go ]; do sleep 0.02; done")
        (run,) = await engine.start_runs(command, ["gpu01"], plan=Plan(timeout_s=60.0))
        await grown(engine, run, 3)
        monkeypatch.setattr(time, "time", lambda: now() + jump_s)
        (host.home / "go").touch()
        record = await ended(run)

    assert record.state is RunState.SUCCEEDED
    assert record.seconds is not None
    assert record.seconds >= 0


async def test_a_clock_that_was_set_back_gives_a_run_no_more_time(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.add("gpu01")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 86_400)
    async with engine_on(farm) as engine:
        command = CommandSpec("echo up; exec sleep 60")
        (run,) = await engine.start_runs(command, ["gpu01"], plan=Plan(timeout_s=0.5))
        await grown(engine, run, 3)
    monkeypatch.setattr(time, "time", now)

    async with engine_on(farm) as engine:
        for adopted in await engine.adopt():
            await ended(adopted)
        record = await engine.journal.record(run.run_id)

    assert record.reason == "timed out after 0.5 s"


async def test_a_run_that_was_signalled_by_a_dead_engine_is_still_called_timed_out(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(
            CommandSpec("trap 'sleep 0.5; exit 9' INT; echo up; while :; do sleep 0.05; done"),
            ["gpu01"],
            plan=Plan(timeout_s=0.3),
        )
        await until(engine, run, "timing out (INT)")

    async with engine_on(farm) as engine:
        adopted = await engine.adopt()
        for again in adopted:
            await ended(again)
        record = await engine.journal.record(run.run_id)

    assert (record.state, record.exit_status) == (RunState.FAILED, 9)
    assert record.reason == "timed out after 0.3 s"


@pytest.mark.parametrize("batch", [0, 1])
async def test_the_time_of_a_task_ends_what_runs_and_starts_no_more(
    farm: SSHFarm, batch: int
) -> None:
    for name in NAMES:
        farm.add(name)

    async with engine_on(farm) as engine:
        plan = Plan(batch=batch, task_timeout_s=1.0)
        records = await all_ended(await begin(engine, "echo up; exec sleep 60", plan))

    over = "the time of its task, 1 s, was over"
    ended_by_time = (RunState.FAILED, 130, f"timed out: {over}")
    not_started = (RunState.CANCELLED, None, f"not started: {over}")
    told = [(record.state, record.exit_status, record.reason) for record in records]
    assert told == [ended_by_time, *([not_started] * 2 if batch else [ended_by_time] * 2)]


async def test_the_time_of_a_task_counts_from_its_first_start_not_from_the_queue(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        before = await start(engine, "gpu01", "exec sleep 1.5")
        (run,) = await engine.start_runs(
            CommandSpec("true"),
            ["gpu01"],
            plan=Plan(after=before.record.task_id, task_timeout_s=1.0),
        )
        record = await ended(run)

    assert (record.state, record.reason) == (RunState.SUCCEEDED, "")


async def test_a_batch_that_ends_in_the_time_of_its_task_ends_as_ever(farm: SSHFarm) -> None:
    for name in NAMES:
        farm.add(name)

    async with engine_on(farm) as engine:
        plan = Plan(batch=1, task_timeout_s=60.0)
        records = await all_ended(await begin(engine, "exit 3", plan))

    assert [(record.state, record.exit_status) for record in records] == [(RunState.FAILED, 3)] * 3


async def test_the_time_of_a_task_goes_on_when_its_engine_has_ended(farm: SSHFarm) -> None:
    for name in NAMES[:2]:
        farm.add(name)
    async with engine_on(farm) as engine:
        plan = Plan(batch=1, task_timeout_s=1.0)
        runs = await engine.start_runs(CommandSpec("echo up; exec sleep 60"), NAMES[:2], plan=plan)
        await grown(engine, runs[0], 3)

    async with engine_on(farm) as engine:
        records = await all_ended(await engine.adopt())

    assert [record.state for record in records] == [RunState.FAILED, RunState.CANCELLED]
    assert records[0].reason == "timed out: the time of its task, 1 s, was over"


# --- history ---------------------------------------------------------------------------------


async def test_history_has_each_command_once_the_newest_first(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add_refused("dead")

    async with engine_on(farm) as engine:
        await ended(await start(engine, "gpu01", "echo one"))
        await ended(await start(engine, "gpu01", "echo two"))
        for run in await engine.start_runs(CommandSpec("echo one"), ["gpu01", "dead"]):
            await ended(run)
        history = await engine.history()
        newest = await engine.history(1)

    assert [(past.command, past.hosts) for past in history] == [("echo one", 2), ("echo two", 1)]
    assert history[0].when >= history[1].when
    assert newest == history[:1]
