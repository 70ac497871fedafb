"""The sheet that adds a host to the ssh config, and how one is taken out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lazytui.errors import LazytuiError, UsageError
from lazytui.ssh.destination import Destination
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.form import FormSheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.run_form import FormRow
from lazytui.tui.widgets.run_form_fields import TextField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lazytui.ssh.config_edit import Edit
    from lazytui.tui.context import EngineView
    from lazytui.tui.screens.base import EngineScreen

HINT = "enter shows what would be written; nothing is written before you say so"


class HostForm(FormSheet[str]):
    """Gives the name of the host that was added, or None after ``esc``.

    Args:
        engine: writes it.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("host-form",)
    BINDINGS = bindings("host-form")
    AUTO_FOCUS = "#host-name"

    def __init__(self, engine: EngineView) -> None:
        super().__init__()
        self._engine = engine
        self._title = Bar(id="title")
        self._called = TextField("", "a short name, such as gpu05", id="host-name")
        self._address = TextField("", "10.0.3.5  gpu05.lab  ana@10.0.3.5:2222", id="host-address")
        self._user = TextField("", "as the ssh config says of all, or yours", id="host-user")
        self._port = TextField("", "22", id="host-port")
        self._key = TextField("", "the usual ones; ~/.ssh/id_lab", id="host-key")
        self._jump = TextField("", "none; bastion  ana@bastion:22", id="host-jump")
        self._expect = Static(id="expect")

    def compose(self) -> ComposeResult:
        """Lay the sheet out: the fields, what comes of them, the keys."""
        with Vertical(classes="sheet"):
            yield self._title
            with VerticalScroll(can_focus=False, id="host-fields"):
                yield FormRow("Name", self._called)
                yield FormRow("Address", self._address)
                yield FormRow("User", self._user)
                yield FormRow("Port", self._port)
                yield FormRow("Key", self._key)
                yield FormRow("Jump", self._jump)
            yield self._expect
            yield KeyBar()

    def on_mount(self) -> None:
        """Say what it is about."""
        where = [Piece(f"in {sanitize(self._engine.config_path, max_chars=60)}", "quiet")]
        self._title.show(([Piece("Add a host", bold=True)], where))
        self._say("")
        self.show_keys()

    def on_input_changed(self) -> None:
        """What was wrong is being put right."""
        self._say("")

    def _say(self, problem: str) -> None:
        told = Piece(sanitize(problem), "attention") if problem else Piece(HINT, "quiet")
        self._expect.update(content_of([told]))

    def _destination(self) -> Destination:
        """Read where it leads: all of it in the address, or user and port by themselves."""
        text = self._address.value.strip()
        if not text:
            raise UsageError("say where it is: a name or an address")
        user, port = self._user.value.strip(), self._port.value.strip()
        if user and "@" not in text:
            text = f"{user}@{text}"
        if port and ":" not in text.rpartition("]" if "]" in text else "@")[2]:
            text = f"{text}:{port}"
        return Destination.parse(text)

    def action_submit(self) -> None:
        """Show what would be written, if it can be."""
        self.run_worker(self._preview(), group="preview", exclusive=True, exit_on_error=False)

    async def _preview(self) -> None:
        name = self._called.value.strip()
        try:
            if not name:
                raise UsageError("give it a name")
            edits = await self._engine.host_edits.adding(
                name,
                self._destination(),
                id_file=self._key.value.strip() or None,
                jump=self._jump.value.strip() or None,
            )
        except LazytuiError as error:
            self._say(str(error))
            return

        def chosen(key: str | None) -> None:
            if key == "y":
                self.run_worker(self._write(name, edits), group="write", exit_on_error=False)

        if self.is_current:
            self.app.push_screen(_shown(f"Add {name}?", edits, "write it"), chosen)

    async def _write(self, name: str, edits: Sequence[Edit]) -> None:
        try:
            await self._engine.host_edits.write(name, edits, gone=False)
        except LazytuiError as error:
            self._say(str(error))
            return
        self.leave(name)


def ask_to_remove(screen: EngineScreen, host: str) -> None:
    """Show what would be taken out of the ssh config for a host, and do it when that is meant."""
    screen.intend(_ask_to_remove(screen, host), "remove host")


async def _ask_to_remove(screen: EngineScreen, host: str) -> None:
    edits = await screen.engine.host_edits.removing(host)

    def chosen(key: str | None) -> None:
        if key == "y":
            work = screen.engine.host_edits.write(host, edits, gone=True)
            screen.intend(work, "remove host")

    screen.open(_shown(f"Take {host} out of the ssh config?", edits, "take it out"), chosen)


def _shown(title: str, edits: Sequence[Edit], yes: str) -> ChoiceScreen:
    """Make the question that shows each changed line."""
    about: list[str] = []
    for edit in edits:
        changed = [line for line in edit.diff()[2:] if line.startswith(("+", "-"))]
        about += [f"{edit.path}:", *changed, ""]
    about.append("What was there before is kept beside the file.")
    return ChoiceScreen(title, about, (("y", f"yes, {yes}"), ("n", "no")))
