"""Clusters: Dask and Hyperopt on the hosts, how they are, and who works for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Vertical

from lazytui.core.cluster_model import ClusterState
from lazytui.text import sanitize
from lazytui.tui.cluster_order import ClusterDraft, draft_of
from lazytui.tui.cluster_scaling import Scaling
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.cluster_asking import (
    ask_to_delete,
    ask_to_kill,
    ask_to_restart,
    ask_to_stop,
)
from lazytui.tui.screens.cluster_form import ClusterForm, Made
from lazytui.tui.screens.cluster_log import ask_log
from lazytui.tui.screens.listing import ListScreen
from lazytui.tui.screens.port_address import offer_page, page_line
from lazytui.tui.screens.snippet import SnippetSheet
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.cluster_table import SORTS, ClusterTable
from lazytui.tui.widgets.cluster_words import (
    KINDS,
    client_lines,
    counts,
    master_text,
    rest_rows,
    since_text,
    state_pieces,
    versions_pieces,
    where_text,
)
from lazytui.tui.widgets.reading import Reading
from lazytui.tui.widgets.worker_table import WorkerTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lazytui.core.cluster_model import Cluster
    from lazytui.tui.app import LazytuiApp
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

NOTHING = (
    Piece("No cluster yet\n\n", bold=True),
    Piece("A cluster lets many hosts work on one program of yours:\n", "quiet"),
    Piece("Dask computes on them what does not fit one machine,\n", "quiet"),
    Piece("Hyperopt tries parameters on all of them at once. Hosts need\n", "quiet"),
    Piece("not see each other, and nothing listens outside localhost.\n\n", "quiet"),
    Piece("a", "keys"),
    Piece(" makes one\n", "quiet"),
    Piece("C", "keys"),
    Piece(" on Hosts makes one on the marked hosts, or on a group", "quiet"),
)
WIDE_CELLS = 110  # from here on all lines of a client have room in one
AT_REST = (ClusterState.STOPPED, ClusterState.FAILED)
ALIVE = (ClusterState.RUNNING, ClusterState.STARTING, ClusterState.FAILED)


class ClustersScreen(ListScreen):
    """The clusters, the oldest first; the workers of the current one; and three rows on it."""

    SCOPES: ClassVar[tuple[str, ...]] = ("clusters", "tab", "list", "global")
    BINDINGS = bindings("clusters", "tab")
    AUTO_FOCUS = "#clusters"
    EMPTY = NOTHING
    FILTER_HINT = "sweep kind:dask host:gpu01 failed"

    table: ClusterTable

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._scaling = Scaling(self.engine.clusters)
        self.table = ClusterTable(id="clusters")
        self.table.add_class("panel")
        self.worker_table = WorkerTable(self.clock, id="worker-table")
        self._rest = Reading(id="cluster-rest")
        self._panel = Vertical(self.worker_table, self._rest, id="workers-panel", classes="panel")

    def compose(self) -> ComposeResult:
        """Lay out header, clusters, workers, details, filter, status and keys."""
        yield self.header
        yield self.table
        yield self._empty
        yield self._panel
        yield self._details
        yield self._filter_bar
        yield self._status
        yield self.key_bar

    # What is seen

    def rebuild(self) -> None:
        """Show the clusters as they are now."""
        everything = self.engine.clusters.all()
        shown = [each for each in everything if self._matches(each)]
        self.table.show(shown)
        self.table.note = [] if shown else self._nothing(len(everything))
        self.show_table(bool(everything))
        self.header.tabs("Clusters", counts(everything))
        self._show_current()

    def show_table(self, anything: bool) -> None:
        """Show the table, or what is said without one; by class, as a panel may be zoomed."""
        self.table.set_class(not anything, "-empty")
        self._empty.display = not anything

    def show_changes(self, changes: Changes) -> None:
        """Show what changed."""
        if changes.clusters:
            self.rebuild()

    def _matches(self, each: Cluster) -> bool:
        spec = each.spec
        words = f"{each.name} {spec.kind} {each.state} {spec.where} {each.reason}".casefold()
        facts = {
            "kind": [str(spec.kind)],
            "state": [str(each.state)],
            "host": [name.casefold() for name in (*each.hosts, spec.master)],
        }
        for term in self._text.casefold().split():
            key, colon, value = term.partition(":")
            if colon and key in facts:
                if value not in facts[key]:
                    return False
            elif term not in words:
                return False
        return True

    def _nothing(self, total: int) -> list[Piece]:
        return [
            Piece(f"None of {total} matches   ", "quiet"),
            Piece("esc", "keys"),
            Piece(" shows all", "quiet"),
        ]

    @property
    def current(self) -> Cluster | None:
        """The cluster under the cursor."""
        return self.table.current_cluster

    def _show_current(self) -> None:
        each = self.current
        self._panel.set_class(each is None, "-empty")
        self._details.set_class(each is None, "-empty")
        if each is not None:
            self._show_panel(each)
            self._details.show(*self._about(each))
        place = f"{self.table.cursor + 1} of {len(self.table.keys)}" if self.table.keys else ""
        filtered = [Piece("/ ", "keys"), Piece(sanitize(self._text))] if self._text else []
        self._status.show((filtered, [Piece(place, "quiet")]))
        self._filter_bar.show([Piece(place or "none", "quiet")])
        self.show_keys()

    def _show_panel(self, each: Cluster) -> None:
        title = [Piece(sanitize(each.name, max_chars=40), bold=True), Piece("  ")]
        title += state_pieces(each.state)
        if since := since_text(each, self.clock.epoch()):
            title.append(Piece(f"  {since}", "quiet"))
        if not each.held:
            title.append(Piece("  held by another program", "attention"))
        self._panel.border_title = content_of(title)
        self.worker_table.show(each.workers)
        rows = rest_rows(each)
        works = bool(each.workers) and each.state is not ClusterState.FAILED
        if not works and self.worker_table.has_focus:
            self.set_focus(self.table)
        self.worker_table.display = works
        self._rest.display = not works
        if not works:
            self._rest.show(rows)

    def _about(self, each: Cluster) -> list[tuple[list[Piece], list[Piece]]]:
        """Give three rows: how a script uses it, what its hosts have, where it is."""
        lines = client_lines(each)
        if lines:
            shown = lines if self.size.width >= WIDE_CELLS else lines[-1:]
            first = [Piece("client  ", "quiet"), Piece("; ".join(shown))]
            copies = [Piece("i", "keys"), Piece(" copies", "quiet")]
        else:
            first, copies = [Piece("client  there is one while it runs", "quiet")], []
        where = [Piece("where   ", "quiet"), Piece(where_text(each), "people")]
        kind = f"{KINDS[each.spec.kind]}, {master_text(each)}"
        return [
            (first, copies),
            ([Piece("has     ", "quiet"), *versions_pieces(each.check)], []),
            (where, [Piece(kind, "quiet")]),
        ]

    # Keys

    @property
    def hosts_meant(self) -> Sequence[str]:
        """The host of the current worker, or all hosts of the current cluster."""
        if self.worker_table.has_focus and (worker := self.worker_table.current_worker):
            return [worker.host]
        return self.current.hosts if self.current is not None else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        each = self.current
        match action:
            case "find" | "sort" | "sort_reverse":
                return not self.table.has_class("-empty")
            case "open" | "focus_next":
                return each is not None and bool(self.worker_table.display)
            case "start" | "edit" | "scale_up" | "scale_down" | "stop" | "kill" | "delete":
                return each is not None and each.held and self._can_change(each, action)
            case "logs":
                return each is not None
            case "browser":
                return each is not None and bool(each.dashboard_port)
            case "client":
                return each is not None and bool(each.master_port)
            case _:
                return True

    def _can_change(self, each: Cluster, action: str) -> bool:
        match action:
            case "start":
                return each.state in (*AT_REST, ClusterState.RUNNING)
            case "edit":
                return each.state in AT_REST
            case "scale_up":
                return each.state is ClusterState.RUNNING
            case "scale_down":
                return each.state is ClusterState.RUNNING and self._scaling.wanted(each) > 1
            case "stop":
                return each.state in ALIVE
            case "kill":
                return each.state is not ClusterState.STOPPED
            case _:
                return True

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the cluster the cursor came to."""
        self._show_current()

    def on_line_table_opened(self) -> None:
        """A double click goes to the workers, or to what one of them printed."""
        self.action_open()

    def on_descendant_focus(self) -> None:
        """Other keys can do something in the other table."""
        self.show_keys()

    def action_focus_next(self) -> None:
        """Go to the workers, or back."""
        self.set_focus(self.table if self.worker_table.has_focus else self.worker_table)

    def action_open(self) -> None:
        """Go to the workers; from there to what the current one printed."""
        if self.worker_table.has_focus:
            self.action_logs()
        else:
            self.set_focus(self.worker_table)

    def action_add(self) -> None:
        """Make a cluster."""
        self.make("")

    def make(self, where: str) -> None:
        """Make a cluster on some hosts."""
        self._ask(ClusterForm(self.engine, ClusterDraft(where=where)))

    def action_edit(self) -> None:
        """Change the current cluster."""
        if each := self.current:
            self._ask(ClusterForm(self.engine, draft_of(each.spec), each.name))

    def _ask(self, form: ClusterForm) -> None:
        def made(answer: Made | None) -> None:
            if answer is None:
                return
            self.rebuild()
            if answer.name in self.table.keys:
                self.table.move_cursor(self.table.keys.index(answer.name))
            if answer.start:
                self._start(answer.name)

        self.open(form, made)

    def _start(self, name: str) -> None:
        self.intend(self.engine.clusters.start(name), f"start {name}")

    def action_start(self) -> None:
        """Start the current cluster, or stop and start it again after a question."""
        if each := self.current:
            if each.state in AT_REST:
                self._start(each.name)
            else:
                ask_to_restart(self, each)

    def action_scale_up(self) -> None:
        """Let one worker more work."""
        self._scale(1)

    def action_scale_down(self) -> None:
        """Let one worker less work."""
        self._scale(-1)

    def _scale(self, by: int) -> None:
        if (each := self.current) and self._scaling.ask(each, by):
            self.intend(self._scaling.work(each.name), f"scale {each.name}")

    def action_logs(self) -> None:
        """Show what the master or a worker printed."""
        if each := self.current:
            worker = self.worker_table.current_worker if self.worker_table.has_focus else None
            part = worker.name if worker else ""
            self.intend(ask_log(self, each.name, part), "log")

    def action_browser(self) -> None:
        """Open the dashboard, or copy what leads there."""
        if each := self.current:
            environ = cast("LazytuiApp", self.app).environ
            offer_page(self, each.dashboard_url, page_line(each.dashboard_port, environ))

    def action_client(self) -> None:
        """Show the lines with which a script uses the cluster."""
        if each := self.current:
            about = "The same lines work here and on its hosts."
            self.open(SnippetSheet(f"Use {each.name} in a script", each.snippet, about))

    def action_stop(self) -> None:
        """Ask how to stop the current cluster."""
        if each := self.current:
            ask_to_stop(self, each)

    def action_kill(self) -> None:
        """Ask whether to kill the current cluster."""
        if each := self.current:
            ask_to_kill(self, each)

    def action_delete(self) -> None:
        """Ask whether to forget the current cluster."""
        if each := self.current:
            work = self.engine.clusters.remove
            name = each.name
            ask_to_delete(self, each, lambda: self.intend(work(name), f"delete {name}"))

    def action_sort(self) -> None:
        """Ask by what clusters are sorted."""

        def chosen(key: str | None) -> None:
            if key is not None:
                self.table.sort, self.table.reverse = key, False
                self.rebuild()

        choices = [(key, way.text) for key, way in SORTS.items()]
        start = list(SORTS).index(self.table.sort)
        self.open(ChoiceScreen("Sort clusters by", (), choices, start=start), chosen)

    def action_sort_reverse(self) -> None:
        """Sort the other way round."""
        self.table.reverse = not self.table.reverse
        self.rebuild()

    # The filter and the ways out

    def set_filter(self, text: str) -> None:
        """Show only the clusters that match."""
        self._text = text
        self.rebuild()

    async def action_back(self) -> None:
        """One step back: from the workers to the clusters first."""
        if self.worker_table.has_focus:
            self.set_focus(self.table)
        else:
            await super().action_back()
