"""The command line. Imports nothing heavy: each command imports what it needs."""

from __future__ import annotations

import sys

from lazytui import __version__
from lazytui.pump import command, front

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run lazytui with the given words, by default those of the shell; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    plain = front.wanted(words)
    if plain is not None:
        return front.go(plain, version=__version__)
    code = command.answered(words, version=__version__)
    if code is not None:
        return code
    from lazytui.commands.parser import parser

    arguments = parser().parse_args(words)
    # Nothing heavier than this is imported before it is known what is wanted.
    from lazytui.commands import common
    from lazytui.errors import LazytuiError, UsageError

    try:
        return _carry_out(arguments)
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


def _carry_out(arguments: argparse.Namespace) -> int:
    from lazytui.commands.table import command_named

    if arguments.readonly and arguments.command not in (None, "attach", "demo"):
        from lazytui.errors import UsageError

        raise UsageError(f"--readonly is for the screen: {arguments.command} would not heed it")
    function = command_named(arguments.command)
    if function is not None:
        from lazytui.commands.by_itself import carry_out

        return carry_out(function, arguments)
    from lazytui.commands import screen

    if arguments.command == "demo":
        return screen.demo(arguments)
    if arguments.command == "shell":
        from lazytui.pump import shell

        return shell.go(arguments.host, arguments.ssh_config, version=__version__)
    if arguments.in_process:
        return screen.screen(arguments)
    wanted = front.Wanted(arguments.command, arguments.ssh_config, screen.look_words(arguments))
    return front.go(wanted, version=__version__)


if __name__ == "__main__":
    sys.exit(main())
