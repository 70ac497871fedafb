"""RuntimeGroup, as the seed's document has it, on real hosts."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import lazytui
from lazytui import (
    InvalidRuntimeError,
    NoPortsLeftError,
    Runtime,
    RuntimeGroup,
    RuntimeTask,
    TaskExecutionError,
)
from tests.engines import environment
from tests.library import facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm

WAIT = "until [ -e ~/go ]; do sleep 0.02; done"


# --- RuntimeGroup.__init__, hosts, runtimes, runtime_count -------------------------------------


@pytest.mark.fact(
    "RuntimeGroup",
    "RuntimeGroup.hosts",
    "RuntimeGroup.runtimes",
    "RuntimeGroup.runtime_count",
    "RuntimeGroup.contains_runtime",
    "RuntimeGroup ! ValueError",
)
def test_a_group_is_made_of_runtimes_or_of_hosts(hosts: SSHFarm) -> None:
    first = Runtime("host-1")

    of_hosts = RuntimeGroup(hosts=["host-1", "host-2"])
    of_runtimes = RuntimeGroup([first])

    assert (of_hosts.hosts, of_hosts.runtime_count) == (["host-1", "host-2"], 2)
    assert of_runtimes.runtimes == [first]
    assert of_hosts.contains_runtime("host-2")
    assert not of_runtimes.contains_runtime("host-2")
    with pytest.raises(ValueError, match="give one of them"):
        RuntimeGroup()
    with pytest.raises(ValueError, match="give one of them"):
        RuntimeGroup([first], ["host-2"])
    with pytest.raises(ValueError, match="already"):
        RuntimeGroup(hosts=["host-1", "host-1"])


@pytest.mark.fact(
    "RuntimeGroup ! InvalidRuntimeError",
)
def test_a_group_with_a_host_that_cannot_be_used_is_refused(hosts: SSHFarm) -> None:
    hosts.add_refused("down")

    with pytest.raises(InvalidRuntimeError, match="down cannot be used: refused"):
        RuntimeGroup(hosts=["host-1", "down"])


def test_a_working_directory_is_made_on_all_members(hosts: SSHFarm) -> None:
    with RuntimeGroup(hosts=["host-1", "host-2"], working_dir="~/work"):
        assert [(h.home / "work").is_dir() for h in hosts.hosts.values()] == [True, True]


# --- add_runtime, remove_runtime, get_runtime, get_runtimes ------------------------------------


@pytest.mark.fact(
    "RuntimeGroup.add_runtime",
    "RuntimeGroup.remove_runtime",
    "RuntimeGroup.get_runtime",
    "RuntimeGroup.add_runtime ! ValueError",
    "RuntimeGroup.remove_runtime ! ValueError",
    "RuntimeGroup.get_runtime ! ValueError",
)
def test_runtimes_are_added_by_host_or_as_runtimes_and_removed(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1"])
    second = Runtime("host-2")

    group.add_runtime(runtime=second)
    added = group.get_runtime("host-2")
    group.remove_runtime("host-2")
    group.add_runtime("host-2")

    assert added is second
    assert group.hosts == ["host-1", "host-2"]
    assert group.get_runtime("host-2") is group.get_runtimes("host-2")["host-2"]
    for arguments in ({}, {"host": "host-2", "runtime": second}):
        with pytest.raises(ValueError, match="give one of them"):
            group.add_runtime(**arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="already"):
        group.add_runtime(runtime=second)
    with pytest.raises(ValueError, match="'host-9' is not in the group; it has host-1, host-2"):
        group.remove_runtime("host-9")
    with pytest.raises(ValueError, match="host-9"):
        group.get_runtime("host-9")


@pytest.mark.fact(
    "RuntimeGroup.get_runtimes",
    "RuntimeGroup.get_runtimes ! ValueError",
)
def test_members_are_chosen_by_including_or_excluding(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])

    assert list(group.get_runtimes()) == ["host-1", "host-2"]
    assert list(group.get_runtimes(include_hosts=["host-2"])) == ["host-2"]
    assert list(group.get_runtimes(exclude_hosts="host-2")) == ["host-1"]
    with pytest.raises(ValueError, match="not both"):
        group.get_runtimes("host-1", "host-2")
    for unknown in ({"include_hosts": "host-9"}, {"exclude_hosts": ["host-9"]}):
        with pytest.raises(ValueError, match="host-9"):
            group.get_runtimes(**unknown)


# --- execute_task, join, task_processes, env variables -----------------------------------------


@pytest.mark.fact(
    "RuntimeGroup.execute_task",
    "RuntimeGroup.task_processes",
    "RuntimeGroup.execute_task ! ValueError",
)
def test_the_least_busy_runtime_is_chosen_unless_a_host_is_named(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])

    group.execute_task(RuntimeTask().run_command("sleep 600"), host="host-1")
    task = RuntimeTask().run_command(f"{WAIT}; echo $HOME")
    started = group.execute_task(task)
    (hosts.hosts["host-2"].home / "go").touch()

    assert started is task
    assert task.execution_log == [str(hosts.hosts["host-2"].home)]
    assert len(group.task_processes) == 2
    assert [process.is_alive() for process in group.task_processes] == [True, False]
    with pytest.raises(ValueError, match="host-9"):
        group.execute_task(task, host="host-9")
    with pytest.raises(ValueError, match="not both"):
        group.execute_task(task, host="host-1", broadcast=True)


@pytest.mark.fact(
    "RuntimeGroup.set_env_variables",
    "RuntimeGroup.add_env_variables",
    "RuntimeGroup.join",
    "RuntimeGroup: execute_task: a broadcast executes copies on all but the first",
)
def test_a_broadcast_gives_a_task_for_each_host_in_their_order(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    group.set_env_variables({"A": "a"})
    group.add_env_variables({"B": "b"})
    task = RuntimeTask("all").run_command("echo $A$B ${HOME%/home}")

    tasks = group.execute_task(task, broadcast=True)
    group.join()

    assert isinstance(tasks, list)
    assert tasks[0] is task
    assert [each.name for each in tasks] == ["all", "all-1"]
    folders = [host.home.parent for host in hosts.hosts.values()]
    assert [each.execution_log[0] for each in tasks] == [f"ab {folder}" for folder in folders]


@pytest.mark.fact(
    "RuntimeGroup.join ! TaskExecutionError",
    "RuntimeGroup.execute_task ! TaskExecutionError",
)
def test_failures_of_a_broadcast_are_all_told_by_join(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])

    group.execute_task(RuntimeTask("bad").run_command("exit 4"), broadcast=True)
    with pytest.raises(TaskExecutionError, match="exit 4") as raised:
        group.join()
    group.join()

    assert raised.value.host == "host-1"
    assert "host-2" in raised.value.__notes__[0]
    task = RuntimeTask().run_command("exit 5")
    with pytest.raises(TaskExecutionError):
        group.execute_task(task, broadcast=True, execute_async=False)


def test_a_group_whose_members_are_gone_refuses_a_task(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1"])
    group.remove_runtime("host-1")

    with pytest.raises(ValueError, match="no hosts"):
        group.execute_task(RuntimeTask().run_command("true"))


@pytest.mark.fact(
    "RuntimeGroup.clear_tasks",
)
def test_clearing_tasks_forgets_them_and_lets_them_run(
    hosts: SSHFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    group = RuntimeGroup(hosts=["host-1"])
    task = RuntimeTask("kept").run_command(f"{WAIT}; echo over")
    group.execute_task(task)

    group.clear_tasks()
    group.print_log()
    group.join()
    (hosts.hosts["host-1"].home / "go").touch()

    assert (group.task_processes, capsys.readouterr().out) == ([], "")
    assert task.execution_log == ["over"]


# --- ports -------------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[int]:
    """A port on this machine that greets; with the hosts on loopback, also on them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_greet, args=[listener], daemon=True).start()
        yield int(listener.getsockname()[1])


