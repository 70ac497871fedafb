"""Runtime and RuntimeTask, as the API page has them, on real hosts."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lazytui
from lazytui import (
    InvalidRuntimeError,
    NoPortsLeftError,
    Runtime,
    RuntimeTask,
    TaskExecutionError,
)

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

WAIT = "until [ -e ~/go ]; do sleep 0.02; done"


# --- Runtime(host, working_dir=None, connection_kwargs=None) -----------------------------------


@pytest.mark.fact(
    "Runtime",
    "Runtime.info",
    "Runtime.host",
    "Runtime.class_name",
    "Runtime.os",
    "Runtime.cpu_cores",
    "Runtime.memory",
    "Runtime.memory_in_mb",
    "Runtime.python_version",
    "Runtime.gpus",
    "Runtime.gpu_count",
    "Runtime.is_valid_runtime",
)
def test_what_a_runtime_is_can_be_read_in_every_form(hosts: SSHFarm) -> None:
    with Runtime("host-1") as runtime:
        info = runtime.info

        assert set(info) == {"os", "cpu_cores", "memory", "python_version", "gpus", "host"}
        assert (runtime.host, runtime.class_name) == ("host-1", "Runtime")
        assert (runtime.os, runtime.cpu_cores) == (info["os"], info["cpu_cores"])
        assert runtime.memory_in_mb == runtime.memory // 2**20 == info["memory"] // 2**20
        assert runtime.python_version == info["python_version"]
        assert (runtime.gpus, runtime.gpu_count) == ([], 0)
        assert runtime.is_valid_runtime()


@pytest.mark.fact(
    "Runtime ! InvalidRuntimeError",
    "Runtime ! ValueError",
    "InvalidRuntimeError",
)
def test_a_host_that_cannot_be_used_is_an_invalid_runtime_with_the_reason(
    hosts: SSHFarm,
) -> None:
    hosts.add_refused("down")

    with pytest.raises(InvalidRuntimeError, match="refused") as raised:
        Runtime("down")
    with pytest.raises(InvalidRuntimeError, match=r"not known|lookup"):
        Runtime("no-such-host.invalid")
    with pytest.raises(ValueError, match="needs a host"):
        Runtime("")

    assert raised.value.host == "down"


def test_connection_kwargs_reach_the_connection(hosts: SSHFarm, tmp_path: Path) -> None:
    host = hosts.hosts["host-1"]
    key = hosts.client_key.rename(tmp_path / "key")  # the usual one is not there any more
    elsewhere = {
        "host": host.address,
        "port": host.port,
        "username": hosts.user,
        "known_hosts": hosts.known_hosts,
    }

    with Runtime("elsewhere", connection_kwargs={**elsewhere, "client_keys": [key]}) as runtime:
        assert runtime.echo("hi") == "hi"
    with pytest.raises(InvalidRuntimeError, match=r"permission denied|no key"):
        Runtime("elsewhere", connection_kwargs=elsewhere)
    with pytest.raises(ValueError, match="no 'pasword'; it may have host, port, username, pass"):
        Runtime("host-1", connection_kwargs={"pasword": "x"})
    for port in ("22", 0, 70000):
        with pytest.raises(ValueError, match="1 to 65535"):
            Runtime("host-1", connection_kwargs={"port": port})


def test_a_host_is_logged_in_to_in_one_way_at_a_time(hosts: SSHFarm) -> None:
    first = Runtime("host-1")

    with pytest.raises(InvalidRuntimeError, match=r"other connection_kwargs.*cleanup"):
        Runtime("host-1", connection_kwargs={"username": "nobody-else"})
    first.cleanup()
    with pytest.raises(InvalidRuntimeError, match="permission denied"):
        Runtime("host-1", connection_kwargs={"username": "nobody-else"})


@pytest.mark.fact(
    "Runtime: working_dir: a temporary one is made at first use and removed by cleanup",
    "Runtime: working_dir: a given one is created and kept",
    "Runtime: working_dir: is in WORKING_DIR, also after env_variables was replaced",
    "Runtime.cleanup",
)
def test_a_working_directory_is_temporary_or_given_and_kept(hosts: SSHFarm) -> None:
    home = hosts.hosts["host-1"].home
    runtime, given = Runtime("host-1"), Runtime("host-1", working_dir="~/mine")

    temporary = runtime.working_dir
    runtime.env_variables = {"OTHER": "x"}
    seen = runtime.echo("$WORKING_DIR $OTHER $PWD")
    runtime.cleanup()
    given.cleanup()

    assert seen == f"{temporary} x {temporary}"
    assert not Path(temporary).exists()
    assert (home / "mine").is_dir()


@pytest.mark.fact(
    "Runtime.working_dir",
    "Runtime.create_dir",
    "Runtime.delete_dir",
    "Runtime.create_dir ! PathCreationError",
)
def test_the_working_directory_may_be_changed(hosts: SSHFarm) -> None:
    with Runtime("host-1") as runtime:
        runtime.working_dir = "~/next"

        assert runtime.echo("$PWD") == str(hosts.hosts["host-1"].home / "next")
        assert runtime.create_dir("below") == f"{runtime.working_dir}/below"
        assert runtime.delete_dir("below")
        assert not runtime.delete_dir("below")
        with pytest.raises(lazytui.PathCreationError, match="host-1"):
            runtime.create_dir("/proc/none")


@pytest.mark.fact(
    "Runtime.env_variables",
    "Runtime.add_env_variables",
    "RuntimeTask.env_variables",
)
def test_env_variables_are_replaced_or_added_to(hosts: SSHFarm) -> None:
    with Runtime("host-1") as runtime:
        runtime.env_variables = {"A": "1"}
        runtime.add_env_variables({"A": "2", "B": "3"})
        task = RuntimeTask().run_command("echo $A $B $C")
        task.env_variables = {"C": "4"}
        runtime.execute_task(task)

        assert task.execution_log == ["2 3 4"]
        assert runtime.env_variables == {"A": "2", "B": "3"}


# --- execute_task ------------------------------------------------------------------------------


@pytest.mark.fact(
    "Runtime.execute_task",
    "Runtime: execute_task: execute_async=True returns at once, False blocks",
    "Runtime.alive_task_process_count",
    "Runtime.alive_process_count",
    "Runtime.execution_log",
    "Runtime.execution_log ! ValueError",
    "RuntimeTask",
    "RuntimeTask.run_command",
    "RuntimeTask.execution_log",
    "RuntimeTask.execution_log_file_path",
    "RuntimeTask: execution_log: an entry waits for its own step",
)
def test_an_execution_returns_at_once_and_the_log_waits_for_it(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    task = RuntimeTask("wait").run_command("echo first").run_command(f"{WAIT}; echo second")

    runtime.execute_task(task)
    first = task.execution_log[0]
    alive = (runtime.alive_task_process_count, runtime.alive_process_count)
    (hosts.hosts["host-1"].home / "go").touch()

    assert first == "first"
    assert alive == (1, 1)
    assert list(task.execution_log) == ["first", "second"]
    assert task.execution_log == ["first", "second"]
    assert runtime.execution_log("wait") == ["first", "second"]
    assert Path(task.execution_log_file_path or "").read_text() == "first\nsecond\n"
    with pytest.raises(ValueError, match="no task 'other'"):
        runtime.execution_log("other")


@pytest.mark.fact(
    "Runtime.execute_task ! TaskExecutionError",
    "Runtime.join",
    "Runtime.join ! TaskExecutionError",
    "RuntimeTask.join ! TaskExecutionError",
    "Runtime: execute_task: an asynchronous failure is raised by join",
    "RuntimeTask: execution_log: a step without output has an empty entry",
    "TaskExecutionError",
)
def test_a_step_that_fails_is_raised_at_once_or_by_join(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    task = RuntimeTask("bad").run_command("true").run_command("echo why >&2; exit 3")

    with pytest.raises(TaskExecutionError) as raised:
        runtime.execute_task(task, execute_async=False)
    runtime.join()  # it was told
    runtime.execute_task(task)
    with pytest.raises(TaskExecutionError):
        runtime.join()
    with pytest.raises(TaskExecutionError):
        task.join()

    error = raised.value
    assert (error.task_step_index, error.host, error.output) == (1, "host-1", "why")
    assert error.task is task
    assert error.execution_log_file_path
    assert task.execution_log == ["", "why"]


@pytest.mark.fact(
    "RuntimeTask: a task may be executed again, and begins with an empty log",
    "Runtime.clear_tasks",
    "Runtime.task_processes",
)
def test_a_task_may_be_executed_again_and_begins_with_an_empty_log(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    task = RuntimeTask().run_command("echo $((${N:-0} + 1))")

    runtime.execute_task(task)
    first = list(task.execution_log)
    task.env_variables["N"] = "1"
    runtime.execute_task(task)

    assert (first, list(task.execution_log)) == (["1"], ["2"])
    assert len(runtime.task_processes) == 2
    runtime.clear_tasks()
    assert runtime.task_processes == []


@pytest.mark.fact(
    "RuntimeTask: copy.deepcopy: a fresh copy with a numbered name",
)
def test_a_copy_is_fresh_and_numbered(hosts: SSHFarm) -> None:
    task = RuntimeTask("copied").run_command("echo hi")
    task.env_variables = {"A": "1"}
    Runtime("host-1").execute_task(task, execute_async=False)

    made = copy.deepcopy(task)

    assert (made.name, made.execution_log, made.process) == ("copied-1", [], None)
    assert made.env_variables == {"A": "1"}
    assert copy.deepcopy(task).name == "copied-2"


@pytest.mark.fact(
    "RuntimeTask.join",
    "RuntimeTask.cleanup",
    "RuntimeTask.name",
    "RuntimeTask.process",
    "RuntimeTask: name: a unique one is made up",
)
def test_a_task_that_was_not_executed_has_nothing_to_tell_and_nothing_to_wait_for() -> None:
    task = RuntimeTask()

    task.join()
    task.cleanup()

    assert task.name
    assert RuntimeTask().name != task.name
    assert (task.execution_log, task.execution_log_file_path, task.process) == ([], None, None)


@pytest.mark.parametrize("empty", ["", "  "])
@pytest.mark.fact(
    "RuntimeTask.run_command ! ValueError",
    "RuntimeTask.send_file ! ValueError",
    "RuntimeTask.get_file ! ValueError",
)
def test_empty_arguments_are_refused(empty: str) -> None:
    for add in (RuntimeTask().run_command, RuntimeTask().send_file, RuntimeTask().get_file):
        with pytest.raises(ValueError, match=r"empty|needs"):
            add(empty)


@pytest.mark.fact(
    "Runtime.execute_task ! ValueError",
)
def test_a_task_without_steps_is_refused(hosts: SSHFarm) -> None:
    with pytest.raises(ValueError, match="has no steps"):
        Runtime("host-1").execute_task(RuntimeTask("nothing"))


@pytest.mark.fact(
    "Runtime: execute_task: debug=True prints line by line with the host in front",
)
def test_debug_prints_each_line_with_its_host_as_it_arrives(
    hosts: SSHFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    task = RuntimeTask().run_command("echo one; echo two >&2; printf three")

    Runtime("host-1").execute_task(task, execute_async=False, debug=True)

    assert capsys.readouterr().out == "host-1 | one\nhost-1 | two\nhost-1 | three\n"


def test_without_debug_the_output_goes_to_the_log_after_each_step(
    hosts: SSHFarm, caplog: pytest.LogCaptureFixture
) -> None:
    task = RuntimeTask("quiet").run_command("echo one").run_command("echo two")

    with caplog.at_level(logging.DEBUG, logger="lazytui"):
        Runtime("host-1").execute_task(task, execute_async=False)

    assert [text for text in caplog.messages if "quiet" in text] == [
        "host-1: quiet: one",
        "host-1: quiet: two",
    ]


@pytest.mark.fact(
    "RuntimeTask.omit_on_join",
)
def test_a_task_to_be_omitted_is_not_joined_and_outlives_the_clean_up(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    kept = RuntimeTask().run_command(f"{WAIT}; pwd")

    runtime.execute_task(kept, omit_on_join=True)
    folder = runtime.working_dir
    runtime.join()
    kept.join()
    runtime.cleanup()
    process = kept.process
    (hosts.hosts["host-1"].home / "go").touch()

    assert process is not None
    assert kept.omit_on_join
    process.join(30)
    assert not process.is_alive()
    assert kept.execution_log == [folder]


def test_ctrl_c_interrupts_what_is_waited_for_and_stops_it_on_the_host(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    home = hosts.hosts["host-1"].home
    command = "trap 'echo interrupted; exit 130' INT; touch ~/up; while :; do sleep 0.02; done"
    task = RuntimeTask().run_command(command)

    def interrupt() -> None:
        while not (home / "up").exists():
            threading.Event().wait(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=interrupt)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        runtime.execute_task(task, execute_async=False)
    presser.join()

    assert task.process is not None
    assert not task.process.is_alive()
    assert task.execution_log == ["interrupted"]


# --- processes ---------------------------------------------------------------------------------


@pytest.mark.fact(
    "Runtime.get_processes",
    "Runtime.get_process",
    "Runtime.stop_process",
    "Runtime.is_runtime_task_process",
    "Runtime.is_port_exposure_process",
    "Runtime.get_process ! ValueError",
)
def test_a_process_can_be_waited_for_and_ended(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    task = RuntimeTask("long").run_command("echo $$; exec sleep 600")
    runtime.execute_task(task)
    (key,) = runtime.get_processes(only_alive=True)
    process = runtime.get_process(key)

    process.join(timeout=0.05)
    alive = process.is_alive()
    while not Path(task.execution_log_file_path or "").read_text():
        process.join(timeout=0.05)
    runtime.stop_process(key)

    assert Runtime.is_runtime_task_process(key)
    assert not Runtime.is_port_exposure_process(key)
    assert (alive, process.is_alive()) == (True, False)
    assert task.execution_log == [str(process.pid)]
    assert runtime.get_processes(only_alive=True) == {}
    assert repr(process) == "<TaskProcess 'long' on host-1, cancelled>"
    with pytest.raises(ValueError, match="no process"):
        runtime.get_process("task::9::none")
    with pytest.raises(TaskExecutionError, match="SIGTERM"):
        task.join()


# --- ports -------------------------------------------------------------------------------------


@pytest.fixture
def service() -> int:
    """A port on this machine; with the hosts on loopback, also on them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=_greet, args=[listener.dup()], daemon=True).start()
        return int(listener.getsockname()[1])


