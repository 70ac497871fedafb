"""The library as coroutines: runtimes, groups and the manager of a session, on real hosts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import RunState
from lazytui.core.script.session import Session
from lazytui.core.script.task import ScriptTask
from lazytui.errors import (
    InvalidRuntimeError,
    NoPortsLeftError,
    NoRuntimesDetectedError,
    PathCreationError,
    TaskExecutionError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.sshd import SSHFarm


@pytest.fixture
async def session(farm: SSHFarm, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    farm.add("gpu01")
    farm.add("gpu02")
    async with Session() as session:
        yield session


async def test_a_task_runs_in_a_temporary_working_directory_that_goes_with_the_session(
    session: Session,
) -> None:
    runtime = await session.runtime("gpu01")
    task = ScriptTask("where").run_command("pwd; echo $WORKING_DIR; touch here").run_command("ls")

    await runtime.execute_task(task)
    where, listed = await task.execution_log()
    folder = Path(where.splitlines()[0])

    assert where == f"{folder}\n{folder}"
    assert (listed, folder.exists()) == ("here", True)
    await runtime.cleanup()
    assert not folder.exists()


async def test_each_entry_of_the_log_waits_for_its_own_step_only(
    session: Session, farm: SSHFarm
) -> None:
    runtime = await session.runtime("gpu01")
    task = ScriptTask().run_command("echo one; echo two >&2").run_command("true")
    task.run_command("until [ -e ~/go ]; do sleep 0.02; done; echo end")

    await runtime.execute_task(task)
    first, second = await task.step_log(0), await task.step_log(1)
    alive = task.execution is not None and task.execution.is_alive
    (farm.hosts["gpu01"].home / "go").touch()

    assert (first, second, alive) == ("one\ntwo", "", True)
    assert await task.step_log(-1) == "end"
    with pytest.raises(IndexError, match="3 steps"):
        await task.step_log(3)


async def test_logs_and_returns_are_read_of_all_that_ran_there(session: Session) -> None:
    group = await session.group(hosts=["gpu01", "gpu02"])
    task = ScriptTask("greet").run_command("echo hello").run_function(lambda: 42)

    await group.execute_task(task, broadcast=True)
    runtime = group.get_runtime("gpu01")

    assert await runtime.executions.of("greet").log() == ["hello", ""]
    assert await runtime.executions.returns() == [42]
    assert await group.executions.returns() == [42, 42]


async def test_variables_of_the_task_win_over_those_of_the_runtime_and_the_directory_over_all(
    session: Session,
) -> None:
    runtime = await session.runtime("gpu01")
    runtime.env_variables = {"A": "runtime", "B": "runtime", "WORKING_DIR": "nowhere"}
    task = ScriptTask().run_command("echo $A $B; [ $WORKING_DIR = $(pwd) ]")
    task.env_variables["B"] = "task"

    await runtime.execute_task(task)

    assert await task.execution_log() == ["runtime task"]
    await task.join()


async def test_a_failed_step_is_told_by_join_once_with_all_there_is_to_know(
    session: Session,
) -> None:
    runtime = await session.runtime("gpu01")
    task = ScriptTask("train").run_command("true").run_command("echo no such data; exit 3")
    task.run_command("echo never")

    await runtime.execute_task(task)
    with pytest.raises(TaskExecutionError) as raised:
        await runtime.join()
    await runtime.join()

    error = raised.value
    assert (error.task_step_index, error.host, error.task) == (1, "gpu01", task)
    assert (error.output, error.execution_log_file_path) == (
        "no such data",
        task.execution_log_file_path,
    )
    assert "train" in str(error)
    assert "exit 3" in str(error)
    assert await task.execution_log() == ["", "no such data", ""]
    with pytest.raises(TaskExecutionError):
        await task.join()


async def test_a_broadcast_executes_copies_and_a_single_run_takes_the_least_busy(
    session: Session,
) -> None:
    group = await session.group(hosts=["gpu01", "gpu02"])
    task = ScriptTask("hello").run_command("echo $HOME | grep -o 'gpu..'")

    tasks = await group.execute_task(task, broadcast=True)
    await group.join()
    logs = [await each.execution_log() for each in tasks]
    blocker = ScriptTask().run_command("sleep 600")
    await group.execute_task(blocker, host="gpu01")

    assert tasks[0] is task
    assert [each.name for each in tasks] == ["hello", "hello-1"]
    assert logs == [["gpu01"], ["gpu02"]]
    assert group.get_runtime().host == "gpu02"
    records = await session.engine.journal.records()
    assert len({record.task_id for record in records}) == 2


async def test_a_run_to_be_omitted_outlives_the_session_with_its_directory(
    session: Session, farm: SSHFarm
) -> None:
    runtime = await session.runtime("gpu01")
    kept = ScriptTask().run_command("until [ -e ~/go ]; do sleep 0.02; done; pwd")
    ended = ScriptTask().run_command("sleep 600")
    await runtime.execute_task(kept, omit_on_join=True)
    await runtime.execute_task(ended)
    folder = await runtime.working_dir()
    execution, other = kept.execution, ended.execution
    assert execution is not None
    assert other is not None

    await runtime.cleanup()

    assert other.record.state is RunState.CANCELLED
    assert Path(folder).exists()
    (farm.hosts["gpu01"].home / "go").touch()
    assert (await execution.wait()).state is RunState.SUCCEEDED
    assert await execution.step_log(0) == folder


async def test_a_runtime_may_be_used_again_after_its_cleanup(session: Session) -> None:
    runtime = await session.runtime("gpu01")
    await runtime.cleanup()
    assert not session.engine.runtime("gpu01").agent

    assert await runtime.echo("again") == "again"


async def test_echo_fills_in_variables_and_leaves_no_task_behind(session: Session) -> None:
    runtime = await session.runtime("gpu01")
    runtime.env_variables["NAME"] = "lazy"

    assert await runtime.echo("$NAME $WORKING_DIR") == f"lazy {await runtime.working_dir()}"
    assert runtime.executions.tasks == []


async def test_directories_are_made_and_deleted(session: Session, farm: SSHFarm) -> None:
    runtime = await session.runtime("gpu01")
    home = farm.hosts["gpu01"].home
    (home / "file").touch()

    made = await runtime.create_dir("~/-a b'c/$d")
    with pytest.raises(PathCreationError, match=r"gpu01.*(File exists|Not a directory)"):
        await runtime.create_dir("file/below")
    deleted = [await runtime.delete_dir("~/-a b'c"), await runtime.delete_dir("~/-a b'c")]

    assert made == f"{home}/-a b'c/$d"
    assert deleted == [True, False]
    with pytest.raises(ValueError, match="path"):
        await runtime.create_dir(" ")


async def test_a_given_working_directory_is_made_and_kept(session: Session, farm: SSHFarm) -> None:
    runtime = await session.runtime("gpu01", working_dir="~/work/deep")
    folder = farm.hosts["gpu01"].home / "work/deep"

    assert await runtime.echo("$WORKING_DIR") == str(folder)
    await runtime.cleanup()
    assert folder.is_dir()


async def test_a_working_directory_that_cannot_be_made_is_told_at_once(
    session: Session, farm: SSHFarm
) -> None:
    (farm.hosts["gpu01"].home / "file").touch()

    with pytest.raises(PathCreationError, match="gpu01"):
        await session.runtime("gpu01", working_dir="~/file/below")


async def test_ports_are_asked_in_one_go_for_all_members(session: Session) -> None:
    group = await session.group(hosts=["gpu01", "gpu02"])
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]

    async with server:
        assert not await group.has_free_port(taken)
        free = await group.get_free_port([taken, taken + 1, taken + 2, taken + 3])
        with pytest.raises(NoPortsLeftError, match="gpu01, gpu02"):
            await group.get_free_port([taken])
    assert free > taken
    assert await group.has_free_port(taken, exclude_hosts="gpu02")
    for port in ("8080", 0, 70000, True):
        with pytest.raises(ValueError, match="65535"):
            await group.has_free_port(port)  # type: ignore[arg-type]
    with pytest.raises(NoPortsLeftError):
        await group.get_free_port([])


async def test_a_host_that_cannot_be_used_is_refused_with_the_reason(
    session: Session, farm: SSHFarm
) -> None:
    farm.add_refused("down")
    async with Session() as fresh:
        with pytest.raises(InvalidRuntimeError, match="down cannot be used: refused") as raised:
            await fresh.runtime("down")
        with pytest.raises(InvalidRuntimeError, match="down"):
            await fresh.group(hosts=["gpu01", "down"])
    assert raised.value.host == "down"


async def test_filters_are_answered_anew_each_time(session: Session, farm: SSHFarm) -> None:
    runtime = await session.runtime("gpu01")
    asked = "[ -e ~/ready ] && echo TRUE"

    before = await runtime.check_filter(filter_commands=asked)
    (farm.hosts["gpu01"].home / "ready").touch()

    assert (before, await runtime.check_filter(filter_commands=asked)) == (False, True)
    assert await runtime.check_filter(
        min_memory=1, min_cpu_cores=1, installed_executables=["sh", "python3"]
    )
    assert not await runtime.check_filter(installed_executables="no-such-program")
    assert not await runtime.check_filter(gpu_required=True)
    assert not await runtime.check_filter(min_memory=1 << 40)


async def test_the_manager_detects_all_hosts_and_says_why_others_are_inactive(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    farm.add("gpu01")
    farm.add("gpu02")
    farm.add_refused("down")

    async with Session() as session:
        manager = await session.manager()
        group = await manager.create_group(exclude_hosts="gpu01")

        assert list(manager.runtimes) == ["gpu01", "gpu02"]
        assert manager.inactive == {"down": "refused"}
        assert group.hosts == ["gpu02"]
        with pytest.raises(NoRuntimesDetectedError, match="gpu"):
            await manager.create_group(gpu_required=True)
        with pytest.raises(ValueError, match="no host of the ssh config"):
            await manager.create_group(include_hosts="gpu09")


async def test_no_host_at_all_is_told_with_the_next_step(isolated_home: Path) -> None:
    async with Session() as session:
        with pytest.raises(NoRuntimesDetectedError, match="add-runtime"):
            await session.manager()
