"""Job control: whether a shell would take this program up again, once it has stopped."""

from __future__ import annotations

import os


def can_stop() -> bool:
    """Whether somebody waits who sees a stop and can end it, as a shell does with ``fg``.

    That is who started our process group, from another group of this session (POSIX calls a group
    without such a one orphaned). A program that is a terminal's only one would stop for ever.
    """
    try:
        group = os.getpgrp()
        starter = os.getppid() if group == os.getpid() else _parent_of(group)
        return os.getsid(starter) == os.getsid(0) and os.getpgid(starter) != group
    except (OSError, ValueError, IndexError):  # it is gone, or cannot be known here
        return False


def _parent_of(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])
