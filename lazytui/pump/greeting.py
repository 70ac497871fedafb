"""What a client tells the engine of itself."""

from __future__ import annotations

import json
import os
import sys

from lazytui.pump import jobs, wire

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What a screen, an editor or a shell on this terminal has to know; nothing else is sent.
ENVIRON = ("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LANG",
    "LANGUAGE", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT",
    "SSH_AUTH_SOCK", "TMUX", "TMUX_PANE", "STY", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR",
    "EDITOR", "VISUAL", "PAGER", "LESS", "SHELL", "PATH", "USER", "LOGNAME", "HOME", "TZ",
    "ESCDELAY", "TEXTUAL_FPS", "TEXTUAL_ANIMATIONS", "PYTHONUTF8")  # fmt: skip


def hello(
    kind: str,
    argv: Sequence[str],
    *,
    version: str,
    config: str,
    environ: Mapping[str, str] | None = None,
) -> bytes:
    """Give the frame with which a client begins.

    Args:
        kind: which handler it wants: ``screen``, ``command``, ``shell``, ``stop``.
        argv: its words, without the program's name and without ``-F FILE``.
        version: of this lazytui.
        config: absolute path of the ssh config whose engine is meant.
        environ: by default that of the process.
    """
    said = {
        "kind": kind,
        "version": version,
        "config": config,
        "argv": list(argv),
        "cwd": _cwd(),
        "environ": _known(os.environ if environ is None else environ),
        "size": terminal_size(),
        "ttys": [os.isatty(number) for number in (0, 1, 2)],
        "can_stop": jobs.can_stop(),
        "pid": os.getpid(),
    }
    return wire.frame(wire.HELLO, json.dumps(said).encode())


def terminal_size() -> tuple[int, int]:
    """Give columns and rows of the first of stdout, stdin and stderr that is a terminal."""
    for number in (1, 0, 2):
        try:
            columns, rows = os.get_terminal_size(number)
        except OSError:
            continue
        if columns and rows:
            return columns, rows
    return 80, 24


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return "/"


def _known(environ: Mapping[str, str]) -> dict[str, str]:
    names = [name for name in environ if name in ENVIRON or name.startswith("LC_")]
    # In the C locale Python sets this one for itself (PEP 538): the terminal knows nothing of it.
    if sys.flags.utf8_mode and "PYTHONUTF8" not in environ and "LC_CTYPE" in names:
        names.remove("LC_CTYPE")
    return {name: environ[name] for name in names}
