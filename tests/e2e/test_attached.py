"""Several real terminals on one engine: the same cluster, each with its own place in it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

TerminalFactory = Callable[..., "Tmux"]


def attach(farm: SSHFarm, tmux_factory: TerminalFactory, size=(80, 24), **environ: str) -> Tmux:
    env = {**farm.env(), "LAZYTUI_METRICS_INTERVAL_S": "0.5", **environ}
    terminal = tmux_factory(size, env)
    terminal.start([sys.executable, "-m", "lazytui"])
    for name in ("n1", "n2"):
        terminal.wait_for(re.compile(rf"{name} +● up"))
    return terminal


def test_two_terminals_see_the_same_cluster_and_neither_moves_the_other(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("n1")
    farm.add("n2")
    one = attach(farm, tmux_factory)
    two = attach(farm, tmux_factory, (130, 34))
    one.wait_for(r"+1 here")
    two.wait_for(r"+1 here")

    one.send("j", "Space")
    one.wait_for(re.compile(r"✓ n2"))
    assert not re.search("✓ n", "\n".join(two.screen()))

    one.send("r")
    one.wait_for("one at a time")
    one.type("echo from-$((40 + 2))")
    one.send("Enter")
    two.send("2")
    two.wait_for("1 done")
    two.send("Escape")  # the filter for the host that was under the cursor
    two.wait_for(re.compile(r"✓ done +echo from-"))
    two.send("Enter")
    two.wait_for("from-42")

    one.send("C-q")  # leaves at once: nothing stops
    assert one.wait_exit() == 0
    two.wait_gone("+1 here")
    two.send("1")
    two.wait_for(re.compile(r"n1 +● up"))
    two.send("C-q")
    assert two.wait_exit() == 0


def test_a_terminal_that_stops_reading_holds_up_nobody_and_is_painted_clean_afterwards(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("n1")
    gone = farm.add("n2")
    stalled = attach(farm, tmux_factory, (200, 50))
    other = attach(farm, tmux_factory)
    pump = stalled.pid
    os.kill(pump, signal.SIGSTOP)
    try:
        stalled.send("2", "1", "2", "1", "?", "Escape")
        other.send("j")
        other.wait_for("▌  n2")
        gone.stop()
        other.wait_for(re.compile(r"n2 +○ down"))
        other.send("2")
        other.wait_for("No tasks yet")
    finally:
        os.kill(pump, signal.SIGCONT)
    stalled.wait_for(re.compile(r"n2 +○ down"))
    stalled.send("2")
    screen = stalled.wait_for("No tasks yet")
    assert screen[0].split()[:3] == ["lazytui", "1", "Hosts"]
    assert "? keys" in screen[49]
    assert not any("n2" in row for row in screen)


@pytest.mark.parametrize("way", ["", " --in-process"], ids=["engine", "in one process"])
def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_brings_the_screen_back(
    farm: SSHFarm, tmux_factory: TerminalFactory, way: str
) -> None:
    farm.add("n1")
    terminal = tmux_factory((80, 24), {**farm.env(), "PS1": "prompt> "})
    terminal.start(["bash", "--norc", "--noprofile", "-i"])
    terminal.wait_for("prompt>")
    terminal.type(f"{sys.executable} -m lazytui{way}")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"n1 +● up"))
    terminal.send("C-z")
    if way:
        terminal.wait_for("ctrl+z again suspends")
        terminal.send("C-z")
    terminal.wait_for("Stopped")
    terminal.type("clear; stty size")
    terminal.send("Enter")
    terminal.wait_for("24 80")
    terminal.type("fg")
    terminal.send("Enter")
    screen = terminal.wait_for(re.compile(r"n1 +● up"))
    assert screen[0].split()[:2] == ["1", "Hosts"]
    terminal.send("2")
    terminal.wait_for("No tasks yet")
    terminal.send("C-q")
    terminal.wait_for("prompt>")


@pytest.mark.parametrize("way", [[], ["--in-process"]], ids=["engine", "in one process"])
def test_ctrl_z_without_a_shell_stops_nothing_and_says_why(
    farm: SSHFarm, tmux_factory: TerminalFactory, way: list[str]
) -> None:
    farm.add("n1")
    terminal = tmux_factory((80, 24), farm.env())
    terminal.start([sys.executable, "-m", "lazytui", *way])
    terminal.wait_for(re.compile(r"n1 +● up"))
    terminal.send("C-z")
    terminal.wait_for("no shell here to come back from")
    terminal.send("2")
    terminal.wait_for("No tasks yet")
