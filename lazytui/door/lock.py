"""The lock of an engine: one process holds it for its life, and its text says which one."""

from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING

from lazytui.core.owner import owner_me
from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from types import FrameType

# An engine that is just ending closes its connections first.
PATIENCE_S = 20.0


class LockedError(LazytuiError):
    """Another engine runs."""


def take_lock(path: str, *, patience_s: float = PATIENCE_S) -> int:
    """Hold the lock for the rest of this process, and write into it who that is.

    A lock whose process has died, by ``kill -9`` or by a reboot, is nobody's: the kernel let go of
    it. To be called on the main thread.

    Args:
        path: of the lock file.
        patience_s: seconds to wait for an engine that is ending.

    Returns:
        The open file; closing it lets go of the lock.

    Raises:
        LockedError: another process keeps it.
        LazytuiError: the file cannot be made, locked or written.
    """
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _flock(number, patience_s)
            os.ftruncate(number, 0)
            os.pwrite(number, f"{owner_me()}\n".encode(), 0)
        except BaseException:
            os.close(number)
            raise
    except TimeoutError:
        raise LockedError(
            f"an engine that is ending, or hangs, keeps {path} (pid {lock_owner(path) or '?'}); "
            "end it with kill, and start again"
        ) from None
    except OSError as error:
        raise LazytuiError(f"the lock {path} cannot be used: {error.strerror}") from error
    return number


def lock_owner(path: str) -> int | None:
    """Give the pid that a lock file names, whether it is alive or not; None for none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a name as it came
            pid = file.read(256).partition(b":")[0]
    except OSError:
        return None
    return int(pid) if pid.isdigit() else None


def _flock(number: int, patience_s: float) -> None:
    """Lock a file; waits by the clock that interrupts system calls, so that nothing is polled."""

    def too_late(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    former = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, patience_s)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
