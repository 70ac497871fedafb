"""Ctrl-C in every kind of blocking call, in a process of its own: once, clean, usable after it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.engines import environment

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

SCRIPT = """
import json, os, pathlib, sys, time
from lazytui import Runtime, RuntimeGroup, RuntimeManager, RuntimeTask

def sleeper(item=0):
    open(os.path.expanduser("~/up"), "w").close()
    time.sleep(600)

BUSY = "touch ~/up; exec sleep 600"
runtime = Runtime("host-1")
group = RuntimeGroup(hosts=["host-1", "host-2"])
task = RuntimeTask("busy").run_command(BUSY)
count = 0
{before}
print("begin", flush=True)
try:
    {call}
except KeyboardInterrupt:
    count += 1
processes = {{*runtime.task_processes, *group.task_processes}}
alive = [process.is_alive() for process in processes]
usable = Runtime("host-2").echo("usable")
print(json.dumps([count, len(alive), any(alive), usable]))
"""


@dataclass(frozen=True)
class Case:
    """A call that blocks.

    Args:
        call: it.
        before: what comes before it.
        marks: hosts on which it is seen to have begun, by a file; none: it reaches no host.
        goes_on: what runs on the host goes on: the call only waited for it.
    """

    call: str
    before: str = ""
    marks: tuple[str, ...] = ("host-1",)
    goes_on: bool = False


START = "runtime.execute_task(task)"
BOTH = ("host-1", "host-2")
CASES = {
    # What a call has started for itself ends with it.
    "execute_task": Case("runtime.execute_task(task, execute_async=False)"),
    "execute_task with debug": Case("runtime.execute_task(task, execute_async=False, debug=True)"),
    "execute_function": Case("runtime.execute_function(sleeper)"),
    "echo": Case('runtime.echo("$(touch ~/up; exec sleep 600)")'),
    "a broadcast": Case(
        "group.execute_task(task, broadcast=True, execute_async=False)", marks=BOTH
    ),
    "map": Case("group.map(sleeper, [1, 2])", marks=BOTH),
    # Waiting for what was started before ends, and what was started goes on.
    "Runtime.join": Case("runtime.join()", START, goes_on=True),
    "RuntimeTask.join": Case("task.join()", START, goes_on=True),
    "execution_log": Case("task.execution_log[0]", START, goes_on=True),
    "function_returns": Case(
        "list(task.function_returns)", f"task.run_function(sleeper); {START}", goes_on=True
    ),
    "print_log": Case("task.print_log()", START, goes_on=True),
    "process.join": Case("task.process.join()", START, goes_on=True),
    "RuntimeGroup.join": Case(
        "group.join()", "group.execute_task(task, broadcast=True)", marks=BOTH, goes_on=True
    ),
    # Questions are given up; the host ends their commands after ten seconds.
    "check_filter": Case("runtime.check_filter(filter_commands=BUSY)"),
    "create_group": Case(
        "manager.create_group(filter_commands=BUSY)", "manager = RuntimeManager()"
    ),
    # Hosts that do not answer.
    "Runtime": Case('Runtime("silent")', marks=()),
    "RuntimeGroup": Case('RuntimeGroup(hosts=["host-1", "silent"])', marks=()),
    "RuntimeManager": Case("RuntimeManager()", marks=()),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ctrl_c_ends_a_call_once_and_the_library_is_usable_after_it(
    hosts: SSHFarm, case: Case
) -> None:
    if "silent" in case.call or "RuntimeManager()" == case.call:
        hosts.add_silent("silent")

    count, started, any_alive, usable = interrupted(hosts, case)

    assert (count, usable) == (1, "usable")
    assert any_alive is case.goes_on
    assert started or not case.goes_on


def interrupted(hosts: SSHFarm, case: Case) -> list[object]:
    """Run the script, and press Ctrl-C when the call is seen to be at work."""
    code = SCRIPT.format(before=case.before, call=case.call)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(hosts),
        cwd=hosts.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        marks = [hosts.hosts[name].home / "up" for name in case.marks]
        while not all(mark.exists() for mark in marks):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        time.sleep(0.2)  # so that it waits, and is not on its way to that
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return list(json.loads(out.splitlines()[-1]))


def test_ctrl_c_in_a_transfer_stops_it_and_leaves_no_half_a_file(hosts: SSHFarm) -> None:
    target = hosts.hosts["host-1"].home / "target"
    call = 'runtime.send_file("big", os.path.expanduser("~") + "/../hosts/host-1/home/target/big")'
    case = Case(
        call,
        'open("big", "wb").truncate(3 << 30); runtime.create_dir("~/target");'
        ' runtime.execute_task(RuntimeTask().run_command("touch ~/up"), execute_async=False)',
    )

    count, _, any_alive, usable = interrupted(hosts, case)

    assert (count, any_alive, usable) == (1, False, "usable")
    assert not (target / "big").exists()
