"""Processes by an identity that a reused number cannot forge: pid, start time and boot."""

import _signal  # type: ignore[import-not-found]
import posix

from lazytui.remote import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, Optional

    class Who(NamedTuple):
        """A job's command and its supervisor, as the job's `id` file names them."""

        pid: int
        start: str
        boot: str
        leader_pid: int
        leader_start: str

else:
    from collections import namedtuple

    Who = namedtuple("Who", "pid start boot leader_pid leader_start")

PIDFD_SIGNAL_PROCESS_GROUP = 4  # Linux 6.9: signals the group of exactly this process


def start_time(pid: int) -> str:
    """When a process started, in the kernel's own words; empty when it has ended.

    Always from the real /proc, also on pretend hosts. A zombie has ended: containers without an
    init keep them for ever.
    """
    # The name of the program stands in parentheses and may itself contain some.
    fields = system.read(b"/proc/%d/stat" % pid).rpartition(")")[2].split()
    if len(fields) > 19:
        return "" if fields[0] in "ZX" else fields[19]
    if system.read(b"/proc/self/stat"):
        return ""
    # No /proc: macOS and the BSDs.
    words = system.output_of(["ps", "-o", "state=,lstart=", "-p", str(pid)]).split()
    return "" if not words or words[0].startswith("Z") else "_".join(words[1:])


def is_alive(pid: int, start: str) -> bool:
    """Whether exactly this process still runs."""
    return start != "" and start_time(pid) == start


def signal_group(pid: int, start: str, number: int) -> bool:
    """Signal the process group that a process leads; False when it is not that process any more.

    Where the kernel can, the signal goes through a file descriptor of the process, so that no
    other can get it even if this one ends between the check and the signal.
    """
    handle: "Optional[int]" = None
    try:
        handle = posix.pidfd_open(pid, 0)
    except (AttributeError, OSError):
        pass  # before Python 3.9 or Linux 5.3
    try:
        if not is_alive(pid, start) or posix.getpgid(pid) != pid:
            return False
        if handle is not None:
            try:
                _signal.pidfd_send_signal(handle, number, None, PIDFD_SIGNAL_PROCESS_GROUP)
                return True
            except OSError:
                pass  # before Linux 6.9
        posix.killpg(pid, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            posix.close(handle)
