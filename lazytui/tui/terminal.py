"""What is known of the user's terminal, and what Textual is told before it is imported.

Textual reads its environment once, when it is imported, so nothing here imports it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

# A key that begins with escape comes in one piece; Textual's 100 ms are for slow serial lines.
ESCAPE_DELAY_MS = 25
FRAMES_OVER_SSH = 15


def prepare(environ: MutableMapping[str, str] | None = None) -> None:
    """Set what Textual reads at its import, except what the user has set.

    ``esc`` acts at once, and over SSH the screen is painted less often and without animation:
    every painting is bytes on the line.
    """
    environ = os.environ if environ is None else environ
    environ.setdefault("ESCDELAY", str(ESCAPE_DELAY_MS))
    if environ.get("SSH_CONNECTION"):
        environ.setdefault("TEXTUAL_FPS", str(FRAMES_OVER_SSH))
        environ.setdefault("TEXTUAL_ANIMATIONS", "none")


def speaks_utf8(environ: Mapping[str, str] | None = None, *, coerced: bool | None = None) -> bool:
    """Say whether the user's locale is UTF-8, by the variables in the order POSIX gives them.

    Args:
        environ: of the terminal; by default that of the process.
        coerced: Python found the C locale and went on in UTF-8 by itself (PEP 538 and 540),
            whatever ``LC_CTYPE`` says now; by default as it was with this process.
    """
    environ = os.environ if environ is None else environ
    if coerced is None:
        coerced = bool(sys.flags.utf8_mode) and "PYTHONUTF8" not in environ
    if coerced:
        return False
    names = (environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((name for name in names if name), "C")
    encoding = locale.lower().replace("-", "").split("@")[0]  # de_DE.UTF-8@euro
    return encoding.endswith("utf8")
