"""What the user looks for in output: a word or an expression, asked of many lines at once.

A search sees what a screen shows: colours and other sequences are not part of the text, and of
a line that goes back to its start only the latest state counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

LINE_LOOKED_AT = 4096  # characters of a line that an expression is tried on
_SPANS = 200  # matches of one line that are marked
_FEW = 32  # matches of a block that are counted one by one
_SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_k][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
)
_OVERWRITTEN = re.compile(rb"(?m)^[^\n]*\r(?=[^\r\n])")
_RETURN = re.compile(rb"\r(?!\n)")
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")


@dataclass(frozen=True, slots=True)
class Query:
    """Finds lines. Lower case finds both cases, an upper case letter only itself.

    Make one with :func:`parse_query`.

    Args:
        text: what the user typed.
        pattern: finds it in a line as it is shown.
        word: the bytes to look for, if they are all that is needed.
    """

    text: str
    pattern: re.Pattern[str]
    word: bytes | None

    @property
    def ignores_case(self) -> bool:
        """True if upper and lower case are the same."""
        return bool(self.pattern.flags & re.IGNORECASE)

    def count(self, block: bytes, *, returns_end_lines: bool = False) -> int:
        """How many of the whole lines in ``block`` have a match."""
        data = self._plain(block, returns_end_lines)
        if self.word is None:
            return len(self._matching(data))
        return _count_lines(data, self.word)

    def lines(self, block: bytes, *, returns_end_lines: bool = False) -> list[int]:
        """Which of the whole lines in ``block`` have a match, by their number in it."""
        data = self._plain(block, returns_end_lines)
        return self._matching(data) if self.word is None else _lines_with(data, self.word)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the matches in a drawn line are, as character positions."""
        spans = []
        for match in self.pattern.finditer(text[:LINE_LOOKED_AT]):
            if match.end() > match.start():
                spans.append(match.span())
            if len(spans) == _SPANS:
                break
        return spans

    def _plain(self, block: bytes, returns_end_lines: bool) -> bytes:
        """The text of a block in the case to compare, with the same lines."""
        if b"\x1b" in block:
            block = _SEQUENCE.sub(b"", block)
        if b"\r" in block:
            if returns_end_lines:
                block = _RETURN.sub(b"\n", block)
            else:
                block = _OVERWRITTEN.sub(b"", block).replace(b"\r\n", b"\n")
        return block.lower() if self.word is not None and self.ignores_case else block

    def _matching(self, data: bytes) -> list[int]:
        search = self.pattern.search
        text = data.decode("utf-8", "replace").removesuffix("\n")
        return [
            number for number, line in enumerate(text.split("\n")) if search(line[:LINE_LOOKED_AT])
        ]


def parse_query(text: str) -> Query:
    """Read what the user typed: a text to find as it is, or ``/an expression/``.

    What begins with a slash and does not end with one is a text, like a path. Lower case finds
    both cases.

    Raises:
        UsageError: the expression is not one, or trying it could take for ever.
    """
    expression = _expression_in(text)
    if expression is None:
        flags = re.IGNORECASE if text == text.lower() else 0
        # Other letters than ASCII have their cases outside of bytes.
        word = text.encode("utf-8", "replace") if text.isascii() or flags == 0 else None
        return Query(text, re.compile(re.escape(text), flags), word)
    _refuse_endless(expression)
    letters = re.sub(r"\\.", "", expression)
    flags = re.IGNORECASE if letters == letters.lower() else 0
    try:
        return Query(text, re.compile(expression, flags), None)
    except (re.error, OverflowError) as error:
        raise UsageError(f"not an expression: {error}") from error


def _expression_in(text: str) -> str | None:
    """The expression in ``/…/``; a path like ``/var/log`` is a text."""
    if len(text) < 2 or not text.startswith("/"):
        return None
    inside = text[1:]
    if inside.endswith("/") and not inside.endswith("\\/"):
        return inside[:-1] or None
    return None


def _refuse_endless(expression: str) -> None:
    """Refuse a repeat inside a repeat: one line could keep the interpreter for ever."""
    inner: list[bool] = [False]  # for each open group: has it a repeat or a choice in it
    closed = False  # the group that ended just before has
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", expression)
    position = 0
    while position < len(bare):
        character = bare[position]
        repeat = _UNBOUNDED.match(bare, position)
        if repeat and closed:
            raise UsageError("a repeat inside a repeat could take for ever: write it simpler")
        closed = False
        if character == "(":
            inner.append(False)
        elif character == ")" and len(inner) > 1:
            closed = inner.pop()
            inner[-1] = inner[-1] or closed
        elif repeat or character == "|":
            inner[-1] = True
        position = repeat.end() if repeat else position + 1


def _count_lines(data: bytes, word: bytes) -> int:
    """How many lines have ``word``: one by one while they are few, else all at once."""
    count = 0
    found = data.find(word)
    while found >= 0:
        count += 1
        after = data.find(b"\n", found)
        if after < 0:
            break
        if count == _FEW:
            rest_of_line = re.compile(re.escape(word) + rb".*")
            return count + len(rest_of_line.findall(data, after))
        found = data.find(word, after)
    return count


def _lines_with(data: bytes, word: bytes) -> list[int]:
    lines: list[int] = []
    count: Callable[..., int] = data.count
    number = counted = 0
    found = data.find(word)
    while found >= 0:
        number += count(b"\n", counted, found)
        lines.append(number)
        counted = data.find(b"\n", found)
        if counted < 0:
            break
        found = data.find(word, counted)
    return lines
