"""What the parts of a cluster printed: which part is chosen from a list, then its text."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lazytui.core.cluster_model import MANAGER
from lazytui.errors import LazytuiError
from lazytui.text import sanitize, size_text
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.palette import PaletteScreen
from lazytui.tui.screens.text_screen import TextScreen
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.cluster_words import HERE
from lazytui.tui.widgets.entry_list import Entry
from lazytui.tui.widgets.log_view import LogView
from lazytui.tui.widgets.log_words import count_pieces, found_pieces, line_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lazytui.core.cluster_model import ClusterLog
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes
    from lazytui.tui.screens.base import EngineScreen


async def ask_log(screen: EngineScreen, cluster: str, part: str = "") -> None:
    """Show what a part of a cluster printed; of several, ask which.

    Args:
        screen: where it is asked.
        cluster: its name.
        part: ``w-0``; empty to ask.

    Raises:
        UsageError: there is no such cluster.
    """
    logs = await screen.engine.clusters.logs(cluster)
    if part:
        logs = [log for log in logs if log.title == part]
    if not logs:
        words = f"{sanitize(part or cluster)} has not printed anything yet"
        screen.app.notify(words, markup=False)
    elif len(logs) == 1:
        open_log(screen, cluster, logs[0])
    else:
        _ask_which(screen, cluster, logs)


def _ask_which(screen: EngineScreen, cluster: str, logs: Sequence[ClusterLog]) -> None:
    entries = [
        Entry(
            f"{sanitize(log.title)} · {sanitize(log.host) or HERE}",
            do=partial(open_log, screen, cluster, log),
        )
        for log in logs
    ]

    def chosen(entry: Entry | None) -> None:
        if entry is not None and entry.do is not None:
            entry.do()

    screen.open(PaletteScreen(entries, {}, example="whose log? part of a name"), chosen)


def open_log(screen: EngineScreen, cluster: str, log: ClusterLog) -> None:
    """Show a log: that of a run as the output of every run is shown."""
    if log.run_id:
        try:
            screen.open(OutputScreen(screen.context, log.run_id))
        except KeyError:  # a run of another program that was not heard of yet
            pass
        else:
            return
    screen.open(ClusterLogScreen(screen.context, cluster, log))


class ClusterLogScreen(TextScreen):
    """The last that a part of a cluster printed, drawn as output is.

    Args:
        context: of the app.
        cluster: its name.
        log: what was printed until now.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("cluster-log", "view", "page", "text", "global")
    BINDINGS = bindings("cluster-log", "view", "text", "page")

    def __init__(self, context: Context, cluster: str, log: ClusterLog) -> None:
        super().__init__(context, LogView(id="log"))
        self._cluster = cluster
        self._log = log
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: Path | None = None
        self._times = 0  # that it was written: each is a file of its own
        self._problem = ""

    def compose(self) -> ComposeResult:
        """Lay out header, text, status and keys."""
        yield self.header
        yield self.log_view
        yield self._status
        yield self._find
        yield self.key_bar

    def on_mount(self) -> None:
        """Show what came with the list."""
        self.set_focus(self.log_view)
        self.run_worker(self._show_log(), group="read", exit_on_error=False)

    def on_unmount(self) -> None:
        """Leave nothing behind."""
        if self._folder is not None:
            self._folder.cleanup()

    def rebuild(self) -> None:
        """Show whose text it is, and how much."""
        where = HERE if self._log.host == MANAGER else sanitize(self._log.host)
        way = [
            Piece("Clusters › ", "quiet"),
            Piece(f"{sanitize(self._cluster)} ", "quiet"),
            Piece(sanitize(self._log.title), bold=True),
            Piece(" · ", "faint"),
            Piece(where),
        ]
        self.header.way(way, [Piece(size_text(len(self._log.data)), "quiet")])
        self._show_status()
        self.show_keys()

    def show_changes(self, changes: Changes) -> None:
        """What is shown is what was printed when it was read; ``R`` reads it again."""

    def _show_status(self) -> None:
        found = self.log_view.found
        said: list[Piece] = []
        if found is not None:
            said = found_pieces(found)
        elif self._problem:
            said = [Piece(sanitize(self._problem), "attention")]
        elif not self._log.data:
            said = [Piece("nothing was printed", "quiet")]
        self._status.show((said, line_pieces(self.log_view)))
        if found is not None and self.is_typing:
            self._find.show(count_pieces(found))

    async def _show_log(self) -> None:
        try:
            if self._folder is None:
                self._folder = await asyncio.to_thread(
                    tempfile.TemporaryDirectory, prefix="lazytui-"
                )
            self._times += 1
            self._file = Path(self._folder.name) / f"{self._times}.log"
            await asyncio.to_thread(self._file.write_bytes, self._log.data)
            self.log_view.open(self._file)
        except OSError as error:
            self._problem = f"it cannot be kept here: {error.strerror}"
        if self.is_mounted:
            self.rebuild()

    def action_refresh(self) -> None:
        """Read it again."""
        self.run_worker(self._read_again(), group="read", exclusive=True, exit_on_error=False)

    async def _read_again(self) -> None:
        self._problem = ""
        try:
            logs = await self.engine.clusters.logs(self._cluster)
        except LazytuiError as error:
            self._problem = str(error)
            self.rebuild()
            return
        newer = [log for log in logs if log.title == self._log.title]
        if newer:
            self._log = newer[0]
            await self._show_log()
        else:
            self._problem = f"{self._log.title} is not there any more"
            self.rebuild()

    def action_editor(self) -> None:
        """Read it in the user's pager."""
        from lazytui.tui.editing import read_in_pager

        if self._file is not None:
            read_in_pager(self.app, self._file)
