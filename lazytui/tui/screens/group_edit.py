"""The sheet of a group: its name, whether it is fixed or live, and which hosts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lazytui.core.groups import read_query
from lazytui.core.where import fold
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.group_order import FIXED, LIVE, GroupDraft, GroupOrder, hosts_of, order_of
from lazytui.tui.group_suggester import GroupSuggester
from lazytui.tui.keymap import bindings
from lazytui.tui.run_order import count_text, in_one_line
from lazytui.tui.screens.form import FormSheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.run_form import FormRow
from lazytui.tui.widgets.run_form_fields import Option, OptionRow, TextField

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from lazytui.tui.context import EngineView

KINDS = (
    Option(FIXED, "fixed: these hosts"),
    Option(LIVE, "live: whoever fits"),
)
PAUSE_S = 0.5  # after the last letter, before hosts are asked what a query wants to know
MOST_CHARS = 2000


class GroupSheet(FormSheet[GroupOrder]):
    """Gives what the group shall be, or None after ``esc``. Says all the time who is in it.

    Args:
        engine: knows the hosts and the groups.
        draft: what is in the fields at first.
        own_name: the group that is changed; empty for a new one.
        live_where: what is in the field of the hosts when the user turns to live, unless they
            have typed there.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("group",)
    BINDINGS = bindings("group")
    AUTO_FOCUS = "#group-name"

    def __init__(
        self, engine: EngineView, draft: GroupDraft, *, own_name: str = "", live_where: str = ""
    ) -> None:
        super().__init__()
        self._engine = engine
        self._own_name = own_name
        fixed_where = draft.where if draft.kind == FIXED else ""
        self._proposed = {FIXED: fixed_where or draft.where, LIVE: live_where or draft.where}
        self._title = Bar(id="title")
        self._called = TextField(draft.name, "a word, such as train", id="group-name")
        self._kind = OptionRow(KINDS, draft.kind, id="group-kind")
        where = in_one_line(draft.where)
        self._where = TextField(where, "gpu[01-04]  @group - gpu04  gpu>=1", id="group-where")
        self._where.suggester = GroupSuggester(engine)
        self._called.max_length = self._where.max_length = MOST_CHARS
        self._expect = Static(id="expect")
        self._refused = False  # what is said is why the group was not kept

    def compose(self) -> ComposeResult:
        """Lay the sheet out: the fields, who is in it, the keys."""
        with Vertical(classes="sheet"):
            yield self._title
            with VerticalScroll(can_focus=False, id="group-form"):
                yield FormRow("Name", self._called)
                yield FormRow("Members", self._kind)
                yield FormRow("Hosts", self._where)
            yield self._expect
            yield KeyBar()

    def on_mount(self) -> None:
        """Say what it is about."""
        title = f"Group @{self._own_name}" if self._own_name else "New group"
        self._title.show(([Piece(title, bold=True)], ()))
        self._show()
        self.show_keys()
        self.set_interval(1.0, self._follow)  # who fits changes with every sample

    @property
    def draft(self) -> GroupDraft:
        """The fields as they are."""
        return GroupDraft(self._called.value, self._kind.chosen, self._where.value)

    # What is seen

    def _show(self, problem: str = "") -> None:
        draft = self.draft
        try:
            hosts = hosts_of(draft, self._engine, self._own_name)
        except UsageError as error:
            problem, hosts = problem or str(error), ()
        if problem:
            role = "attention" if draft.where.strip() else "quiet"
            self._expect.update(content_of([Piece(sanitize(problem), role)]))
            return
        verb = "In it now: " if draft.kind == LIVE else "In it: "
        if hosts:
            names = sanitize(fold(hosts), max_chars=400)
            count = Piece(f"  {count_text(len(hosts))}", "quiet")
            pieces = [Piece(verb, "quiet"), Piece(names), count]
        elif draft.kind == LIVE:
            pieces = [Piece("Nobody is in it now.", "quiet")]
        else:
            text = "No host matches: words apart by blanks must all fit; a,b is either"
            pieces = [Piece(text, "attention")]
        self._expect.update(content_of(pieces))

    def _follow(self) -> None:
        """Other hosts may fit now; what was refused stays to be read until it is put right."""
        if not self._refused:
            self._show()

    def on_input_changed(self) -> None:
        """Say who would be in it; what hosts must be asked for comes a little later."""
        self._refused = False
        self._show()
        self._ask_soon()

    def on_option_row_chosen(self) -> None:
        """Propose what fits the choice, where the user has typed nothing of their own."""
        if self._where.value in self._proposed.values():
            self._where.value = self._proposed[self._kind.chosen]
        self._refused = False
        self._show()

    def _ask_soon(self) -> None:
        ask: Callable[[], object] = self._ask
        self.run_worker(ask, name="facts", group="facts", exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        await asyncio.sleep(PAUSE_S)
        try:
            where = read_query(self.draft.where)
        except UsageError:
            return
        # A command is run on all hosts: only when the group is kept, never while it is typed.
        if where.probes and all(probe.kind == "program" for probe in where.probes):
            await self._engine.ask_facts(where)

    # Keys

    def action_submit(self) -> None:
        """Keep the group, if it can be."""
        draft = replace(self.draft, name=self.draft.name.strip())
        if not draft.name:
            self._refuse("give it a name")
            self.set_focus(self._called)
            return
        try:
            self.leave(order_of(draft, self._engine, self._own_name))
        except UsageError as error:
            self._refuse(str(error))

    def _refuse(self, problem: str) -> None:
        self._refused = True
        self._show(problem)
