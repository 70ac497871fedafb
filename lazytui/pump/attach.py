"""This terminal in front of the engine, and the end of an engine."""

from __future__ import annotations

import os
import sys

from lazytui.pump import greeting
from lazytui.pump.connect import meet, meet_or_start
from lazytui.pump.errors import PumpError, RefusedError

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.pump.connect import Met
    from lazytui.rendezvous import Rendezvous

STOP_TIMEOUT_S = 60.0


def attach(meeting: Rendezvous, words: Sequence[str], *, version: str, kind: str = "screen") -> int:
    """Lend this terminal to the engine until the user leaves; gives the exit status.

    The engine is started if none runs.

    Args:
        meeting: where the engine is.
        words: for the handler: how the screen looks.
        version: of this lazytui.
        kind: the handler that wants a terminal.

    Raises:
        PumpError: the engine cannot be reached or started.
    """
    size = greeting.terminal_size()
    hello = greeting.hello(kind, words, version=version, config=meeting.config)
    try:
        met = meet_or_start(meeting, hello)
    except RefusedError as refused:
        if not _restart_is_wanted(refused, version):
            raise
        stop(meeting, version=version)
        met = meet_or_start(meeting, hello)
    return _lend(met, size)


def stop(meeting: Rendezvous, *, version: str) -> bool:
    """End the engine, and wait until it is gone; False when none runs.

    Connections and exposures are closed; jobs go on at their hosts.

    Raises:
        PumpError: it cannot be reached, or does not end.
    """
    met = meet(meeting, greeting.hello("stop", (), version=version, config=meeting.config))
    if met is None:
        return False
    # The socket stays open until its process is gone: its end is the end of the engine.
    met.engine.settimeout(STOP_TIMEOUT_S)
    try:
        while met.engine.recv(4096):
            pass
    except TimeoutError:
        raise PumpError(
            f"the engine (pid {met.pid}) does not end; `kill -9 {met.pid}` ends it, and no run "
            "is lost by that"
        ) from None
    except ConnectionResetError:
        pass
    finally:
        met.engine.close()
    return True


def _lend(met: Met, size: tuple[int, int]) -> int:
    from lazytui.pump.relay import Relay
    from lazytui.pump.terminal import Terminal

    with met.engine, Terminal() as terminal:
        end = Relay(met.engine, met.reader, met.arrived, size, terminal).run()
    if end.message:
        print(f"lazytui: {end.message}", file=sys.stderr)  # noqa: T201 - the terminal is back
    return end.status


def _restart_is_wanted(refused: RefusedError, version: str) -> bool:
    """Ask what to do about an engine of another version."""
    if refused.why != "version" or not os.isatty(0):
        return False
    print(  # noqa: T201
        f"The engine that runs (pid {refused.pid}) is lazytui {refused.version}; this is {version}."
        "\nRestarting it closes its screens and exposures; jobs go on, nothing is lost."
        "\nRestart it now? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")
