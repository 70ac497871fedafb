"""The filter of the list of tasks: the words of every list, asked about a task.

``train`` has these letters, in this order, in one word of the command; ``/re/`` finds a regular
expression in it; ``failed`` (or ``state:failed``) has a run in that state; ``host:gpu[01-03]`` ran
there; ``#41`` is that task. All terms must hold, ``!`` before one negates it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.where import expand
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.tasks import TaskView

STATES = {
    "queued": RunState.QUEUED,
    "running": RunState.RUNNING,
    "done": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELLED,
    "lost": RunState.LOST,
}
_TERM = re.compile(r"(?P<no>!?)(?P<term>/(?:\\.|[^/\\])+/(?=\s|$)|\S+)")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """A parsed filter; without terms every task matches."""

    text: str
    terms: tuple[tuple[bool, Callable[[TaskView], bool]], ...]

    def matches(self, task: TaskView) -> bool:
        """Whether all terms hold for a task."""
        return all(test(task) is wanted for wanted, test in self.terms)


def parse_task_filter(text: str) -> TaskFilter:
    """Read a filter.

    Raises:
        UsageError: a term says nothing: what is wrong with it, and what would be right.
    """
    terms = [(not match["no"], _test(match["term"])) for match in _TERM.finditer(text)]
    return TaskFilter(text, tuple(terms))


def _test(term: str) -> Callable[[TaskView], bool]:
    if len(term) > 2 and term.startswith("/") and term.endswith("/"):
        return _expression(term[1:-1])
    if term.startswith("#") and term[1:].isdecimal():
        return lambda task: str(task.task_id) == term[1:]
    if term.casefold() in STATES:
        return _in_state(term.casefold())
    key, colon, value = term.partition(":")
    if colon and key in ("state", "host"):
        return _in_state(value.casefold()) if key == "state" else _on_host(value)
    return _word(term)


def _expression(pattern: str) -> Callable[[TaskView], bool]:
    try:
        found = re.compile(pattern, re.IGNORECASE).search
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"/{pattern}/: {error}") from None
    return lambda task: found(task.command) is not None or found(task.name) is not None


def _in_state(word: str) -> Callable[[TaskView], bool]:
    state = STATES.get(word)
    if state is None:
        raise UsageError(f"state:{word}: one of {', '.join(STATES)}")
    if state is RunState.SUCCEEDED:
        return lambda task: task.state is state
    return lambda task: bool(task.counts.get(state))


def _on_host(where: str) -> Callable[[TaskView], bool]:
    if not where:
        raise UsageError("host: a name, a part of one, or a node set")
    if any(char in where for char in "[,"):
        names = frozenset(expand(where))
        return lambda task: not names.isdisjoint(task.hosts)
    pattern = where if any(char in where for char in "*?") else f"*{where}*"
    return lambda task: any(fnmatchcase(host, pattern) for host in task.hosts)


def _word(letters: str) -> Callable[[TaskView], bool]:
    letters = letters.casefold()

    def found(task: TaskView) -> bool:
        words = f"{task.name} {task.command}" if task.name != task.command else task.command
        return any(_has(letters, word) for word in words.casefold().split())

    return found


def _has(letters: str, word: str) -> bool:
    rest = iter(word)
    return all(letter in rest for letter in letters)
