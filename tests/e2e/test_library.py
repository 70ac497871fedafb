"""What a script does with the library is seen on the screen, stopped there, and adopted by it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.engines import environment

if TYPE_CHECKING:
    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

TerminalFactory = Callable[..., "Tmux"]

SCRIPT = """
from lazytui import Runtime, RuntimeTask, TaskExecutionError
task = RuntimeTask("overnight").run_command(
    "echo epoch $((6 * 7)); until [ -e ~/go ]; do sleep 0.05; done; echo epoch $((6 * 8))"
)
try:
    Runtime("node01").execute_task(task, execute_async=False)
except TaskExecutionError as error:
    print(error.reason)
"""


def started(farm: SSHFarm, tmux_factory: TerminalFactory) -> tuple[Tmux, subprocess.Popen[str]]:
    """Show the screen, then start the script beside it, and see its output there."""
    terminal = tmux_factory((100, 24), environment(farm))
    terminal.start([sys.executable, "-m", "lazytui"])
    terminal.wait_for(re.compile(r"node01 +● up"))
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=environment(farm),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    terminal.send("2")
    terminal.wait_for(re.compile(r"▸.*overnight"))
    terminal.send("l")
    terminal.wait_for("epoch 42")
    return terminal, script


def test_what_a_script_starts_is_seen_live_and_may_be_stopped_on_the_screen(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("node01")
    terminal, script = started(farm, tmux_factory)

    terminal.send("x")
    terminal.wait_for("ask it to end")
    terminal.send("t")
    out, err = script.communicate(timeout=60)

    assert (out, err) == ("stopped (killed by SIGTERM), exit 143\n", "")
    terminal.send("C-q")
    terminal.wait_exit()


def test_what_a_killed_script_leaves_behind_is_taken_to_its_end_by_the_engine(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    host = farm.add("node01")
    terminal, script = started(farm, tmux_factory)

    script.send_signal(signal.SIGKILL)
    script.communicate()
    (host.home / "go").touch()

    terminal.wait_for("epoch 48")
    terminal.wait_for("exit 0")
    terminal.send("C-q")
    terminal.wait_exit()
