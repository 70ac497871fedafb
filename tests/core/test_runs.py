"""Runs: how they start, end, are stopped, and what each end is called."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from lazytui.core.model import HostState, RunState
from lazytui.errors import ConnectError, UsageError
from tests.disks import fill, small_disk
from tests.engines import (
    ended,
    engine_on,
    grown,
    lazytui_started,
    output,
    paths_of,
    start,
    until,
)
from tests.leftovers import is_alive

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.core.runs import LiveRun
    from tests.sshd import SSHFarm, SSHHost

MIB = 1 << 20


def identity(host: SSHHost, run: LiveRun) -> Path:
    return host.home / ".local/state/lazytui/jobs" / run.job_id / "id"


# --- how a run ends --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "state", "status", "reason"),
    [
        ("true", RunState.SUCCEEDED, 0, ""),
        ("exit 77", RunState.FAILED, 77, ""),
        ("kill -KILL $$", RunState.FAILED, 137, "killed by SIGKILL"),
        ("kill -SEGV $$", RunState.FAILED, 139, "killed by SIGSEGV"),
        ("no-such-program", RunState.FAILED, 127, ""),
    ],
)
async def test_the_exit_status_is_the_commands_own(
    farm: SSHFarm, command: str, state: RunState, status: int, reason: str
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        record = await ended(await start(engine, "gpu01", command))
        kept = await engine.journal.record(record.run_id)

    assert (record.state, record.exit_status, record.reason) == (state, status, reason)
    assert kept.state is state
    assert kept.exit_status == status
    assert record.started is not None
    assert record.seconds is not None


async def test_where_with_what_and_on_what_a_command_runs_can_be_said(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    (host.home / "work").mkdir()

    async with engine_on(farm) as engine:
        command = 'pwd; echo "$COLOUR"; test -t 1 && echo terminal'
        told = await start(
            engine, "gpu01", command, cwd="work", env={"COLOUR": "dark red"}, tty=True
        )
        plain = await start(engine, "gpu01", command)
        nowhere = await start(engine, "gpu01", command, cwd="no/such/folder")
        for run in (told, plain, nowhere):
            await ended(run)

    assert output(told).split(b"\r\n") == [
        str(host.home / "work").encode(), b"dark red", b"terminal", b""
    ]  # fmt: skip
    assert output(plain) == str(host.home).encode() + b"\n\n"
    assert (nowhere.record.state, nowhere.record.exit_status) == (RunState.FAILED, None)
    assert nowhere.record.reason.startswith("not started: no/such/folder")


async def test_a_run_on_a_host_that_is_not_reached_fails_and_says_why(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")

    async with engine_on(farm) as engine:
        record = await ended(await start(engine, "gpu01", "true"))

    assert (record.state, record.exit_status) == (RunState.FAILED, None)
    assert record.reason == "not reached: refused"


async def test_a_screen_tries_an_inactive_host_again_for_a_new_run(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    host.stop()

    async with engine_on(farm, watching=True) as engine:
        await engine.detect(["gpu01"])
        assert engine.runtime("gpu01").state is HostState.INACTIVE
        host.start()
        record = await ended(await start(engine, "gpu01", "echo back"))

    assert record.state is RunState.SUCCEEDED


async def test_nothing_to_run_or_nowhere_to_run_is_refused(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")

    async with engine_on(farm) as engine:
        with pytest.raises(UsageError, match="empty"):
            await engine.run_command(" \n", ["gpu01"])
        with pytest.raises(UsageError, match="no host"):
            await engine.run_command("true", [])
        assert await engine.journal.records() == []


# --- output ----------------------------------------------------------------------------------


async def test_bytes_of_every_kind_reach_the_spool_as_they_are(farm: SSHFarm) -> None:
    farm.add("gpu01")
    octal = "".join(f"\\{value:03o}" for value in range(256))

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", f"printf '{octal}'; printf '\\342\\202'; echo x >&2")
        await ended(run)

    assert output(run) == bytes(range(256)) + b"\xe2\x82x\n"


async def test_fifty_megabytes_without_a_newline_reach_the_spool(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "head -c 50000000 /dev/zero | tr '\\0' x")
        await ended(run)

    assert Path(run.record.spool).stat().st_size == 50_000_000
    digest = hashlib.sha256()
    with open(run.record.spool, "rb") as spool:
        while block := spool.read(MIB):
            digest.update(block)
    assert digest.hexdigest() == hashlib.sha256(b"x" * 50_000_000).hexdigest()


async def test_two_hundred_megabytes_do_not_pile_up_in_memory(farm: SSHFarm) -> None:
    farm.add("gpu01")
    this = psutil.Process()

    async with engine_on(farm) as engine:
        await ended(await start(engine, "gpu01", "head -c 20000000 /dev/zero"))  # warm
        before = this.memory_info().rss
        run = await start(engine, "gpu01", "head -c 200000000 /dev/zero")
        peak = before
        with engine.events.subscribe() as events:
            while not run.done.is_set():
                await events.drain()
                peak = max(peak, this.memory_info().rss)

    assert Path(run.record.spool).stat().st_size == 200_000_000
    Path(run.record.spool).unlink()
    assert peak - before < 60 * MIB


async def test_a_full_disk_of_the_manager_stops_no_job_and_loses_no_byte(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    finished = host.home / "finished"
    paths = paths_of(farm)

    async with engine_on(farm) as engine:
        with small_disk(paths.spool_dir, "64k"), engine.events.subscribe() as events:
            ballast = fill(paths.spool_dir)
            command = f"head -c 30000 /dev/zero | tr '\\0' y; touch {finished}; exit 5"
            run = await start(engine, "gpu01", command)
            told = ""
            async with asyncio.timeout(20):
                while "cannot be saved" not in told or not finished.exists():
                    told += "".join(getattr(event, "text", "") for event in await events.drain())
                    if not finished.exists():
                        await asyncio.sleep(0.02)
            assert not run.done.is_set()
            ballast.unlink()
            record = await ended(run)
            saved = output(run)

    assert "No space left on device" in told
    assert (record.exit_status, saved) == (5, b"y" * 30000)


async def test_a_full_disk_under_the_journal_delays_the_end_and_changes_nothing(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")
    os.mkfifo(host.home / "go")
    state = paths_of(farm).state_dir
    told = ""

    with small_disk(state, "256k"):
        async with engine_on(farm) as engine:
            run = await start(engine, "gpu01", "read line <go; exit 6")
            async with asyncio.timeout(20):
                await run.settled.wait()
            ballast = fill(state)
            with engine.events.subscribe() as events:
                await asyncio.to_thread((host.home / "go").write_text, "\n")
                async with asyncio.timeout(20):
                    while "trying again" not in told:
                        told += "".join(getattr(e, "text", "") for e in await events.drain())
            assert not run.record.state.is_final
            ballast.unlink()
            record = await ended(run)
            kept = await engine.journal.record(run.run_id)

    assert "journal" in told
    assert (record.exit_status, kept.exit_status) == (6, 6)


async def test_a_run_does_not_start_on_a_host_whose_disk_is_full(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    trace = host.home / "trace"

    with small_disk(host.home / ".local/state/lazytui", "64k") as folder:
        (folder / "jobs").mkdir()
        fill(folder)
        async with engine_on(farm) as engine:
            record = await ended(await start(engine, "gpu01", f"touch {trace}"))
        left = [path.name for path in (folder / "jobs").iterdir()]

    assert (record.state, record.exit_status) == (RunState.FAILED, None)
    assert record.reason == "not started: no space on the host's disk"
    assert not trace.exists()
    assert left == []


async def test_a_disk_that_fills_up_meanwhile_costs_output_and_not_the_exit_status(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    with small_disk(host.home / ".local/state/lazytui", "256k"):
        async with engine_on(farm) as engine:
            command = "head -c 1000000 /dev/zero 2>/dev/null; exit 11"
            run = await start(engine, "gpu01", command)
            record = await ended(run)

    assert record.exit_status == 11
    assert "disk was full" in record.reason
    assert 0 < len(output(run)) < 1_000_000


# --- stopping --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143), ("KILL", 137)])
async def test_a_stopped_run_is_cancelled_with_its_exit_status(
    farm: SSHFarm, name: str, status: int
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo ready; exec sleep 60")
        await grown(engine, run, 6)
        answer = await engine.stop_run(run.run_id, name)
        record = await ended(run)
        again = await engine.stop_run(run.run_id, name)

    assert (answer, again) == ("sent", "ended")
    assert (record.state, record.exit_status) == (RunState.CANCELLED, status)
    assert f"SIG{name}" in record.reason


async def test_a_command_that_tidies_up_when_stopped_is_cancelled_with_its_own_status(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(
            engine, "gpu01", "trap 'echo bye; exit 3' TERM; echo ready; sleep 60 & wait"
        )
        await grown(engine, run, 6)
        await engine.stop_run(run.run_id, "TERM")
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.CANCELLED, 3)
    assert output(run) == b"ready\nbye\n"


async def test_a_signal_that_asks_for_no_end_makes_no_later_failure_a_cancellation(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "trap 'exit 4' USR1; echo ready; sleep 60 & wait")
        await grown(engine, run, 6)
        await engine.stop_run(run.run_id, "USR1")
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.FAILED, 4)


async def test_a_run_stopped_before_its_host_was_reached_never_starts(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    host.pause()

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "touch trace")
        answer = await engine.stop_run(run.run_id)
        record = await ended(run)
        host.resume()
        await ended(await start(engine, "gpu01", "true"))

    assert answer == "cancelled"
    assert (record.state, record.reason) == (RunState.CANCELLED, "cancelled before it started")
    assert not (host.home / "trace").exists()


async def test_a_stop_that_meets_the_start_is_never_lost(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        await engine.detect()
        for turns in range(12):  # stop at each of the first steps of the way to the host
            run = await start(engine, "gpu01", f"touch trace{turns}; exec sleep 60")
            for _ in range(turns):
                await asyncio.sleep(0)
            answer = await engine.stop_run(run.run_id, "KILL")
            record = await ended(run)

            assert record.state is RunState.CANCELLED
            assert answer in ("sent", "cancelled")
            if answer == "cancelled":
                assert record.exit_status is None
                assert not (host.home / f"trace{turns}").exists()


async def test_a_run_that_another_process_drives_can_be_stopped(farm: SSHFarm) -> None:
    farm.add("gpu01")

    with lazytui_started(farm, "run", "-w", "gpu01", "--", "echo ready; exec sleep 60") as owner:
        try:
            assert owner.stdout is not None
            owner.stdout.readline()
            async with engine_on(farm) as engine:
                (record,) = await engine.journal.records()
                answer = await engine.stop_run(record.run_id, "TERM")
                owner.wait(20)
                record = await engine.journal.record(record.run_id)
        finally:
            owner.kill()

    assert (answer, owner.returncode) == ("sent", 1)
    assert (record.state, record.exit_status) == (RunState.CANCELLED, 143)


async def test_a_stop_of_a_run_whose_host_is_gone_says_so_and_changes_nothing(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo ready; sleep 0.3; exit 2")
        await grown(engine, run, 6)
        host.stop()
        await until(engine, run, "connection lost")
        with pytest.raises(ConnectError, match="refused"):
            await engine.stop_run(run.run_id)
        host.start()
        record = await ended(run)

    assert (record.exit_status, record.reason) == (2, "")
    assert record.state is RunState.FAILED


async def test_a_process_that_is_not_the_jobs_own_is_never_signalled(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    foreign = subprocess.Popen(["sleep", "60"], start_new_session=True)

    try:
        async with engine_on(farm) as engine:
            run = await start(engine, "gpu01", "echo ready; exec sleep 60")
            await grown(engine, run, 6)
            true_words = identity(host, run).read_text()
            words = true_words.split()
            words[0] = str(foreign.pid)  # as if the pid had been given to somebody else
            identity(host, run).write_text("{} {} {}\n{} {}\n".format(*words))
            answer = await engine.stop_run(run.run_id, "KILL")
            assert is_alive(foreign.pid)
            identity(host, run).write_text(true_words)
            await engine.stop_run(run.run_id, "KILL")
            await ended(run)
    finally:
        foreign.kill()
        foreign.wait()

    assert answer != "sent"


async def test_an_unknown_signal_or_run_is_refused(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "sleep 60")
        with pytest.raises(UsageError, match="no signal STOP"):
            await engine.stop_run(run.run_id, "STOP")
        with pytest.raises(UsageError, match="no run"):
            await engine.stop_run("f" * 32)
        await engine.stop_run(run.run_id, "KILL")
        await ended(run)


# --- many ------------------------------------------------------------------------------------


async def all_ended(engine: Engine, runs: list[LiveRun]) -> None:
    async with asyncio.timeout(90):
        await asyncio.gather(*(run.done.wait() for run in runs))


async def test_twenty_runs_at_once_share_one_session_of_a_host(farm: SSHFarm) -> None:
    host = farm.add("gpu01", options=["MaxSessions 10"])

    async with engine_on(farm) as engine:
        runs = [await start(engine, "gpu01", f"sleep 0.3; echo {n}") for n in range(20)]
        await all_ended(engine, runs)

    assert [output(run) for run in runs] == [b"%d\n" % n for n in range(20)]
    assert host.connections() == 1
    assert host.log.read_text().count("Starting session") == 1


async def test_a_broadcast_is_one_task_with_a_run_on_each_host(farm: SSHFarm) -> None:
    hosts = [host.name for host in farm.add_many("node", 64)]

    async with engine_on(farm) as engine:
        records = await engine.run_command("echo hi", hosts)
        await all_ended(engine, [run for r in records if (run := engine.runs.live(r.run_id))])
        kept = await engine.journal.records()

    assert [record.host for record in kept] == hosts
    assert {record.task_id for record in kept} == {records[0].task_id}
    assert {record.state for record in kept} == {RunState.SUCCEEDED}
    assert all(Path(record.spool).read_bytes() == b"hi\n" for record in kept)


async def test_a_host_keeps_nothing_of_runs_that_have_ended(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        runs = [await start(engine, "gpu01", f"echo {n}") for n in range(3)]
        await all_ended(engine, runs)

    assert list((host.home / ".local/state/lazytui/jobs").iterdir()) == []
