"""Where an engine and its clients meet on this machine: the names of its lock and its socket.

Standard library only, and little of it: ``lazytui`` reads this before anything else, every time.
"""

from __future__ import annotations

import os
import sys
from binascii import crc32

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Mapping

MACHINE_ID_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103  # sun_path without the final NUL


class Rendezvous:
    """The files of the engine of one user and one ssh config.

    Args:
        state_dir: the folder that holds lock and log, of this machine.
        config: absolute path of the ssh config.
    """

    def __init__(self, state_dir: str, config: str) -> None:
        stem = f"engine-{crc32(os.fsencode(config)):08x}"
        self.state_dir = state_dir
        self.config = config
        self.lock = os.path.join(state_dir, f"{stem}.lock")
        self.starting = os.path.join(state_dir, f"{stem}.starting")
        self.socket = _socket_path(state_dir, stem)

    @property
    def is_short(self) -> bool:
        """Whether the socket is in the system's temporary folder, as the state's is too long."""
        return not self.socket.startswith(self.state_dir + "/")


def meeting_point(
    ssh_config: str | None = None, environ: Mapping[str, str] | None = None
) -> Rendezvous:
    """Give the files of the engine that serves an ssh config.

    Args:
        ssh_config: what ``-F`` names; by default the user's own config.
        environ: of the user; by default that of the process.
    """
    environ = os.environ if environ is None else environ
    named = ssh_config or os.path.join(home_dir(environ), ".ssh/config")
    config = os.path.abspath(os.path.expanduser(named))
    return Rendezvous(state_dir(environ), config)


def state_dir(environ: Mapping[str, str]) -> str:
    """Give the folder of the state on this machine; a home may be shared by many machines."""
    base = environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):  # XDG: a relative path is to be ignored
        base = _state_home(environ)
    return os.path.join(base, "lazytui", machine_id())


def home_dir(environ: Mapping[str, str]) -> str:
    """Give the user's home."""
    return environ.get("HOME") or os.path.expanduser("~")


def machine_id(files: tuple[object, ...] = MACHINE_ID_FILES) -> str:
    """Give a word for this machine that stays the same: its machine id, else of its host name."""
    for file in files:
        try:
            with open(str(file), encoding="ascii", errors="replace") as source:
                text = source.read(64).strip()
        except OSError:
            continue
        if len(text) == 32 and not text.strip("0123456789abcdef"):
            return text
    from hashlib import blake2b

    return "host-" + blake2b(os.uname().nodename.encode(), digest_size=8).hexdigest()


def _state_home(environ: Mapping[str, str]) -> str:
    if sys.platform == "linux":  # platformdirs says the same, but takes 13 ms to import
        return os.path.join(home_dir(environ), ".local/state")
    import platformdirs

    return platformdirs.user_state_dir()


def _socket_path(state_dir: str, stem: str) -> str:
    path = os.path.join(state_dir, f"{stem}.sock")
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    # A name of the folder too: two homes of one user meet in the same temporary folder.
    return f"/tmp/lazytui-{os.getuid()}/{crc32(os.fsencode(state_dir)):08x}-{stem}.sock"  # noqa: S108
