"""The promises of tasks, kept in a real terminal on real sshd hosts.

A task of several steps is made on the screen and runs filled in for each host; what two hosts
said is compared; a task waits for another; a saved command is a key away; a run that does not heed
INT is killed at the second word, and a command is found again by a few of its letters.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_promises import command_line, start
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.test_promises import TerminalFactory
    from tests.sshd import SSHFarm

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]


def test_a_task_of_steps_is_made_run_and_its_outputs_are_compared(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    one, two = farm.add("node01"), farm.add("node02")
    (one.home / "driver").write_text("Driver 535.161\nsame\n")
    (two.home / "driver").write_text("Driver 535.104\nsame\n")
    terminal = start(farm, tmux_factory, size=(110, 34))
    terminal.wait_for("2 up")

    terminal.type("2")
    terminal.wait_for("No tasks yet")
    terminal.type("n")
    terminal.wait_for("No steps yet")
    terminal.type("a")
    terminal.wait_for("Add a step")
    terminal.type("r")
    terminal.wait_for("enter keep")
    terminal.type("cp driver seen-{{host}}")
    terminal.send("Enter")
    terminal.wait_for("1 step")
    terminal.type("a")
    terminal.wait_for("Add a step")
    terminal.type("r")
    terminal.wait_for("enter keep")
    terminal.type("cat seen-*")
    terminal.send("Enter")
    terminal.wait_for("2 steps")
    terminal.type("r")
    terminal.wait_for("Run where?")
    terminal.type("node[01-02]")
    terminal.send("Enter")
    terminal.wait_for("2 different outputs")

    terminal.type("jc")
    terminal.wait_for("1 difference")
    terminal.wait_for("535.104")
    terminal.send("Escape")
    terminal.wait_for("2 different outputs")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0

    assert (one.home / "seen-node01").exists()
    assert (two.home / "seen-node02").exists()


def test_a_run_waits_for_another_and_a_saved_command_is_a_key_away(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    host = farm.add("node01")
    config = farm.home / ".config" / "lazytui" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        "[[commands]]\nname='greet'\ncommand='echo hello {{who}}'\nkey='E'\ncontext='hosts'\n"
        "[[commands.prompts]]\nname='who'\ntext='Who is it?'\n"
    )
    terminal = start(farm, tmux_factory, size=(110, 34))
    terminal.wait_for("1 up")

    terminal.type("r")
    terminal.wait_for("Run on node01")
    terminal.type("while test ! -e go; do sleep 0.1; done")
    terminal.send("Enter")
    terminal.wait_for("▸ running")
    terminal.send("Escape")
    terminal.wait_for("enter details")
    terminal.type("r")
    terminal.wait_for("Run on node01")
    terminal.type("echo se''cond")
    terminal.send(*["Tab"] * 6)
    terminal.type("1 ok")
    terminal.wait_for("Will wait, then run")
    terminal.send("Enter")
    terminal.wait_for("waits for #1")
    (host.home / "go").touch()
    terminal.wait_for("second")
    terminal.send("Escape")
    terminal.wait_for("enter details")

    terminal.type("E")
    terminal.wait_for("Who is it?")
    terminal.type("you two")
    terminal.send("Enter")
    terminal.wait_for("hello you two")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0

    runs = json.loads(command_line(farm, "tasks", "--json"))
    assert [(run["task_id"], run["state"]) for run in runs] == [
        (3, "succeeded"), (2, "succeeded"), (1, "succeeded")
    ]  # fmt: skip


def test_steps_fold_and_the_failed_one_is_open_and_marked_tasks_run_again(
    farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path: Path
) -> None:
    host = farm.add("node01")
    task = tmp_path / "task.toml"
    task.write_text(
        "name = 'build'\n"
        "[[steps]]\nrun = 'seq -f \"first %g\" 500; printf nothing-after'\n"
        "[[steps]]\nrun = 'echo second; test -e go'\n"
        "[[steps]]\nrun = 'echo third'\n"
    )
    command_line(farm, "run", "-w", "node01", "--task", str(task))
    command_line(farm, "run", "-w", "node01", "--", "echo other")
    terminal = start(farm, tmux_factory)
    terminal.wait_for("1 up")

    terminal.type("2")
    terminal.wait_for("build")
    terminal.type("j")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"▸ 1 run .*✓ done +exit 0 .* 501 lines"))
    terminal.wait_for(re.compile(r"▾ 2 run .*✗ failed +exit 1 .* 1 line"))
    screen = terminal.wait_for(re.compile(r" 3 run .*not begun"))
    assert any(row.strip() == "second" for row in screen)
    terminal.type("g")
    terminal.send("Enter")
    terminal.wait_for("first 1")
    terminal.type("]")
    screen = terminal.wait_for("nothing-after")
    assert any(row.split()[:1] == ["nothing-after"] for row in screen)
    terminal.type("F")
    terminal.wait_gone("first 49")
    terminal.type("q")
    terminal.wait_for("other")

    (host.home / "go").touch()
    terminal.type("*r")
    terminal.wait_for("Run 2 tasks again?")
    terminal.type("f")
    terminal.wait_for("Again: 1 task, 1 run")
    terminal.wait_for(re.compile(r"3 +✓ done"))
    terminal.send("C-q")
    assert terminal.wait_exit() == 0

    runs = json.loads(command_line(farm, "tasks", "--json"))
    assert [(run["task_id"], run["state"]) for run in runs] == [
        (3, "succeeded"), (2, "succeeded"), (1, "failed")
    ]  # fmt: skip


def test_a_run_is_cancelled_with_the_word_it_heeds_and_found_again_in_the_history(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    host = farm.add("node01")
    terminal = start(farm, tmux_factory, size=(110, 34))
    terminal.wait_for("1 up")

    terminal.type("r")
    terminal.wait_for("Run on node01")
    terminal.type("trap '' INT; touch deaf; while true; do sleep 0.2; done")
    terminal.send("Enter")
    terminal.wait_for("▸ running")
    wait_until(lambda: (host.home / "deaf").exists())
    terminal.type("x")
    terminal.wait_for("Stop #1")
    terminal.type("i")
    wait_until(lambda: "INT sent" in command_line(farm, "events"))
    terminal.wait_for("▸ running")
    terminal.type("x")
    terminal.wait_for("It was told to end before, and still runs: now KILL.")
    terminal.send("Enter")
    terminal.wait_for("cancelled")

    terminal.send("Escape")
    terminal.wait_for("enter details")
    terminal.type("r")
    terminal.wait_for("Run on node01")
    terminal.send("C-r")
    terminal.type("tdf")  # a few letters, in order
    terminal.wait_for("enter takes the marked command")
    terminal.send("Enter")
    terminal.wait_for("Will run on")
    terminal.send("C-u")
    terminal.type("echo found it")
    terminal.send("Enter")
    terminal.wait_for("exit 0")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0

    runs = json.loads(command_line(farm, "tasks", "--json"))
    assert [run["state"] for run in runs] == ["succeeded", "cancelled"]
