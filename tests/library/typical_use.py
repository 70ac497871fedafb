"""How the library is used, as ``mypy --strict`` sees it; it runs on two hosts named below.

Checked with the package (``files`` in pyproject.toml), and run by ``test_typical_use.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from typing import Any, assert_type

from lazytui import (
    Runtime,
    RuntimeGroup,
    RuntimeManager,
    RuntimeTask,
    TaskExecutionError,
)
from lazytui.blocking.process import Process, TaskProcess


def area(width: int, height: int) -> int:
    """Give something back."""
    return width * height


def double(number: int) -> str:
    """Give back another type than was given."""
    return str(2 * number)


def use_a_runtime(host: str) -> None:
    """One host."""
    with Runtime(
        host, working_dir="~/typical", connection_kwargs={"connect_timeout": 20}
    ) as runtime:
        assert_type(runtime, Runtime)
        assert_type(runtime.info, dict[str, Any])
        assert_type(runtime.memory_in_mb, int)
        assert_type(runtime.check_filter(min_memory=1, installed_executables="sh"), bool)
        task = RuntimeTask("typical").run_command("echo hi").run_function(area, width=6, height=7)
        assert_type(task, RuntimeTask)
        assert_type(runtime.execute_task(task, execute_async=False), RuntimeTask)
        assert_type(task.execution_log, Sequence[str])
        assert_type(task.execution_log[0], str)
        assert_type(task.function_returns, Generator[Any, None, None])
        assert_type(task.process, TaskProcess | None)
        assert_type(runtime.execute_function(area, width=1, height=2), RuntimeTask)
        assert_type(runtime.get_processes(), dict[str, Process])
        assert_type(runtime.get_free_port([9001, 9002, 9003]), int)
        runtime.env_variables = {"A": "1"}
        print(task.execution_log[0], *task.function_returns, runtime.echo("$A"))


def use_a_group(hosts: list[str]) -> None:
    """Several hosts."""
    group = RuntimeGroup(hosts=hosts)
    task = RuntimeTask().run_command("exit 3")
    flag = len(hosts) > 1
    one = group.execute_task(RuntimeTask().run_command("true"))
    all_of_them = group.execute_task(RuntimeTask().run_command("true"), broadcast=True)
    either = group.execute_task(RuntimeTask().run_command("true"), broadcast=flag)
    assert_type(one, RuntimeTask)
    assert_type(all_of_them, list[RuntimeTask])
    assert_type(either, RuntimeTask | list[RuntimeTask])
    assert_type(group.get_runtimes(exclude_hosts=hosts[0]), dict[str, Runtime])
    assert_type(group.map(double, [1, 2]), list[str])
    group.join()
    try:
        group.execute_task(task, hosts[0], execute_async=False)
    except TaskExecutionError as error:
        assert_type(error.host, str)
        print(error.host, error.reason, len(all_of_them))
    group.cleanup()


def use_the_manager() -> None:
    """All hosts."""
    with RuntimeManager() as manager:
        group = manager.create_group(min_cpu_cores=1, filter_commands=["echo true"])
        assert_type(group, RuntimeGroup)
        assert_type(group.runtimes, list[Runtime])
        print(*group.hosts)


if __name__ == "__main__":
    use_a_runtime(sys.argv[1])
    use_a_group(sys.argv[1:])
    use_the_manager()
