"""Which function carries out which command line, wherever that happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from lazytui.commands.call import Call

    Command = Callable[[Call], Coroutine[Any, Any, int]]


def command_named(name: str) -> Command | None:  # noqa: C901 - a flat list
    """Give the function of a command, importing its module only now.

    Args:
        name: the first word of the command line.

    Returns:
        None for those that are about this very terminal: the screen and the demo.
    """
    match name:
        case "hosts" | "list-runtimes":
            from lazytui.commands.hosts import hosts as command
        case "send":
            from lazytui.commands.files import send as command
        case "get":
            from lazytui.commands.files import get as command
        case "run":
            from lazytui.commands.run import run as command
        case "tasks":
            from lazytui.commands.tasks import tasks as command
        case "logs":
            from lazytui.commands.tasks import logs as command
        case "stop":
            from lazytui.commands.tasks import stop as command
        case "again":
            from lazytui.commands.again import again as command
        case "events":
            from lazytui.commands.events import events as command
        case "groups":
            from lazytui.commands.groups import groups as command
        case "expose":
            from lazytui.commands.ports import expose as command
        case "unexpose":
            from lazytui.commands.ports import unexpose as command
        case "ports":
            from lazytui.commands.ports import ports as command
        case "clusters":
            from lazytui.commands.clusters import clusters as command
        case "add-runtime":
            from lazytui.commands.edit_hosts import add_runtime as command
        case "delete-runtime":
            from lazytui.commands.edit_hosts import delete_runtime as command
        case "doctor":
            from lazytui.commands.doctor import doctor as command
        case "reach":
            from lazytui.commands.reach import reach as command
        case _:
            return None
    return command
