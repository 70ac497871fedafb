"""The promises of the first way through the house, kept in a real terminal on real sshd hosts.

Start lazytui and see every host with its state, and the reason when it is not usable; run a
command on some of them and read the output live; and nothing that breaks in the middle loses a
byte or an exit status.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.leftovers import engine_pids

if TYPE_CHECKING:
    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

TerminalFactory = Callable[..., "Tmux"]
LINES = 200
# Slow enough to be caught in the middle; the sum of its output is known beforehand.
COUNTING = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i; sleep 0.02; done; exit 7"
EXPECTED = "".join(f"line {i}\n" for i in range(1, LINES + 1))


def start(
    farm: SSHFarm,
    tmux_factory: TerminalFactory,
    *,
    size: tuple[int, int] = (80, 24),
    **variables: str,
) -> Tmux:
    env = {
        **farm.env(),
        **variables,
        "LAZYTUI_CONNECT_TIMEOUT_S": "2",
        "LAZYTUI_CONNECT_BACKOFF_FIRST_S": "0.2",
        "LAZYTUI_METRICS_INTERVAL_S": "0.5",
    }
    terminal = tmux_factory(size, env)
    terminal.start([sys.executable, "-m", "lazytui"], cwd=farm.home)
    return terminal


def command_line(farm: SSHFarm, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lazytui", *words],
        env=farm.env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def newest_run(farm: SSHFarm) -> dict[str, object]:
    run: dict[str, object] = json.loads(command_line(farm, "tasks", "--json", "-n", "1"))[0]
    return run


def run_on_current_host(terminal: Tmux, command: str) -> None:
    terminal.send("r")
    terminal.wait_for("Run on")
    terminal.type(command)
    terminal.send("Enter")


def test_every_host_is_seen_with_its_state_and_the_reason_when_it_is_not_usable(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("good01")
    farm.add("good02")
    farm.add_refused("off01")
    farm.add_silent("mute01")
    farm.add_http("web01")
    farm.add("liar01", known="wrong")
    farm.add("bare01", path="/nonexistent")

    terminal = start(farm, tmux_factory)

    for host in ("good01", "good02"):
        terminal.wait_for(re.compile(rf"{host} +● up"))
    for host, reason in {
        "off01": "refused",
        "mute01": "no answer in 2 s",
        "web01": "not an SSH server",
        "liar01": "host key changed",
        "bare01": "no Python",
    }.items():
        terminal.wait_for(re.compile(rf"{host} +○ down +{reason}"))
    terminal.send("C-q")
    assert terminal.wait_exit() == 0


def test_an_unknown_host_key_is_asked_about_and_accepted_on_the_screen(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("new01", known=False)

    terminal = start(farm, tmux_factory)
    terminal.wait_for(re.compile(r"new01 +◆ asks"))
    terminal.send("Q")
    terminal.wait_for("SHA256:")
    terminal.send("a")

    terminal.wait_for(re.compile(r"new01 +● up"))
    terminal.send("C-q")
    terminal.wait_exit()
    assert "ssh-ed25519" in (farm.home / ".ssh" / "known_hosts").read_text()


def test_a_command_is_run_on_marked_hosts_and_its_output_read_live(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    for name in ("one", "two", "three"):
        farm.add(name)

    terminal = start(farm, tmux_factory)
    for name in ("one", "two", "three"):
        terminal.wait_for(re.compile(rf"{name} +● up"))
    terminal.send("space", "space")  # marks, and moves on
    run_on_current_host(terminal, "echo begin; while [ ! -e go ]; do sleep 0.05; done; echo end")
    terminal.wait_for(re.compile(r"▸ running"))
    terminal.send("l")
    terminal.wait_for("begin")
    assert "end" not in [row.strip() for row in terminal.screen()]
    for host in (farm.root / "hosts").iterdir():
        (host / "home" / "go").touch()

    terminal.wait_for(re.compile(r"^ end$", re.MULTILINE))
    terminal.wait_for("✓ done")
    terminal.send("C-q")
    terminal.wait_exit()
    runs = json.loads(command_line(farm, "tasks", "--json"))
    assert [(run["state"], run["exit_status"]) for run in runs] == [("succeeded", 0)] * 2
    assert {run["host"] for run in runs} == {"one", "two"}


def test_a_session_killed_in_the_middle_loses_no_byte_and_no_exit_status(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    host = farm.add("node01")

    terminal = start(farm, tmux_factory)
    terminal.wait_for(re.compile(r"node01 +● up"))
    run_on_current_host(terminal, COUNTING)
    terminal.wait_for("line 20")
    host.kill_sessions()
    terminal.wait_for(f"line {LINES}", timeout_s=40)
    terminal.wait_for("exit 7")
    terminal.send("C-q")
    terminal.wait_exit()

    run = newest_run(farm)
    assert (run["state"], run["exit_status"]) == ("failed", 7)
    assert Path(str(run["spool"])).read_text() == EXPECTED


def test_lazytui_killed_in_the_middle_loses_no_byte_and_no_exit_status(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    host = farm.add("node01")

    terminal = start(farm, tmux_factory)
    terminal.wait_for(re.compile(r"node01 +● up"))
    run_on_current_host(terminal, f"echo started >> starts; {COUNTING}")
    terminal.wait_for("line 20")
    (engine,) = engine_pids(farm.home)
    os.kill(engine, signal.SIGKILL)
    assert terminal.wait_exit() == 1
    terminal.stop()

    again = start(farm, tmux_factory)
    again.wait_for(re.compile(r"node01 +● up"))
    again.send("2")
    again.wait_for("exit 7", timeout_s=40)
    again.send("C-q")
    again.wait_exit()
    run = newest_run(farm)
    assert (run["state"], run["exit_status"]) == ("failed", 7)
    assert Path(str(run["spool"])).read_text() == EXPECTED
    assert (host.home / "starts").read_text() == "started\n"


def test_leaving_the_screen_leaves_the_run_running_and_its_end_is_known_later(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("node01")

    terminal = start(farm, tmux_factory)
    terminal.wait_for(re.compile(r"node01 +● up"))
    run_on_current_host(terminal, COUNTING)
    terminal.wait_for("line 5")
    terminal.send("C-q")
    terminal.wait_exit()

    followed = command_line(farm, "logs", "1", "-f")

    assert followed == EXPECTED
    assert newest_run(farm)["exit_status"] == 7


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (130, 34)])
def test_the_screen_survives_resizing_while_output_flows(
    farm: SSHFarm, tmux_factory: TerminalFactory, size: tuple[int, int]
) -> None:
    farm.add("node01")

    terminal = start(farm, tmux_factory, size=size)
    terminal.wait_for(re.compile(r"node01 +● up"))
    run_on_current_host(terminal, "i=0; while [ ! -e stop ]; do i=$((i+1)); echo row $i; done")
    terminal.wait_for(re.compile(r"row \d+"))
    for columns, rows in ((20, 5), (200, 50), (40, 10), (1, 1), size):
        terminal.resize(columns, rows)
    (farm.root / "hosts" / "node01" / "home" / "stop").touch()

    terminal.wait_for("✓ done")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0
