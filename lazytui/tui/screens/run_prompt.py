"""A sheet at the bottom that asks for a command and says where it will run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import Input

from lazytui.core.model import HostState
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lazytui.tui.context import Context
    from lazytui.tui.screens.base import EngineScreen


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of the sheet when it was left; ``submitted`` when it shall run."""

    text: str
    submitted: bool


class RunPrompt(Sheet[Draft]):
    """Asks for a shell command.

    Args:
        hosts: where it will run.
        down: those of the hosts that cannot be used now.
        text: what is in the field at first.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("prompt",)
    BINDINGS = bindings("prompt")

    def __init__(self, hosts: Sequence[str], down: Sequence[str], text: str) -> None:
        super().__init__()
        self._hosts = hosts
        self._down = down
        self._text = text

    def compose(self) -> ComposeResult:
        """Lay the sheet out: where, what, and what to expect."""
        with Vertical(classes="sheet"):
            yield Bar(id="where")
            yield self._field()
            yield Bar(id="expect")
            yield KeyBar()

    def _field(self) -> Input:
        field = Input(
            self._text,
            placeholder="a shell command",
            compact=True,
            select_on_focus=False,  # the first letter would replace a kept text
        )
        field.cursor_blink = False  # a blink is traffic on a slow line
        return field

    def on_mount(self) -> None:
        """Say where the command will run."""
        count = "1 host" if len(self._hosts) == 1 else f"{len(self._hosts)} hosts"
        self.query_one("#where", Bar).show(
            (
                [
                    Piece("Run on ", bold=True),
                    Piece(sanitize(fold(self._hosts)), "moves", bold=True),
                ],
                [Piece(count, "quiet")],
            )
        )
        self.query_one("#expect", Bar).show((self._expected(), ()))
        self.show_keys()

    def _expected(self) -> list[Piece]:
        if not self._down:
            return [Piece("Goes on without the screen; its output is under Tasks.", "quiet")]
        names = sanitize(fold(self._down))
        verb = "is" if len(self._down) == 1 else "are"
        return [Piece(f"{names} {verb} not up: the run fails there", "attention")]

    def action_submit(self) -> None:
        """Run the text; without one nothing happens."""
        text = self.query_one(Input).value
        if text.strip():
            self.leave(Draft(text, submitted=True))

    def on_input_submitted(self) -> None:
        """The field takes ``enter`` before the sheet does."""
        self.action_submit()

    def action_back(self) -> None:
        """Leave; the text comes back next time."""
        self.leave(Draft(self.query_one(Input).value, submitted=False))


def ask_run(
    screen: EngineScreen, context: Context, hosts: Sequence[str], command: str = ""
) -> None:
    """Ask what to run on hosts, run it, and show what comes of it.

    Args:
        screen: the screen it is asked from.
        context: of the app.
        hosts: where it shall run.
        command: what is in the field at first; by default what was left there last time.
    """
    runtimes = context.engine.runtimes
    down = [h for h in hosts if h not in runtimes or runtimes[h].state is not HostState.ACTIVE]

    def decided(draft: Draft | None) -> None:
        context.drafts.command = draft.text if draft and not draft.submitted else ""
        if draft and draft.submitted:
            screen.intend(_run(screen, context, draft.text, hosts), "run")

    screen.open(RunPrompt(hosts, down, command or context.drafts.command), decided)


async def _run(screen: EngineScreen, context: Context, command: str, hosts: Sequence[str]) -> None:
    records = await context.engine.run_command(command, hosts)
    # Whoever went elsewhere in the meantime is not called back.
    if not screen.is_current or not records:
        return
    if len(records) == 1:
        from lazytui.tui.screens.output import OutputScreen

        screen.open(OutputScreen(context, records[0].run_id))
    else:
        await screen.app.run_action("view_tasks")