def _greet(listener: socket.socket) -> None:
    with listener:
        for _ in range(4):
            client, _address = listener.accept()
            with client:
                client.sendall(b"served")


def spoken(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        return client.recv(100)


@pytest.mark.fact(
    "Runtime.expose_port_to_runtime",
    "Runtime.expose_port_from_runtime",
)
def test_ports_are_exposed_both_ways_as_processes(hosts: SSHFarm, service: int) -> None:
    runtime = Runtime("host-1")
    ports = list(range(service + 1, service + 30))

    there = runtime.expose_port_to_runtime(service, ports)
    here = runtime.expose_port_from_runtime(service, ports)
    reachable = [int(key.rpartition("->")[2]) for key in (there, here)]
    heard = [spoken(port) for port in reachable]
    alive = runtime.alive_process_count
    runtime.stop_process(there)
    process = runtime.get_process(here)
    runtime.cleanup()

    assert heard == [b"served", b"served"]
    assert all(map(Runtime.is_port_exposure_process, (there, here)))
    assert alive == 2
    assert not process.is_alive()
    for port in reachable:
        with pytest.raises(OSError, match=r"refused|reset"):
            spoken(port)


@pytest.mark.fact(
    "Runtime.has_free_port",
    "Runtime.get_free_port",
    "Runtime.get_free_port ! NoPortsLeftError",
    "Runtime.expose_port_to_runtime ! PortInUseError",
    "Runtime.expose_port_to_runtime ! NoPortsLeftError",
    "NoPortsLeftError",
)
def test_a_taken_port_is_told_and_another_is_chosen(hosts: SSHFarm, service: int) -> None:
    runtime = Runtime("host-1")

    assert not runtime.has_free_port(service)
    assert runtime.get_free_port([service, service + 1, service + 2]) > service
    with pytest.raises(NoPortsLeftError, match="host-1"):
        runtime.get_free_port([service])
    with pytest.raises(lazytui.PortInUseError, match=str(service)):
        runtime.expose_port_to_runtime(service)
    with pytest.raises(NoPortsLeftError):
        runtime.expose_port_to_runtime(service, [])


# --- where it can be used ----------------------------------------------------------------------


@pytest.mark.fact(
    "Runtime.echo",
)
def test_many_threads_use_one_runtime(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: runtime.echo(str(n)), range(16)))

    assert said == [str(n) for n in range(16)]


