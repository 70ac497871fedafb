"""A question that is answered by typing: a password, a passphrase, what a server asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from lazytui.core.model import HostState
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.form import FormSheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.run_form import FormRow
from lazytui.tui.widgets.run_form_fields import Option, OptionRow, TextField

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from lazytui.tui.context import EngineView, FieldView, QuestionView
    from lazytui.tui.messages import EngineChanged

NO, YES = "no", "yes"
REMEMBER = (Option(NO, "this time"), Option(YES, "until the engine ends"))
MOST_CHARS = 4096
LABEL_MOST = 40  # cells; a server may ask at length


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed; it is not shown anywhere."""

    texts: tuple[str, ...] = field(repr=False)
    remember: bool
    share: bool


class SecretField(Input):
    """A field of which dots are seen, and from which nothing can be copied."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(password=True, compact=True, max_length=MOST_CHARS, id=id)
        self.cursor_blink = False  # a blink is traffic on a slow line

    def action_copy(self) -> None:
        """A clipboard is read by others."""

    def action_cut(self) -> None:
        """A clipboard is read by others."""


class SecretScreen(FormSheet[Typed]):
    """Gives what was typed, or None after ``esc``: the question goes on waiting.

    Goes away by itself when somebody else has answered.

    Args:
        engine: whose question it is.
        question: what is asked, with fields.
        place: which of how many; empty when it is the only one.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("secret",)
    BINDINGS = bindings("secret")

    def __init__(self, engine: EngineView, question: QuestionView, place: str) -> None:
        super().__init__()
        self.skips = False  # the next question is wanted, not this one
        self._engine = engine
        self._question = question
        self._place = place
        self._fields = [
            _field_of(asked, f"secret-{at}") for at, asked in enumerate(question.fields)
        ]
        self._remember = OptionRow(REMEMBER, NO, id="secret-remember")
        self._share = OptionRow((Option(NO, ""),), NO, id="secret-share")
        self._facts = Static()

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        question = self._question
        with Vertical(classes="card"):
            title = [
                Piece(sanitize(question.title), bold=True),
                Piece(f"  {self._place}", "quiet"),
            ]
            yield Static(content_of(title), id="title")
            with VerticalScroll(can_focus=False, id="about"):
                yield self._facts
            with Vertical(id="secret-fields"):
                for asked, field_ in zip(question.fields, self._fields, strict=True):
                    yield FormRow(sanitize(asked.prompt), field_)
                yield FormRow("Keep it", self._remember)
                yield FormRow("Use it", self._share)
            yield KeyBar()

    def on_mount(self) -> None:
        """Begin to type."""
        self.query_one("#row-secret-remember").display = self._question.lasting
        rows = list(self.query(FormRow))
        width = max(cell_len(str(row.label.content)) for row in rows) + 2
        for row in rows:
            row.label.styles.width = min(width, LABEL_MOST)
        self._show()
        self.set_focus(self._fields[0])
        self.show_keys()

    def on_engine_changed(self, message: EngineChanged) -> None:
        """Leave when the question waits no more; count who waits for it."""
        if message.changes.questions and self._question not in self._engine.questions:
            self.leave()
        self._show()
        self.show_keys()

    def _show(self) -> None:
        question = self._question
        wrong = question.lines[:1] == (question.summary,)
        told = [*question.lines, *filter(None, [self._waiting_text()])]
        self._facts.update(
            content_of(
                Piece(
                    sanitize(line) + ("\n" if line is not told[-1] else ""),
                    "attention" if wrong and not index else "quiet",
                )
                for index, line in enumerate(told)
            )
        )
        others = len(self._others())
        self.query_one("#row-secret-share").display = bool(others)
        if others:
            everywhere = f"on all {others + 1} hosts that ask for it"
            self._share.offer((Option(NO, "here only"), Option(YES, everywhere)))

    def _waiting_text(self) -> str:
        """Say for whom the answer is."""
        question = self._question
        behind = [
            runtime
            for runtime in self._engine.runtimes.values()
            if question.host in runtime.jumps and runtime.state is not HostState.ACTIVE
        ]
        if behind:
            count = "the host" if len(behind) == 1 else f"the {len(behind)} hosts"
            return f"{count} behind it wait for the same answer"
        hosts = sorted(question.waiting)
        if len(hosts) > 1:
            return f"{len(hosts)} hosts wait for the same answer: {sanitize(fold(hosts))}"
        return f"{sanitize(question.host)} waits for it" if question.kind == "passphrase" else ""

    def _others(self) -> list[QuestionView]:
        mine = self._question
        return [q for q in self._engine.questions if q.user and q.user == mine.user and q != mine]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The next question is there when more than one waits."""
        if action == "skip":
            return len(self._engine.questions) > 1
        if action == "next_field":
            return sum(row.display for row in self.query(FormRow)) > 1
        return super().check_action(action, parameters)

    def action_submit(self) -> None:
        """Give what was typed; from a field before the last one, go to the next one first."""
        fields = self._fields
        if self.focused in fields[:-1]:
            self.set_focus(fields[fields.index(self.focused) + 1])
            return
        texts = tuple(field_.value for field_ in fields)
        for field_ in fields:
            field_.clear()  # the screen may live on for a while
        share = bool(self._others()) and self._share.chosen == YES
        self.leave(Typed(texts, self._remember.chosen == YES, share))

    def action_skip(self) -> None:
        """Show the next question; this one goes on waiting."""
        self.skips = True
        self.leave()

    def action_back(self) -> None:
        """Answer later."""
        if self._question in self._engine.questions:
            self._engine.later(self._question.id)
        self.leave()


def _field_of(asked: FieldView, name: str) -> Input:
    return TextField("", id=name) if asked.echo else SecretField(id=name)
