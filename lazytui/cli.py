"""The command line. Imports nothing heavy: each command imports what it needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run lazytui with the given words, by default those of the shell; gives the exit code."""
    from lazytui.commands.parser import parser

    arguments = parser().parse_args(argv)
    # Nothing heavier than this is imported before it is known what is wanted.
    from lazytui.commands import common
    from lazytui.errors import LazytuiError, UsageError

    try:
        code = int(_command(arguments)(arguments))
        sys.stdout.flush()  # now, as at exit nobody could tell a broken pipe from a fault
        return code
    except UsageError as error:
        common.say(str(error))
        return common.USAGE
    except LazytuiError as error:
        common.say(str(error))
        return common.FAILED
    except KeyboardInterrupt:
        return common.INTERRUPTED
    except BrokenPipeError:
        return common.broken_pipe()


def _command(arguments: argparse.Namespace) -> Command:
    """Give the function of a command, importing its module only now."""
    match arguments.command:
        case "hosts" | "list-runtimes":
            from lazytui.commands.hosts import hosts as command
        case "run":
            from lazytui.commands.run import run as command
        case "tasks":
            from lazytui.commands.tasks import tasks as command
        case "logs":
            from lazytui.commands.tasks import logs as command
        case "stop":
            from lazytui.commands.tasks import stop as command
        case "groups":
            from lazytui.commands.groups import groups as command
        case "demo":
            from lazytui.commands.screen import demo as command
        case _:
            from lazytui.commands.screen import screen as command
    return command


if __name__ == "__main__":
    sys.exit(main())
