"""The Run sheet: asks what to run, says where it will run, and starts it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical
from textual.widgets import Static

from lazytui.core.plan import AT_ONCE
from lazytui.core.where import fold
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.run_order import (
    GIVEN,
    SHOWN,
    Draft,
    Order,
    Targets,
    count_text,
    dry_run_lines,
    forecast,
    in_one_line,
    order_of,
    typed_where,
)
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.run_form import RunForm
from lazytui.tui.widgets.run_form_fields import OptionRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from lazytui.core.model import RunRecord
    from lazytui.core.where import Where
    from lazytui.tui.context import Context
    from lazytui.tui.messages import EngineChanged
    from lazytui.tui.screens.base import EngineScreen

# Rows of the sheet beside its form: border, title, what to expect, keys, and blanks.
SURROUNDINGS, SURROUNDINGS_SHORT = 8, 3
SHORT = 16  # rows of a terminal below which every row counts
SEARCHING = "enter takes the marked command; esc leaves the search"
ASKING = "asking the hosts …"
RESTING_S = 0.4  # after the last letter


class RunPrompt(Sheet[Order]):
    """Asks for a run. Gives the order, or None after ``esc``; the fields are kept in the context.

    Follows the hosts: what it expects is what is so now.

    Args:
        context: of the app.
        targets: what it was opened for.
        draft: what is in the fields at first.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("prompt",)
    BINDINGS = bindings("prompt")
    AUTO_FOCUS = "#command"

    def __init__(self, context: Context, targets: Targets, draft: Draft) -> None:
        super().__init__()
        self._engine = context.engine
        self._drafts = context.drafts
        self._targets = targets
        self._title = Bar(id="title")
        self._form = RunForm(targets, draft, context.clock.epoch)
        self._expect = Static(id="expect")
        self._resting: Timer | None = None

    def compose(self) -> ComposeResult:
        """Lay the sheet out: where, the fields, what to expect, the keys."""
        with Vertical(classes="sheet"):
            yield self._title
            yield self._form
            yield self._expect
            yield KeyBar()

    def on_mount(self) -> None:
        """Say what to expect; groups and history come when the journal has told them."""
        self._show_title(self._targets.hosts)
        self._show()
        self.show_keys()
        self.run_worker(self._load(), name="run", group="run sheet", exit_on_error=False)

    async def _load(self) -> None:
        self._form.offer_groups(await self._engine.groups())
        self._form.offer_history(await self._engine.history())
        self._show()
        self.show_keys()

    def on_resize(self, event: events.Resize) -> None:
        """Share the rows out."""
        height = event.size.height
        short = height < SHORT
        room = height - (SURROUNDINGS_SHORT if short else SURROUNDINGS)
        self._form.fit_rows(max(2, room), 0 if height < 20 else 3 if height < 30 else 6)

    # What is seen

    def on_engine_changed(self, message: EngineChanged) -> None:
        """Hosts may have come up, gone down or filled their disks."""
        if message.changes.hosts and self.is_mounted:
            self._show()

    def on_run_form_changed(self) -> None:
        """Say what to expect of the fields as they are now."""
        self._show()
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(RESTING_S, self._ask_harmless)

    def _ask_harmless(self) -> None:
        """Have the hosts answer what the typed filter wants to know, but run no half a command."""
        where = typed_where(self._form.draft)
        if where and where.probes and all(probe.kind != "command" for probe in where.probes):
            self._ask(where, self._show)

    def _ask(self, where: Where, then: Callable[[], None]) -> None:
        async def ask() -> None:
            await self._engine.ask_facts(where)
            if self.is_mounted:
                then()

        self._expect.update(content_of([Piece(ASKING, "quiet")]))
        self.run_worker(ask(), name="facts", group="facts", exclusive=True, exit_on_error=False)

    def _informed(self, then: Callable[[], None]) -> None:
        """Do something once the hosts have answered what the typed filter wants to know."""
        where = typed_where(self._form.draft)
        if where and where.probes:
            self._ask(where, then)
        else:
            then()

    def _order(self) -> Order:
        # The members of a group may be others now: it may be a query.
        groups = {group.name: group.hosts for group in self._engine.groups_now()}
        return order_of(self._form.draft, self._targets, self._engine.runtimes, groups)

    def _show(self) -> None:
        try:
            order = self._order()
        except UsageError as error:
            self._expect.update(content_of([Piece(sanitize(str(error)), "attention")]))
            return
        self._show_title(order.hosts)
        expected = forecast(order, self._engine.runtimes)
        if self._form.searching:
            expected = [Piece(SEARCHING, "quiet")]
        self._expect.update(content_of(expected))

    def _show_title(self, hosts: Sequence[str]) -> None:
        where = [Piece("Run on ", bold=True), Piece(sanitize(fold(hosts)), "moves", bold=True)]
        self._title.show((where, [Piece(count_text(len(hosts)), "quiet")]))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """``←`` and ``→`` choose where there is something to choose; the history must be there."""
        if action in ("option_previous", "option_next"):
            return isinstance(self.focused, OptionRow)
        return True

    # Keys

    def action_submit(self) -> None:
        """Run the command; without one, or with a field that cannot be read, nothing happens."""
        if self._form.searching:
            self._form.take()
            return
        self._informed(self._run)

    def _run(self) -> None:
        order = self._valid_order()
        if order is not None:
            self._drafts.run = None
            self.leave(order)

    def _valid_order(self) -> Order | None:
        try:
            order = self._order()
        except UsageError:
            self._show()  # what it is
            return None
        if not order.command.strip():
            self.set_focus(self._form.command)
            return None
        return order

    def on_input_submitted(self) -> None:
        """A field takes ``enter`` before the sheet does."""
        self.action_submit()

    def action_dry_run(self) -> None:
        """Say in full what would be done."""
        self._informed(self._show_dry_run)

    def _show_dry_run(self) -> None:
        order = self._valid_order()
        if order is None or not self.is_current:
            return

        def decided(choice: str | None) -> None:
            if choice == "r":
                self.action_submit()

        lines = [order.command, "", *dry_run_lines(order, self._engine.runtimes)]
        title = f"Would run on {count_text(len(order.hosts))}"
        choices = (("r", "run it"), ("b", "back to the sheet"))
        self.app.push_screen(ChoiceScreen(title, lines, choices, start=0), decided)

    def action_history_search(self) -> None:
        """Search the history."""
        self._form.search()

    def action_edit(self) -> None:
        """Edit the command in the user's editor, where it can have several lines."""
        from lazytui.tui.editing import edit_text

        if not self._form.searching:
            edit_text(self.app, self._form.draft.real_command, self._form.put)

    def action_older(self) -> None:
        """The command before; on another field, the field above."""
        if self.focused is self._form.command:
            self._form.older()
        else:
            self.focus_previous()

    def action_newer(self) -> None:
        """The command after; on another field, the field below."""
        if self.focused is self._form.command:
            self._form.newer()
        else:
            self.focus_next()

    def action_next_field(self) -> None:
        """Go to the next field."""
        self.focus_next()

    def action_option_previous(self) -> None:
        """Choose the option before."""
        if isinstance(self.focused, OptionRow):
            self.focused.step(-1)

    def action_option_next(self) -> None:
        """Choose the option after."""
        if isinstance(self.focused, OptionRow):
            self.focused.step(1)

    def action_back(self) -> None:
        """Leave the search, or the sheet; the fields come back next time."""
        if self._form.searching:
            self._form.leave_search()
            return
        self._drafts.run = (self._targets.hosts, self._form.draft)
        self.leave()


