"""The ssh config changes under a running screen, by its keys and by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_promises import command_line, start
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.test_promises import TerminalFactory
    from tests.sshd import SSHFarm

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]


def test_hosts_come_and_go_by_keys_and_by_hand(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("node01")
    farm.add("node02")
    whole = farm.config.read_text()
    farm.config.write_text(whole[: whole.index("Host node02")])
    terminal = start(farm, tmux_factory, size=(110, 30))
    terminal.wait_for(re.compile(r"node01 +● up"))

    farm.config.write_text(whole)  # by hand
    terminal.wait_for(re.compile(r"node02 +● up"))
    terminal.type("GD")
    terminal.wait_for("Take node02 out of the ssh config?")
    terminal.wait_for("-Host node02")
    terminal.type("y")
    wait_until(lambda: "node02" not in farm.config.read_text())
    terminal.wait_gone("Take node02 out")
    terminal.wait_gone("node02")

    terminal.type("anew\t127.0.0.1\tana\t1\r")
    terminal.wait_for("Add new?")
    terminal.type("y")
    terminal.wait_for(re.compile(r"new +○ down|new +.*refused"))
    assert "Host new\n    HostName 127.0.0.1\n    Port 1\n    User ana\n" in farm.config.read_text()

    good = farm.config.read_text()
    farm.config.write_text("Host broken\n    Prot 22\n")
    terminal.wait_for(re.compile(r"config:2: "))
    terminal.wait_for(re.compile(r"node01 +● up"))
    farm.config.write_text(good)
    terminal.wait_gone(re.compile(r"config:2: "))
    terminal.send("C-q")
    assert terminal.wait_exit() == 0
    events = command_line(farm, "events")
    assert "host added" in events
    assert "host removed" in events
