"""The sheet of one step of a task: its fields, by the kind of the step."""

from __future__ import annotations

import json
import shlex
import tomllib
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lazytui.core.plan import read_environment
from lazytui.core.task_file import FUNCTION, GET, RUN, SEND, StepDraft, toml_value
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.place import path_meant
from lazytui.tui.run_order import BREAK, in_one_line
from lazytui.tui.screens.file_picker import FilePicker
from lazytui.tui.screens.form import FormSheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.run_form import FormRow
from lazytui.tui.widgets.run_form_fields import TextField

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult

TITLES = {
    RUN: "Run a command",
    SEND: "Send a file or a folder",
    GET: "Get a file or a folder",
    FUNCTION: "Call a Python function",
}
# Label, field of the draft, what stands in an empty one.
_FIELDS = {
    RUN: (
        ("Command", "text", "a shell command; {{host}} is filled in"),
        ("Folder", "cwd", "the home"),
        ("Variables", "env", "NAME=VALUE …"),
    ),
    SEND: (
        ("Here", "text", "a path on this machine; ctrl+o chooses it"),
        ("There", "to", "the same name"),
    ),
    GET: (
        ("There", "text", "a path on the host"),
        ("Here", "to", "this folder; results/{{host}}/ keeps hosts apart"),
    ),
    FUNCTION: (
        ("Function", "text", "module:function or file.py:function"),
        ("Arguments", "kwargs", 'lr = 0.1, name = "x"'),
        ("Folder", "cwd", "the home"),
        ("Variables", "env", "NAME=VALUE …"),
    ),
}


class StepSheet(FormSheet[StepDraft]):
    """Asks for a step; gives it, or None after ``esc``.

    Args:
        draft: what is in the fields at first; its kind stays.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("step",)
    BINDINGS = bindings("step")

    def __init__(self, draft: StepDraft) -> None:
        super().__init__()
        self._draft = draft
        self._original = {name: _shown(draft, name) for _, name, _ in _FIELDS[draft.kind]}
        self._fields = {
            name: TextField(in_one_line(self._original[name]), hint, id=f"step-{name}")
            for _, name, hint in _FIELDS[draft.kind]
        }
        self._title = Bar(id="title")
        self._expect = Static(id="expect")

    def compose(self) -> ComposeResult:
        """Lay the sheet out: the fields, what is wrong with them, the keys."""
        with Vertical(classes="sheet"):
            yield self._title
            with VerticalScroll(can_focus=False, id="step-form"):
                for label, name, _ in _FIELDS[self._draft.kind]:
                    yield FormRow(label, self._fields[name])
            yield self._expect
            yield KeyBar()

    def on_mount(self) -> None:
        """Begin to type."""
        self._title.show(([Piece(TITLES[self._draft.kind], bold=True)], ()))
        self.set_focus(self._fields["text"])
        self._say("")
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A tree is there for paths of the manager."""
        if action == "pick":
            return self._local is not None
        return super().check_action(action, parameters)

    @property
    def _local(self) -> TextField | None:
        """The field that takes a path of the manager."""
        match self._draft.kind:
            case "send":
                return self._fields["text"]
            case "get":
                return self._fields["to"]
            case "function":
                return self._fields["text"]
        return None

    def on_input_changed(self) -> None:
        """What was wrong is being put right."""
        self._say("")

    def _say(self, problem: str) -> None:
        told = Piece(sanitize(problem), "attention") if problem else Piece(
            "{{host}} {{user}} {{hostname}} {{port}} {{index}} are filled in for each host", "quiet"
        )  # fmt: skip
        self._expect.update(content_of([told]))

    def _value(self, name: str) -> str:
        """Give what is in a field; what was never touched is as it came."""
        value, original = self._fields[name].value, self._original[name]
        return original if value == in_one_line(original) else value.replace(BREAK, "\n")

    # Keys

    def action_submit(self) -> None:
        """Take the step, if its fields can be read."""
        try:
            self.leave(self._read())
        except UsageError as error:
            self._say(str(error))

    def _read(self) -> StepDraft:
        values: dict[str, Any] = {name: self._value(name).strip() for name in self._fields}
        if not values["text"]:
            raise UsageError("there is nothing to do yet")
        if "env" in values:
            values["env"] = _environment(values["env"])
        if "kwargs" in values:
            values["kwargs"] = read_arguments(values["kwargs"])
        if self._draft.kind == FUNCTION and ":" not in values["text"]:
            raise UsageError("say which function: module:function or file.py:function")
        return StepDraft(
            self._draft.kind, **values, tty=self._draft.tty, checksum=self._draft.checksum
        )

    def action_pick(self) -> None:
        """Choose a path from a tree."""
        field = self._local
        if field is None or not self.is_current:
            return

        def chosen(path: Path | None) -> None:
            if path is None:
                return
            function = f":{field.value.rpartition(':')[2]}" if ":" in field.value else ":"
            field.value = sanitize(str(path)) + (function if self._draft.kind == FUNCTION else "")
            self.set_focus(field)

        start = path_meant(self.app, field.value.partition(":")[0])
        self.app.push_screen(FilePicker(start), chosen)


def _shown(draft: StepDraft, name: str) -> str:
    value = getattr(draft, name)
    if name == "env":
        return " ".join(f"{key}={shlex.quote(text)}" for key, text in value.items())
    if name == "kwargs":
        return ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items())
    return str(value)


def _environment(text: str) -> dict[str, str]:
    try:
        return read_environment(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"cannot read the variables: {str(error).lower()}") from None


def read_arguments(text: str) -> dict[str, Any]:
    """Read keyword arguments: ``lr = 0.1, name = "x"`` or a JSON object.

    Raises:
        UsageError: they are neither.
    """
    text = text.strip()
    try:
        if text.startswith("{") and '":' in text.replace(" ", ""):
            found = json.loads(text)
        else:
            found = tomllib.loads(f"a = {text if text.startswith('{') else f'{{ {text} }}'}")["a"]
    except (ValueError, RecursionError):
        raise UsageError('expected arguments such as lr = 0.1, name = "x"') from None
    if not isinstance(found, dict) or not all(map(str.isidentifier, found)):
        raise UsageError('expected arguments such as lr = 0.1, name = "x"')
    return found