async def test_a_notebook_with_a_running_loop_uses_it(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")

    assert asyncio.get_running_loop().is_running()
    assert runtime.echo("hi") == "hi"


def test_a_forked_worker_uses_the_runtimes_of_its_parent(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1", working_dir="~/shared")
    running = RuntimeTask().run_command(f"{WAIT}; echo done")
    runtime.execute_task(running)
    reader, writer = os.pipe()

    child = os.fork()
    if child == 0:
        try:
            text = f"{runtime.echo('$PWD')} {_refused(running)}"
            lazytui.close()
        except BaseException as error:
            text = repr(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    (hosts.hosts["host-1"].home / "go").touch()

    assert said == f"{hosts.hosts['host-1'].home}/shared another process"
    assert running.execution_log == ["done"]


def _refused(task: RuntimeTask) -> str:
    try:
        task.join()
    except RuntimeError as error:
        return "another process" if "another process" in str(error) else str(error)
    return "joined"


def test_after_a_close_it_connects_again_and_old_logs_can_be_read(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    task = RuntimeTask().run_command("echo one").run_command("echo two")
    runtime.execute_task(task, execute_async=False)

    lazytui.close()

    assert task.execution_log == ["one", "two"]
    assert runtime.echo("again") == "again"


@pytest.mark.fact(
    "Runtime.print_info",
    "Runtime.print_log",
    "RuntimeTask.print_log",
)
def test_print_info_and_print_log_print_plain_text_into_a_pipe(
    hosts: SSHFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = Runtime("host-1")
    runtime.execute_task(RuntimeTask("greet").run_command("echo hi").run_command("true"))

    runtime.print_info()
    runtime.print_log()
    RuntimeTask("never").print_log()
    head, row, *log = capsys.readouterr().out.splitlines()

    assert head.split() == ["HOST", "STATE", "OS", "PYTHON", "CORES", "MEMORY", "GPUS"]
    assert row.split()[:2] == ["host-1", "active"]
    assert log == ["greet on host-1: succeeded", "  hi", "never: not executed"]


# --- functions ---------------------------------------------------------------------------------


@pytest.mark.fact(
    "Runtime.execute_function",
    "Runtime.function_returns",
    "RuntimeTask.run_function",
    "RuntimeTask.function_returns",
    "RuntimeTask: function_returns: in the order of the function steps, after joining",
)
def test_a_function_is_called_on_the_host_and_gives_back_what_it_returned(
    hosts: SSHFarm,
) -> None:
    runtime = Runtime("host-1")
    offset = 40

    def add(number: int) -> dict[str, object]:
        print("adding")
        return {"sum": offset + number, "dir": os.getcwd(), "home": os.environ["HOME"]}

    task = runtime.execute_function(add, number=2)
    runtime.execute_task(RuntimeTask().run_function(lambda: 1).run_function(lambda n: n, n=2))

    home = str(hosts.hosts["host-1"].home)
    first = {"sum": 42, "dir": runtime.working_dir, "home": home}
    assert list(task.function_returns) == [first]
    assert list(runtime.function_returns) == [first, 1, 2]
    assert task.execution_log == ["adding"]


@pytest.mark.fact(
    "Runtime.execute_function ! TaskExecutionError",
    "RuntimeTask.function_returns ! TaskExecutionError",
)
def test_a_function_that_raises_fails_its_task_with_the_traceback(hosts: SSHFarm) -> None:
    def fail() -> None:
        raise LookupError("no data here")

    runtime = Runtime("host-1")
    with pytest.raises(TaskExecutionError, match="LookupError: no data here"):
        runtime.execute_function(fail)
    task = runtime.execute_function(fail, execute_async=True)
    with pytest.raises(TaskExecutionError) as raised:
        next(task.function_returns)

    assert raised.value.task is task
    assert "Traceback" in task.execution_log[0]


@pytest.mark.fact(
    "RuntimeTask.function_returns ! UntrustedReturnError",
    "Runtime: function_returns: an untrusted return leaves the run succeeded",
    "UntrustedReturnError",
)
def test_a_return_that_cannot_be_trusted_is_told_when_it_is_read(hosts: SSHFarm) -> None:
    class Odd:
        def __reduce__(self) -> tuple[object, ...]:
            return (os.system, ("touch ~/pwned",))

    task = Runtime("host-1").execute_function(Odd)

    task.join()
    with pytest.raises(lazytui.UntrustedReturnError):
        list(task.function_returns)
    assert not (hosts.home / "pwned").exists()


def test_an_argument_that_the_function_does_not_have_is_told(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")

    with pytest.raises(TaskExecutionError, match="unexpected keyword argument 'other'"):
        runtime.execute_function(lambda n: n, other=1)
    with pytest.raises(TaskExecutionError, match="missing 1 required positional argument: 'n'"):
        runtime.execute_function(lambda n: n)


# --- files -------------------------------------------------------------------------------------


@pytest.mark.fact(
    "Runtime.send_file",
    "Runtime.get_file",
    "RuntimeTask.send_file",
    "RuntimeTask.get_file",
    "Runtime.send_file ! TaskExecutionError",
    "Runtime: working_dir: steps run in it, and relative remote paths are below it",
)
def test_files_are_sent_and_got_with_paths_below_the_working_directories(
    hosts: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("one\ntwo\n")
    runtime = Runtime("host-1")

    sent = runtime.send_file("data.txt")
    counted = RuntimeTask().run_command("wc -l <data.txt >count").get_file("count", "back")
    runtime.execute_task(counted, execute_async=False)
    again = runtime.get_file("data.txt", tmp_path / "again.txt")

    assert (tmp_path / "back").read_text().strip() == "2"
    assert (tmp_path / "again.txt").read_text() == "one\ntwo\n"
    for task in (sent, again):
        assert task.process is not None
        assert not task.process.is_alive()
    with pytest.raises(TaskExecutionError, match=r"none\.txt"):
        runtime.send_file("none.txt")
