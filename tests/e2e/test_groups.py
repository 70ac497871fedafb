"""The promises of groups, kept in a real terminal on real sshd hosts.

A filter asks the hosts themselves; what it finds is kept by name and lives on: its members
change with the hosts, and a command runs on whoever is in it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_promises import command_line, start

if TYPE_CHECKING:
    from tests.e2e.test_promises import TerminalFactory
    from tests.sshd import SSHFarm

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

READY = 'cmd:"test -e ~/ready && echo true"'


def test_a_filter_that_asks_the_hosts_becomes_a_group_that_follows_them(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    one, two = farm.add("node01"), farm.add("node02")
    farm.add_refused("node03")
    (one.home / "ready").touch()
    terminal = start(farm, tmux_factory, size=(130, 34))
    terminal.wait_for(re.compile(r"● up +2"))

    terminal.type("/")
    terminal.type(READY)
    terminal.send("Enter")
    terminal.wait_for("Hosts 1 of 3")
    terminal.type("n")
    terminal.wait_for("In it now: node01")
    terminal.type("ready")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"@ready +1"))

    (two.home / "ready").touch()
    terminal.type("R")  # asked again at once, not after a minute
    terminal.send("Escape")
    terminal.wait_for("3 hosts")
    terminal.type("*R")
    terminal.wait_for(re.compile(r"@ready +2"))

    terminal.type("@")
    terminal.type("r")
    terminal.wait_for(re.compile(r"Run on node\[01-02\]"))
    terminal.type("echo I am ready")
    terminal.send("Enter")
    terminal.wait_for("2 ok")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0

    assert json.loads(command_line(farm, "groups", "--json")) == [
        {
            "name": "ready",
            "hosts": ["node01", "node02"],
            "live": True,
            "where": READY,
            "problem": None,
        }
    ]


def test_marked_hosts_become_a_group_that_is_there_again_next_time(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    for host in ("node01", "node02", "node03"):
        farm.add_refused(host)
    terminal = start(farm, tmux_factory)
    terminal.wait_for("3 down")
    terminal.type("F")  # one row each
    terminal.send("Down", "Space", "Space")
    terminal.wait_for("2 marked")
    terminal.type("n")
    terminal.wait_for("2 hosts")
    terminal.type("pair")
    terminal.send("Enter")
    terminal.wait_gone("New group")
    terminal.send("C-q")
    terminal.wait_exit()

    again = start(farm, tmux_factory)
    again.wait_for("3 down")
    again.type("@")
    again.wait_for(re.compile(r"@pair +2"))
    again.send("Enter")
    again.wait_for("/ @pair")
    again.wait_for("2 of 3")
    again.send("C-q")
    assert again.wait_exit() == 0
