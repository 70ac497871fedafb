"""A command line that the running engine answers: words out, stdout, stderr and exit code in."""

from __future__ import annotations

import sys

from lazytui.pump import greeting

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.pump.connect import Met
    from lazytui.rendezvous import Rendezvous

# About this terminal or this machine, and not for the engine.
OURS = (
    "add-runtime",
    "attach",
    "delete-runtime",
    "demo",
    "doctor",
    "serve",
    "shell",
    "stop-engine",
)
# What they make is held by the engine: it is started for them.
STARTING = (("expose",), ("clusters", "start"))
INTERRUPTED = 130


def answered(words: Sequence[str], *, version: str) -> int | None:
    """Have the engine carry out a command line; gives its exit code.

    Args:
        words: without the program's name.
        version: of this lazytui.

    Returns:
        None when no engine runs, or none that can: then the command has to do without.
    """
    split = _split(words)
    if split is None:
        return None
    ssh_config, rest = split
    from lazytui.pump.errors import PumpError
    from lazytui.rendezvous import meeting_point

    meeting = meeting_point(ssh_config)
    plain = [word for word in rest if not word.startswith("-")]
    starting = "--foreground" not in rest and any(
        plain[: len(begin)] == list(begin) for begin in STARTING
    )
    try:
        met = meet_for(meeting, rest, version, starting=starting)
        return None if met is None else relayed(met)
    except PumpError as error:
        _say(f"{error}; answered without the engine")
        return None
    except KeyboardInterrupt:
        return INTERRUPTED


def _split(words: Sequence[str]) -> tuple[str | None, list[str]] | None:
    """Take ``-F FILE`` off a command line; None when it is none for the engine."""
    rest = list(words)
    ssh_config = None
    while rest and rest[0].startswith("-F"):
        word = rest.pop(0)
        ssh_config = word[2:] or (rest.pop(0) if rest else "")
        if not ssh_config:
            return None
    if not rest or rest[0].startswith("-") or rest[0] in OURS:
        return None
    return ssh_config, rest


def meet_for(meeting: Rendezvous, words: list[str], version: str, *, starting: bool) -> Met | None:
    """Greet the engine with a command line; None when none runs.

    Args:
        meeting: where it is.
        words: the command line.
        version: of this lazytui.
        starting: start it if none runs.

    Raises:
        PumpError: it cannot be reached or started, or does not serve this client.
    """
    from lazytui.pump.connect import meet, meet_or_start

    hello = greeting.hello("command", words, version=version, config=meeting.config)
    return meet_or_start(meeting, hello) if starting else meet(meeting, hello)


def relayed(met: Met) -> int:
    """Carry bytes until the command line is over; gives its exit code."""
    from lazytui.pump.relay import Relay

    with met.engine:
        end = Relay(met.engine, met.reader, met.arrived).run()
    if end.message:
        _say(end.message)
    return end.status


def _say(text: str) -> None:
    print(f"lazytui: {text}", file=sys.stderr)  # noqa: T201
