"""What goes wrong in a runtime and with its tasks: which error says so, and what it says."""

from __future__ import annotations

import os
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui import (
    FunctionSendError,
    HostKeyError,
    InvalidRuntimeError,
    NoPortsLeftError,
    PathCreationError,
    PortInUseError,
    PythonMismatchError,
    Runtime,
    RuntimeGroup,
    RuntimeManager,
    RuntimeTask,
    TaskExecutionError,
    UntrustedReturnError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm


# --- directories -------------------------------------------------------------------------------


@pytest.mark.fact(
    "Runtime ! PathCreationError",
    "Runtime.working_dir ! PathCreationError",
    "RuntimeGroup ! PathCreationError",
    "RuntimeManager.create_group ! PathCreationError",
)
def test_a_working_directory_that_cannot_be_made_is_told_with_its_host(hosts: SSHFarm) -> None:
    (hosts.hosts["host-2"].home / "file").touch()
    below = "~/file/below"
    runtime = Runtime("host-2")

    with pytest.raises(PathCreationError, match="~/file/below cannot be made on host-2"):
        Runtime("host-2", working_dir=below)
    with pytest.raises(PathCreationError, match="host-2"):
        runtime.working_dir = below
    with pytest.raises(PathCreationError, match="host-2"):
        RuntimeGroup(hosts=["host-1", "host-2"], working_dir=below)
    with pytest.raises(PathCreationError, match="host-2") as raised:
        RuntimeManager().create_group(working_dir=below)

    assert (raised.value.path, raised.value.host) == (below, "host-2")
    assert runtime.echo("still usable") == "still usable"


@pytest.mark.fact("Runtime.create_tempdir")
def test_a_temporary_directory_is_private_and_goes_with_the_clean_up(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")

    one, other = Path(runtime.create_tempdir()), Path(runtime.create_tempdir())
    modes = [folder.stat().st_mode & 0o777 for folder in (one, other)]
    runtime.cleanup()

    assert modes == [0o700, 0o700]
    assert (one.exists(), other.exists()) == (False, False)


# --- tasks -------------------------------------------------------------------------------------


@pytest.mark.fact("Runtime.execute_task ! InvalidRuntimeError")
def test_a_host_that_has_gone_refuses_a_task_with_the_reason(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    hosts.hosts["host-1"].stop()
    hosts.hosts["host-1"].kill_sessions()
    while runtime.is_valid_runtime():  # until it is known that it is gone
        pass

    with pytest.raises(InvalidRuntimeError, match="host-1 cannot be used: refused"):
        runtime.execute_task(RuntimeTask().run_command("true"))


@pytest.mark.fact("Runtime.get_file ! TaskExecutionError", "Runtime.echo ! TaskExecutionError")
def test_what_a_host_does_not_have_or_understand_fails_with_what_it_said(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")

    with pytest.raises(TaskExecutionError, match=r"none\.txt"):
        runtime.get_file("none.txt")
    with pytest.raises(TaskExecutionError, match="exit 2"):
        runtime.echo("'")
    runtime.join()  # both were told


@pytest.mark.fact(
    "Runtime.function_returns ! TaskExecutionError",
    "Runtime.function_returns ! UntrustedReturnError",
)
def test_reading_returns_raises_what_went_wrong(hosts: SSHFarm) -> None:
    class Odd:
        def __reduce__(self) -> tuple[object, ...]:
            return (os.system, ("true",))

    runtime = Runtime("host-1")

    runtime.execute_function(Odd, execute_async=True)
    with pytest.raises(UntrustedReturnError):
        list(runtime.function_returns)
    runtime.clear_tasks()
    runtime.execute_function(lambda: 1 / 0, execute_async=True)
    with pytest.raises(TaskExecutionError, match="ZeroDivisionError"):
        list(runtime.function_returns)


@pytest.mark.fact("Runtime.execute_function ! PythonMismatchError", "PythonMismatchError")
def test_a_python_that_cannot_read_a_function_is_the_cause_of_the_failure(
    hosts: SSHFarm, tmp_path: Path
) -> None:
    for program in ("sh", "mktemp", "mkdir"):
        (tmp_path / program).symlink_to(f"/bin/{program}")
    (tmp_path / "python3").symlink_to(sys.executable)
    hosts.add("old", path=str(tmp_path))
    runtime = Runtime("old")
    known = runtime._core.session.engine.runtime("old")
    assert known.info is not None
    known.info = replace(known.info, python_version="3.6.9")

    with pytest.raises(TaskExecutionError, match=r"old has Python 3\.6\.9") as raised:
        runtime.execute_function(lambda: 1)

    assert isinstance(raised.value.__cause__, PythonMismatchError)


@pytest.mark.fact("RuntimeTask: execution_log: stdout and stderr in the order of arrival")
def test_both_outputs_of_a_step_stand_in_the_order_in_which_they_came(hosts: SSHFarm) -> None:
    task = RuntimeTask().run_command("for n in 1 2 3 4; do echo o$n; echo e$n >&2; done")

    Runtime("host-1").execute_task(task)

    assert task.execution_log[0].split() == "o1 e1 o2 e2 o3 e3 o4 e4".split()


@pytest.mark.fact("HostKeyError")
def test_a_host_with_another_key_is_refused_because_of_it(hosts: SSHFarm) -> None:
    hosts.add("changed", known="wrong")
    hosts.add("unknown", known=False)

    with pytest.raises(InvalidRuntimeError, match=r"changed cannot be used: .*key") as changed:
        Runtime("changed")
    with pytest.raises(InvalidRuntimeError, match=r"unknown cannot be used: .*key") as unknown:
        Runtime("unknown")

    assert isinstance(changed.value.__cause__, HostKeyError)
    assert isinstance(unknown.value.__cause__, HostKeyError)


# --- functions ---------------------------------------------------------------------------------


@pytest.mark.fact(
    "Runtime.execute_function ! FunctionSendError",
    "Runtime.execute_function ! ValueError",
    "RuntimeTask.run_function ! FunctionSendError",
    "RuntimeTask.run_function ! ValueError",
)
def test_what_cannot_be_sent_is_named(hosts: SSHFarm) -> None:
    runtime, lock = Runtime("host-1"), threading.Lock()

    with pytest.raises(FunctionSendError, match="its argument lock"):
        runtime.execute_function(lambda lock: lock, lock=threading.Lock())
    with pytest.raises(FunctionSendError, match="lock"):
        RuntimeTask().run_function(lambda: lock)
    with pytest.raises(ValueError, match="needs a function, not 'print'"):
        runtime.execute_function("print")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a function, not None"):
        RuntimeTask().run_function(None)  # type: ignore[arg-type]
    assert runtime.task_processes == []


# --- ports -------------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on, here and on the hosts, which are this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.fact(
    "Runtime.expose_port_from_runtime ! PortInUseError",
    "Runtime.expose_port_from_runtime ! NoPortsLeftError",
)
def test_a_port_that_is_taken_here_is_told(hosts: SSHFarm, taken: int) -> None:
    runtime = Runtime("host-1")

    with pytest.raises(PortInUseError, match=f"port {taken} is in use") as raised:
        runtime.expose_port_from_runtime(8080, taken)
    with pytest.raises(NoPortsLeftError, match=str(taken)):
        runtime.expose_port_from_runtime(8080, [taken])
    with pytest.raises(NoPortsLeftError, match="no ports were given"):
        runtime.expose_port_from_runtime(8080, [])

    assert raised.value.port == taken
    assert runtime.get_processes() == {}


@pytest.mark.fact(
    "Runtime.has_free_port ! ValueError",
    "Runtime.get_free_port ! ValueError",
    "Runtime.expose_port_to_runtime ! ValueError",
    "Runtime.expose_port_from_runtime ! ValueError",
)
@pytest.mark.parametrize("port", ["8080", 0, -1, 70000, 1.5, True, None])
def test_what_is_no_port_is_refused_everywhere(hosts: SSHFarm, port: object) -> None:
    runtime = Runtime("host-1")
    group = RuntimeGroup([runtime])
    message = "a port is a number from 1 to 65535, not " + repr(port).replace(".", r"\.")

    for ask in (
        lambda: runtime.has_free_port(port),  # type: ignore[arg-type]
        lambda: runtime.get_free_port([port]),  # type: ignore[list-item]
        lambda: runtime.expose_port_to_runtime(port),  # type: ignore[arg-type]
        lambda: runtime.expose_port_from_runtime(port),  # type: ignore[arg-type]
        lambda: runtime.expose_port_to_runtime(8080, [port]),  # type: ignore[list-item]
        lambda: group.has_free_port(port),  # type: ignore[arg-type]
        lambda: group.get_free_port([port]),  # type: ignore[list-item]
        lambda: group.expose_port_to_runtimes(port),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=message):
            ask()


def test_a_port_that_is_given_twice_counts_once(hosts: SSHFarm, taken: int) -> None:
    runtime = Runtime("host-1")

    with pytest.raises(NoPortsLeftError, match="none of the 1 given ports is free on host-1"):
        runtime.get_free_port([taken, taken])
    with pytest.raises(NoPortsLeftError):
        runtime.expose_port_to_runtime(taken, [taken, taken])


# --- names that are not there ------------------------------------------------------------------


@pytest.mark.fact("Runtime.stop_process ! ValueError")
def test_a_process_of_another_name_cannot_be_stopped(hosts: SSHFarm) -> None:
    with pytest.raises(ValueError, match="host-1 has no process 'task::1::none'"):
        Runtime("host-1").stop_process("task::1::none")


@pytest.mark.fact(
    "Runtime.create_dir ! ValueError",
    "Runtime.delete_dir ! ValueError",
    "Runtime.send_file ! ValueError",
    "Runtime.get_file ! ValueError",
    "RuntimeGroup.send_file ! ValueError",
)
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_path_is_refused(hosts: SSHFarm, empty: str) -> None:
    runtime = Runtime("host-1")

    for ask in (
        runtime.create_dir,
        runtime.delete_dir,
        runtime.send_file,
        runtime.get_file,
        RuntimeGroup([runtime]).send_file,
    ):
        with pytest.raises(ValueError, match=r"path|empty|which directory"):
            ask(empty)
