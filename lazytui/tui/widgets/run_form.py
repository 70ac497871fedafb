"""The form of the run sheet: where, how, the command with its history, and what else may be said.

It holds the fields and nothing else: :attr:`RunForm.draft` reads them, :class:`RunForm.Changed`
tells that one of them is different.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from lazytui.core.history import find_commands
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.run_order import (
    BATCHES,
    GIVEN,
    GO_ON,
    LEAST_BUSY,
    SHOWN,
    SINGLY,
    STOP,
    TOGETHER,
    TYPED,
    Draft,
    Targets,
    in_one_line,
)
from lazytui.tui.widgets.run_form_fields import Option, OptionRow, RecentList, TextField

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.widget import Widget

    from lazytui.core.history import PastCommand

HOW = (
    Option(TOGETHER, "all at once"),
    Option(SINGLY, "one at a time"),
    Option(BATCHES, "in batches"),
    Option(LEAST_BUSY, "least busy"),
)
ON_FAILURE = (Option(GO_ON, "go on"), Option(STOP, "start no more"))
GROUPS_OFFERED = 4  # others are typed: @name
NAME_CELLS = 24


class FormRow(Horizontal):
    """A label and its field."""

    def __init__(self, label: str, field: Widget) -> None:
        super().__init__(id=f"row-{field.id}")
        self.label = Static(Content(label), classes="label")
        self._field = field

    def compose(self) -> ComposeResult:
        """Lay label and field side by side."""
        yield self.label
        yield self._field

    def on_descendant_focus(self) -> None:
        """Raise the label of the field that has the keys."""
        self.label.add_class("-here")

    def on_descendant_blur(self) -> None:
        """Lower it again."""
        self.label.remove_class("-here")


class RunForm(VerticalScroll, can_focus=False):
    """All fields of the sheet, one below the other; scrolls where they do not fit.

    Args:
        targets: what the sheet was opened for.
        draft: what is in the fields at first.
        now: the present time in epoch seconds.
    """

    class Changed(Message):
        """A field is different now."""

    def __init__(self, targets: Targets, draft: Draft, now: Callable[[], float]) -> None:
        super().__init__(id="form")
        self._targets = targets
        self._past: Sequence[PastCommand] = ()
        self._past_known = False  # it is being read; a search may be typed already
        self._matches: Sequence[PastCommand] = ()
        self._at: int | None = None  # the command of the history that is in the field
        self._kept = Draft()  # the field before the history was asked
        self._original = draft.original
        self.searching = False
        self.where = OptionRow(self._places(draft.where), draft.where, id="where")
        self.typed = TextField(draft.typed, "gpu[01-04]  @group  gpu>=1", id="typed")
        self.how = OptionRow(HOW, draft.how, id="how")
        self.batch_size = TextField(
            draft.batch, "how many hosts at a time", id="batch", replace=True
        )
        self.command = TextField(draft.command, "a shell command", id="command")
        self.recent = RecentList(now, id="recent")
        self.on_failure = OptionRow(ON_FAILURE, draft.on_failure, id="on-failure")
        self.limit = TextField(draft.limit, "none; 5m each, task 2h for all together", id="limit")
        self.folder = TextField(draft.folder, "the home", id="folder")
        self.variables = TextField(draft.variables, "NAME=VALUE …", id="variables")
        self.needs = TextField(draft.needs, "nothing; gpu>=1 mem>16G waits for it", id="needs")
        self.after = TextField(draft.after, "now; 41, or 41 ok if it must succeed", id="after")
        self._command_row = FormRow("Command", self.command)

    def compose(self) -> ComposeResult:
        """Lay the rows out."""
        yield FormRow("Where", self.where)
        yield FormRow("Hosts", self.typed)
        yield FormRow("How", self.how)
        yield FormRow("At a time", self.batch_size)
        yield self._command_row
        yield FormRow("Recent", self.recent)
        yield FormRow("On failure", self.on_failure)
        yield FormRow("Time limit", self.limit)
        yield FormRow("Folder", self.folder)
        yield FormRow("Variables", self.variables)
        yield FormRow("Needs", self.needs)
        yield FormRow("After", self.after)

    def on_mount(self) -> None:
        """Show the fields that mean something."""
        self._show_rows()

    @property
    def draft(self) -> Draft:
        """The fields as they are."""
        command = self._kept if self.searching else self._own
        return Draft(
            self.where.chosen,
            self.typed.value,
            self.how.chosen,
            self.batch_size.value,
            command.command,
            command.original,
            self.on_failure.chosen,
            self.limit.value,
            self.folder.value,
            self.variables.value,
            self.needs.value,
            self.after.value,
        )

    @property
    def _own(self) -> Draft:
        return Draft(command=self.command.value, original=self._original)

    # What comes later

    def offer_groups(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Offer the groups as places."""
        self.where.offer(self._places(self.where.chosen, groups))

    def offer_history(self, past: Sequence[PastCommand]) -> None:
        """Offer the commands of the history, the newest first."""
        self._past, self._past_known = past, True
        if self.searching:
            self._search(self.command.value)
        else:
            self._show_recent()

    def _places(
        self, chosen: str, groups: Mapping[str, Sequence[str]] | None = None
    ) -> list[Option]:
        hosts, shown = self._targets.hosts, self._targets.shown
        label = sanitize(self._targets.label, max_chars=NAME_CELLS) if len(hosts) != 1 else ""
        places = (
            [Option(GIVEN, label, sanitize(fold(hosts), max_chars=NAME_CELLS))] if hosts else []
        )
        if shown and set(shown) != set(hosts):
            places.append(Option(SHOWN, f"shown {len(shown)}"))
        names = [name for name, members in (groups or {}).items() if members][:GROUPS_OFFERED]
        if chosen.startswith("@") and (groups is None or chosen[1:] in groups):
            names = [*names, *({chosen[1:]} - set(names))]
        places += [
            Option(f"@{name}", "", f"@{sanitize(name, max_chars=NAME_CELLS)}") for name in names
        ]
        return [*places, Option(TYPED, "other")]

    # What is seen

    def show_focused(self) -> None:
        """Scroll to where the keys go."""
        if self.screen.focused is not None:
            self.scroll_to_widget(self.screen.focused, animate=False)

    def fit_rows(self, form_rows: int, recent_rows: int) -> None:
        """Keep to a height.

        Args:
            form_rows: of all fields together.
            recent_rows: of the history, while it is not searched.
        """
        self.styles.max_height = form_rows
        self._recent_rows = recent_rows
        self._show_recent()
        self.call_after_refresh(self.show_focused)

    _recent_rows = 3

    def _show_rows(self) -> None:
        self.query_one("#row-typed").display = self.where.chosen == TYPED
        self.query_one("#row-batch").display = self.how.chosen == BATCHES

    def _show_recent(self) -> None:
        if not self.is_mounted:
            return
        listed = self._matches if self.searching else self._past
        rows = min(len(listed), max(3, self._recent_rows) if self.searching else self._recent_rows)
        self.query_one("#row-recent").display = rows > 0
        self.recent.styles.height = rows
        self.recent.show(listed, self._at)
        label = "Search" if self.searching else "Command"
        self._command_row.label.update(Content(label))

    # What the user does

    def on_option_row_chosen(self, message: OptionRow.Chosen) -> None:
        """Show the field that goes with an option."""
        message.stop()
        self._show_rows()
        self.post_message(self.Changed())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed, and tell."""
        event.stop()
        if event.input is self.command:
            if self.searching:
                self._search(self.command.value)
            elif self._at is not None and self.command.value != in_one_line(
                self._past[self._at].command
            ):
                self._at = None  # edited: no longer what the history has
                self._show_recent()
        self.post_message(self.Changed())

    def on_recent_list_picked(self, message: RecentList.Picked) -> None:
        """Take a command of the history that was clicked."""
        message.stop()
        self.searching, self._at = False, None
        self.put(message.past.command)
        self.screen.set_focus(self.command)

    def put(self, command: str) -> None:
        """Put a command into the field, as it was run."""
        self._original = command
        self._write(in_one_line(command))
        self._show_recent()

    def _write(self, text: str) -> None:
        self.command.value = text
        self.command.cursor_position = len(text)

    # The history

    def older(self) -> None:
        """Go to the command before, in the history or among what the search found."""
        self._go(1)

    def newer(self) -> None:
        """Go to the command after; after the newest comes what was typed."""
        self._go(-1)

    def _go(self, by: int) -> None:
        listed = self._matches if self.searching else self._past
        if not listed:
            return
        at = (-1 if self._at is None else self._at) + by
        if self.searching:
            self._at = max(0, min(at, len(listed) - 1))
            self._show_recent()
            return
        if self._at is None:
            self._kept = self._own
        if at < -1:
            return
        self._at = None if at < 0 else min(at, len(listed) - 1)
        if self._at is None:
            self._restore()
        else:
            self.put(listed[self._at].command)

    def search(self) -> None:
        """Search the history as it is typed; asked for again, go to an older one."""
        if self.searching:
            self.older()
        elif self._past or not self._past_known:
            self._kept = self._own
            self.searching = True
            self.screen.set_focus(self.command)
            self._write("")
            self._search("")

    def _search(self, text: str) -> None:
        self._matches = find_commands(self._past, text)
        self._at = 0 if self._matches else None
        self._show_recent()

    def take(self) -> None:
        """End the search with what it found."""
        found = None if self._at is None else self._matches[self._at]
        self.leave_search()
        if found is not None:
            self.put(found.command)

    def leave_search(self) -> None:
        """End the search; the field is as it was."""
        self.searching, self._at = False, None
        self._restore()

    def _restore(self) -> None:
        self._original = self._kept.original
        self._write(self._kept.command)
        self._show_recent()
