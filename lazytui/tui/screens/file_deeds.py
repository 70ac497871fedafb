"""What is done to files on the Files screen: viewed, edited, renamed, removed, gone to, sorted."""

from __future__ import annotations

import asyncio
import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.files import FileChangedError
from lazytui.errors import LazytuiError
from lazytui.text import sanitize
from lazytui.tui.editing import edit_file
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.confirm import confirm
from lazytui.tui.screens.file_view import FileViewScreen
from lazytui.tui.widgets.file_table import SORTS

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from lazytui.tui.widgets.file_pane import FilePane

NAMED = 8  # files that a question names
MOST_EDITED = 16 << 20  # bytes of a host's file that an editor gets


class FileDeeds(EngineScreen):
    """The part of the Files screen that changes something on one side."""

    @property
    @abstractmethod
    def pane(self) -> FilePane:
        """The side with the focus."""

    @abstractmethod
    def look_at(self, pane: FilePane, *, make: str | None = None, at: str | None = None) -> None:
        """Look into the folder of a side."""

    def _do(self, pane: FilePane, work: Coroutine[object, object, None], name: str) -> None:
        """Change files of a side; keys typed meanwhile are for what is there after it."""
        pane.is_stale = True
        pane.changes = self.app.run_worker(work, name=name, group="intent", exit_on_error=False)

    # Reading and editing

    def action_view(self) -> None:
        """Read the file under the cursor."""
        if (path := self.pane.current_path) is not None:
            self.open(FileViewScreen(self.context, self.pane.host, path))

    def action_edit(self) -> None:
        """Edit the file under the cursor; one of a host is fetched, and sent back if changed."""
        pane, path = self.pane, self.pane.current_path
        if path is not None:
            self.intend(self._edit(pane, path), "edit")

    async def _edit(self, pane: FilePane, path: str) -> None:
        """Let the user edit a copy, and put it in the place of the file if that is the same."""
        was = await self.engine.files.fetch(pane.host, path, MOST_EDITED)
        copy = await asyncio.to_thread(_written, path, was.data)

        def edited() -> None:
            self._do(pane, self._put(pane, path, copy, was.data, was.stamp), "edit")

        edit_file(self.app, copy, edited)

    async def _put(
        self,
        pane: FilePane,
        path: str,
        copy: Path,
        was: bytes,
        seen: Mapping[str, int] | None,
    ) -> None:
        """Send an edited copy back, unless nothing was changed."""
        data = await asyncio.to_thread(copy.read_bytes)
        name = sanitize(path.rpartition("/")[2], max_chars=100)
        if data == was:
            await asyncio.to_thread(_removed, copy)
            self.app.notify(f"{name} is as it was", markup=False)
            return
        try:
            await self.engine.files.replace(pane.host, path, data, seen)
        except FileChangedError:
            self._ask_over(pane, path, copy, was)
            return
        except LazytuiError:
            kept = sanitize(str(copy))
            self.app.notify(f"What you wrote is kept in {kept}", severity="warning", markup=False)
            raise
        await asyncio.to_thread(_removed, copy)
        where = "" if pane.host is None else f" on {sanitize(pane.host)}"
        self.app.notify(f"{name}{where} is written", markup=False)
        if self.is_mounted:
            self.look_at(pane)

    def _ask_over(self, pane: FilePane, path: str, copy: Path, was: bytes) -> None:
        """Somebody else has changed the file: nothing is lost without a word."""
        kept = f"What you wrote is kept in {copy}"

        def chosen(key: str | None) -> None:
            if key == "o":
                self._do(pane, self._put(pane, path, copy, was, None), "edit")
            else:
                self.app.notify(sanitize(kept), severity="warning", timeout=15, markup=False)

        name = path.rpartition("/")[2]
        lines = (f"{pane.whose}:{path}", "was changed by somebody else while you edited it.", kept)
        choices = (("o", "overwrite it with mine"), ("k", "leave theirs, keep mine in that file"))
        self.app.push_screen(ChoiceScreen(f"{name} has changed", lines, choices), chosen)

    # Names and places

    def action_rename(self) -> None:
        """Ask for another name or place, and give it to the file; several go into a folder."""
        pane, chosen = self.pane, self.pane.table.chosen
        folder = pane.table.folder
        if folder is None or not chosen:
            return
        names = [file.name for file in chosen]

        def problem(text: str) -> str:
            return "" if text.strip() else "give it a name"

        def named(text: str | None) -> None:
            if text is not None and text != names[0]:
                self._do(pane, self._rename(pane, names, text), "rename")

        if len(names) == 1:
            lines = ("Another name, or a path: relative ones begin in this folder.",)
            self.open(AskText("Rename or move", lines, names[0], problem), named)
            return
        lines = ("Into which folder? A relative path begins in this one.",)
        self.open(AskText(f"Move {len(names)} files and folders", lines, "", problem), named)

    async def _rename(self, pane: FilePane, names: Sequence[str], text: str) -> None:
        target = pane.path_of(text)
        moves_into = len(names) > 1 or text.endswith("/")
        try:
            for name in names:
                to = f"{target.rstrip('/')}/{name}" if moves_into else target
                await self.engine.files.rename(pane.host, pane.path_of(name), to)
        finally:
            if self.is_mounted:
                pane.table.clear_marks()
                self.look_at(pane, at=None if moves_into or "/" in text else text)

    def action_delete(self) -> None:
        """Remove what is marked, or this, after a question."""
        pane, chosen = self.pane, self.pane.table.chosen
        if not chosen:
            return
        first = chosen[0].name
        what = first if len(chosen) == 1 else f"{len(chosen)} files and folders"
        lines = [
            *(f"{file.name}/ with all that is in it" if file.kind == "d" else file.name
              for file in chosen[:NAMED]),
            *([f"and {len(chosen) - NAMED} more"] if len(chosen) > NAMED else []),
            "Links go, not what they lead to. It cannot be taken back.",
        ]  # fmt: skip
        paths = [pane.path_of(file.name) for file in chosen]
        confirm(
            self,
            f"Delete {what} {pane.where}?",
            lines,
            "delete",
            len(chosen),
            lambda: self._do(pane, self._remove(pane, paths), "delete"),
        )

    async def _remove(self, pane: FilePane, paths: Sequence[str]) -> None:
        removed = await self.engine.files.remove(pane.host, paths)
        gone = "1 entry is" if removed.count == 1 else f"{removed.count:,} entries are"
        if removed.problems:
            problems = "\n".join(removed.problems)
            more = f"\nand {removed.more} more" if removed.more else ""
            said = f"{gone} gone, not all:\n{problems}{more}"
            self.app.notify(sanitize(said), severity="warning", timeout=15, markup=False)
        else:
            self.app.notify(f"{gone} gone {pane.where}", markup=False)
        if self.is_mounted:
            pane.table.clear_marks()
            self.look_at(pane)

    def action_path(self) -> None:
        """Ask for a folder, and go there."""
        pane = self.pane

        def named(text: str | None) -> None:
            if text is not None and text.strip():
                pane.path = pane.path_of(text.strip())
                self.look_at(pane)

        lines = (f"A folder {pane.where}; ~ is the home, a relative path begins here.",)
        here = pane.table.folder.path if pane.table.folder is not None else pane.path
        self.open(AskText("Go to", lines, here, lambda _text: ""), named)

    # The order

    def action_sort(self) -> None:
        """Ask by what files are sorted, on both sides."""
        table = self.pane.table

        def chosen(key: str | None) -> None:
            if key is not None:
                self.sort_by(key, reverse=False)

        start = list(SORTS).index(table.sort)
        choices = [(key, text) for key, (text, _) in SORTS.items()]
        self.open(ChoiceScreen("Sort files by", (), choices, start=start), chosen)

    def action_sort_reverse(self) -> None:
        """Sort the other way round."""
        table = self.pane.table
        self.sort_by(table.sort, reverse=not table.reverse)

    @abstractmethod
    def sort_by(self, key: str, *, reverse: bool) -> None:
        """Sort both sides."""

    def action_transfers(self) -> None:
        """Show all transfers."""
        from lazytui.tui.screens.transfers import TransfersScreen

        self.open(TransfersScreen(self.context))


def _written(path: str, data: bytes) -> Path:
    """Make a copy to be edited, in a folder of its own, with the name that editors go by."""
    folder = Path(tempfile.mkdtemp(prefix="lazytui-"))
    name = path.rpartition("/")[2].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    copy = folder / name.replace("\ufffd", "?")
    copy.write_bytes(data)
    return copy


def _removed(copy: Path) -> None:
    """Remove a copy and its folder, with what an editor left beside it."""
    for path in copy.parent.iterdir():
        path.unlink()
    copy.parent.rmdir()
