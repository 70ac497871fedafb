"""Shells in a real terminal on real sshd: opened from the screen and from the command line."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

PROMPT = "PS1='prompt-$((6*7))>'"


def started(farm: SSHFarm, tmux_factory: Callable[..., Tmux], *words: str) -> Tmux:
    terminal = tmux_factory((80, 24), farm.env())
    terminal.start([sys.executable, "-m", "lazytui", *words])
    return terminal


def in_shell(terminal: Tmux) -> None:
    terminal.wait_for("[shell on gpu01: leave it with exit or ctrl+d]")
    terminal.wait_for(re.compile(r"[#$] *$", re.M))
    terminal.type(PROMPT)
    terminal.send("Enter")
    terminal.wait_for("prompt-42>")


@pytest.mark.parametrize("way", [(), ("--in-process",)], ids=["engine", "in one process"])
def test_s_is_a_shell_and_leaving_it_brings_the_screen_back_as_it_was(
    farm: SSHFarm, tmux_factory: Callable[..., Tmux], way: tuple[str, ...]
) -> None:
    farm.add("gpu01")
    farm.add("gpu02")
    terminal = started(farm, tmux_factory, *way)
    terminal.wait_for(re.compile(r"gpu02 +● up"))
    terminal.send("s")
    terminal.wait_for("Shell on gpu01")
    terminal.send("s")
    in_shell(terminal)

    # Raw bytes: the arrow calls back a line, ctrl+c ends what runs there and nothing else.
    terminal.type("echo one-$((1+1))")
    terminal.send("Enter")
    terminal.wait_for("one-2")
    terminal.type("clear")
    terminal.send("Enter")
    terminal.wait_gone("one-2")
    terminal.send("Up", "Up", "Enter")
    terminal.wait_for("one-2")
    terminal.type("sh -c 'echo on-$((2+2)); exec sleep 60'")
    terminal.send("Enter")
    terminal.wait_for("on-4")
    terminal.send("C-c")
    terminal.resize(60, 16)
    terminal.type("clear; stty size")
    terminal.send("Enter")
    terminal.wait_for("16 60")

    # It dies in disorder, and the screen is in order.
    terminal.type("printf '\\033[?1000h\\033[?25l\\033]0;half'; kill -9 $$")
    terminal.send("Enter")
    screen = terminal.wait_for(re.compile(r"gpu02 +● up"))
    assert not any("prompt-42" in row for row in screen)
    terminal.wait_for("signal KILL")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0


def test_a_shell_can_have_a_window_of_tmux(
    farm: SSHFarm, tmux_factory: Callable[..., Tmux]
) -> None:
    farm.add("gpu01")
    terminal = started(farm, tmux_factory)
    terminal.wait_for(re.compile(r"gpu01 +● up"))

    terminal.send("s")
    terminal.wait_for("Shell on gpu01")
    terminal.send("w")

    in_shell(terminal)
    assert farm.hosts["gpu01"].connections() == 1
    terminal.type("exit 3")
    terminal.send("Enter")
    assert terminal.wait_exit() == 3


def test_the_command_line_is_a_shell_with_its_exit_status(
    farm: SSHFarm, tmux_factory: Callable[..., Tmux]
) -> None:
    farm.add("gpu01", known=False)
    terminal = started(farm, tmux_factory, "shell", "gpu01")
    terminal.wait_for("accept and save")  # asked while the terminal is still in order
    terminal.type("a")
    terminal.send("Enter")
    in_shell(terminal)

    terminal.type("exit 7")
    terminal.send("Enter")

    assert terminal.wait_exit() == 7


def test_a_shell_on_a_host_that_is_down_says_why(
    farm: SSHFarm, tmux_factory: Callable[..., Tmux]
) -> None:
    farm.add_refused("dead")
    terminal = started(farm, tmux_factory, "shell", "dead")

    terminal.wait_for("lazytui: dead: refused")
    assert terminal.wait_exit() == 3


@pytest.mark.parametrize("way", [(), ("--in-process",)], ids=["engine", "in one process"])
def test_a_command_is_edited_and_its_output_read_with_the_users_own_programs(
    farm: SSHFarm, tmux_factory: Callable[..., Tmux], tmp_path: Path, way: tuple[str, ...]
) -> None:
    farm.add("gpu01")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "editing: $(cat "$1")"; read x; echo "$x" >"$1"\n')
    pager = tmp_path / "pager"
    pager.write_text('#!/bin/sh\necho "reading: $(cat "$1")"; read x\n')
    for program in (editor, pager):
        program.chmod(0o755)
    environ = {**farm.env(), "EDITOR": str(editor), "PAGER": str(pager)}
    terminal = tmux_factory((80, 24), environ)
    terminal.start([sys.executable, "-m", "lazytui", *way])
    terminal.wait_for(re.compile(r"gpu01 +● up"))
    terminal.send("r")
    terminal.wait_for("Command")
    terminal.type("uptime")
    terminal.wait_for("uptime")

    terminal.send("F4")
    terminal.wait_for("editing: uptime")
    terminal.type("echo made-$((20+2))")
    terminal.send("Enter")
    terminal.wait_for("echo made-$((20+2))")
    terminal.wait_gone("editing")
    terminal.send("Enter")
    terminal.wait_for("made-22")
    terminal.send("e")
    terminal.wait_for("reading: made-22")
    terminal.send("Enter")

    terminal.wait_gone("reading")
    terminal.wait_for("made-22")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0


def test_an_editor_that_is_not_there_is_told_and_the_command_is_kept(
    farm: SSHFarm, tmux_factory: Callable[..., Tmux]
) -> None:
    farm.add("gpu01")
    terminal = tmux_factory((100, 30), {**farm.env(), "EDITOR": "no-such-editor"})
    terminal.start([sys.executable, "-m", "lazytui"])
    terminal.wait_for(re.compile(r"gpu01 +● up"))
    terminal.send("r")
    terminal.wait_for("Command")
    terminal.type("uptime")

    terminal.send("F4")

    screen = terminal.wait_for("$EDITOR is no-such-editor")
    assert any("uptime" in row for row in screen)
