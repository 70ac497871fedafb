"""Screens in ASCII, for terminals and locales that know nothing else.

The screens are written with the symbols of their design; what a terminal cannot show is replaced
on the way out, cell for cell, so that nothing moves and no screen needs to know.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color

# Symbols are different from each other where they mean different things.
_SYMBOLS = {
    # states
    "●": "*", "◐": "~", "◆": "?", "○": "o", "◌": ".", "▸": ">", "✓": "+", "✗": "x", "⏏": "^",
    # cursor, order, ways
    "▌": ">", "▲": "^", "▼": "v", "▴": "^", "▾": "v", "›": ">", "→": ">", "←": "<", "↑": "^",
    "↓": "v", "↔": "-", "⟳": "@", "⏵": ">", "❯": ">",
    # text
    "…": "~", "·": ".", "•": "*", "×": "x", "–": "-", "—": "-", "≥": ">", "≤": "<", "☐": "o",
    "☑": "x", "“": '"', "”": '"', "‘": "'", "’": "'", "°": "o", "µ": "u", "ß": "s", "\xa0": " ",
    # loads
    "▁": "_", "▂": ".", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "█": "#", "░": ".",
    "▒": ":", "▓": "#", "▏": "|", "▎": "|", "▍": "|", "▋": "#", "▊": "#", "▉": "#", "▐": "|",
    "▀": "-", "▔": "-", "▕": "|", "▛": "+", "▜": "+", "▙": "+", "▟": "+",
    # frames
    "─": "-", "━": "=", "│": "|", "┃": "|", "╸": "=", "╺": "=", "╴": "-", "╶": "-", "╌": "-",
    "┄": "-", "┆": ":", "┊": ":",
}  # fmt: skip
_TABLE = str.maketrans(_SYMBOLS)


def to_ascii(text: str) -> str:
    """Give a text of as many cells that is ASCII: symbols by look, letters without their accents.

    What has no likeness becomes ``?``, once for every cell it takes.
    """
    if text.isascii():
        return text
    text = text.translate(_TABLE)
    return text if text.isascii() else "".join(map(_character, text))


def _character(character: str) -> str:
    if character.isascii():
        return character
    if "\u2500" <= character <= "\u257f":  # corners and crossings of frames
        return "+"
    cells = cell_len(character)
    plain = unicodedata.normalize("NFKD", character)[0]
    return plain if plain.isascii() and cells == 1 else "?" * cells


class Ascii(LineFilter):
    """Textual's last look at a line before it goes to the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Replace what is not ASCII; most lines are passed on as they are."""
        return [
            segment if segment.text.isascii() else Segment(to_ascii(segment.text), *segment[1:])
            for segment in segments
        ]
