"""Hosts written into the ssh config, or out of it; who follows the file takes them up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.core.audit import Deed
from lazytui.errors import UsageError
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.config_edit import adding, removing, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lazytui.core.deeds import Deeds
    from lazytui.ssh.config_edit import Edit
    from lazytui.ssh.destination import Destination


class HostEdits:
    """Changes of the user's ssh config: first what would be written, then that.

    Args:
        config: gives the one that is used now.
        deeds: where it is noted what was written.
    """

    def __init__(self, config: Callable[[], SSHConfig], deeds: Deeds) -> None:
        self._config = config
        self._deeds = deeds

    async def adding(
        self, name: str, to: Destination, *, id_file: str | None = None, jump: str | None = None
    ) -> Sequence[Edit]:
        """Give the change that adds a host; nothing is written.

        Args:
            name: the alias.
            to: where it leads.
            id_file: a private key for it.
            jump: hosts on the way, as ProxyJump takes them.

        Raises:
            UsageError: it cannot be; the message says why.
        """
        file = self._file()
        try:
            edit = await asyncio.to_thread(adding, file, name, to, id_file=id_file, jump=jump)
        except OSError as error:
            raise _unreadable(error) from error
        return [edit]

    async def removing(self, name: str) -> Sequence[Edit]:
        """Give the changes that take a host out, in all files that name it; nothing is written.

        Raises:
            UsageError: it cannot be; the message says why.
        """
        file = self._file()

        def read() -> list[Edit]:
            return removing(SSHConfig.load(file, system_path=None), name)

        try:
            return await asyncio.to_thread(read)
        except OSError as error:
            raise _unreadable(error) from error

    async def write(self, name: str, edits: Sequence[Edit], *, gone: bool) -> None:
        """Write changes that were shown; what was there before is kept beside each file.

        Args:
            name: the host they are about.
            edits: as they were given.
            gone: it is taken out.

        Raises:
            UsageError: a file was changed meanwhile, or cannot be written.
        """
        for edit in edits:
            try:
                await asyncio.to_thread(write, edit)
            except OSError as error:
                raise _unreadable(error) from error
        files = ", ".join(str(edit.path) for edit in edits)
        await self._deeds.note(Deed.HOST_REMOVED if gone else Deed.HOST_ADDED, files, [name])

    def _file(self) -> Path:
        file = self._config().user_file
        if file is None:
            raise UsageError("there is no ssh config here to write to")
        return file


def _unreadable(error: OSError) -> UsageError:
    return UsageError(f"{error.filename or 'the ssh config'}: {error.strerror}")
