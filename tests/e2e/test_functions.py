"""Functions and steps in a real terminal on real sshd hosts: called, seen, and resumed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.engines import environment, lazytui

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

TerminalFactory = Callable[..., "Tmux"]

TRAIN = """\
import os, time

def train(lr, epochs):
    with open("calls", "a") as calls:
        calls.write("x")
    print("epoch", 1)
    while not os.path.exists("go"):
        time.sleep(0.02)
    for epoch in range(2, epochs + 1):
        print("epoch", epoch)
    return {"loss": lr / epochs}
"""
TASK = """\
name = "nightly"
[[steps]]
run = "echo first >> done"
[[steps]]
function = "train.py:train"
kwargs = {lr = 0.5, epochs = 4}
[[steps]]
run = "echo last >> done; cat done"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's project."""
    path = tmp_path / "project"
    path.mkdir()
    (path / "train.py").write_text(TRAIN)
    (path / "nightly.toml").write_text(TASK)
    return path


def test_output_of_a_function_is_live_and_its_return_comes_with_its_end(
    farm: SSHFarm, folder: Path, tmux_factory: TerminalFactory
) -> None:
    hosts = [farm.add(name) for name in ("gpu01", "gpu02")]
    terminal = tmux_factory((80, 24), environment(farm))
    words = ["run", "-w", "gpu[01-02]", "--function", "train.py:train", "lr=2", "epochs=4"]
    terminal.start([sys.executable, "-m", "lazytui", *words], cwd=folder)

    for name in ("gpu01", "gpu02"):
        terminal.wait_for(re.compile(rf"{name}: epoch 1$", re.MULTILINE))
    for host in hosts:
        (host.home / "go").touch()

    for name in ("gpu01", "gpu02"):
        terminal.wait_for(f"{name} returned {{'loss': 0.5}}")
    assert terminal.wait_exit() == 0


def test_a_task_killed_in_a_function_goes_on_there_and_does_no_step_twice(
    farm: SSHFarm, folder: Path, tmux_factory: TerminalFactory
) -> None:
    host = farm.add("gpu01")
    words = ["run", "-w", "gpu01", "--task", "nightly.toml"]
    with subprocess.Popen(
        [sys.executable, "-m", "lazytui", *words],
        env=environment(farm),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"epoch 1\n"
        os.kill(killed.pid, signal.SIGKILL)
    for name in ("train.py", "nightly.toml"):
        (folder / name).unlink()  # what the journal has is enough

    terminal = tmux_factory((80, 24), environment(farm))
    terminal.start([sys.executable, "-m", "lazytui", "--in-process"])
    terminal.wait_for(re.compile(r"gpu01 +● up"))
    (host.home / "go").touch()
    terminal.send("2")
    terminal.wait_for("✓ done")
    terminal.send("C-q")
    terminal.wait_exit()

    (run,) = json.loads(lazytui(farm, "tasks", "--json").stdout)
    assert (run["state"], run["exit_status"]) == ("succeeded", 0)
    assert lazytui(farm, "logs", "1").stdout == b"epoch 1\nepoch 2\nepoch 3\nepoch 4\nfirst\nlast\n"
    assert (host.home / "calls").read_text() == "x"
    assert (host.home / "done").read_text() == "first\nlast\n"
