"""Hosts: who is there, how loaded, why not; and where a command starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from lazytui.core.model import HostState
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.group_suggester import GroupSuggester
from lazytui.tui.host_filter import HostFilter
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.base import RECORDS_SHOWN
from lazytui.tui.screens.host_groups import HostGroups
from lazytui.tui.screens.host_list import HostList
from lazytui.tui.screens.host_more import HostMore
from lazytui.tui.widgets.bars import Bar, banner_pieces
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.filter_bar import FilterBar
from lazytui.tui.widgets.host_about import HostAbout
from lazytui.tui.widgets.host_details import empty_pieces
from lazytui.tui.widgets.host_order import SORTS
from lazytui.tui.widgets.host_table import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Context, RuntimeView
    from lazytui.tui.keymap import Key
    from lazytui.tui.messages import Changes
    from lazytui.tui.widgets.groups_panel import GroupList

RESTING_S = 0.06  # longer than the pause between the repeats of a held key
WIDE_CELLS = 130  # from here on the groups do, too
ROOMY_ROWS = 30  # from here on, if it is wide as well, tasks and output have room below
WAITING = (HostState.STALE, HostState.INACTIVE)


class HostsScreen(HostList):
    """The table of hosts, with details of the current one.

    Follows every change of a host, of runs (the last one is shown) and of questions.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("hosts", "tab", "list", "global")
    SAVED_FOR = "hosts"
    BINDINGS = bindings("hosts", "tab")
    AUTO_FOCUS = "#hosts"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._filter = HostFilter()
        self._last_runs: dict[str, RunRecord] = {}
        self._moved = False
        self._found: str | None = None
        self._resting: Timer | None = None
        self._was_empty = False
        self._marked: tuple[tuple[str, ...], str] = ((), "")
        self._banner = Bar(id="banner")
        self._box = Vertical(self.table, id="hosts-box", classes="panel")
        self._about = HostAbout(self.clock)
        self._groups = HostGroups(self)
        self._more = HostMore(self)
        self._body = Horizontal(
            self._groups.panel,
            Vertical(self._box, self._more.tasks, id="hosts-left", classes="panels"),
            Vertical(self._about.panel, self._more.output, id="hosts-right", classes="panels"),
            id="hosts-body",
        )
        self._empty = Static()
        self._empty_box = Vertical(self._empty, id="empty")
        self._status = Bar(id="status", classes="ruled")
        self._filter_bar = FilterBar(
            "gpu>=1 mem<50% has:docker @group name[01-04]",
            id="filter",
            suggester=GroupSuggester(self.engine),
        )
        self._filter_bar.display = False

    def compose(self) -> ComposeResult:
        """Lay out header, banner, table with its panels, details, status and keys."""
        yield self.header
        yield self._banner
        yield self._body
        yield self._empty_box
        yield self._about.details
        yield self._status
        yield self._filter_bar
        yield self.key_bar

    # What is seen

    def rebuild(self) -> None:
        """Show all hosts as they are now."""
        self.table.moved(self.engine.runtimes)
        self._remember_runs()
        self.put_in_order()
        self.table.refresh()
        self._show_surroundings()
        self._groups.show()
        self._groups.load()
        self._more.show_tasks()

    def tick(self) -> None:
        """Let ages and waits go on, and the order follow the samples."""
        if self._moved:
            self.put_in_order()
        runtimes = self.engine.runtimes.values()
        self.table.rows_changed(r.host for r in runtimes if r.state in WAITING)
        self.table.folds_changed()
        self._show_current()
        self._more.tick()
        self._groups.show()
        self._groups.ask_facts(self._filter.asks(commands=not self._filter_bar.typing))

    def show_changes(self, changes: Changes) -> None:
        """Draw the changed rows that are in sight."""
        if changes.runs:
            self._remember_runs()
        if self.table.moved(changes.hosts):
            self.put_in_order()
            self._show_surroundings()
        elif changes.hosts:
            # Where numbers decide, rows move once a second, not under the reader's eyes.
            live = self._filter.is_live or self._filter.wants_groups
            self._moved |= live or SORTS[self.table.sort.by].live
        self.table.rows_changed(changes.hosts)
        self._more.show_changes(changes)
        if changes.groups:
            self.groups_read()
        if changes.questions or changes.runs or not changes.hosts.isdisjoint(self.table.targets):
            self._show_current()

    def _remember_runs(self) -> None:
        self._last_runs = {r.host: r for r in reversed(self.engine.runs.records(RECORDS_SHOWN))}

    def put_in_order(self) -> None:
        """Put the rows in order, those that the filter leaves."""
        self._moved = False
        runtimes = self.engine.runtimes
        if self._filter.wants_groups:
            self._filter.groups = self._members()
        hosts = self._filter.select(runtimes)
        self.table.show_hosts(runtimes, hosts, filtered=self._filter.active)
        if self._filter.active and not hosts:
            text = sanitize(self._filter.kept, max_chars=200)
            self.table.note = [
                Piece(f"No host of {len(runtimes)} matches ", "quiet"),
                Piece(text),
                Piece("   "),
                Piece("esc", "keys"),
                Piece(" shows all", "quiet"),
            ]
        else:
            self.table.note = []

    def _show_surroundings(self) -> None:
        runtimes = self.engine.runtimes
        self.header.tabs("Hosts", counts(runtimes.values()))
        problems = [sanitize(str(problem)) for problem in self.engine.problems]
        self._banner.display = bool(problems)
        if problems:
            self._banner.show((banner_pieces(problems), ()))
        self._show_body(bool(runtimes))
        self._show_current()

    def _show_body(self, there_are_hosts: bool) -> None:
        if not there_are_hosts:
            self._empty.update(content_of(empty_pieces(self.engine)))
        elif self._was_empty:
            self.set_focus(self.table)  # nothing has had the focus
        self._was_empty = not there_are_hosts
        self._empty_box.display = not there_are_hosts
        self._body.display = there_are_hosts

    def _show_current(self) -> None:
        runtime, shared = self._current(), self.table.current_fold
        if shared is not None:
            self._about.show_several(shared, self.table.names_of(shared), self.engine.runtimes)
        elif runtime is not None:
            last = self._last_runs.get(runtime.host)
            self._about.show(runtime, last)
            self._more.show_output(last)
        else:
            self._about.show_nothing()
        if runtime is None:
            self._more.show_output(None)
        self._show_status()

    def _show_status(self) -> None:
        self._status.show((self._state(), self._counted()))
        shown, total = len(self.table.hosts), len(self.engine.runtimes)
        if self._filter.problem:
            self._filter_bar.show([Piece(self._filter.problem, "attention")])
        else:
            self._filter_bar.show([Piece(f"{shown} of {total}", "quiet")])
        found = f" {shown} of {total}" if self._filter.active else ""
        if found != self._found:
            self._found = found
            self._box.border_title = content_of([Piece("Hosts", bold=True), Piece(found, "quiet")])
        self.show_keys()

    def _state(self) -> list[Piece]:
        pieces: list[Piece] = []
        if self.table.marking_range:
            pieces += [Piece("v", "keys"), Piece(" ends the range", "quiet"), Piece("   ")]
        if self._filter.active:
            pieces += [Piece("/ ", "keys"), Piece(sanitize(self._filter.kept, max_chars=200))]
        if self._filter.problem:
            pieces += [Piece("   "), Piece(self._filter.problem, "attention")]
        return pieces

    def _counted(self) -> list[Piece]:
        marked, total = tuple(self.table.marked), len(self.engine.runtimes)
        shown = len(self.table.hosts)
        count = f"{shown} of {total}" if self._filter.active else f"{total} hosts"
        if not marked:
            return [Piece(count if total else "", "quiet")]
        if marked != self._marked[0]:
            self._marked = (marked, sanitize(fold(marked)))
        hidden = len(set(marked).difference(self.table.hosts))
        return [
            Piece(f"{len(marked)} marked ", "keys"),
            Piece(self._marked[1]),
            Piece(f" ({hidden} hidden)" if hidden else "", "attention"),
            Piece(f"   {count}", "quiet"),
        ]

    @property
    def scopes(self) -> tuple[str, ...]:
        """While a filter is typed, its keys and no others."""
        if self.focused is self._groups.panel:
            return (*self._groups.panel.SCOPES, "global")
        return FilterBar.SCOPES if self._filter_bar.typing else super().scopes

    def on_descendant_focus(self) -> None:
        """Another panel has other keys."""
        self.show_keys()

    def can(self, key: Key) -> bool:
        """Say whether a key can do something now; of the groups, their panel says."""
        if key.scope == "groups":
            return self._groups.panel.check_action(key.action, ()) is not False
        return super().can(key)

    def on_resize(self, event: events.Resize) -> None:
        """The details stand elsewhere on another terminal, the groups perhaps nowhere."""
        self._about.resized(event.size.width)
        self._groups.wide = event.size.width >= WIDE_CELLS
        self._more.resized(roomy=self._groups.wide and event.size.height >= ROOMY_ROWS)
        if not self._groups.wide and self.focused is self._groups.panel:
            self.set_focus(self.table)
        self._groups.show()
        self._show_current()

    # What the keys work on

    @property
    def target(self) -> str | None:
        """The host under the cursor."""
        runtime = self._current()
        return runtime.host if runtime else None

    def _current(self) -> RuntimeView | None:
        host = self.table.current
        return self.engine.runtimes.get(host) if host is not None else None

    @property
    def hosts_meant(self) -> list[str]:
        """The marked hosts, or the current one."""
        return self._targets()

    def _targets(self) -> list[str]:
        return self.table.marked or list(self.table.targets)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        current, shared = self.table.current, self.table.current_fold
        match action:
            case "run" | "refresh" | "mark" | "mark_all" | "mark_range" | "open" | "sort":
                return current is not None
            case "delete":
                return self.target is not None
            case "shell" | "ports" | "files":
                return self.target is not None
            case "sort_reverse" | "find":
                return bool(self.engine.runtimes)
            case "fold_open":
                return shared is not None and not self.table.is_open(shared.key)
            case "fold_close":
                return self.open_fold() is not None
            case "fold_all":
                return self.table.has_folds
            case "logs":
                return current in self._last_runs
            case "back":
                return bool(self.table.marked or self.table.marking_range or self._filter.active)
            case _:
                return True

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the host where the cursor comes to rest: a held key is not slowed down."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(RESTING_S, self._show_current)

    def on_line_table_marks_changed(self) -> None:
        """Count the marks."""
        self.context.drafts.marked_hosts = tuple(self.table.marked)
        self._show_current()

    def on_line_table_opened(self) -> None:
        """Do on a double click what ``enter`` does."""
        self.action_open()

    # The filter

    def set_filter(self, text: str) -> None:
        """Show only the hosts for which a filter holds; an empty one shows all.

        Args:
            text: as typed after ``/``; one that cannot be read changes nothing but the message.
        """
        if "@" in text:
            self._filter.groups = self._members()
        self._filter.type(text, self.engine.runtimes)
        self._show_filtered()
        self._groups.show()
        if self._filter.problem and not self._filter_bar.typing:
            self.notify(self._filter.problem, severity="warning", markup=False)

    @property
    def filter_text(self) -> str:
        """The filter that holds; empty when all hosts are shown."""
        return self._filter.kept if self._filter.active else ""

    def _members(self) -> dict[str, Sequence[str]]:
        return {group.name: group.hosts for group in self.engine.groups_now()}

    def _show_filtered(self) -> None:
        before = self.table.current
        self.put_in_order()
        if self.table.current != before and self._filter.active:
            self.table.move_cursor(0)  # the first that was found
        self._show_current()

    def groups_read(self) -> None:
        """Follow the groups, which may have other members or names."""
        if self._filter.wants_groups:
            self._filter.groups = self._members()
            self._filter.type(self._filter.text, self.engine.runtimes)
            self._show_filtered()
        self._groups.show()

    def action_find(self) -> None:
        """Type a filter, on from the present one."""
        self._status.display = False
        self._filter_bar.begin(self._filter.text)
        self.show_keys()

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        """Show the result while it is typed."""
        self.set_filter(message.text)

    def on_filter_bar_stepped(self, message: FilterBar.Stepped) -> None:
        """Walk through the result while it is typed."""
        self.table.move_cursor(self.table.cursor + message.by)

    def on_filter_bar_left(self, message: FilterBar.Left) -> None:
        """Go back to the table, with the filter or without; one that cannot be read is not kept."""
        if message.keep and self._filter.problem:
            return
        self.set_focus(self.table)
        self._filter_bar.display = False
        self._status.display = True
        if not message.keep:
            self.set_filter("")
        self.call_after_refresh(self.show_keys)

    # Groups

    def action_groups(self) -> None:
        """Go to the groups."""
        self._groups.open()

    def action_group_new(self) -> None:
        """Make a group."""
        self._groups.new()

    def action_new_cluster(self) -> None:
        """Make a cluster of the marked hosts, or of those that are shown."""
        self._groups.new_cluster()

    async def on_task_strip_asked(self) -> None:
        """Show all tasks."""
        await self.app.run_action("view_tasks")

    def on_group_list_asked(self, message: GroupList.Asked) -> None:
        """Do what was asked in the panel of the groups."""
        self._groups.do(message)

    def on_group_list_left(self) -> None:
        """Go back from the groups to the table."""
        self.set_focus(self.table)

    # Keys

    def action_open(self) -> None:
        """Show all about the host; a row for several is opened or closed."""
        shared, current = self.table.current_fold, self._current()
        if shared:
            self.table.toggle_fold(shared.key)
            self.show_keys()
        elif current:
            from lazytui.tui.screens.host import HostScreen

            self.open(HostScreen(self.context, current.host))

    def action_run(self) -> None:
        """Ask for a command for the marked hosts, or the current one."""
        label = "marked" if self.table.marked else "these"
        shown = self.table.hosts
        from lazytui.tui.screens.run_prompt import ask_run

        ask_run(self, self.context, self._targets(), shown=shown, label=label)

    def action_shell(self) -> None:
        """Open a shell on the current host."""
        if host := self.target:
            from lazytui.tui.shell import ask_shell

            ask_shell(self, host)

    async def action_ports(self) -> None:
        """Go to the exposed ports of the current host."""
        if host := self.target:
            await self.show_host("ports", host)

    async def action_files(self) -> None:
        """Go to the files of the current host."""
        if host := self.target:
            await self.show_host("files", host)

    def action_logs(self) -> None:
        """Show the output of the last run on the current host."""
        if last := self._last_runs.get(self.table.current or ""):
            from lazytui.tui.screens.output import OutputScreen

            self.open(OutputScreen(self.context, last.run_id))

    def action_add(self) -> None:
        """Ask for a host, and write it into the ssh config."""
        from lazytui.tui.screens.host_form import HostForm

        self.open(HostForm(self.engine))

    def action_delete(self) -> None:
        """Take the current host out of the ssh config, after a look at the lines."""
        if host := self.target:
            from lazytui.tui.screens.host_form import ask_to_remove

            ask_to_remove(self, host)

    def action_refresh(self) -> None:
        """Ask the marked hosts, or the current one, again now."""
        self.intend(self.engine.refresh(self._targets()), "refresh")

    def action_back(self) -> None:
        """Take away, one step each: the range, the filter, the marks. Hosts itself is the root."""
        if self._filter.active and not self.table.marking_range:
            self.set_filter("")
        else:
            self.table.clear_marks()

    async def action_quit(self) -> None:
        """Leave the program."""
        await self.app.run_action("quit_now")
