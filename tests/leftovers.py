"""What a test left running: found by the folder that its environment or arguments name."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KILL_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Leftover:
    """A process that outlived its test."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.pid} {self.command}"


def processes_naming(folder: Path) -> list[Leftover]:
    """Every living process, except this one and its ancestors, that was started for ``folder``.

    A detached job has no parent that would tell whose it is; but it has inherited a HOME below
    the folder, or was started with a path in it.
    """
    named = re.compile(re.escape(os.fsencode(folder)) + rb"(?![\w.-])")
    spared = _ancestors()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in spared:
            continue
        with suppress(OSError):  # it has just ended, or is another user's
            command = (entry / "cmdline").read_bytes()
            if named.search(command) or named.search((entry / "environ").read_bytes()):
                text = command.replace(b"\0", b" ").decode(errors="replace").strip()
                found.append(Leftover(int(entry.name), text))
    return found


def kill_processes_naming(folder: Path) -> list[Leftover]:
    """SIGKILL all of :func:`processes_naming` until none is left; gives what was found."""
    killed: list[Leftover] = []
    while found := processes_naming(folder):
        killed += found
        kill(p.pid for p in found)
    return killed


def kill(pids: Iterable[int]) -> None:
    """SIGKILL processes and wait until they are gone (a zombie of another parent is gone)."""
    pids = list(pids)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + KILL_TIMEOUT_S
    for pid in pids:
        while is_alive(pid):
            if time.monotonic() > deadline:
                raise RuntimeError(f"process {pid} does not die")
            time.sleep(0.005)


def engine_pids(home: Path) -> list[int]:
    """The living engines of a home, by their locks."""
    locks = home.glob(".local/state/lazytui/*/engine-*.lock")
    pids = [lock.read_bytes().partition(b":")[0] for lock in locks]
    return [int(pid) for pid in pids if pid.isdigit() and is_alive(int(pid))]


def end_engines(home: Path) -> None:
    """Kill the engines that a test has left behind; their own end takes a while."""
    kill(engine_pids(home))


def is_alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[stat.rindex(b")") + 2 :][:1] not in b"ZX"


def _ancestors() -> set[int]:
    pids = {os.getpid()}
    pid = os.getpid()
    while pid > 1:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        pid = int(stat[stat.rindex(b")") + 2 :].split()[1])
        pids.add(pid)
    return pids
