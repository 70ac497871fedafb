"""Whether logind ends what a user leaves running when the last session is over.

Jobs are in a session of their own, but in the scope of the login that started them all the same;
with ``KillUserProcesses=yes`` that scope is killed at log-out (logind.conf(5)).
"""

import posix

from lazytui.remote import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

SYSTEMD = b"/run/systemd/system"  # is there where systemd runs: sd_booted(3)
FILES = (
    b"/usr/lib/systemd/logind.conf.d",
    b"/run/systemd/logind.conf.d",
    b"/etc/systemd/logind.conf",
    b"/etc/systemd/logind.conf.d",
)
KEYS = ("KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers")


def ends_jobs() -> bool:
    """Whether jobs of ours end with our last session on this machine."""
    try:
        posix.stat(SYSTEMD)
        import pwd

        user = pwd.getpwuid(posix.geteuid()).pw_name
    except (OSError, KeyError):
        return False
    return kills(texts(), user)


def kills(said: "List[str]", user: str) -> bool:
    """Read what logind does to a user out of its files, the last word wins.

    As in logind itself: excluded users, by default root, are spared; if some are named to be the
    only ones, those are killed; for all others it is yes or no. Where no file says anything it is
    what the distribution built in: no on Debian, Ubuntu and Fedora.
    """
    found: "Dict[str, str]" = {}
    for text in said:
        for line in text.splitlines():
            key, _, value = line.partition("=")
            if key.strip() in KEYS:
                found[key.strip()] = value.strip()
    if user in found.get("KillExcludeUsers", "root").split():
        return False
    only = found.get("KillOnlyUsers", "").split()
    if only:
        return user in only
    return found.get("KillUserProcesses", "no").lower() in ("yes", "true", "1", "on")


def texts() -> "List[str]":
    """The files that have a word in it, in their order."""
    found = []
    for path in FILES:
        try:
            names = [path + b"/" + name for name in sorted(posix.listdir(path))]
        except OSError:
            names = [path]  # a file, or not there
        found += [system.read(name) for name in names if name.endswith(b".conf")]
    return found
