"""A task of several steps: in order, ended by the first that fails, picked up at any of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import RunState
from lazytui.core.task import Place, RuntimeTask
from lazytui.errors import UsageError
from tests.engines import ended, engine_on, grown

if TYPE_CHECKING:
    from tests.sshd import SSHFarm


def output_of(record: object) -> str:
    return Path(record.spool).read_text()  # type: ignore[attr-defined]


@pytest.mark.sshd
async def test_steps_run_in_order_into_one_output(farm: SSHFarm) -> None:
    farm.add("node01")
    task = RuntimeTask("three").run_command("echo one > f; echo 1")
    task.run_command("cat f; echo 2").run_command("echo 3; exit 4")
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(task, ["node01"])

        record = await ended(run)

    assert output_of(record) == "1\none\n2\n3\n"
    assert (record.state, record.exit_status) == (RunState.FAILED, 4)
    assert record.reason == "step 3 of 3 (run_command)"
    assert (record.name, record.step) == ("three", 2)


@pytest.mark.sshd
async def test_a_failing_step_ends_the_run_and_names_itself(farm: SSHFarm) -> None:
    host = farm.add("node01")
    task = RuntimeTask().run_command("echo 1").run_command("kill -9 $$").run_command("touch never")
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(task, ["node01"])

        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.FAILED, 137)
    assert record.reason == "step 2 of 3 (run_command): killed by SIGKILL"
    assert not (host.home / "never").exists()


@pytest.mark.sshd
async def test_a_step_is_read_on_after_the_connection_broke_in_it(farm: SSHFarm) -> None:
    host = farm.add("node01")
    lines = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i; sleep 0.02; done"
    task = RuntimeTask().run_command("echo first").run_command(lines).run_command("echo last")
    async with engine_on(farm, watching=True) as engine:
        (run,) = await engine.start_runs(task, ["node01"])
        await grown(engine, run, 30)
        host.kill_sessions()

        record = await ended(run)

    assert output_of(record) == "first\n" + "".join(f"{i}\n" for i in range(1, 61)) + "last\n"
    assert record.state is RunState.SUCCEEDED


@pytest.mark.sshd
async def test_the_next_engine_goes_on_at_the_step_and_does_none_twice(farm: SSHFarm) -> None:
    host = farm.add("node01")
    task = RuntimeTask().run_command("echo a >> done; echo first")
    task.run_command("echo b >> done; while [ ! -e go ]; do sleep 0.02; done; echo second")
    task.run_command("echo c >> done; echo third")
    async with engine_on(farm) as engine:
        (left,) = await engine.start_runs(task, ["node01"])
        async with asyncio.timeout(20):
            while not (host.home / "done").exists() or "b" not in (host.home / "done").read_text():
                await asyncio.sleep(0.02)
    assert not left.record.state.is_final
    (host.home / "go").touch()

    async with engine_on(farm) as engine:
        (run,) = await engine.adopt()
        record = await ended(run)

    assert record.state is RunState.SUCCEEDED
    assert output_of(record) == "first\nsecond\nthird\n"
    assert (host.home / "done").read_text() == "a\nb\nc\n"


@pytest.mark.sshd
async def test_stopping_ends_the_step_and_takes_no_other(farm: SSHFarm) -> None:
    host = farm.add("node01")
    task = RuntimeTask().run_command("echo 1").run_command("echo 2; exec sleep 60")
    task.run_command("touch never")
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(task, ["node01"])
        await grown(engine, run, 4)

        await engine.stop_run(run.run_id, "TERM")
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.CANCELLED, 143)
    assert not (host.home / "never").exists()


def test_an_empty_command_is_no_step() -> None:
    with pytest.raises(ValueError, match="needs a command"):
        RuntimeTask().run_command(" \n")


@pytest.mark.parametrize(
    "steps",
    [[], [{"kind": "dance"}], [{"kind": "command"}], [{"kind": "command", "command": 3}, 5]],
)
def test_steps_that_cannot_be_read_are_told(steps: list[object]) -> None:
    with pytest.raises(UsageError):
        RuntimeTask.from_steps(steps)  # type: ignore[arg-type]


@pytest.mark.sshd
async def test_steps_of_a_run_happen_in_its_place_and_so_after_a_new_engine(farm: SSHFarm) -> None:
    host = farm.add("node01")
    work = host.home / "work"
    (work / "sub").mkdir(parents=True)
    place = Place(str(work), {"A": "of the place", "B": "of the place"})
    task = RuntimeTask().run_command('pwd; echo "$WORKING_DIR $A $B"', cwd="sub", env={"B": "own"})
    task.run_command("touch begun; while [ ! -e go ]; do sleep 0.02; done")
    task.run_command('pwd; echo "$WORKING_DIR $A"')
    async with engine_on(farm) as engine:
        (left,) = await engine.start_runs(task, ["node01"], places={"node01": place})
        async with asyncio.timeout(20):
            while not (work / "begun").exists():
                await asyncio.sleep(0.02)
        steps = await engine.journal.begun_steps(left.run_id)
    (work / "go").touch()

    async with engine_on(farm) as engine:
        (run,) = await engine.adopt()
        record = await ended(run)
        done = await engine.journal.begun_steps(run.run_id)

    assert record.state is RunState.SUCCEEDED
    assert output_of(record).splitlines() == [
        f"{work}/sub",
        f"{work} of the place own",
        f"{work}",
        f"{work} of the place",
    ]
    assert [(step.step, step.state) for step in steps] == [
        (0, RunState.SUCCEEDED),
        (1, RunState.RUNNING),
    ]
    assert [step.state for step in done] == [RunState.SUCCEEDED] * 3
