"""Folders to look into: on the manager, and on hosts through their agents."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lazytui.core.agent import whole
from lazytui.errors import AgentError, ConnectError, ConnectionLostError, TransferError
from lazytui.remote import filing, listing
from lazytui.text import sanitize, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lazytui.core.runtime import Runtime

NAME_CHARS = 4096
PIECE = filing.PIECE  # bytes of a file that are asked for at once

Told = TypeVar("Told")


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


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a file, or its beginning.

    Args:
        data: the bytes that were read.
        size: bytes of the whole file.
        stamp: what it was like when it was read, to see whether it is still the same.
    """

    data: bytes
    size: int
    stamp: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Removed:
    """What came of a removal.

    Args:
        count: entries that are gone, those in folders included.
        problems: why others are not, the first few.
        more: how many more problems there were.
    """

    count: int
    problems: tuple[str, ...]
    more: int


class FileChangedError(TransferError):
    """A file is not any more what it was when it was read."""


class Files:
    """Looks into folders, and does to single files what people do to them.

    Each method takes the alias of a host, or None for the manager; a relative path is below the
    home there.

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
        return await self._do(
            host, path, _folder, lambda: _here(os.fsencode(path), make), "folder", make=make
        )

    async def rename(self, host: str | None, path: str, to: str) -> None:
        """Give something another name, or another place on the same disk; nothing is replaced.

        Raises:
            TransferError: it cannot be; the message says where and why.
        """
        await self._do(
            host,
            path,
            dict,
            lambda: filing.rename(os.fsencode(path), os.fsencode(to)),
            "file_rename",
            to=to,
        )

    async def remove(self, host: str | None, paths: Sequence[str]) -> Removed:
        """Remove files, links, and folders with all in them; links are never followed.

        Raises:
            TransferError: the host was not reached; how much is gone is not known.
        """
        return await self._do(
            host,
            paths[0],
            _removed,
            lambda: filing.remove([os.fsencode(path) for path in paths]),
            "file_remove",
            paths=list(paths),
        )

    async def read(self, host: str | None, path: str, offset: int, size: int) -> Contents:
        """Read a piece of a file: at most :data:`PIECE` bytes; none behind its end.

        Raises:
            TransferError: it cannot be read, or is no regular file.
        """

        def here() -> dict[str, Any]:
            found, data = filing.read(os.fsencode(path), offset, size)
            return {**found, "payload": data}

        return await self._do(host, path, _contents, here, "file_read", offset=offset, size=size)

    async def fetch(self, host: str | None, path: str, most: int) -> Contents:
        """Read a whole file.

        Raises:
            TransferError: it cannot be read, or has more than ``most`` bytes.
            FileChangedError: it was changed while it was read.
        """
        data = bytearray()
        first: Mapping[str, int] | None = None
        while True:
            piece = await self.read(host, path, len(data), PIECE)
            if piece.size > most:
                size, limit = size_text(piece.size), size_text(most)
                raise TransferError(f"{_named(host, path)}: {size}, that is more than {limit}")
            first = first or piece.stamp
            if piece.stamp != first:
                raise FileChangedError(f"{_named(host, path)}: it was changed while it was read")
            data += piece.data
            if not piece.data or len(data) >= piece.size:
                return Contents(bytes(data), piece.size, piece.stamp)

    async def replace(
        self, host: str | None, path: str, data: bytes, seen: Mapping[str, int] | None
    ) -> None:
        """Give a file a new content, all at once; its mode stays.

        Args:
            host: the alias; None for the manager.
            path: of a link, what it leads to is replaced.
            data: the new content.
            seen: the stamp with which it was read; None to replace it whatever it is now.

        Raises:
            FileChangedError: it is another by now. Nothing was changed.
            TransferError: it cannot be written. Nothing was changed.
        """
        word = secrets.token_hex(8)
        for offset in range(0, max(1, len(data)), PIECE):
            piece = data[offset : offset + PIECE]
            last = offset + PIECE >= len(data)
            here = partial(
                filing.write,
                os.fsencode(path),
                word.encode(),
                offset,
                piece,
                last,
                dict(seen or {}),
            )
            await self._do(
                host,
                path,
                dict,
                here,
                "file_write",
                payload=piece,
                word=word,
                offset=offset,
                last=last,
                seen=dict(seen or {}),
            )

    async def _do(
        self,
        host: str | None,
        path: str,
        read: Callable[[dict[str, Any]], Told],
        here: Callable[[], dict[str, Any]],
        op: str,
        *,
        payload: bytes = b"",
        **fields: Any,
    ) -> Told:
        """Do it on the manager in a thread, or ask the agent of a host; read what is told."""
        where = _named(host, path)
        try:
            if host is None:
                told = await asyncio.to_thread(here)
                if not told.get("ok", True):
                    raise AgentError(told["error"], kind=told["kind"])
            else:
                agent = await self._connected(host).reach()
                told = await agent.request(op, payload, path=path, **fields)
            return read(told)
        except (KeyError, TypeError, ValueError) as error:
            raise TransferError(f"{where}: the host speaks nonsense") from error
        except OSError as error:
            raise TransferError(f"{where}: {error.strerror or error}") from error
        except AgentError as error:
            kind = FileChangedError if error.kind == "changed" else TransferError
            raise kind(f"{where}: {error}") from error
        except (ConnectError, ConnectionLostError) as error:
            raise TransferError(f"{where}: {error}") from error


def _named(host: str | None, path: str) -> str:
    return sanitize(f"{host}:{path}" if host is not None else path, max_chars=300)


def _removed(told: dict[str, Any]) -> Removed:
    problems = tuple(sanitize(str(problem), max_chars=300) for problem in told["problems"])
    return Removed(whole(told["count"]), problems, whole(told["more"]))


def _contents(told: dict[str, Any]) -> Contents:
    stamp = {name: whole(told[name]) for name in ("size", "changed", "inode")}
    return Contents(bytes(told.get("payload", b"")), stamp["size"], stamp)


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
