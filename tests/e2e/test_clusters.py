"""A Dask cluster from the screen, in a real terminal, on sshd hosts that do not see each other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.clusters.conftest import apart  # noqa: F401 (a fixture)
from tests.clusters.programs import HOSTS, processes, program
from tests.engines import lazytui
from tests.leftovers import is_alive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

    TerminalFactory = Callable[..., Tmux]

pytestmark = [pytest.mark.sshd, pytest.mark.netns, pytest.mark.tmux]

SLOW_S = 90.0  # Python, distributed and a nanny start on three hosts at once
COMPUTE = "print('sum', sum(client.gather(client.map(lambda number: number * number, range(5)))))"


def test_a_cluster_is_made_checked_started_used_scaled_and_stopped(
    apart: SSHFarm,  # noqa: F811
    tmux_factory: TerminalFactory,
    tmp_path: Path,
) -> None:
    name = f"sweep{os.getpid()}"  # processes of other tests are seen, too
    program(tmp_path, "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    terminal = tmux_factory((130, 34), {**apart.env(), "LAZYTUI_CONNECT_BACKOFF_FIRST_S": "0.2"})
    terminal.start([sys.executable, "-m", "lazytui"])
    for host in HOSTS:
        terminal.wait_for(re.compile(rf"{host} +● up"))

    # New, and the check before anything starts.
    terminal.send("5")
    terminal.wait_for("No cluster yet")
    terminal.send("a")
    terminal.wait_for("New cluster")
    terminal.type(name)
    terminal.send("Tab")
    terminal.type("node[1-2]")
    terminal.wait_for("2 hosts: node[1-2]")
    terminal.send("C-t")
    terminal.wait_for("It may start on 2 hosts", SLOW_S)

    # Started, and its workers run.
    terminal.send("Enter")
    terminal.wait_for(re.compile(rf"{name} +Dask +● running .* 2/2"), SLOW_S)
    for host in ("node1", "node2"):
        terminal.wait_for(re.compile(rf"● w-\d +{host} .* now"), SLOW_S)

    # A script uses the snippet.
    (kept,) = json.loads(lazytui(apart, "clusters", "--json").stdout)
    snippet = lazytui(apart, "clusters", "snippet", name).stdout.decode()
    terminal.send("i")
    terminal.wait_for(snippet.splitlines()[-1])
    used = subprocess.run(
        [sys.executable, "-c", f"{snippet}\n{COMPUTE}\n"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"sum 30" in used.stdout, used.stderr
    assert (kept["state"], kept["running"]) == ("running", 2)
    terminal.send("Escape")
    terminal.wait_gone(f"Use {name} in a script")

    # Scaled, and stopped: nothing is left.
    terminal.send("+")
    terminal.wait_for(re.compile(rf"{name} +Dask +● running .* 3/3"), SLOW_S)
    pids = processes("dask_worker", f"--name={name}")
    pids += processes("dask_scheduler", f"--port={kept['master_port']}")
    assert len(pids) >= 4
    terminal.send("x")
    terminal.wait_for("3 workers on node[1-2]")
    terminal.send("s")
    terminal.wait_for(re.compile(rf"{name} +Dask +○ stopped"), SLOW_S)
    assert not any(is_alive(pid) for pid in pids)
    assert not processes("dask_worker", f"--name={name}")
    terminal.send("C-q")
    terminal.wait_exit()
    lazytui(apart, "stop-engine")
