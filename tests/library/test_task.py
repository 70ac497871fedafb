"""RuntimeTask, and how a runtime executes it, as the API page has them, on real hosts."""

from __future__ import annotations

import copy
import logging
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lazytui
from lazytui import (
    Runtime,
    RuntimeTask,
    TaskExecutionError,
)

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

WAIT = "until [ -e ~/go ]; do sleep 0.02; done"


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
