"""What is done to files from the screen, noted among the events when it was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.audit import Deed
from lazytui.core.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lazytui.core.deeds import Deeds
    from lazytui.core.files import Folder, Removed
    from lazytui.core.runtime import Runtime

HERE = "here"  # the result of what was done on the manager, which is no host


class NotedFiles(Files):
    """Files whose changes are noted; what failed, and so changed nothing, is not.

    Copies between here and a host are runs, and noted as such.

    Args:
        connected: gives the runtime of a host, and sees to it that it gets connected.
        deeds: notes.
    """

    def __init__(self, connected: Callable[[str], Runtime], deeds: Deeds) -> None:
        super().__init__(connected)
        self._deeds = deeds

    async def look(self, host: str | None, path: str, *, make: bool = False) -> Folder:
        """Look into a folder; see :meth:`Files.look`."""
        folder = await super().look(host, path, make=make)
        if make:
            await self._note(Deed.FOLDER_MADE, host, folder.path)
        return folder

    async def rename(self, host: str | None, path: str, to: str) -> None:
        """Give something another name or place; see :meth:`Files.rename`."""
        await super().rename(host, path, to)
        await self._note(Deed.FILE_RENAMED, host, f"{path} → {to}")

    async def remove(self, host: str | None, paths: Sequence[str]) -> Removed:
        """Remove files and folders; see :meth:`Files.remove`."""
        removed = await super().remove(host, paths)
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        gone = "1 entry gone" if removed.count == 1 else f"{removed.count} entries gone"
        failed = len(removed.problems) + removed.more
        result = f"{gone}, {failed} failed" if failed else gone
        await self._note(Deed.FILE_DELETED, host, f"{paths[0]}{more}", result)
        return removed

    async def replace(
        self, host: str | None, path: str, data: bytes, seen: Mapping[str, int] | None
    ) -> None:
        """Give a file a new content; see :meth:`Files.replace`."""
        await super().replace(host, path, data, seen)
        await self._note(Deed.FILE_EDITED, host, path)

    async def _note(self, what: Deed, host: str | None, subject: str, result: str = "") -> None:
        where = [] if host is None else [host]
        told = ", ".join(text for text in (HERE if host is None else "", result) if text)
        await self._deeds.note(what, subject, where, told)
