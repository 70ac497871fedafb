"""Nothing is lost, nothing is started twice, whatever breaks in the middle."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazytui.core.model import HostState, RunState
from tests.crashing import POINTS
from tests.engines import (
    QUICK,
    ended,
    engine_on,
    environment,
    grown,
    lazytui,
    lazytui_started,
    noisy,
    output,
    start,
    until,
)
from tests.evil import resets, tcp_peer
from tests.leftovers import kill

if TYPE_CHECKING:
    import threading

    from tests.sshd import SSHFarm, SSHHost

BLOCKS, BLOCK = 24, 32768


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def jobs(host: SSHHost) -> Path:
    return host.home / ".local" / "state" / "lazytui" / "jobs"


# --- the connection --------------------------------------------------------------------------


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 2**32),
    status=st.integers(0, 255),
    cuts=st.lists(st.integers(0, BLOCKS * BLOCK), min_size=1, max_size=3).map(sorted),
)
async def test_sshd_may_be_killed_at_any_byte_and_no_byte_nor_the_exit_status_is_lost(
    farm: SSHFarm, seed: int, status: int, cuts: list[int]
) -> None:
    host = farm.hosts.get("gpu01") or farm.add("gpu01")
    command, wanted = noisy(seed, blocks=BLOCKS, size=BLOCK, pause=0.005, status=status)

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", command)
        for cut in cuts:
            await grown(engine, run, cut)
            host.kill_sessions()
        record = await ended(run)

    assert sha256(output(run)) == sha256(wanted)
    assert record.exit_status == status
    assert record.state is (RunState.FAILED if status else RunState.SUCCEEDED)


async def test_a_black_hole_makes_no_byte_come_twice_when_it_opens_again(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    command, wanted = noisy(3, blocks=40, pause=0.02, status=5)
    impatient = replace(QUICK, connect=replace(QUICK.connect, keepalive_s=0.2, keepalive_count=2))

    async with engine_on(farm, settings=impatient) as engine:
        run = await start(engine, "gpu01", command)
        await grown(engine, run, 200_000)
        host.pause()
        await until(engine, run, "connection lost")
        host.resume()
        record = await ended(run)

    assert sha256(output(run)) == sha256(wanted)
    assert (record.state, record.exit_status) == (RunState.FAILED, 5)


async def test_a_reset_connection_is_known_at_once_and_costs_nothing(farm: SSHFarm) -> None:
    host = farm.add("gpu01-behind", known=False)
    command, wanted = noisy(5, blocks=40, pause=0.02, status=4)
    deaf = replace(QUICK, connect=replace(QUICK.connect, keepalive_s=600.0))
    cuts: list[threading.Event] = []

    with tcp_peer(resets((host.address, host.port), cuts)) as peer:
        farm.add_odd("gpu01", replace(peer, public_key=host.public_key))
        async with engine_on(farm, settings=deaf) as engine:
            run = await start(engine, "gpu01", command)
            await grown(engine, run, 200_000)
            cuts[0].set()
            await until(engine, run, "connection lost")
            record = await ended(run)

    assert sha256(output(run)) == sha256(wanted)
    assert (record.state, record.exit_status) == (RunState.FAILED, 4)


async def test_bytes_that_are_no_text_harm_no_other_run_of_the_connection(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        beside = await start(engine, "gpu01", "echo one; while [ ! -e go ]; do sleep 0.02; done")
        await grown(engine, beside, 4)
        binary = await start(engine, "gpu01", "printf '\\377\\200\\000\\303'; printf '\\251'")
        await ended(binary)
        (host.home / "go").touch()
        record = await ended(beside)

    assert output(binary) == b"\xff\x80\x00\xc3\xa9"
    assert (record.state, output(beside)) == (RunState.SUCCEEDED, b"one\n")
    assert host.connections() == 1


async def test_a_job_whose_start_was_never_answered_is_not_started_again(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    traces = host.home / "traces"

    async with engine_on(farm) as engine:
        await engine.detect()
        agent = engine.runtime("gpu01").agent
        assert agent is not None
        run = await start(engine, "gpu01", f"echo started >>{traces}; sleep 0.3; echo end; exit 9")
        async with asyncio.timeout(20):
            while not traces.exists():  # it runs; whether the answer has come is chance
                await asyncio.sleep(0)
        host.kill_sessions()
        record = await ended(run)

    assert traces.read_text() == "started\n"
    assert (record.exit_status, output(run)) == (9, b"end\n")


async def test_a_spool_that_was_cut_by_somebody_is_filled_again_at_the_next_connection(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")
    command, wanted = noisy(4, blocks=30, pause=0.02)

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", command)
        await grown(engine, run, 100_000)
        host.kill_sessions()
        with open(run.record.spool, "r+b") as spool:
            spool.truncate(50_000)
        await ended(run)

    assert sha256(output(run)) == sha256(wanted)


# --- the manager -----------------------------------------------------------------------------


def crash(farm: SSHFarm, point: str, host: str, command: str) -> None:
    """Run a command in an engine that dies at a point."""
    died = subprocess.run(
        [sys.executable, "-m", "tests.crashing", point, host, command],
        env=environment(farm),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()


@pytest.mark.parametrize("point", POINTS)
async def test_an_engine_may_be_killed_at_any_point_and_its_run_ends_as_it_would_have(
    farm: SSHFarm, point: str
) -> None:
    host = farm.add("gpu01")
    traces = host.home / "traces"
    command, wanted = noisy(7, blocks=20, pause=0.02, status=6)
    crash(farm, point, "gpu01", f"echo started >>{traces}\n{command}")

    async with engine_on(farm) as engine:
        adopted = await engine.adopt()
        for run in adopted:
            await ended(run)
        (record,) = await engine.journal.records()

    assert traces.read_text() == "started\n"
    assert (record.state, record.exit_status) == (RunState.FAILED, 6)
    assert sha256(Path(record.spool).read_bytes()) == sha256(wanted)
    assert len(adopted) == (point != "unforgotten")


async def test_a_killed_engine_leaves_a_run_that_only_its_host_can_call_over(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")
    crash(farm, "answered", "gpu01", "sleep 0.2; echo end; exit 3")
    host.stop()

    async with engine_on(farm) as engine:
        (run,) = await engine.adopt()  # queued in the journal, but the host may know better
        await engine.detect(["gpu01"])
        assert engine.runtime("gpu01").state is HostState.INACTIVE
        assert not run.record.state.is_final
        host.start()
        record = await ended(run)

    assert (record.exit_status, output(run)) == (3, b"end\n")


def test_one_owner_after_the_other_may_be_killed_while_output_flows(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    traces = host.home / "traces"
    command, wanted = noisy(11, blocks=60, pause=0.05, status=12)
    words = ["run", "-w", "gpu01", "--", f"echo started >>{traces}\n{command}"]

    for size in (65_536, 400_000, 800_000, 1_200_000):
        with lazytui_started(farm, *words) as owner:
            assert owner.stdout is not None
            while size > 0:  # what it prints is in the spool
                size -= len(owner.stdout.read(min(size, 8192)))
            owner.kill()
        words = ["logs", "-f", "1"]
    last = lazytui(farm, "logs", "-f", "1")

    assert traces.read_text() == "started\n"
    assert sha256(last.stdout) == sha256(wanted)
    assert last.stderr == b"lazytui: gpu01: failed: exit 12\n"


async def test_a_living_owner_keeps_its_runs(farm: SSHFarm) -> None:
    farm.add("gpu01")

    with lazytui_started(farm, "run", "-w", "gpu01", "--", "echo ready; exec sleep 60") as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"ready\n"
            async with engine_on(farm) as engine:
                taken = await engine.adopt()
        finally:
            owner.kill()

    assert taken == []


async def test_of_two_processes_that_adopt_at_once_exactly_one_gets_each_run(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")
    traces = host.home / "traces"
    for point in ("journaled", "answered", "output"):
        crash(farm, point, "gpu01", f"echo {point} >>{traces}; echo x; sleep 0.5; exit 4")

    first, second = (lazytui_started(farm, "tasks", "--json") for _ in range(2))
    with first, second:
        first.wait(60)
        second.wait(60)
    async with engine_on(farm) as engine:
        for run in await engine.adopt():
            await ended(run)
        records = await engine.journal.records()

    assert sorted(traces.read_text().split()) == ["answered", "journaled", "output"]
    assert [record.exit_status for record in records] == [4, 4, 4]
    assert [Path(record.spool).read_bytes() for record in records] == [b"x\n"] * 3


async def test_an_engine_that_closes_lets_go_of_its_runs(farm: SSHFarm) -> None:
    farm.add("gpu01")
    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo one; sleep 0.3; echo two; exit 8")
        await grown(engine, run, 4)

    async with engine_on(farm) as engine:  # this process lives: its runs were given back
        (adopted,) = await engine.adopt()
        record = await ended(adopted)

    assert (record.run_id, record.exit_status) == (run.run_id, 8)
    assert output(run) == b"one\ntwo\n"


async def test_a_run_that_was_told_to_stop_is_cancelled_whoever_sees_its_end(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    command = "trap 'sleep 0.5; exit 9' INT; echo up; while :; do sleep 0.05; done"
    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", command)
        await grown(engine, run, 3)
        first = engine.runs.next_signal(run.record)
        await engine.stop_run(run.run_id, first)
        second = engine.runs.next_signal(run.record)

    async with engine_on(farm) as engine:
        (adopted,) = await engine.adopt()
        third = engine.runs.next_signal(adopted.record)
        record = await ended(adopted)

    assert (first, second, third) == ("INT", "KILL", "KILL")
    assert (record.state, record.exit_status) == (RunState.CANCELLED, 9)


# --- the host --------------------------------------------------------------------------------


async def test_a_run_on_a_host_that_was_rebooted_is_lost_and_keeps_its_output(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo before; exec sleep 60")
        await grown(engine, run, 7)
        host.stop()
        await until(engine, run, "connection lost")
        reboot(host, run.job_id)
        host.start()
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.LOST, None)
    assert "rebooted" in record.reason
    assert output(run) == b"before\n"


async def test_a_run_whose_folder_was_deleted_is_lost_and_keeps_its_output(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo before; exec sleep 60")
        await grown(engine, run, 7)
        host.stop()
        shutil.rmtree(jobs(host) / run.job_id)
        host.start()
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.LOST, None)
    assert record.reason == "the host no longer has the job"
    assert output(run) == b"before\n"


def reboot(host: SSHHost, job: str) -> None:
    """Make a job look as if it had been started before the last boot, its processes gone."""
    identity = jobs(host) / job / "id"
    command, leader = identity.read_text().splitlines()
    pid, began, boot = command.split()
    kill([int(leader.split()[0]), int(pid)])
    assert len(boot) == 36, boot
    identity.write_text(f"{pid} {began} {'0' * 8}{boot[8:]}\n{leader}\n")
