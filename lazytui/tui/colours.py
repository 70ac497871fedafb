"""An app whose terminal is not that of its process: its colours, its pace, its variables.

Textual reads all of that from the process it runs in. In the engine many apps share one process,
and each has the terminal of its client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.filter import LineFilter, Monochrome, NoColor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import App
    from textual.color import Color


class Depth(LineFilter):
    """Turns colours into those that a terminal has.

    Rich keeps the escape sequence of a style with the style, whatever colours it was made for,
    and all apps of a process share their styles; so the styles themselves have to differ.

    Args:
        system: what the terminal has.
    """

    def __init__(self, system: ColorSystem) -> None:
        super().__init__()
        self._system = system
        self._known: dict[Style, Style] = {}

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Replace the style of each segment."""
        return [
            Segment(text, self._style(style), control) if style else Segment(text, style, control)
            for text, style, control in segments
        ]

    def _style(self, style: Style) -> Style:
        known = self._known.get(style)
        if known is None:
            color, bgcolor = style.color, style.bgcolor
            known = style + Style(
                color=color and color.downgrade(self._system),
                bgcolor=bgcolor and bgcolor.downgrade(self._system),
            )
            self._known[style] = known
        return known


def colour_system(environ: Mapping[str, str]) -> ColorSystem | None:
    """Say what colours a terminal has, by ``TERM`` and ``COLORTERM``; None for none."""
    if environ.get("NO_COLOR"):
        return None
    # Rich knows the rules; a console costs little.
    named = Console(force_terminal=True, _environ=environ).color_system
    systems = {
        "standard": ColorSystem.STANDARD,
        "256": ColorSystem.EIGHT_BIT,
        "truecolor": ColorSystem.TRUECOLOR,
    }
    return systems.get(named or "", ColorSystem.STANDARD)


def paint_for(app: App[None], environ: Mapping[str, str]) -> list[LineFilter]:
    """Make an app paint for a terminal that is not the one of its process.

    Args:
        app: before it runs.
        environ: the variables of the terminal.

    Returns:
        The filters that every line has to go through.
    """
    system = colour_system(environ)
    app.no_color = system is None
    # What Textual has put in because of the process's own NO_COLOR.
    app._filters = [f for f in app._filters if not isinstance(f, Monochrome | NoColor)]
    app.console = Console(
        file=app.console.file,
        color_system="truecolor",  # the filter has done the rest
        force_terminal=True,
        markup=True,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        safe_box=False,
        soft_wrap=False,
        _environ={},
    )
    if environ.get("SSH_CONNECTION"):
        app.animation_level = "none"  # every frame is bytes on the line
    if system is None:
        return [NoColor()]
    return [] if system is ColorSystem.TRUECOLOR else [Depth(system)]
