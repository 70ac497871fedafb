"""Folders to look into: on the manager, and on hosts through their agents."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.core.agent import whole
from lazytui.errors import AgentError, ConnectError, ConnectionLostError, TransferError
from lazytui.remote import listing
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.runtime import Runtime

NAME_CHARS = 4096


@dataclass(frozen=True, slots=True)
class File:
    """One entry of a folder.

    Args:
        name: as it is; bytes that are no text are surrogates.
        kind: ``f`` a file, ``d`` a folder, ``l`` a link, ``D`` a link to a folder, ``x`` else.
        size: bytes.
        changed: epoch seconds of its last change, by the clock of its host.
    """

    name: str
    kind: str
    size: int
    changed: int

    @property
    def is_folder(self) -> bool:
        """Whether it can be entered."""
        return self.kind in ("d", "D")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was when it was looked into.

    Args:
        path: from the root.
        files: what is in it, folders first, by name.
        more: entries that are not listed, as there are too many.
        free: bytes free on its disk.
        total: bytes of its disk.
    """

    path: str
    files: tuple[File, ...]
    more: int
    free: int
    total: int


class Files:
    """Looks into folders.

    Args:
        connected: gives the runtime of a host, and sees to it that it gets connected.
    """

    def __init__(self, connected: Callable[[str], Runtime]) -> None:
        self._connected = connected

    async def look(self, host: str | None, path: str, *, make: bool = False) -> Folder:
        """Look into a folder.

        Args:
            host: the alias; None for the manager.
            path: a relative one is below the home there.
            make: make it first.

        Raises:
            TransferError: it cannot be read or made; the message says where and why.
        """
        where = sanitize(f"{host}:{path}" if host is not None else path, max_chars=300)
        try:
            if host is None:
                return _folder(await asyncio.to_thread(_here, os.fsencode(path), make))
            agent = await self._connected(host).reach()
            return _folder(await agent.request("folder", path=path, make=make))
        except (KeyError, TypeError, ValueError) as error:
            raise TransferError(f"{where}: the host speaks nonsense") from error
        except OSError as error:
            raise TransferError(f"{where}: {error.strerror or error}") from error
        except (AgentError, ConnectError, ConnectionLostError) as error:
            raise TransferError(f"{where}: {error}") from error


def _here(path: bytes, make: bool) -> dict[str, Any]:
    if make:
        Path(os.fsdecode(listing.absolute(path))).mkdir()
    return listing.look(path)


def _folder(told: dict[str, Any]) -> Folder:
    files = [
        File(str(name)[:NAME_CHARS], str(kind), whole(size), whole(changed))
        for name, kind, size, changed in told["rows"]
        if "/" not in str(name) and str(name) not in ("", ".", "..")
    ]
    files.sort(key=lambda file: (not file.is_folder, file.name))
    numbers = (whole(told["more"]), whole(told["free"]), whole(told["total"]))
    return Folder(str(told["path"]), tuple(files), *numbers)
