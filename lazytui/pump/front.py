"""The command lines that end at the engine's door, told apart before anything is imported."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Sequence

THEMES = ("dark", "light", "ansi")
FAILED, USAGE, INTERRUPTED = 1, 2, 130


class Wanted:
    """A plain command line for the engine.

    Args:
        command: ``stop-engine``; all others attach.
        ssh_config: what ``-F`` names.
        look: the words about how the screen looks.
    """

    def __init__(self, command: str | None, ssh_config: str | None, look: Sequence[str]) -> None:
        self.command = command
        self.ssh_config = ssh_config
        self.look = tuple(look)


def wanted(words: Sequence[str]) -> Wanted | None:
    """Read a command line, if it is one of the plainest; None leaves it to the whole parser.

    Args:
        words: without the program's name.
    """
    rest = list(words)
    ssh_config = None
    look: list[str] = []
    command = ""
    while rest:
        word = rest.pop(0)
        if command:
            return None
        if word == "-F" and rest:
            ssh_config = rest.pop(0)
        elif word == "--theme" and rest and rest[0] in THEMES:
            look += [word, rest.pop(0)]
        elif word in ("--ascii", "--no-mouse", "--readonly"):
            look.append(word)
        elif word in ("attach", "stop-engine"):
            command = word
        else:
            return None
    if command == "stop-engine" and "--readonly" in look:
        return None
    return Wanted(command, ssh_config, look)


def go(what: Wanted, *, version: str) -> int:
    """Attach this terminal to the engine, or end the engine; gives the exit status.

    Args:
        what: of the command line.
        version: of this lazytui.
    """
    from lazytui.pump import attach
    from lazytui.pump.errors import PumpError
    from lazytui.rendezvous import meeting_point

    if what.ssh_config is not None and not os.path.exists(os.path.expanduser(what.ssh_config)):
        _say(f"{what.ssh_config}: there is no such file")
        return USAGE
    meeting = meeting_point(what.ssh_config)
    try:
        if what.command == "stop-engine":
            ended = attach.stop(meeting, version=version)
            _say("the engine has ended; jobs go on at their hosts" if ended else "no engine runs")
            return 0
        if not (os.isatty(0) and os.isatty(1)):
            _say("the screen needs a terminal; in a pipe use `lazytui hosts`")
            return USAGE
        return attach.attach(meeting, what.look, version=version)
    except PumpError as error:
        _say(str(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _say(text: str) -> None:
    print(f"lazytui: {text}", file=sys.stderr)  # noqa: T201
