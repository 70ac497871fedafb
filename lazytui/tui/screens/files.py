"""Files: a folder here and one on a host beside each other, and what is copied between them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal

from lazytui.core.model import HostState
from lazytui.core.task import GetSpec, RuntimeTask, SendSpec
from lazytui.core.where import fold, parse_where
from lazytui.errors import TransferError, UsageError
from lazytui.text import sanitize, size_text
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.file_deeds import FileDeeds
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.file_pane import FilePane
from lazytui.tui.widgets.transfer_rows import transfer_rows, transfers_fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lazytui.core.files import Folder
    from lazytui.core.transfer.progress import Progress
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes


class FilesScreen(FileDeeds):
    """Two folders and the transfers. Follows the progress of transfers, and looks again after."""

    SCOPES: ClassVar[tuple[str, ...]] = ("files", "tab", "list", "global")
    BINDINGS = bindings("files", "tab")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.here = FilePane(context, None, id="here")
        if context.folder is not None:
            self.here.path = str(context.folder)
        self.there = FilePane(context, self._first_host(), id="there")
        self.there.is_here = False
        self._moving = Bar(id="moving", classes="ruled")
        self._status = Bar(id="status", classes="ruled")
        self._followed: frozenset[str] = frozenset()  # runs whose files are on their way

    def compose(self) -> ComposeResult:
        """Lay out header, panes, transfers, status and keys."""
        yield self.header
        with Horizontal(classes="panels", id="panes"):
            yield self.here
            yield self.there
        yield self._moving
        yield self._status
        yield self.key_bar

    def on_mount(self) -> None:
        """Look into both folders."""
        self.set_focus(self.here.table)
        self.look_at(self.here)
        self.look_at(self.there)

    # What is seen

    @property
    def target(self) -> str | None:
        """The host at the other side."""
        return self.there.host

    @property
    def pane(self) -> FilePane:
        """The side with the focus."""
        return self.there if self.focused is self.there.table else self.here

    @property
    def awaited(self) -> object | None:
        """What must have come before a key means anything: the folder that was gone to."""
        return self.pane.awaited

    @property
    def other(self) -> FilePane:
        """The side without it."""
        return self.here if self.pane is self.there else self.there

    def _first_host(self) -> str | None:
        runtimes = self.engine.runtimes.values()
        active = [runtime.host for runtime in runtimes if runtime.state is HostState.ACTIVE]
        return active[0] if active else next(iter(self.engine.runtimes), None)

    def show_for(self, host: str) -> None:
        """Show the files of a host."""
        if host != self.there.host:
            self.there.host, self.there.path, self.there.home = host, "~", ""
            self.there.table.show(None)
            self.look_at(self.there)

    def _transfers(self) -> list[Progress]:
        return [one for one in self.engine.transfers.all() if one.phase != "over"]

    def rebuild(self) -> None:
        """Show what is known: titles, transfers, what is marked."""
        moving = self._transfers()
        self.header.tabs("Files", transfers_fact(moving))
        self._moving.display = bool(moving)
        rows = transfer_rows(moving, self.size.width)
        self._moving.styles.height = len(rows) + (0 if self.has_class("-short") else 1)
        self._moving.show(*rows)
        self._show_current()
        runs = frozenset(one.run_id for one in moving)
        if self._followed - runs:  # something has arrived
            self.look_at(self.here)
            self.look_at(self.there)
        self._followed = runs

    def show_changes(self, changes: Changes) -> None:
        """Follow transfers; a host that came up is looked into."""
        if changes.transfers or changes.runs:
            self.rebuild()
        if self.there.host in changes.hosts and self.there.table.folder is None:
            self.look_at(self.there)

    def _show_current(self) -> None:
        for pane in (self.here, self.there):
            pane.show_title()
        marked = self.pane.table.marked
        chosen = self.pane.table.chosen
        size = size_text(sum(file.size for file in chosen if not file.is_folder))
        left = [Piece(f"{len(marked)} marked", "keys"), Piece(f"  {size}")] if marked else []
        folder = self.other.table.folder
        right = []
        if folder is not None and folder.total:
            where = "here" if self.other.is_here else "there"
            free = f"{size_text(folder.free)} of {size_text(folder.total)}"
            right = [Piece(f"free {where}: ", "quiet"), Piece(free)]
        self._status.show((left, right))
        self.show_keys()

    # Looking into folders

    def look_at(self, pane: FilePane, *, make: str | None = None, at: str | None = None) -> None:
        """Look into the folder of a side; with ``make`` one is made, ``at`` gets the cursor."""
        if not pane.is_here and pane.host is None:
            pane.table.note = (Piece("The ssh config names no host.", "quiet"),)
            return
        name = f"look {pane.id}"
        work = self._read(pane, make, at)
        pane.reads = self.app.run_worker(
            work, name=name, group=name, exclusive=True, exit_on_error=False
        )

    async def _read(self, pane: FilePane, make: str | None, at: str | None) -> None:
        host, path = pane.host, pane.path
        if pane.table.folder is None:
            pane.table.note = (Piece("looking …", "quiet"),)
            pane.table.refresh()
        try:
            if make is not None:
                await self.engine.files.look(host, make, make=True)
            folder = await self.engine.files.look(host, path)
        except TransferError as error:
            self._failed(pane, path, str(error))
            return
        if self.is_mounted and (host, path) == (pane.host, pane.path):
            if path == "~":
                pane.home = folder.path
            self._show_folder(pane, folder, at)

    def _show_folder(self, pane: FilePane, folder: Folder, at: str | None) -> None:
        pane.path, pane.is_stale = folder.path, False
        pane.table.note = (Piece("Nothing in here.", "quiet"),)
        pane.table.show(folder, at=at)
        self._show_current()

    def _failed(self, pane: FilePane, path: str, why: str) -> None:
        """Say what is wrong; the folder that was shown stays."""
        if not self.is_mounted or path != pane.path:
            return
        folder = pane.table.folder
        if folder is not None:
            pane.path = folder.path
            self.app.notify(sanitize(why), severity="warning", markup=False)
            return
        pane.table.note = (Piece(sanitize(why), "attention"),)
        pane.table.refresh()
        self._show_current()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        if action == "copy_across":
            return bool(self.pane.table.chosen) and self.other.table.folder is not None
        if action == "copy_all":
            return self.pane is self.here and bool(self.here.table.chosen)
        if action == "cancel":
            return bool(self._transfers())
        if action == "transfers":
            return bool(self.engine.transfers.all())
        if action in ("rename", "delete"):
            return bool(self.pane.table.chosen)
        if action == "edit":
            return self.pane.current_path is not None
        return True

    def on_line_table_cursor_moved(self) -> None:
        """Show what the keys can do now."""
        self._show_current()

    def on_line_table_marks_changed(self) -> None:
        """Count the marks."""
        self._show_current()

    def on_line_table_opened(self) -> None:
        """Do on a double click what ``enter`` does."""
        self.action_open()

    def on_descendant_focus(self) -> None:
        """Show which side has the focus."""
        self._show_current()

    def action_focus_next(self) -> None:
        """Go to the other side."""
        self.set_focus(self.other.table)  # now: the next keys are meant for it

    def action_open(self) -> None:
        """Go into the folder under the cursor, or read the file."""
        pane, file = self.pane, self.pane.table.file
        if file is None or pane.table.folder is None:
            return
        if file.name == "..":
            self.action_parent()
        elif file.is_folder:
            pane.path = pane.path_of(file.name)
            self.look_at(pane)
        elif file.kind in ("f", "l"):
            self.action_view()

    def action_parent(self) -> None:
        """Go to the folder around this one."""
        pane = self.pane
        if pane.table.folder is not None and pane.table.folder.path != "/":
            above, _, name = pane.table.folder.path.rpartition("/")
            pane.path = above or "/"
            self.look_at(pane, at=name)

    def action_mark(self) -> None:
        """Mark the file under the cursor, and go on to the next."""
        table = self.pane.table
        if table.chosen and table.current != "..":
            table.toggle_mark(str(table.current))
        table.move_cursor(table.cursor + 1)

    def action_mark_range(self) -> None:
        """Begin a range, or end it."""
        self.pane.table.toggle_range()

    def action_mark_all(self) -> None:
        """Mark all that is shown, or nothing."""
        self.pane.table.mark_all()

    def action_hidden(self) -> None:
        """Show hidden files, or not."""
        shows = not self.here.table.shows_hidden
        for pane in (self.here, self.there):
            pane.table.shows_hidden = shows
            pane.table.show(pane.table.folder)
        self._show_current()

    def action_refresh(self) -> None:
        """Look again."""
        self.look_at(self.here)
        self.look_at(self.there)

    def sort_by(self, key: str, *, reverse: bool) -> None:
        """Sort both sides."""
        for pane in (self.here, self.there):
            pane.table.sort, pane.table.reverse = key, reverse
            pane.table.show(pane.table.folder)
        self._show_current()

    async def action_back(self) -> None:
        """Unmark, then go to Hosts."""
        if self.pane.table.marked or self.pane.table.marking_range:
            self.pane.table.clear_marks()
        else:
            await self.app.run_action("view_hosts")

    async def action_quit(self) -> None:
        """Leave the program."""
        await self.app.run_action("quit_now")

    # Copying

    def action_copy_across(self) -> None:
        """Copy what is marked, or this, into the folder at the other side."""
        pane, target = self.pane, self.other.table.folder
        if target is None or self.there.host is None or not pane.table.chosen:
            return
        task = self._copying(pane, f"{target.path.rstrip('/')}/")
        self.intend(self.engine.run_task(task, [self.there.host]), "copy")
        pane.table.clear_marks()

    def action_copy_all(self) -> None:
        """Ask for hosts, and send what is marked, or this, to all of them."""
        folder, chosen = self.there.table.folder, self.here.table.chosen
        if self.pane is not self.here or not chosen:
            return
        into = self.there.place_for_all() if folder is not None else "~/"
        marked = self.context.drafts.marked_hosts
        what = sanitize(chosen[0].name) if len(chosen) == 1 else f"{len(chosen)} files and folders"
        about = (f"Into {into} on each of them: a node set, @group, or a filter as on Hosts.",)
        problem = partial(_problem, self)
        task = self._copying(self.here, into)

        def named(text: str | None) -> None:
            if text is not None:
                self.intend(self.engine.run_task(task, _select(self, text)), "copy")
                self.here.table.clear_marks()

        self.open(AskText(f"Send {what} to", about, fold(marked), problem), named)

    def _copying(self, pane: FilePane, into: str) -> RuntimeTask:
        """Make the task that copies what is chosen."""
        assert pane.table.folder is not None
        task = RuntimeTask()
        for file in pane.table.chosen:
            path = pane.path_of(file.name)
            task.add(SendSpec(path, into) if pane.is_here else GetSpec(path, into))
        return task

    def action_cancel(self) -> None:
        """Stop the transfers that go on; what has come stays for the next time."""
        runs = [one.run_id for one in self._transfers()]
        if runs:
            self.intend(self.engine.stop_runs(runs, "INT"), "stop")

    def action_mkdir(self) -> None:
        """Ask for a name, and make a folder."""
        pane = self.pane
        folder = pane.table.folder
        if folder is None:
            return

        def problem(text: str) -> str:
            bad = not text.strip() or "/" in text or text.strip() in (".", "..")
            return "a folder needs a name without a slash" if bad else ""

        def named(text: str | None) -> None:
            if text is not None:
                self.look_at(pane, make=pane.path_of(text.strip()), at=text.strip())

        self.open(AskText(f"New folder {pane.where}", (sanitize(folder.path),), "", problem), named)

    def action_host(self) -> None:
        """Ask for the host of the other side."""

        def problem(text: str) -> str:
            return "" if text.strip() in self.engine.runtimes else "no such host"

        def named(text: str | None) -> None:
            if text is not None:
                self.show_for(text.strip())
                self.set_focus(self.there.table)

        about = ("An alias of the ssh config.",)
        self.open(AskText("Files of which host?", about, self.there.host or "", problem), named)


def _select(screen: FilesScreen, text: str) -> Sequence[str]:
    groups = {group.name: list(group.hosts) for group in screen.engine.groups_now()}
    where = parse_where(text, bare_words="exact")
    return where.select(list(screen.engine.runtimes.values()), groups)


def _problem(screen: FilesScreen, text: str) -> str:
    if not text.strip():
        return "say which hosts"
    try:
        return "" if _select(screen, text) else "no host is like that"
    except UsageError as error:
        return str(error)
