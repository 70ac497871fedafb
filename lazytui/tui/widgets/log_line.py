"""One line of output as a strip of cells, in colours of the theme."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from lazytui.ansi import parse_sgr_line
from lazytui.text import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lazytui.ansi import Colour
    from lazytui.ansi import Style as ParsedStyle
    from lazytui.core.lines import RawLine
    from lazytui.core.search import Query

_KEPT_STYLES = 1024
_BLACK_OR_WHITE = (None, 0, 7, 8, 15)


@dataclass(frozen=True, slots=True)
class Palette:
    """What the theme makes of a program's colours.

    Args:
        base: text without a colour of its own, on the widget's ground.
        named: the eight named colours, black to white; their bright forms look the same.
        remark: what lazytui itself says between the lines.
        rule: lines that are drawn, and signs of nothing.
        match: what was looked for and found.
        here: the match that the user is at.
        mark: a line that the user drew.
        heading: the ground of a row above the output of a step.
        cursor: the ground of the row that the user is at.
    """

    base: Style
    named: tuple[Color, ...]
    remark: Style
    rule: Style
    match: Style
    here: Style
    mark: Style
    heading: Style
    cursor: Style
    _made: dict[ParsedStyle, Style] = field(default_factory=dict, compare=False, repr=False)

    def style(self, wanted: ParsedStyle) -> Style:
        """The style for a span: text stays readable on any ground that a program chooses."""
        made = self._made.get(wanted)
        if made is None:
            if len(self._made) >= _KEPT_STYLES:
                self._made.clear()
            made = self._made[wanted] = self._make(wanted)
        return made

    def _make(self, wanted: ParsedStyle) -> Style:
        colour, ground = self._colour(wanted.fg), self._colour(wanted.bg)
        if ground is not None and wanted.fg in _BLACK_OR_WHITE:
            colour = self._readable_on(ground)
        return self.base + Style(
            color=colour,
            bgcolor=ground,
            bold=wanted.bold or None,
            dim=wanted.dim or None,
            italic=wanted.italic or None,
            underline=wanted.underline or None,
            reverse=wanted.reverse or None,
            strike=wanted.strike or None,
        )

    def _colour(self, colour: Colour) -> Color | None:
        if colour is None:
            return None
        if isinstance(colour, tuple):
            return Color.from_rgb(*colour)
        if colour < 16:
            return self.named[colour % 8]
        return Color.from_triplet(Color.from_ansi(colour).get_truecolor())

    def _readable_on(self, ground: Color) -> Color | None:
        """The theme's text or ground colour, whichever stands out more."""
        choices = [colour for colour in (self.base.color, self.base.bgcolor) if colour]
        here = _brightness(ground)
        return max(choices, key=lambda colour: abs(_brightness(colour) - here), default=None)


def _brightness(colour: Color) -> float:
    red, green, blue = colour.get_truecolor()
    return 0.299 * red + 0.587 * green + 0.114 * blue


def draw_line(line: RawLine, palette: Palette, marked: Marked | None = None) -> Strip:
    """Draw a line as a terminal would; nothing of it is ever read as markup.

    Args:
        line: what to draw.
        palette: the colours.
        marked: what is to be found in it, and how that looks.
    """
    text, spans = parse_sgr_line(line.data)
    segments = []
    position = 0
    for start, end, style in spans:
        if position < start:
            segments.append(Segment(text[position:start], palette.base))
        segments.append(Segment(text[start:end], palette.style(style)))
        position = end
    if position < len(text):
        segments.append(Segment(text[position:], palette.base))
    if marked is not None:
        segments = list(_overlaid(segments, marked.query.spans(text), marked.style))
    if line.cut:
        remark = f" … {size_text(line.cut)} more in this line"
        segments.append(Segment(remark, palette.remark))
    return Strip(segments)


@dataclass(frozen=True, slots=True)
class Marked:
    """What is marked in a line: whatever ``query`` finds gets ``style``."""

    query: Query
    style: Style


def _overlaid(
    segments: Iterable[Segment], spans: Iterable[tuple[int, int]], style: Style
) -> Iterator[Segment]:
    """Give the segments with another style where the spans are."""
    edges = [edge for span in spans for edge in span]  # in, out, in, out
    position = inside = 0
    for text, own, _ in segments:
        begin = position
        while begin < position + len(text):
            while inside < len(edges) and edges[inside] <= begin:
                inside += 1
            end = min(position + len(text), edges[inside] if inside < len(edges) else 2**62)
            piece = text[begin - position : end - position]
            yield Segment(piece, style if inside % 2 else own)
            begin = end
        position += len(text)
