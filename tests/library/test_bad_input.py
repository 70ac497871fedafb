"""What scripts do wrong or meet: each is told in words that help, or simply works."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lazytui import (
    InvalidRuntimeError,
    NoRuntimesDetectedError,
    Runtime,
    RuntimeGroup,
    RuntimeManager,
    RuntimeTask,
)
from tests.engines import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm


# --- groups ------------------------------------------------------------------------------------


def test_a_group_of_both_or_neither_says_what_to_give(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    words = "a group is made of runtimes or of hosts: give one of them"

    for arguments in ({}, {"runtimes": [runtime], "hosts": ["host-2"]}):
        with pytest.raises(ValueError, match=words):
            RuntimeGroup(**arguments)  # type: ignore[arg-type]


def test_a_host_given_twice_or_to_be_included_and_excluded_is_refused(hosts: SSHFarm) -> None:
    manager, group = RuntimeManager(), RuntimeGroup(hosts=["host-1", "host-2"])
    both = {"include_hosts": ["host-1"], "exclude_hosts": ["host-2"]}

    with pytest.raises(ValueError, match="'host-1' is in the group already"):
        RuntimeGroup(hosts=["host-1", "host-1"])
    for choose in (manager.create_group, group.get_runtimes):
        with pytest.raises(ValueError, match="give hosts to include or hosts to exclude, not both"):
            choose(**both)  # type: ignore[operator]


@pytest.mark.parametrize("which", ["include_hosts", "exclude_hosts"])
def test_an_unknown_host_in_a_list_is_named(hosts: SSHFarm, which: str) -> None:
    group, manager = RuntimeGroup(hosts=["host-1", "host-2"]), RuntimeManager()

    with pytest.raises(ValueError, match="'host-9' is no host of the ssh config"):
        manager.create_group(**{which: ["host-1", "host-9"]})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'host-9' is not in the group; it has host-1, host-2"):
        group.get_runtimes(**{which: ["host-1", "host-9"]})
    with pytest.raises(ValueError, match="'host-9' is not in the group"):
        group.has_free_port(8080, exclude_hosts=["host-9"])
    with pytest.raises(ValueError, match="'host-9' is not in the group"):
        group.expose_port_to_runtimes(8080, exclude_hosts="host-9")


def test_an_empty_group_says_so(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=[])

    assert (group.hosts, group.runtime_count, group.task_processes) == ([], 0, [])
    assert list(group.function_returns) == []
    with pytest.raises(ValueError, match="the group has no hosts"):
        group.execute_task(RuntimeTask().run_command("true"))
    with pytest.raises(ValueError, match="the group has no hosts"):
        group.map(abs, [1])
    with pytest.raises(ValueError, match="the group has no hosts"):
        group.get_runtime()
    group.join()
    group.cleanup()


def test_a_group_whose_members_vanish_names_them_and_starts_nothing(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1", "host-2"])
    hosts.hosts["host-2"].stop()
    hosts.hosts["host-2"].kill_sessions()
    while group.get_runtime("host-2").is_valid_runtime():
        pass

    with pytest.raises(InvalidRuntimeError, match="host-2 cannot be used: refused"):
        group.execute_task(RuntimeTask().run_command("true"), broadcast=True)
    with pytest.raises(InvalidRuntimeError, match="host-2 cannot be used: refused"):
        group.has_free_port(8080)
    started = group.task_processes
    task = group.execute_task(RuntimeTask().run_command("echo on $HOME"))
    group.join()

    assert started == []
    assert isinstance(task, RuntimeTask)
    assert "host-1" in task.execution_log[0]
    hosts.hosts["host-1"].stop()
    hosts.hosts["host-1"].kill_sessions()
    while group.get_runtime("host-1").is_valid_runtime():
        pass
    with pytest.raises(InvalidRuntimeError, match="host-1 cannot be used: refused") as raised:
        group.execute_task(RuntimeTask().run_command("true"))
    group.cleanup()

    assert raised.value.__notes__ == ["also: host-2 cannot be used: refused"]


def test_a_member_that_is_back_is_used_again(hosts: SSHFarm) -> None:
    group = RuntimeGroup(hosts=["host-1"])
    host = hosts.hosts["host-1"]
    host.stop()
    host.kill_sessions()
    while group.get_runtime("host-1").is_valid_runtime():
        pass

    host.start()
    task = group.execute_task(RuntimeTask().run_command("echo back"))

    assert isinstance(task, RuntimeTask)
    assert task.execution_log == ["back"]


# --- no ssh config -----------------------------------------------------------------------------


def test_without_an_ssh_config_the_manager_says_how_to_get_one(isolated_home: Path) -> None:
    words = r"no host in ~/\.ssh/config: add one, for example with `lazytui add-runtime NAME USER@"

    assert not (isolated_home / ".ssh").exists()
    with pytest.raises(NoRuntimesDetectedError, match=words):
        RuntimeManager()


# --- functions, from everywhere ----------------------------------------------------------------

FUNCTIONS = """
import functools, sys
from lazytui import Runtime

FACTOR = 6

def of_main(n):
    return FACTOR * n

def closing_over(factor):
    def inner(n):
        return factor * n
    return inner

class Scale:
    def __init__(self, factor):
        self.factor = factor
    def times(self, n):
        return self.factor * n
    @staticmethod
    def fixed(n):
        return 6 * n
    @classmethod
    def of_class(cls, n):
        return cls(6).times(n)
    def __call__(self, n):
        return self.times(n)

runtime = Runtime("host-1")
for function in (
    of_main,
    lambda n: FACTOR * n,
    closing_over(6),
    functools.partial(lambda factor, n: factor * n, 6),
    Scale(6).times,
    Scale.fixed,
    Scale.of_class,
    Scale(6),
):
    print(*runtime.execute_function(function, n=7).function_returns)
import helper_of_the_script as helper
print(*runtime.execute_function(helper.doubled, n=21).function_returns)
"""


def test_functions_of_every_kind_are_sent_with_what_they_use(
    hosts: SSHFarm, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(FUNCTIONS)
    (tmp_path / "helper_of_the_script.py").write_text("def doubled(n):\n    return 2 * n\n")

    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        env=environment(hosts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr, done.stdout) == (0, "", "42\n" * 9)