def ask_run(
    screen: EngineScreen,
    context: Context,
    hosts: Sequence[str],
    command: str = "",
    *,
    shown: Sequence[str] = (),
    label: str = "these",
) -> None:
    """Ask what to run on hosts, run it, and show what comes of it.

    What was left in the sheet last time is there again; but where it runs is always ``hosts``
    at first, unless it was left for the very same hosts.

    Args:
        screen: the screen it is asked from.
        context: of the app.
        hosts: where it shall run.
        command: what is in the field at first; by default what was left there last time.
        shown: the hosts in sight, offered as another place.
        label: what ``hosts`` are: ``marked``, ``these``.
    """
    targets = Targets(tuple(hosts), label, tuple(shown))
    kept_for, draft = context.drafts.run or (targets.hosts, Draft())
    if kept_for != targets.hosts or (draft.where == SHOWN and not shown):
        draft = replace(draft, where=GIVEN)
    if command:
        draft = replace(draft, command=in_one_line(command), original=command)

    def decided(order: Order | None) -> None:
        if order is not None:
            screen.intend(_run(screen, context, order), "run")

    screen.open(RunPrompt(context, targets, draft), decided)


async def _run(screen: EngineScreen, context: Context, order: Order) -> None:
    options: dict[str, Any] = {}
    if order.cwd is not None:
        options["cwd"] = order.cwd
    if order.env:
        options["env"] = order.env
    if order.plan != AT_ONCE:
        options["plan"] = order.plan
    records = await context.engine.run_command(order.command, order.hosts, **options)
    # Whoever went elsewhere in the meantime is not called back.
    if screen.is_current and records:
        show_runs(screen, context, records)


def show_runs(screen: EngineScreen, context: Context, records: Sequence[RunRecord]) -> None:
    """Show what comes of the runs of a task that was just started."""
    # They ask for runs too, so that they cannot be imported before this module is complete.
    from lazytui.tui.screens.output import OutputScreen
    from lazytui.tui.screens.task_output import TaskOutputScreen

    if len(records) == 1:
        screen.open(OutputScreen(context, records[0].run_id))
    else:
        screen.open(TaskOutputScreen(context, records[0].task_id))
