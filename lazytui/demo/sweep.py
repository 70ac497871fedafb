"""The end of a demo: no process and no file of it stays."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psutil

from lazytui.core.owner import owner_alive

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 250
ROUND_S = 0.02


def sweep(root: Path) -> None:
    """Kill every process that the pretend hosts started, and remove the folder. Blocks.

    Jobs are detached on purpose, so they are known by their environment only: it names the
    folder. Done twice, it does no harm.
    """
    hosts = str(root / "hosts") + os.sep
    _end_engines(root)
    for _ in range(ROUNDS):
        found = [process for process in psutil.process_iter() if _started_by(process, hosts)]
        if not found:
            break
        for process in found:
            _kill(process)
        # A look again, not a wait for each: a killed orphan stays a zombie until init looks.
        psutil.wait_procs(found, timeout=ROUND_S)
    shutil.rmtree(root, ignore_errors=True)


def _end_engines(root: Path) -> None:
    """Kill the demo's own engine, which would live on without hosts for a while."""
    for lock in root.glob("home/.local/state/lazytui/*/engine-*.lock"):
        owner = lock.read_text(encoding="ascii", errors="replace").strip()
        if owner_alive(owner):
            _kill(psutil.Process(int(owner.partition(":")[0])))


def _started_by(process: psutil.Process, hosts: str) -> bool:
    try:
        return any(value.startswith(hosts) for value in process.environ().values())
    except (psutil.Error, OSError):
        return False  # another user's, or just gone


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
