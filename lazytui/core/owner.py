"""Who owns a run: the process that holds its connection, told apart from later ones by start time.

An owner is the text ``pid:start:boot``. A process id alone is reused, after a reboot at once.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path


def owner_me() -> str:
    """Give the owner text of this process."""
    pid = os.getpid()
    return f"{pid}:{_start(pid)}:{_boot_id()}"


def owner_alive(owner: str) -> bool:
    """Whether the process of an owner text still runs, on this boot of this machine.

    A killed process whose parent has not fetched its status yet counts as dead; so does a
    text that is no owner at all.
    """
    pid, _, rest = owner.partition(":")
    start, _, boot = rest.partition(":")
    if not (pid.isascii() and pid.isdigit()) or boot != _boot_id():
        return False
    return bool(start) and _start(int(pid)) == start


def user_name() -> str:
    """Give the name of the user of this process; an account without one is its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as in some containers
        return str(os.getuid())


def _start(pid: int) -> str:
    """The start time of a living process in the system's own count; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return "" if Path("/proc/self/stat").exists() else _start_by_psutil(pid)
    # The name in parentheses may hold anything, also parentheses; fields count from after it.
    state, *numbers = stat[stat.rindex(b")") + 2 :].split()
    return "" if state in (b"Z", b"X") else numbers[18].decode()


def _start_by_psutil(pid: int) -> str:
    """The start time where there is no /proc (macOS, BSD)."""
    import psutil

    try:
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return "" if dead else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        import psutil

        # Rounded, because the clock's corrections move it by fractions of a second.
        return f"boot-{round(psutil.boot_time(), -1):.0f}"
