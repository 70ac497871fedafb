"""``lazytui shell HOST``: this terminal as a shell on a host, over the engine's connection."""

from __future__ import annotations

import os
import sys

from lazytui.pump import attach, command
from lazytui.pump.errors import PumpError, RefusedError
from lazytui.rendezvous import meeting_point

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def go(host: str, ssh_config: str | None, *, version: str) -> int:
    """Open a shell until it is left; gives its exit status. The engine is started if none runs.

    Args:
        host: the alias.
        ssh_config: what ``-F`` names.
        version: of this lazytui.
    """
    if not (os.isatty(0) and os.isatty(1)):
        return _fail(f"a shell needs a terminal; in a pipe use `lazytui run -w {host}`", USAGE)
    meeting = meeting_point(ssh_config)
    try:
        try:
            met = command.meet_for(meeting, ["reach", host], version, starting=True)
            code = command.relayed(met) if met is not None else 0
        except RefusedError:  # of another version: attaching asks what to do about it
            code = 0
        return code or attach.attach(meeting, [host], version=version, kind="shell")
    except PumpError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _fail(text: str, status: int) -> int:
    print(f"lazytui: {text}", file=sys.stderr)  # noqa: T201
    return status
