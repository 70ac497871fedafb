"""Passphrases on real terminals: on the screen, and on the command line's, with and without it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.sshd_process import encrypt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

    TerminalFactory = Callable[..., Tmux]

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]


def run_with_passphrase(farm: SSHFarm, tmux_factory: TerminalFactory) -> None:
    """Run a command in a shell that asks for the passphrase; all is seen but that."""
    shell = tmux_factory((80, 24), {**farm.env(), "PS1": "prompt> "})
    shell.start(["bash", "--norc", "--noprofile", "-i"])
    shell.wait_for("prompt>")
    command = "run -w n1 -- 'echo hi-$((40+2))'; stty -a | grep -o '.echo '"
    shell.type(f"{sys.executable} -m lazytui {command}")
    shell.send("Enter")
    shell.wait_for("Passphrase:")
    shell.type("secret")
    shell.send("Enter")
    shell.wait_for("hi-42")
    seen = shell.wait_for(re.compile(r"^ echo *$", re.M))
    assert not any("secret" in row for row in seen)


def test_a_passphrase_is_typed_on_the_screen_and_every_host_comes_up(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("n1")
    farm.add("n2")
    encrypt(farm.client_key)
    terminal = tmux_factory((80, 24), farm.env())
    terminal.start([sys.executable, "-m", "lazytui"])
    for name in ("n1", "n2"):
        terminal.wait_for(re.compile(rf"{name} +◆ auth +asks for a passphrase"))
    terminal.wait_for("1 question waits")
    terminal.send("Q")
    terminal.wait_for("2 hosts wait for the same answer")
    terminal.type("secret")
    assert not any("secret" in row for row in terminal.screen())
    terminal.send("Enter")
    for name in ("n1", "n2"):
        terminal.wait_for(re.compile(rf"{name} +● up"))


def test_a_passphrase_is_typed_on_the_command_lines_terminal_unseen(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("n1")
    encrypt(farm.client_key)

    run_with_passphrase(farm, tmux_factory)


def test_a_command_asks_through_the_engine_and_the_screen_has_its_host_then(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("n1")
    encrypt(farm.client_key)
    screen = tmux_factory((80, 24), farm.env())
    screen.start([sys.executable, "-m", "lazytui"])
    screen.wait_for(re.compile(r"n1 +◆ auth"))

    run_with_passphrase(farm, tmux_factory)

    screen.wait_for(re.compile(r"n1 +● up"))


def test_a_wrong_passphrase_is_told_in_the_row_of_its_host(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("n1")
    encrypt(farm.client_key)
    terminal = tmux_factory((80, 24), farm.env())
    terminal.start([sys.executable, "-m", "lazytui"])
    terminal.wait_for("1 question waits")
    terminal.send("Q")
    terminal.wait_for("Passphrase of id_ed25519")
    terminal.type("wrong")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"n1 +◆ auth +wrong passphrase, 2 tries left +Q answer"))
    terminal.send("Q")
    terminal.type("secret")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"n1 +● up"))
