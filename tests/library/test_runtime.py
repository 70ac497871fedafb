"""Runtime, as the API page has it, on real hosts."""

from __future__ import annotations

import asyncio
import os
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
    log = Path(task.execution_log_file_path or "")
    while not (log.exists() and log.read_text()):
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
