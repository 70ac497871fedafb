"""The sheet that makes a cluster or changes one: what it finds out it shows before a start."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lazytui.core.cluster_model import ClusterKind
from lazytui.errors import LazytuiError, UsageError
from lazytui.text import sanitize
from lazytui.tui.cluster_order import ClusterDraft, cluster_hosts, order_of
from lazytui.tui.group_suggester import GroupSuggester
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.form import FormSheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.cluster_words import KINDS, check_rows, hosts_text
from lazytui.tui.widgets.run_form import FormRow
from lazytui.tui.widgets.run_form_fields import Option, OptionRow, TextField

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import ComposeResult

    from lazytui.core.cluster_model import ClusterSpec
    from lazytui.tui.context import EngineView
    from lazytui.tui.widgets.cells import Row

START, KEEP = "start", "keep"
THEN = (Option(START, "start it, if the check finds no problem"), Option(KEEP, "only keep it"))


class Made(NamedTuple):
    """What came of the sheet: the cluster that is kept, and whether it shall start."""

    name: str
    start: bool


class ClusterForm(FormSheet[Made]):
    """Gives what was kept, or None after ``esc``. The text stays until that is done.

    Args:
        engine: keeps it, and checks whether it could start.
        draft: what is in the fields at first.
        name: of the cluster that is changed; empty for a new one.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("cluster-form",)
    BINDINGS = bindings("cluster-form")

    def __init__(self, engine: EngineView, draft: ClusterDraft, name: str = "") -> None:
        super().__init__()
        self._engine = engine
        self._begun = draft.begun
        self._name = name
        self._busy = False
        self._title = Bar(id="title")
        kinds = [Option(kind, words) for kind, words in KINDS.items()]
        self._kind = OptionRow(kinds, draft.kind, id="cluster-kind")
        self._called = TextField(draft.name, "a word, such as sweep", id="cluster-name")
        self._where = TextField(draft.where, "gpu[01-04]  @group  gpu>=1", id="cluster-where")
        self._workers = TextField(draft.workers, "one on each host", id="cluster-workers")
        self._master = TextField(draft.master, "here, or a host", id="cluster-master")
        self._port = TextField(draft.port, "the usual, or the next free", id="cluster-port")
        self._dbname = TextField(draft.dbname, "hyperopt", id="cluster-dbname")
        self._dbpath = TextField(
            draft.dbpath, "a temporary one: trials are gone when it stops", id="cluster-dbpath"
        )
        self._then = OptionRow(THEN, START, id="cluster-then")
        self._where.suggester = GroupSuggester(engine)
        self._dask_rows = [FormRow("Scheduler", self._master)]
        self._hyperopt_rows = [FormRow("Database", self._dbname), FormRow("Folder", self._dbpath)]
        self._found = VerticalScroll(can_focus=False, id="cluster-found")
        self._expect = Static(id="cluster-check")

    def compose(self) -> ComposeResult:
        """Lay the sheet out: the fields, what they mean or what was found out, the keys."""
        with Vertical(classes="sheet"):
            yield self._title
            with VerticalScroll(can_focus=False, id="cluster-fields"):
                yield FormRow("Kind", self._kind)
                yield FormRow("Name", self._called)
                yield FormRow("Where", self._where)
                yield FormRow("Workers", self._workers)
                yield from self._dask_rows
                yield FormRow("Port", self._port)
                yield from self._hyperopt_rows
                yield FormRow("Then", self._then)
            with self._found:
                yield self._expect
            yield KeyBar()

    def on_mount(self) -> None:
        """Begin where something is missing."""
        words = f"Change {sanitize(self._name)}" if self._name else "New cluster"
        self._title.show(([Piece(words, bold=True)], ()))
        self.set_focus(self._called if not self._called.value else self._where)
        self._show_fields()
        self.show_keys()

    @property
    def draft(self) -> ClusterDraft:
        """The fields as they are."""
        return ClusterDraft(
            ClusterKind(self._kind.chosen),
            self._called.value,
            self._where.value,
            self._workers.value,
            self._master.value,
            self._port.value,
            self._dbname.value,
            self._dbpath.value,
            self._begun,
        )

    # What is seen

    def _show_fields(self) -> None:
        is_dask = self._kind.chosen == ClusterKind.DASK
        for row in self._dask_rows:
            row.display = is_dask
        for row in self._hyperopt_rows:
            row.display = not is_dask
        if not self._busy:
            self._say(self._meaning())

    def _meaning(self) -> list[Row]:
        """Say which hosts are meant now, or what is missing."""
        draft = self.draft
        try:
            hosts = cluster_hosts(draft, self._engine)
        except UsageError as error:
            return [[Piece(sanitize(str(error)), "quiet")]]
        if not hosts:
            return [[Piece("no host matches", "quiet")]]
        shared = [] if draft.workers.strip() else [Piece(" · one worker on each", "quiet")]
        return [[Piece(hosts_text(hosts)), *shared]]

    def _say(self, rows: Sequence[Row]) -> None:
        self._expect.update(Content("\n").join(content_of(row) for row in rows))

    def _say_problem(self, error: Exception) -> None:
        lines = sanitize(str(error), keep_newlines=True, max_chars=4000).splitlines()
        self._say([[Piece(line, "attention")] for line in lines])

    def on_input_changed(self) -> None:
        """Say what the fields mean."""
        self._show_fields()

    def on_option_row_chosen(self) -> None:
        """Another kind has other fields."""
        self._show_fields()

    # Keys

    def action_check(self) -> None:
        """Look whether it could start; nothing is kept, nothing is started."""
        if spec := self._spec():
            self._begin(partial(self._check, spec), "Looking at its hosts …")

    def action_page_up(self) -> None:
        """Read what was found further up."""
        self._found.scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        """Read what was found further down."""
        self._found.scroll_page_down(animate=False)

    def action_submit(self) -> None:
        """Keep it; where it shall start, only if nothing keeps it from that."""
        if (spec := self._spec()) is None:
            return
        if self._then.chosen == KEEP:
            self._begin(partial(self._keep, spec), "Keeping it …")
        else:
            self._begin(partial(self._check_and_keep, spec), "Looking at its hosts …")

    def _spec(self) -> ClusterSpec | None:
        if self._busy:
            return None
        try:
            return order_of(self.draft, self._engine)
        except UsageError as error:
            self._say_problem(error)
            return None

    def _begin(self, work: Callable[[], Awaitable[object]], words: str) -> None:
        self._busy = True
        self._say([[Piece(words, "moves")]])
        # The app's: what is being kept is not cut in two by ``esc``.
        begin: Callable[[], object] = partial(self._tell, work)
        self.app.run_worker(begin, name="cluster", group="intent", exit_on_error=False)

    async def _tell(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except LazytuiError as error:
            if not self.is_mounted:
                raise
            self._say_problem(error)
        finally:
            self._busy = False

    async def _check(self, spec: ClusterSpec) -> bool:
        """Show what a check found; True when nothing keeps it from starting."""
        found = await self._engine.clusters.check(spec)
        if self.is_mounted:
            self._say(check_rows(found))
        return not found.problems

    async def _check_and_keep(self, spec: ClusterSpec) -> None:
        if await self._check(spec) and self.is_mounted:
            await self._keep(spec)

    async def _keep(self, spec: ClusterSpec) -> None:
        clusters = self._engine.clusters
        if self._name:
            kept = await clusters.change(self._name, spec)
        else:
            kept = await clusters.add(spec)
        self.leave(Made(kept.name, self._then.chosen == START))
