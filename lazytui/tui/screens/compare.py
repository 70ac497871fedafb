"""Compare: what two runs wrote, side against side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lazytui.core.compare import Comparison, Ignore, Text, as_text, compare, read_text
from lazytui.core.save import write_text
from lazytui.errors import LazytuiError, UsageError
from lazytui.text import age_text, sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.base import RECORDS_SHOWN, EngineScreen
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.path_prompt import PathPrompt
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.diff_view import DiffView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.worker import Worker

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes


@dataclass(frozen=True, slots=True)
class Side:
    """One side: the run that speaks for it, and what it is called."""

    record: RunRecord
    name: str


class CompareScreen(EngineScreen):
    """Two outputs, with what differs between them; what is ignored is chosen from a menu.

    Shows the outputs as they were when they were read: ``R`` reads them again.

    Args:
        context: of the app.
        sides: the reference first, then what it is compared with, the first of them at once.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("compare", "page", "list", "global")
    BINDINGS = bindings("compare", "page")

    def __init__(self, context: Context, sides: Sequence[Side]) -> None:
        super().__init__(context)
        self._reference, *self._others = sides
        self._at = 0
        self._ignore = Ignore()
        self._found: Comparison | None = None
        self.view = DiffView(id="diff")
        self._status = Bar(id="status", classes="ruled")
        self._reading: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Lay out header, comparison, status and keys."""
        yield self.header
        yield self.view
        yield self._status
        yield self.key_bar

    @property
    def other(self) -> Side:
        """The side that is compared with the reference."""
        return self._others[self._at]

    # What is seen

    def on_mount(self) -> None:
        """Read both."""
        self.set_focus(self.view)
        self._read()

    def rebuild(self) -> None:
        """Say what is compared."""
        steps = [
            Piece("Tasks › ", "quiet"),
            Piece(f"#{self.other.record.task_id} › ", "quiet"),
            Piece("Compare", bold=True),
        ]
        names = [
            Piece(sanitize(self._reference.name, max_chars=60), "broken"),
            Piece("  ↔  ", "faint"),
            Piece(sanitize(self.other.name, max_chars=60), "fine"),
        ]
        self.header.way(steps, names)
        self._show_status()

    def show_changes(self, changes: Changes) -> None:
        """What was read stays as it is."""

    def _read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self.run_worker(
            self._compare(), name="compare", group="compare", exit_on_error=False
        )

    async def _compare(self) -> None:
        reference, other, ignore = self._reference, self.other, self._ignore
        self._found = await asyncio.to_thread(_compared, reference.record, other.record, ignore)
        self.view.show(self._found, (reference.name, other.name))
        self.rebuild()

    def on_diff_view_cursor_moved(self) -> None:
        """Say where the cursor is."""
        self._show_status()

    def _show_status(self) -> None:
        self._status.show((self._count_pieces(), self._ignore_pieces()))
        self.show_keys()

    def _count_pieces(self) -> list[Piece]:
        found = self._found
        if found is None:
            return [Piece("reading …", "quiet")]
        count = found.count
        pieces = [Piece("no difference", "fine")]
        if count:
            word = "1 difference" if count == 1 else f"{count} differences"
            pieces = [Piece(word, bold=True), Piece(f"   {max(1, self.view.place)} of {count}",
                                                    "quiet")]  # fmt: skip
        if found.is_cut:
            pieces.append(Piece("   only the beginning is compared", "attention"))
        if not all(side.record.state.is_final for side in (self._reference, self.other)):
            pieces.append(Piece("   still running", "moves"))
        return pieces

    def _ignore_pieces(self) -> list[Piece]:
        ignore = self._ignore
        words = [word for word, is_on in _ignored(ignore) if is_on]
        if ignore.pattern:
            words.append(f"/{sanitize(ignore.pattern, max_chars=30)}/")
        return [Piece("ignoring ", "quiet"), Piece(", ".join(words) or "nothing")]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        match action:
            case "next_match" | "prev_match":
                return bool(self._found and self._found.count)
            case "host_next":
                return len(self._others) > 1
            case "save":
                return self._found is not None
            case _:
                return True

    # Keys

    def action_next_match(self) -> None:
        """Go to the next difference."""
        self.view.step(1)

    def action_prev_match(self) -> None:
        """Go to the difference before."""
        self.view.step(-1)

    def action_open(self) -> None:
        """Show equal lines that were put away, or put them away."""
        self.view.open_fold()

    def action_host_next(self) -> None:
        """Compare the reference with the next one."""
        self._at = (self._at + 1) % len(self._others)
        self._read()

    def action_reference(self) -> None:
        """Let the sides change places."""
        other = self.other
        self._others[self._at] = self._reference
        self._reference = other
        self._read()

    def action_refresh(self) -> None:
        """Read both again."""
        records = {record.run_id: record for record in self.engine.runs.records(RECORDS_SHOWN)}
        sides = [self._reference, *self._others]
        self._reference, *self._others = (
            replace(side, record=records.get(side.record.run_id, side.record)) for side in sides
        )
        self._read()

    def action_text_left(self) -> None:
        """Show what is further left."""
        self.view.scroll_sideways(-1)

    def action_text_right(self) -> None:
        """Show what is further right."""
        self.view.scroll_sideways(1)

    def action_ignore(self) -> None:
        """Ask what does not count as a difference."""
        marks = [("✓ " if is_on else "  ") + word for word, is_on in _ignored(self._ignore)]
        pattern = self._ignore.pattern
        marks.append(f"{'✓' if pattern else ' '} what an expression finds{'' if pattern else ' …'}")
        choices = tuple(zip("hdsp", marks, strict=True))

        def decided(choice: str | None) -> None:
            if choice == "p":
                self._ask_pattern()
            elif choice is not None:
                self._set(_toggled(self._ignore, choice))

        self.open(ChoiceScreen("Ignore", (), choices, start=0), decided)

    def _ask_pattern(self) -> None:
        if self._ignore.pattern:
            self._set(replace(self._ignore, pattern=""))
            return

        def problem(text: str) -> str:
            try:
                Ignore(pattern=text).check()
            except UsageError as error:
                return str(error)
            return ""

        def given(text: str | None) -> None:
            if text:
                self._set(replace(self._ignore, pattern=text))

        lines = (r"an expression, such as Timestamp.* or 0x[0-9a-f]+",)
        self.open(AskText("Ignore what is found by", lines, "", problem), given)

    def _set(self, ignore: Ignore) -> None:
        self._ignore = ignore
        self._read()

    def action_save(self) -> None:
        """Ask where to save the comparison."""
        found = self._found
        if found is None:
            return
        text = as_text(found, (self._reference.name, self.other.name))

        def given(path: Path | None) -> None:
            if path is not None:
                self.intend(self._save(path, text), "save")

        name = f"{self.other.record.task_id}-compared.diff"
        self.open(PathPrompt("Save the comparison", name), given)

    async def _save(self, path: Path, text: str) -> None:
        try:
            await asyncio.to_thread(write_text, path, text)
        except OSError as error:
            raise LazytuiError(f"{path} was not written: {error.strerror}") from error
        self.app.notify(sanitize(f"Saved to {path}"), markup=False)

    def action_back(self) -> None:
        """Go back to where it was asked for."""
        if self.is_current:
            self.dismiss()


def _ignored(ignore: Ignore) -> list[tuple[str, bool]]:
    return [("host name", ignore.names), ("digits", ignore.digits), ("blanks", ignore.spaces)]


def _toggled(ignore: Ignore, key: str) -> Ignore:
    match key:
        case "h":
            return replace(ignore, names=not ignore.names)
        case "d":
            return replace(ignore, digits=not ignore.digits)
        case _:
            return replace(ignore, spaces=not ignore.spaces)


def _compared(reference: RunRecord, other: RunRecord, ignore: Ignore) -> Comparison:
    return compare(_text(reference), _text(other), ignore)


def _text(record: RunRecord) -> Text:
    try:
        return read_text(Path(record.spool), record.host)
    except OSError as error:
        raise LazytuiError(f"{record.spool}: {error.strerror}") from error


def sides_of(record: RunRecord, records: Sequence[RunRecord], now: float) -> list[Side]:
    """Give what a run can be compared with, itself first.

    Earlier runs of the same command on the same host, the newest first, then the runs of its task
    on other hosts.

    Args:
        record: the run.
        records: all runs, the newest first.
        now: the present time in epoch seconds.
    """
    earlier = [
        other
        for other in records
        if other.host == record.host
        and other.command == record.command
        and other.run_id != record.run_id
    ]
    beside = [
        other for other in records if other.task_id == record.task_id and other.host != record.host
    ]
    name = f"#{record.task_id} {record.host}" if earlier else record.host
    return [
        Side(record, name),
        *(
            Side(other, f"#{other.task_id} {age_text(max(0.0, now - other.created))} ago")
            for other in earlier
        ),
        *(Side(other, other.host) for other in beside),
    ]