def _greet(listener: socket.socket) -> None:
    try:
        while True:
            client, _address = listener.accept()
            with client:
                client.sendall(b"served")
    except OSError:
        return  # closed by the test


def spoken(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        return client.recv(100)


@pytest.mark.fact(
    "RuntimeGroup.expose_port_to_runtimes",
    "RuntimeGroup.cleanup",
    "RuntimeGroup.expose_port_to_runtimes ! PortInUseError",
    "RuntimeGroup.expose_port_to_runtimes ! ValueError",
)
def test_a_local_port_is_exposed_to_the_group_until_the_clean_up(
    hosts: SSHFarm, service: int
) -> None:
    # The hosts of this test are one machine: a port can be taken on one of them only.
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    ports = list(range(service, service + 30))

    port = group.expose_port_to_runtimes(service, ports, exclude_hosts="host-2")
    heard = spoken(port)
    group.cleanup()

    assert heard == b"served"
    assert port in ports[1:]
    with pytest.raises(OSError, match=r"refused|reset"):
        spoken(port)
    with pytest.raises(lazytui.PortInUseError):
        group.expose_port_to_runtimes(service)
    with pytest.raises(ValueError, match="no host left"):
        group.expose_port_to_runtimes(service, ports, exclude_hosts=["host-1", "host-2"])
    with pytest.raises(ValueError, match="host-9"):
        group.expose_port_to_runtimes(service, ports, exclude_hosts="host-9")


@pytest.mark.fact(
    "RuntimeGroup.expose_port_from_runtime_to_group",
    "RuntimeGroup.expose_port_from_runtime_to_group ! ValueError",
)
def test_a_port_of_a_runtime_is_exposed_to_the_others(hosts: SSHFarm, service: int) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    ports = list(range(service, service + 30))

    port = group.expose_port_from_runtime_to_group("host-1", service, ports)

    assert spoken(port) == b"served"
    assert group.get_runtime("host-2").alive_process_count == 1
    with pytest.raises(ValueError, match="host-9"):
        group.expose_port_from_runtime_to_group("host-9", service)
    with pytest.raises(ValueError, match="no host left"):
        RuntimeGroup(hosts=["host-1"]).expose_port_from_runtime_to_group("host-1", service)


@pytest.mark.fact(
    "RuntimeGroup.has_free_port",
    "RuntimeGroup.get_free_port",
    "RuntimeGroup.get_free_port ! NoPortsLeftError",
    "RuntimeGroup.has_free_port ! ValueError",
)
def test_a_free_port_is_free_on_all_members_and_here_if_asked(hosts: SSHFarm, service: int) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])

    assert not group.has_free_port(service)
    assert group.get_free_port([service, service + 1, service + 2, service + 3]) > service
    with pytest.raises(NoPortsLeftError):
        group.get_free_port([service], enforce_check_on_localhost=True)
    with pytest.raises(NoPortsLeftError):
        group.get_free_port([])
    with pytest.raises(ValueError, match="65535"):
        group.has_free_port(70000)
    with pytest.raises(ValueError, match="host-9"):
        group.has_free_port(service, exclude_hosts="host-9")


# --- the examples of the document --------------------------------------------------------------


def test_the_first_example_of_the_document_runs_with_the_import_changed(hosts: SSHFarm) -> None:
    code = "from lazytui import Runtime, RuntimeGroup, RuntimeTask\n" + facts.example(1)

    done = _script(hosts, code + "\ngroup.join()\nprint(len(task_list), task is my_task)\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Hello Group!\n2 True\n"


def test_the_other_examples_of_the_document_expose_ports(hosts: SSHFarm, service: int) -> None:
    begin = "from lazytui import RuntimeGroup\ngroup = RuntimeGroup(hosts=['host-1', 'host-2'])\n"
    # The hosts are one machine here: on two of them, one port cannot be taken twice.
    group = begin + "group.remove_runtime('host-2')\n"
    first = facts.example(2).replace("60000", str(service)).replace("60010", str(service + 20))
    second = facts.example(3).replace("60000", str(service)).replace("60010", str(service + 20))

    exposed = _script(hosts, group + first)
    between = _script(hosts, begin + second)

    for done in (exposed, between):
        assert (done.returncode, done.stderr) == (0, "")
        assert f"ort {service} " in done.stdout
        assert "is now exposed to port" in done.stdout


def _script(hosts: SSHFarm, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(hosts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
