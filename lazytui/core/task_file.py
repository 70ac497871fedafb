"""Task files: a task as TOML, written by hand or by the editor, run from screen or command line.

::

    name = "prepare"
    where = "@train"
    when = "gpu>=1"

    [[steps]]
    send = "preprocess.py"

    [[steps]]
    run = "python3 preprocess.py --shard {{index}}"
    env = { OMP_NUM_THREADS = "4" }

    [[steps]]
    get = "out.parquet"
    to = "results/{{host}}.parquet"

Paths of the manager are relative to the folder of the file.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.core.plan import Plan, read_environment, read_seconds
from lazytui.core.step import CommandSpec, GetSpec, SendSpec
from lazytui.core.task import RuntimeTask
from lazytui.core.templates import has_variables, step_texts
from lazytui.core.where import fold
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lazytui.core.step import FunctionSpec, Step

    Functions = Callable[[str, Mapping[str, Any], Path], FunctionSpec]

MOST_BYTES = 1 << 20
RUN, SEND, GET, FUNCTION = "run", "send", "get", "function"
KINDS = (RUN, SEND, GET, FUNCTION)
ALL_AT_ONCE, ONE_AT_A_TIME, LEAST_BUSY = "all at once", "one at a time", "least busy"

_HEAD = (
    "name", "where", "how", "when", "timeout", "task_timeout", "stop_on_failure", "steps",
)  # fmt: skip
_ALLOWED = {
    RUN: ("cwd", "env", "tty"),
    SEND: ("to", "checksum"),
    GET: ("to", "checksum"),
    FUNCTION: ("kwargs", "cwd", "env"),
}
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step as the file has it.

    Args:
        kind: one of :data:`KINDS`.
        text: the command, the path to send or to get, or ``module:function``.
        to: where a file goes; empty for the same name in the working directory.
        cwd: directory on the host; empty for the home.
        env: environment variables.
        kwargs: keyword arguments of a function.
        tty: give the command a terminal.
        checksum: compare contents also where size and time are the same.
    """

    kind: str = RUN
    text: str = ""
    to: str = ""
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    tty: bool = False
    checksum: bool = False

    @property
    def title(self) -> str:
        """Say what it does in a line: ``send data.tar → /data``."""
        if self.kind == RUN:
            return self.text
        if self.kind == FUNCTION:
            given = ", ".join(f"{name}={value!r}" for name, value in self.kwargs.items())
            return f"{self.text}({given})"
        return f"{self.text} → {self.to}" if self.to else self.text


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A task as its file has it.

    Args:
        name: shown in lists; by default made of the first step.
        steps: in their order.
        where: on which hosts; empty to be asked.
        plan: how its runs follow each other, and what they wait for.
    """

    name: str = ""
    steps: tuple[StepDraft, ...] = ()
    where: str = ""
    plan: Plan = field(default_factory=Plan)

    def task(self, folder: Path, functions: Functions) -> tuple[RuntimeTask, Plan]:
        """Give the task to be run, with its plan.

        Args:
            folder: what paths of the manager are relative to.
            functions: makes the step of a function from its name, its arguments and the folder.

        Raises:
            UsageError: there is no step, one is empty, or a function cannot be found.
        """
        if not self.steps:
            raise UsageError("a task needs at least one step")
        task = RuntimeTask(self.name or None)
        for number, draft in enumerate(self.steps, 1):
            if not draft.text.strip():
                raise UsageError(f"step {number} is empty")
            task.add(_step(draft, folder, functions))
        templates = any(has_variables(*step_texts(step)) for step in task.steps)
        return task, replace(self.plan, templates=templates)


def draft_of(name: str, steps: Iterable[Step], hosts: Sequence[str], plan: Plan) -> TaskDraft:
    """Give a task that was run in the form in which it can be changed.

    Raises:
        UsageError: it has a function as a step, of which only the pickle is left.
    """
    drafts = tuple(_draft(step) for step in steps)
    kept = replace(plan, among=(), after=0, after_ok=False, templates=False)
    title = drafts[0].title.strip().splitlines()[0] if drafts else ""
    return TaskDraft("" if name == title else name, drafts, fold(hosts), kept)


def _draft(step: Step) -> StepDraft:
    match step:
        case CommandSpec():
            env = dict(step.env or {})
            return StepDraft(RUN, step.command, cwd=step.cwd or "", env=env, tty=step.tty)
        case SendSpec():
            to = step.remote_path or ""
            return StepDraft(SEND, step.local_path, to, checksum=step.checksum)
        case GetSpec():
            return StepDraft(GET, step.remote_path, step.local_path, checksum=step.checksum)
        case _:
            raise UsageError(f"{step.title} was sent as it was: it can be run again, not changed")


def _step(draft: StepDraft, folder: Path, functions: Functions) -> Step:
    env, cwd = dict(draft.env) or None, draft.cwd or None
    if draft.kind == RUN:
        return CommandSpec(draft.text, cwd, env, draft.tty)
    if draft.kind == SEND:
        return SendSpec(_local(draft.text, folder), draft.to or None, draft.checksum)
    if draft.kind == GET:
        return GetSpec(draft.text, _local(draft.to or ".", folder), draft.checksum)
    return replace(functions(draft.text, draft.kwargs, folder), cwd=cwd, env=env)


def _local(path: str, folder: Path) -> str:
    try:
        expanded = Path(path).expanduser()
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"{path}: {error}") from error
    return str(folder.absolute() / expanded)


# --- reading ---------------------------------------------------------------------------------


def read_task_file(path: Path) -> TaskDraft:
    """Read a task file.

    Raises:
        UsageError: it cannot be read; the message says where and what was expected.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path}: larger than a task file can be (1 MiB)")
    try:
        return parse_task(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: is not UTF-8") from error
    except UsageError as error:
        text = str(error)
        raise UsageError(f"{path}:{text}" if text[:1].isdigit() else f"{path}: {text}") from error


def parse_task(text: str) -> TaskDraft:
    """Read a task out of TOML.

    Raises:
        UsageError: ``LINE: what is wrong``, or without a line where none can be told.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else len(text.splitlines())
        raise UsageError(f"{line}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError("a value in it is too big") from error
    return _Reader(text).task(table)


class _Reader:
    """Checks what was in a file; knows the lines on which steps begin."""

    def __init__(self, text: str) -> None:
        lines = enumerate(text.splitlines(), 1)
        self._lines = [n for n, line in lines if re.match(r"\s*\[\[\s*steps\s*\]\]", line)]

    def task(self, table: Mapping[str, Any]) -> TaskDraft:
        self._only(table, _HEAD, "")
        steps = table.get("steps", [])
        if not isinstance(steps, list) or not steps:
            raise UsageError("a task needs at least one [[steps]]")
        plan = Plan(
            batch=_batch(table.get("how", ALL_AT_ONCE)),
            least_busy=table.get("how") == LEAST_BUSY,
            stop_on_failure=self._flag(table, "stop_on_failure", ""),
            timeout_s=read_seconds(self._text(table, "timeout", "")),
            task_timeout_s=read_seconds(self._text(table, "task_timeout", "")),
            when=self._text(table, "when", ""),
        )
        return TaskDraft(
            self._text(table, "name", ""),
            tuple(self._step(step, at) for at, step in enumerate(steps)),
            self._text(table, "where", ""),
            plan,
        )

    def _step(self, step: object, at: int) -> StepDraft:
        where = f"{self._lines[at]}: " if at < len(self._lines) else f"step {at + 1}: "
        if not isinstance(step, dict):
            raise UsageError(f"{where}a step is a table")
        kinds = [kind for kind in KINDS if kind in step]
        if len(kinds) != 1:
            raise UsageError(f"{where}a step has exactly one of {', '.join(KINDS)}")
        (kind,) = kinds
        self._only(step, (kind, *_ALLOWED[kind]), where)
        text = self._text(step, kind, where)
        if not text.strip():
            raise UsageError(f"{where}{kind} is empty")
        return StepDraft(
            kind,
            text,
            self._text(step, "to", where),
            self._text(step, "cwd", where),
            self._env(step, where),
            self._kwargs(step, where),
            self._flag(step, "tty", where),
            self._flag(step, "checksum", where),
        )

    def _only(self, table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
        if unknown := sorted(table.keys() - set(known)):
            raise UsageError(f"{where}unknown '{unknown[0]}'; known are {', '.join(known)}")

    def _text(self, table: Mapping[str, Any], key: str, where: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise UsageError(f"{where}{key}: expected a text")
        return value

    def _flag(self, table: Mapping[str, Any], key: str, where: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            raise UsageError(f"{where}{key}: expected true or false")
        return value

    def _env(self, step: Mapping[str, Any], where: str) -> dict[str, str]:
        env = step.get("env", {})
        if not isinstance(env, dict):
            raise UsageError(f'{where}env: expected a table such as {{ A = "1" }}')
        for value in env.values():
            if not isinstance(value, str):
                raise UsageError(f"{where}env: values are texts, in quotes")
        try:
            return read_environment(f"{name}={value}" for name, value in env.items())
        except UsageError as error:
            raise UsageError(f"{where}env: {error}") from error

    def _kwargs(self, step: Mapping[str, Any], where: str) -> dict[str, Any]:
        kwargs = step.get("kwargs", {})
        if not isinstance(kwargs, dict) or not all(map(str.isidentifier, kwargs)):
            raise UsageError(f"{where}kwargs: expected a table such as {{ lr = 0.1 }}")
        return kwargs


def _batch(how: object) -> int:
    if how in (ALL_AT_ONCE, LEAST_BUSY):
        return 0
    if how == ONE_AT_A_TIME:
        return 1
    if isinstance(how, int) and not isinstance(how, bool) and how > 0:
        return how
    raise UsageError(
        f"how: expected '{ALL_AT_ONCE}', '{ONE_AT_A_TIME}', '{LEAST_BUSY}', "
        "or how many hosts at a time"
    )


# --- writing ---------------------------------------------------------------------------------


def task_toml(draft: TaskDraft) -> str:
    """Write a task as TOML; :func:`parse_task` gives back the same."""
    plan = draft.plan
    how: object = LEAST_BUSY if plan.least_busy else plan.batch if plan.batch > 1 else ""
    head = {
        "name": draft.name,
        "where": draft.where,
        "how": ONE_AT_A_TIME if plan.batch == 1 else how,
        "when": plan.when,
        "timeout": f"{plan.timeout_s:g}s" if plan.timeout_s else "",
        "task_timeout": f"{plan.task_timeout_s:g}s" if plan.task_timeout_s else "",
        "stop_on_failure": plan.stop_on_failure,
    }
    blocks = ["".join(_lines(head))]
    for step in draft.steps:
        others = {f.name: getattr(step, f.name) for f in fields(step)[2:]}
        shown = {name: value for name, value in others.items() if name in _ALLOWED[step.kind]}
        blocks.append("[[steps]]\n" + "".join(_lines({step.kind: step.text, **shown})))
    return "\n".join(block for block in blocks if block)


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {toml_value(value)}\n" for name, value in table.items() if value]


def toml_value(value: Any) -> str:
    """Write a text, a number, a truth value, or a list or table of them as TOML.

    Raises:
        UsageError: it is something else, which TOML has no form for.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case dict():
            pairs = (f"{_key(name)} = {toml_value(item)}" for name, item in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
    raise UsageError(f"{value!r} cannot be written as TOML")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml_value(name)
