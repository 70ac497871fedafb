"""What is said of the API beyond names and errors: read once, asked at once, cleaned up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui import (
    InvalidRuntimeError,
    NoPortsLeftError,
    PortInUseError,
    Runtime,
    RuntimeGroup,
    RuntimeManager,
    RuntimeTask,
    TaskExecutionError,
)
from lazytui.core.model import Metrics
from lazytui.core.script.runtime import ScriptRuntime
from lazytui.remote.checks import is_free
from tests.library.test_filters import Wire, wire

if TYPE_CHECKING:
    from tests.netns import NetnsLab
    from tests.sshd import SSHFarm

__all__ = ["wire"]

WAIT = "until [ -e ~/go ]; do sleep 0.02; done"


# --- Runtime -----------------------------------------------------------------------------------


@pytest.mark.fact("Runtime: info: is read once, then buffered")
def test_what_a_runtime_is_costs_no_question_once_it_is_connected(
    hosts: SSHFarm, wire: Wire
) -> None:
    runtime = Runtime("host-1")
    first = runtime.info
    wire.take()
    first["os"] = "changed by a careless script"

    again = [runtime.info for _ in range(3)]

    assert wire.take() == []
    assert again[0] == again[2] != first


@pytest.mark.fact("Runtime: check_filter: a command passes when its last line is true, in any case")
@pytest.mark.parametrize(
    ("command", "passes"),
    [
        ("echo true", True),
        ("echo first; echo TRUE", True),
        ("echo ' True '; exit 3", True),
        ("echo true; echo false", False),
        ("echo trueish", False),
        ("true", False),
        ("echo true >&2", False),
    ],
)
def test_a_filter_command_passes_by_its_last_line(
    hosts: SSHFarm, command: str, passes: bool
) -> None:
    assert Runtime("host-1").check_filter(filter_commands=command) is passes


@pytest.mark.fact(
    "Runtime: a context manager that cleans up",
    "RuntimeGroup: a context manager that cleans up",
    "RuntimeManager: a context manager that cleans up",
    "RuntimeManager.cleanup",
)
def test_a_with_block_removes_directories_and_stops_tasks_also_after_an_exception(
    hosts: SSHFarm,
) -> None:
    folders, tasks = [], []

    def use(runtime: Runtime) -> None:
        task = RuntimeTask().run_command("sleep 600")
        runtime.execute_task(task)
        folders.append(Path(runtime.working_dir))
        tasks.append(task.process)
        raise LookupError

    with pytest.raises(LookupError), Runtime("host-1") as runtime:
        use(runtime)
    with pytest.raises(LookupError), RuntimeGroup(hosts=["host-1"]) as group:
        use(group.get_runtime())
    with pytest.raises(LookupError), RuntimeManager() as manager:
        use(manager.create_group().get_runtime("host-2"))
    manager.cleanup()  # once more does no harm
    group.cleanup()
    runtime.cleanup()

    assert [folder.exists() for folder in folders] == [False] * 3
    assert [task is not None and task.is_alive() for task in tasks] == [False] * 3


# --- RuntimeGroup ------------------------------------------------------------------------------


@pytest.mark.fact("RuntimeGroup.add_runtime ! InvalidRuntimeError")
def test_a_host_that_cannot_be_used_is_not_added(hosts: SSHFarm) -> None:
    hosts.add_refused("down")
    group = RuntimeGroup(hosts=["host-1"])

    with pytest.raises(InvalidRuntimeError, match="down cannot be used: refused"):
        group.add_runtime("down")

    assert group.hosts == ["host-1"]


@pytest.mark.fact(
    "RuntimeGroup: get_runtime: the fewest alive runs, then most free memory, then the order"
)
def test_the_least_busy_runtime_has_the_fewest_runs_then_most_memory_then_comes_first(
    hosts: SSHFarm,
) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    by_order = group.get_runtime().host
    for name, used in (("host-1", 900), ("host-2", 100)):
        known = group._core.session.engine.runtime(name)
        known.metrics = Metrics(0.0, 0.0, 0.0, used, 1000, 0, 0, 0.0, 0.0)
    by_memory = group.get_runtime().host

    group.execute_task(RuntimeTask().run_command("sleep 600"), host="host-2")

    assert (by_order, by_memory, group.get_runtime().host) == ("host-1", "host-2", "host-1")


@pytest.mark.fact(
    "RuntimeGroup.function_returns",
    "RuntimeGroup: function_returns: only of tasks started via the group",
)
def test_a_group_gives_the_returns_of_what_was_started_through_it(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])

    group.execute_task(RuntimeTask().run_function(lambda: "all"), broadcast=True)
    group.get_runtime("host-1").execute_function(lambda: "beside")
    group.execute_task(RuntimeTask().run_function(lambda: "one"), host="host-2")

    assert list(group.function_returns) == ["all", "all", "one"]


@pytest.mark.fact("RuntimeGroup.send_file", "RuntimeGroup.send_file ! TaskExecutionError")
def test_a_file_is_sent_to_all_members(hosts: SSHFarm, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("42\n")
    group = RuntimeGroup(hosts=["host-1", "host-2"])

    tasks = group.send_file(str(tmp_path / "data"))
    group.join()
    there = [Path(runtime.working_dir, "data").read_text() for runtime in group.runtimes]

    assert (len(tasks), there) == (2, ["42\n", "42\n"])
    with pytest.raises(TaskExecutionError, match="none"):
        group.send_file(str(tmp_path / "none"), execute_async=False)


@pytest.mark.fact(
    "RuntimeGroup.print_log",
    "RuntimeGroup.print_runtime_info",
    "RuntimeGroup.fill_runtime_info_buffers_async",
)
def test_a_group_prints_logs_and_what_its_members_are(
    hosts: SSHFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    group.execute_task(RuntimeTask("greet").run_command("echo hello"), broadcast=True)

    group.fill_runtime_info_buffers_async()
    group.print_runtime_info()
    group.print_log()
    head, *rows = capsys.readouterr().out.splitlines()

    assert head.split()[:3] == ["HOST", "STATE", "OS"]
    assert [row.split()[0] for row in rows[:2]] == ["host-1", "host-2"]
    assert rows[2:] == [
        "greet on host-1: succeeded",
        "  hello",
        "greet-1 on host-2: succeeded",
        "  hello",
    ]


@pytest.mark.fact("RuntimeGroup: all runtimes are asked concurrently")
def test_the_members_of_a_group_are_asked_at_once(
    hosts: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    meeting, ask = asyncio.Barrier(2), ScriptRuntime.free_ports

    async def meet(runtime: ScriptRuntime, ports: list[int]) -> list[int]:
        await meeting.wait()  # nobody is asked before both are
        return await ask(runtime, ports)

    monkeypatch.setattr(ScriptRuntime, "free_ports", meet)

    assert group.get_free_port(list(range(20000, 20100)))
    assert group.has_free_port(1) in (True, False)


@pytest.mark.fact(
    "RuntimeGroup.expose_port_to_runtimes ! NoPortsLeftError",
    "RuntimeGroup.expose_port_from_runtime_to_group ! PortInUseError",
    "RuntimeGroup.expose_port_from_runtime_to_group ! NoPortsLeftError",
    "RuntimeGroup: an exposure that fails on one runtime is undone on the others",
    "RuntimeGroup: expose_port_from_runtime_to_group: occupies no port on the manager",
)
@pytest.mark.netns
def test_an_exposure_is_on_all_members_or_on_none(
    netns: NetnsLab, farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    names = ["node1", "node2", "node3"]
    for name in names:
        netns.add(name)
    group = RuntimeGroup(hosts=names)
    port = group.get_free_port(list(range(21000, 21100)), enforce_check_on_localhost=True)
    serve = f"exec python3 -m http.server {port} --bind 127.0.0.1"
    group.execute_task(RuntimeTask().run_command(serve), host="node3")
    while group.get_runtime("node3").has_free_port(port):
        pass

    with pytest.raises(PortInUseError, match=f"port {port} is in use") as raised:
        group.expose_port_to_runtimes(8080, port)
    with pytest.raises(NoPortsLeftError):
        group.expose_port_to_runtimes(8080, [port])
    with pytest.raises(PortInUseError):
        group.expose_port_from_runtime_to_group("node1", 8080, port)
    with pytest.raises(NoPortsLeftError):
        group.expose_port_from_runtime_to_group("node1", 8080, [port, port])
    undone = group.has_free_port(port, exclude_hosts="node3")
    exposed = group.expose_port_from_runtime_to_group("node3", port)
    page = RuntimeTask().run_command(
        f"python3 -c 'import urllib.request as r;"
        f'print(r.urlopen("http://127.0.0.1:{port}/").status)\''
    )
    group.execute_task(page, host="node1")

    assert "node3" in str(raised.value)
    assert undone
    assert exposed == port
    assert page.execution_log == ["200"]
    assert is_free(port)


# --- RuntimeManager ----------------------------------------------------------------------------


@pytest.mark.fact("RuntimeManager: detects all hosts concurrently")
def test_all_hosts_are_detected_at_once(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    for name, other in (("host-1", "host-2"), ("host-2", "host-1")):
        # A login that waits until the other host has one, too: one by one, none would end.
        farm.add(name, noise="")
        login = farm.root / "hosts" / name / "login"
        waits = f"touch {tmp_path}/{name}; until [ -e {tmp_path}/{other} ]; do sleep 0.02; done\n"
        login.write_text(waits + login.read_text())

    assert RuntimeManager().create_group().hosts == ["host-1", "host-2"]
