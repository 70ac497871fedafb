"""``lazytui clusters``, with a real engine process, on hosts that cannot reach each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clusters.programs import processes
from tests.engines import ROOT, environment, lazytui, lazytui_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm

NAME = f"swarm{os.getpid()}"  # processes of other tests are seen, too


@pytest.fixture
def engine_apart(apart: SSHFarm) -> Iterator[SSHFarm]:
    """The three hosts; the engine of their user is ended with the test."""
    yield apart
    lazytui(apart, "stop-engine", **path())


def path() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}


def said(farm: SSHFarm, *words: str, code: int = 0) -> str:
    done = lazytui(farm, "clusters", *words, **path())
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def listed(farm: SSHFarm) -> list[dict[str, object]]:
    return json.loads(said(farm, "--json"))


def folder_of(pid: int) -> Path:
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return Path(next(word for word in words if word.startswith("--local")).partition("=")[2])


def test_a_cluster_from_the_command_line_and_what_is_left_when_its_engine_is_killed(
    engine_apart: SSHFarm,
) -> None:
    farm = engine_apart
    assert f"lazytui clusters start {NAME}" in said(
        farm, "add", NAME, "*", "--workers", "2", "--master", "node3"
    )
    assert "✓ it can start on 3 hosts" in said(farm, "check", NAME)
    assert "is stopped" in said(farm, "snippet", NAME, code=2)

    assert f"{NAME}: running, 2 of 2 workers" in said(farm, "start", NAME)

    (cluster,) = listed(farm)
    assert (cluster["state"], cluster["running"], cluster["master"]) == ("running", 2, "node3")
    snippet = said(farm, "snippet", NAME)
    script = f"{snippet}\nprint(client.submit(sum, [20, 22]).result())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "42\n", done.stderr
    assert "3 of 3 workers" in said(farm, "scale", NAME, "3")
    assert "== scheduler on node3" in said(farm, "logs", NAME)
    assert "there are scheduler, w-0" in said(farm, "logs", NAME, "w-9", code=2)

    folders = {folder_of(pid) for pid in processes(f"{NAME} w-", "--local-directory=")}
    assert len(folders) == 3
    assert all(folder.is_dir() for folder in folders)
    (engine,) = processes("lazytui.door.process", str(farm.config))
    os.kill(engine, signal.SIGKILL)
    deadline = time.monotonic() + 60
    said(farm, "start", "nothing", code=2)  # starts the next engine

    (dead,) = listed(farm)
    assert dead["state"] == "failed"
    assert "was killed" in str(dead["reason"])
    while processes(f"{NAME} w-") or processes(f"--port={cluster['master_port']}"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    while any(folder.exists() for folder in folders):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    while json.loads(lazytui(farm, "ports", "--json", **path()).stdout):
        assert time.monotonic() < deadline
        time.sleep(0.2)

    assert "3 of 3 workers" in said(farm, "start", NAME).replace("2 of 2", "3 of 3")
    said(farm, "stop", NAME)
    assert listed(farm)[0]["state"] == "stopped"
    said(farm, "remove", NAME)
    assert listed(farm) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["start", "x"], "held by the engine"),
        (["stop", "x"], "no cluster x; there are none: lazytui clusters add"),
        (["check", "x"], "no cluster x"),
        (["scale", "x", "2"], "no cluster x"),
        (["add", "x", "nobody"], "nobody"),
        (["add", "9", "node1"], "name begins with a letter"),
        (["add", "x", "node1", "--workers", "0"], "at least one worker"),
        (["add", "x", "node1", "--port", "70000"], "from 1 to 65535"),
        (["add", "x", "node1", "--master", "nobody"], "no host of the ssh config"),
        (["add", "x", "node1", "--kind", "spark"], "invalid choice"),
    ],
)
def test_what_cannot_be_meant_is_exit_2_with_what_to_do(
    farm: SSHFarm,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    farm.add_refused("node1")
    # By itself: the engine that `start` would begin has its own test.
    monkeypatch.setattr("lazytui.pump.command.answered", lambda words, version: None)

    code, _, err = lazytui_here(farm, monkeypatch, capfd, "clusters", *words)

    assert code == 2
    assert complaint in err


def test_a_list_costs_no_import_of_dask(farm: SSHFarm) -> None:
    farm.add_refused("node1")
    program = (
        "import sys\nfrom lazytui.cli import main\n"
        "main(['clusters', 'add', 'x', 'node1'])\nmain(['clusters', '--json'])\n"
        "print([name for name in sys.modules if name in"
        " ('distributed', 'dask', 'lazytui.clusters.dask', 'lazytui.clusters.held')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(farm),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
