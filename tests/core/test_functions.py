"""Functions as steps of a run: called on a real host, their returns read here."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lazytui.core import returns
from lazytui.core.model import RunState
from lazytui.core.task import Place, RuntimeTask
from lazytui.errors import FunctionError, UntrustedReturnError
from tests.crashing import POINTS
from tests.engines import QUICK, ended, engine_on, environment, grown, output, paths_of
from tests.remote.agent_process import interpreters

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.engine import Engine
    from lazytui.core.live_run import LiveRun
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

MIB = 1024 * 1024
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
OTHER = [version for version in interpreters() if version != HERE]


async def start(engine: Engine, function: Callable[..., Any], **arguments: Any) -> LiveRun:
    task = RuntimeTask().run_function(function, **arguments)
    (run,) = await engine.start_runs(task, ["node01"])
    return run


async def returned(run: LiveRun, *, trusted: bool = False) -> list[Any]:
    return await returns.values(await ended(run), run.steps, trusted=trusted)


async def test_a_function_is_called_and_its_return_is_here(farm: SSHFarm) -> None:
    farm.add("node01")

    def train(lr: float, *, epochs: int) -> dict[str, object]:
        print("training")
        return {"loss": lr * epochs, "where": sys.platform}

    async with engine_on(farm) as engine:
        run = await start(engine, train, lr=0.5, epochs=4)

        assert await returned(run) == [{"loss": 2.0, "where": sys.platform}]

    assert output(run) == b"training\n"
    assert run.record.name == "train(lr=0.5, epochs=4)"
    assert (run.record.state, run.record.exit_status) == (RunState.SUCCEEDED, 0)


async def test_functions_and_commands_take_turns_in_the_working_directory(farm: SSHFarm) -> None:
    work = farm.add("node01").home / "work"
    work.mkdir()

    def count() -> int:
        with open("lines") as lines:
            return len(lines.readlines())

    task = RuntimeTask().run_command("seq 3 > lines").run_function(count)
    task.run_command("echo more >> lines").run_function(count)
    task.run_function(lambda: os.environ["WORKING_DIR"])
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(task, ["node01"], places={"node01": Place(str(work))})

        assert await returned(run) == [3, 4, str(work)]


async def test_a_function_that_raises_ends_the_run_and_names_itself(farm: SSHFarm) -> None:
    host = farm.add("node01")

    def fails() -> None:
        raise ValueError("bad [red]rate\x1b]0;x\x07\nand more")

    task = RuntimeTask().run_command("echo 1").run_function(fails).run_command("touch never")
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(task, ["node01"])

        record = await ended(run)
        with pytest.raises(FunctionError, match="raised ValueError: bad") as caught:
            await returned(run)

    assert (record.state, record.exit_status) == (RunState.FAILED, 1)
    assert record.reason.startswith("step 2 of 3 (run_function): ValueError: bad [red]rate")
    assert "\x1b" not in record.reason
    assert "in fails" in caught.value.traceback
    assert b"Traceback (most recent call last)" in output(run)
    assert not (host.home / "never").exists()


@pytest.mark.parametrize("leave", [sys.exit, lambda: os._exit(0)], ids=["sys.exit", "os._exit"])
async def test_a_lost_return_never_looks_like_none(
    farm: SSHFarm, leave: Callable[[], object]
) -> None:
    farm.add("node01")
    async with engine_on(farm) as engine:
        run = await start(engine, leave)
        record = await ended(run)

        assert (record.state, record.exit_status) == (RunState.FAILED, 0)
        assert "without returning" in record.reason
        with pytest.raises(FunctionError, match="did not return"):
            await returned(run)


async def test_a_malicious_return_is_not_executed_and_the_run_stays_succeeded(
    farm: SSHFarm, tmp_path: Path
) -> None:
    farm.add("node01")
    marker = str(tmp_path / "marker")

    class Evil:
        def __reduce__(self) -> object:
            return os.system, (f"touch '{marker}'",)

    async with engine_on(farm) as engine:
        run = await start(engine, lambda: [1, Evil()])

        with pytest.raises(UntrustedReturnError, match=r"system.*trust_returns"):
            await returned(run)

    assert run.record.state is RunState.SUCCEEDED
    assert not Path(marker).exists()


@pytest.mark.parametrize("size", [1000, 200 * 1024, 256 * 1024, 3 * MIB])
async def test_returns_of_any_size_arrive_whole(farm: SSHFarm, size: int) -> None:
    farm.add("node01")
    data = os.urandom(size)
    async with engine_on(farm) as engine:
        run = await start(engine, lambda value: value[::-1], value=data)

        assert await returned(run) == [data[::-1]]


def waits() -> str:
    """Count the call, and wait for a file."""
    with open("calls", "a") as calls:
        calls.write("x")
    print("waiting", flush=True)
    while not os.path.exists("go"):
        time.sleep(0.02)
    print("went on")
    return "done"


async def test_a_function_outlives_connection_and_engine_and_is_called_once(farm: SSHFarm) -> None:
    host = farm.add("node01")
    async with engine_on(farm, watching=True) as engine:
        left = await start(engine, waits)
        await grown(engine, left, 8)
        host.kill_sessions()
        async with asyncio.timeout(20):
            with engine.events.subscribe() as events:
                while "connection lost" not in left.record.reason:
                    await events.drain()
    assert not left.record.state.is_final
    (host.home / "go").touch()

    async with engine_on(farm) as engine:
        (run,) = await engine.adopt()

        assert await returned(run) == ["done"]

    assert output(run) == b"waiting\nwent on\n"
    assert (host.home / "calls").read_text() == "x"


async def test_a_function_waits_for_its_host_without_its_maker(farm: SSHFarm) -> None:
    """A killed engine leaves a function whose turn has not come; the next one has only files."""
    host = farm.add("node01")
    task = RuntimeTask().run_command("while [ ! -e go ]; do sleep 0.02; done")
    task.run_function(lambda: "from the file")
    async with engine_on(farm) as engine:
        (left,) = await engine.start_runs(task, ["node01"])
        async with asyncio.timeout(20):
            await left.settled.wait()
    (host.home / "go").touch()

    async with engine_on(farm) as engine:
        (run,) = await engine.adopt()

        assert await returned(run) == ["from the file"]


async def test_stopping_interrupts_the_function(farm: SSHFarm) -> None:
    farm.add("node01")

    def never_returns() -> None:
        print("ready", flush=True)
        while True:
            time.sleep(1)

    async with engine_on(farm) as engine:
        run = await start(engine, never_returns)
        await grown(engine, run, 6)

        await engine.stop_run(run.run_id, "INT")
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.CANCELLED, 130)


async def test_a_function_may_print_without_end_and_is_stopped(farm: SSHFarm) -> None:
    farm.add("node01")

    def floods() -> None:
        while True:
            print("x" * 65535)

    async with engine_on(farm) as engine:
        run = await start(engine, floods)
        await grown(engine, run, 20 * MIB)
        await engine.stop_run(run.run_id, "KILL")
        record = await ended(run)
        size = len(output(run))

        assert await returned(await start(engine, lambda: "next")) == ["next"]

    assert (record.state, record.exit_status) == (RunState.CANCELLED, 137)
    assert size >= 20 * MIB


@pytest.mark.skipif(not OTHER, reason="no other Python is here")
async def test_another_python_on_the_host_is_told_before_anything_is_sent(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("node01", path=str(tmp_path))
    settings = replace(QUICK, hosts={"node01": {"python": interpreters()[OTHER[0]]}})
    async with engine_on(farm, settings=settings) as engine:
        run = await start(engine, lambda: 1)
        record = await ended(run)

    assert record.state is RunState.FAILED
    assert f"node01 has Python {OTHER[0]}." in record.reason
    assert f"made by Python {HERE}, and there is no python{HERE} on its PATH" in record.reason
    assert not list((host.home / ".local/state/lazytui/jobs").glob("*"))


@pytest.mark.parametrize("version", OTHER)
async def test_a_fit_python_on_the_path_is_used_where_the_agent_has_another(
    farm: SSHFarm, version: str
) -> None:
    farm.add("node01")  # its PATH begins with the folder of our own interpreter
    settings = replace(QUICK, hosts={"node01": {"python": interpreters()[version]}})
    async with engine_on(farm, settings=settings) as engine:
        run = await start(engine, lambda: tuple(sys.version_info[:2]))

        assert await returned(run) == [sys.version_info[:2]]
        info = run.runtime.info

    assert info is not None
    assert info.python_version.startswith(f"{version}.")


async def test_a_forgotten_task_takes_its_function_and_its_return_along(farm: SSHFarm) -> None:
    farm.add("node01")

    def answer() -> int:
        return 42

    def left() -> list[str]:
        return sorted(path.suffix for path in paths_of(farm).spool_dir.iterdir())

    async with engine_on(farm) as engine:
        runs = [await start(engine, answer) for _ in range(2)]
        assert [await returned(run) for run in runs] == [[42], [42]]

        await engine.forget([runs[0].record.task_id])
        assert left().count(".function") == 1
        await engine.forget([runs[1].record.task_id])

        assert not {".function", ".returns"} & set(left())


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kilobytes", [0, 1500], ids=["small", "put in pieces"])
async def test_a_manager_killed_at_any_point_calls_once_and_loses_no_return(
    farm: SSHFarm, tmp_path: Path, point: str, kilobytes: int
) -> None:
    host = farm.add("node01")
    path = tmp_path / "called.py"
    path.write_text(
        f"import os, time\nDATA = os.urandom({kilobytes} * 1024)\n"
        "def f():\n    with open('calls', 'a') as calls:\n        calls.write('x')\n"
        "    print('out', flush=True)\n    time.sleep(0.3)\n    return len(DATA)\n"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.crashing", point, "node01", f"call {path}:f"],
        env=environment(farm),
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL

    async with engine_on(farm) as engine:
        for run in await engine.adopt():
            await ended(run)
        (record,) = await engine.journal.records()

        assert record.state is RunState.SUCCEEDED, record
        assert await engine.returns(record.run_id) == [kilobytes * 1024]

    assert Path(record.spool).read_text() == "out\n"
    assert (host.home / "calls").read_text() == "x"
