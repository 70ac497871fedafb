"""``lazytui add-runtime`` and ``delete-runtime``: a host more in the ssh config, or one less."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.errors import UsageError
from lazytui.rendezvous import meeting_point
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.config_edit import adding, removing, write
from lazytui.ssh.destination import Destination
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.commands.call import Call
    from lazytui.ssh.config_edit import Edit


async def add_runtime(call: Call) -> int:
    """Add a host to the ssh config."""
    arguments = call.arguments
    to = Destination.parse(arguments.to)
    if arguments.id_file and not call.path(arguments.id_file).is_file():
        raise UsageError(f"there is no key {arguments.id_file}")
    try:
        edit = adding(
            _path(call), arguments.name, to, id_file=arguments.id_file, jump=arguments.jump
        )
    except OSError as error:
        raise _unreadable(error) from error
    return _make(call, [edit])


async def delete_runtime(call: Call) -> int:
    """Remove a host from the ssh config."""
    try:
        config = SSHConfig.load(_path(call), system_path=None)
        edits = removing(config, call.arguments.name)
    except OSError as error:
        raise _unreadable(error) from error
    return _make(call, edits)


def _path(call: Call) -> Path:
    given = call.arguments.ssh_config
    return call.path(given) if given else Path.home() / ".ssh" / "config"


def _make(call: Call, edits: Sequence[Edit]) -> int:
    for edit in edits:
        for line in edit.diff():
            call.print(sanitize(line))
    if call.arguments.dry_run:
        return common.OK
    for edit in edits:
        try:
            backup = write(edit)
        except OSError as error:
            raise _unreadable(error) from error
        kept = f"; as it was before: {backup}" if backup else ""
        call.say(f"{edit.path} written{kept}")
    if os.path.exists(meeting_point(call.arguments.ssh_config).socket):  # noqa: PTH110
        call.say("an engine that runs takes it up by itself")
    return common.OK


def _unreadable(error: OSError) -> UsageError:
    return UsageError(f"{error.filename or 'the ssh config'}: {error.strerror}")
