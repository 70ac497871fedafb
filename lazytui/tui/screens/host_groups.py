"""What Hosts does with groups: shows them in a panel or a sheet, makes and changes them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from lazytui.core.where import fold
from lazytui.errors import UsageError
from lazytui.tui.group_order import FIXED, LIVE, GroupDraft, GroupOrder, draft_of, keep
from lazytui.tui.group_rows import group_sections
from lazytui.tui.run_order import count_text
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.groups_panel import GroupList

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.groups import Group
    from lazytui.core.where import Where
    from lazytui.tui.app import LazytuiApp
    from lazytui.tui.screens.group_edit import GroupSheet
    from lazytui.tui.screens.hosts import HostsScreen


class HostGroups:
    """The groups on Hosts.

    Args:
        screen: whose filter shows a group alone.
    """

    def __init__(self, screen: HostsScreen) -> None:
        self._screen = screen
        self._engine = screen.engine
        self.panel = GroupList(id="groups-panel", classes="panel")
        self.panel.border_title = content_of([Piece("Groups", bold=True)])
        self._asking = False  # hosts are being asked what the filter wants to know
        self.wide = False  # the terminal has room for the panel

    def show(self) -> None:
        """Show the groups as they are now, where there is room for them."""
        if self.wide:
            sections = group_sections(self._engine.groups_now(), self._engine.runtimes.values())
            self.panel.show(sections, self._screen.filter_text)

    def load(self) -> None:
        """Read the groups again: another lazytui may have changed them."""
        self._work(self._load, "groups")

    async def _load(self) -> None:
        await self._engine.groups()
        if self._screen.is_mounted:
            self._screen.groups_read()

    def ask_facts(self, where: Where | None) -> None:
        """Have hosts answer what a filter wants to know, one time after the other."""
        if where is not None and not self._asking:
            self._asking = True
            self._work(partial(self._ask_facts, where), "facts")

    async def _ask_facts(self, where: Where) -> None:
        try:
            await self._engine.ask_facts(where)
        finally:
            self._asking = False

    def _work(self, work: Callable[[], object], name: str) -> None:
        if self._screen.is_attached:  # not while the app leaves
            self._screen.run_worker(work, name=name, group=name, exit_on_error=False)

    def open(self) -> None:
        """Go to the groups; where there is no room for the panel, in a sheet."""
        if self.wide and not self._screen.zoomed:
            self._screen.set_focus(self.panel)
            return

        def decided(asked: GroupList.Asked | None) -> None:
            if asked is not None:
                self.do(asked)

        from lazytui.tui.screens.group_list import GroupListScreen

        self._screen.open(GroupListScreen(self._engine, self._screen.filter_text), decided)

    def do(self, asked: GroupList.Asked) -> None:
        """Do what was asked in the panel or in the sheet."""
        row = asked.row
        if asked.deed == "new" or row is None:
            self.new()
        elif asked.deed == "show":
            # A second time shows all hosts again.
            same = row.filter == self._screen.filter_text
            self._screen.set_filter("" if same else row.filter)
        elif asked.deed == "run":
            from lazytui.tui.screens.run_prompt import ask_run

            label = row.filter if row.group else row.filter.partition(":")[2]
            ask_run(self._screen, self._screen.context, row.hosts, label=label)
        elif asked.deed == "cluster":
            self._screen.intend(self._make_cluster(row.filter), "cluster")
        elif row.group is not None and asked.deed == "edit":
            self._edit(row.group)
        elif row.group is not None:
            self._remove(row.group)

    def new(self) -> None:
        """Make a group of the marked hosts, of the filter, or of what is typed."""
        from lazytui.tui.screens.group_edit import GroupSheet

        marked, text = self._screen.table.marked, self._screen.filter_text
        if marked:
            draft = GroupDraft("", FIXED, fold(marked))
        else:
            draft = GroupDraft("", LIVE if text else FIXED, text)
        self._ask(GroupSheet(self._engine, draft, live_where=text), "")

    def new_cluster(self) -> None:
        """Make a cluster of the marked hosts, of the filter, or of what is typed."""
        from lazytui.tui.cluster_order import ClusterDraft, cluster_hosts

        marked = self._screen.table.marked
        where = fold(marked) if marked else self._screen.filter_text
        try:
            cluster_hosts(ClusterDraft(where=where), self._engine)
        except UsageError:  # a filter may have parts of names, which name no host
            where = fold(self._screen.table.hosts) if where else ""
        self._screen.intend(self._make_cluster(where), "cluster")

    async def _make_cluster(self, where: str) -> None:
        from lazytui.tui.screens.clusters import ClustersScreen

        app = cast("LazytuiApp", self._screen.app)
        await app.go_to("clusters", matching="")
        if isinstance(app.screen, ClustersScreen):
            app.screen.make(where)

    def _edit(self, group: Group) -> None:
        from lazytui.tui.screens.group_edit import GroupSheet

        self._ask(GroupSheet(self._engine, draft_of(group), own_name=group.name), group.name)

    def _ask(self, sheet: GroupSheet, old_name: str) -> None:
        def decided(order: GroupOrder | None) -> None:
            if order is not None:
                self._screen.intend(self._keep(order, old_name), "group")

        self._screen.open(sheet, decided)

    async def _keep(self, order: GroupOrder, old_name: str) -> None:
        shown = bool(old_name) and self._screen.filter_text == f"@{old_name}"
        await keep(order, self._engine, old_name)
        if shown and self._screen.is_mounted:
            self._screen.set_filter(f"@{order.name}")

    def _remove(self, group: Group) -> None:
        from lazytui.tui.screens.confirm import confirm

        lines = [group.where, ""] if group.live else [fold(group.hosts), ""]
        lines.append("The hosts themselves are left alone.")
        count = count_text(len(group.hosts))

        def remove() -> None:
            self._screen.intend(self._forget(group.name), "group")

        title = f"Forget @{group.name} with its {count}?"
        confirm(self._screen, title, lines, "forget the group", 1, remove)

    async def _forget(self, name: str) -> None:
        shown = self._screen.filter_text == f"@{name}"
        await self._engine.remove_group(name)
        if shown and self._screen.is_mounted:
            self._screen.set_filter("")
