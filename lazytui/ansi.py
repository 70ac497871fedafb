"""One line of a program's output, drawn as a terminal would, with its colours as plain values.

Nothing of what a program sends passes through: the text comes out as :mod:`lazytui.text` has it,
and a colour is a number read from the sequence, from which the screen makes a sequence of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from lazytui.text import SPECIAL, TAB, char_width, decode

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

Colour = int | tuple[int, int, int] | None

MAX_LINE_BYTES = 65_536  # of a line to draw, the rest is not looked at
MAX_CELLS = 8_192  # of a drawn line, what lies right of it is not kept
_MAX_MARKS = 8  # combining marks on one character; more only smear over the lines around
_MAX_PARAMS = 256  # characters of one SGR sequence


@dataclass(frozen=True, slots=True)
class Style:
    """How a piece of text wants to look: made anew from parsed numbers, never passed through.

    ``fg`` and ``bg`` are None (the default), 0 to 255 (the terminal's palette) or (r, g, b).
    Blinking and concealed text are shown as ordinary text: output must not hide.
    """

    fg: Colour = None
    bg: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False


Span = tuple[int, int, Style]

_NO_STYLE = Style()
_ATTRIBUTES: dict[int, dict[str, bool]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"reverse": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"reverse": False},
    29: {"strike": False},
}


@lru_cache(maxsize=1024)  # a program uses a few combinations, thousands of times
def _apply_sgr(style: Style, params: str) -> Style:
    """The style after one ``CSI params m``; numbers it does not know change nothing."""
    groups = [
        [int(number) if number.isdigit() else 0 for number in group.split(":")]
        for group in params[:_MAX_PARAMS].split(";")
    ]
    rest = iter(groups)
    for group in rest:
        code = group[0]
        if code == 0:
            style = _NO_STYLE
        elif code in (38, 48, 58):
            colour = _extended_colour(group[1:] or _following_colour(rest))
            if colour is not None and code != 58:  # 58: the colour of an underline
                style = replace(style, fg=colour) if code == 38 else replace(style, bg=colour)
        elif code == 4 and group[1:] == [0]:
            style = replace(style, underline=False)
        elif code in _ATTRIBUTES:
            style = replace(style, **_ATTRIBUTES[code])
        else:
            style = _apply_palette(style, code)
    return style


def _apply_palette(style: Style, code: int) -> Style:
    """Codes 30 to 49 and 90 to 107: the sixteen colours, and back to the default."""
    bright = 8 if code >= 90 else 0
    tens, digit = divmod(code - 60 if bright else code, 10)
    if tens not in (3, 4) or digit == 8 or (bright and digit == 9):
        return style
    colour = None if digit == 9 else digit + bright
    return replace(style, fg=colour) if tens == 3 else replace(style, bg=colour)


def _following_colour(rest: Iterator[list[int]]) -> list[int]:
    """The numbers of ``38;5;n`` and ``38;2;r;g;b``, taken off ``rest``."""
    mode = next(rest, [0])[0]
    count = {5: 1, 2: 3}.get(mode, 0)
    return [mode, *(next(rest, [-1])[0] for _ in range(count))]


def _extended_colour(numbers: list[int]) -> Colour:
    """A colour from ``[5, n]``, ``[2, r, g, b]`` or ``[2, colour space, r, g, b]``."""
    if any(not 0 <= number <= 255 for number in numbers[-3:]):
        return None
    match numbers:
        case [5, number]:
            return number
        case [2, red, green, blue] | [2, _, red, green, blue]:
            return (red, green, blue)
    return None


# --- one line, as a terminal would leave it ----------------------------------------------


def parse_sgr_line(raw: bytes) -> tuple[str, list[Span]]:
    """Draw one line of output as a terminal would, and say what it looks like in the end.

    A carriage return goes back to the first column and what follows overwrites (progress bars);
    backspace, ``CSI n C/D/G`` move, ``CSI K`` erases; the end of a line may be in ``raw``. All
    other sequences vanish. Looks at :data:`MAX_LINE_BYTES` and keeps :data:`MAX_CELLS`.

    Returns:
        The plain text and the spans ``(start, end, style)`` of it that have a style.
    """
    text = decode(raw[:MAX_LINE_BYTES].rstrip(b"\r\n"))
    if text.isascii() and text.isprintable():
        return text[:MAX_CELLS], []
    row = _Row()
    position = 0
    for match in SPECIAL.finditer(text):
        row.put(text[position : match.start()])
        position = match.end()
        _obey(row, match)
    row.put(text[position:])
    return row.finish()


def render_line(raw: bytes) -> str:
    """The plain text that :func:`parse_sgr_line` finds."""
    return parse_sgr_line(raw)[0]


def _obey(row: _Row, match: re.Match[str]) -> None:
    kind = match.lastgroup
    if match["final"] is not None:
        _obey_csi(row, match["params"], match["middle"], match["final"])
    elif kind == "tab":
        row.put(" " * (TAB - row.column % TAB))
    elif kind == "back":
        row.move_to(row.column - 1)
    elif kind == "broken":
        row.put("\ufffd")
    elif kind == "line":
        if match[0].startswith("\r"):
            row.move_to(0)
        else:
            row.put(" ")


def _obey_csi(row: _Row, params: str, middle: str, final: str) -> None:
    if middle or params.strip("0123456789:;"):
        return  # a private or unusual form: same letter, other meaning
    if final == "m":
        row.style = _apply_sgr(row.style, params)
        return
    number = int(params[:6]) if params[:6].isdigit() else 0
    match final:
        case "K" if number <= 2:
            row.erase(number)
        case "G":
            row.move_to(number - 1)
        case "C":
            row.move_to(row.column + max(1, number))
        case "D":
            row.move_to(row.column - max(1, number))


class _Row:
    """The cells of one line: a wide character takes two, the second of them empty."""

    def __init__(self) -> None:
        self.column = 0
        self.style = _NO_STYLE
        self._cells: list[str] = []
        self._styles: list[Style] = []

    def move_to(self, column: int) -> None:
        self.column = min(max(0, column), MAX_CELLS)

    def put(self, text: str) -> None:
        """Write visible characters at the cursor."""
        if text.isascii():
            self._write(text[: MAX_CELLS - self.column])
            return
        for character in text:
            width = char_width(character)
            if width == 0:
                self._add_mark(character)
            elif self.column + width <= MAX_CELLS:
                self._write([character, ""][:width])

    def erase(self, part: int) -> None:
        """``CSI K``: 0 from the cursor on, 1 up to it, 2 all."""
        if part == 1:
            end = min(self.column + 1, len(self._cells))
            self._mend(end)
            self._cells[:end] = " " * end
            self._styles[:end] = [_NO_STYLE] * end
            return
        start = self.column if part == 0 else 0
        self._mend(start)
        del self._cells[start:]
        del self._styles[start:]

    def finish(self) -> tuple[str, list[Span]]:
        """The text and its spans."""
        spans: list[Span] = []
        start = position = 0
        current = _NO_STYLE
        for cell, style in zip(self._cells, self._styles, strict=True):
            if style is not current and style != current:
                _add_span(spans, start, position, current)
                start, current = position, style
            position += len(cell)
        _add_span(spans, start, position, current)
        return "".join(self._cells), spans

    def _write(self, cells: Sequence[str]) -> None:
        if not cells:
            return
        if (gap := self.column - len(self._cells)) > 0:
            self._cells += " " * gap
            self._styles += [_NO_STYLE] * gap
        end = self.column + len(cells)
        self._mend(self.column)
        self._mend(end)
        self._cells[self.column : end] = cells
        self._styles[self.column : end] = [self.style] * len(cells)
        self.column = end

    def _mend(self, column: int) -> None:
        """Blank the half of a wide character that a cut at ``column`` would leave alone."""
        cells = self._cells
        if 0 < column < len(cells) and cells[column] == "":
            cells[column - 1] = cells[column] = " "

    def _add_mark(self, mark: str) -> None:
        at = min(self.column, len(self._cells)) - 1
        if at > 0 and self._cells[at] == "":
            at -= 1
        if at >= 0 and len(self._cells[at]) <= _MAX_MARKS:
            self._cells[at] += mark


def _add_span(spans: list[Span], start: int, end: int, style: Style) -> None:
    if end > start and style != _NO_STYLE:
        spans.append((start, end, style))
