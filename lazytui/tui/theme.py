"""The colours. Each has one meaning; a symbol and a word always stand beside it.

Three themes say the same: dark, light, and ``ansi`` in the terminal's own sixteen colours, for
odd terminals and for those who have chosen their colours already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES, Theme

if TYPE_CHECKING:
    from collections.abc import Mapping

# Roles as the style sheets ($fine) and the texts ("$fine") name them. On ground, bars and
# selection "plain" has a contrast of at least 7, every other role that is read of 4.5.
DARK = {
    "moves": "#5ccfe6",  # where you are, what moves
    "fine": "#87d96c",
    "attention": "#ffcc66",
    "broken": "#f28779",
    "keys": "#ffd580",  # keys and marks
    "people": "#b8a1ff",  # names given by people
    "plain": "#d7dde5",
    "quiet": "#8893a1",
    "faint": "#4a5563",  # decoration only: its contrast is too low to be read
    "raised": "#0e1116",  # text on "moves"
    "ground": "#0e1116",
    "bars": "#141920",
    "selection": "#1d2733",
}
LIGHT = {
    "moves": "#0a667f",
    "fine": "#2a6a1c",
    "attention": "#855400",
    "broken": "#b02a20",
    "keys": "#7d4a00",
    "people": "#5a3fb5",
    "plain": "#1c2530",
    "quiet": "#545f6d",
    "faint": "#b3bdc8",
    "raised": "#ffffff",
    "ground": "#fbfcfd",
    "bars": "#f0f3f6",
    "selection": "#dfe8f1",
}
ANSI = {
    "moves": "ansi_cyan",
    "fine": "ansi_green",
    "attention": "ansi_yellow",
    "broken": "ansi_red",
    "keys": "ansi_yellow",
    "people": "ansi_magenta",
    "plain": "ansi_default",
    "quiet": "ansi_default",  # in some palettes bright black cannot be read
    "faint": "ansi_bright_black",
    "raised": "ansi_black",
    "ground": "ansi_default",
    "bars": "ansi_default",
    "selection": "ansi_default",  # the cursor has its bar, and bold letters
}
ROLES = DARK  # what there is a role for


def _theme(name: str, roles: Mapping[str, str], *, dark: bool = True, ansi: bool = False) -> Theme:
    return Theme(
        name=f"lazytui-{name}",
        dark=dark,
        ansi=ansi,
        primary=roles["moves"],
        secondary=roles["people"],
        accent=roles["keys"],
        success=roles["fine"],
        warning=roles["attention"],
        error=roles["broken"],
        foreground=roles["plain"],
        background=roles["ground"],
        surface=roles["bars"],
        panel=roles["selection"],
        boost=roles["selection"],
        variables={
            **(BUILTIN_THEMES["ansi-dark"].variables if ansi else {}),
            **roles,
            "text": roles["plain"],
            "text-muted": roles["quiet"],
            "text-disabled": roles["faint"],
            "border": roles["faint"],
            "border-blurred": roles["faint"],
            "scrollbar": roles["faint"],
            "scrollbar-hover": roles["quiet"],
            "scrollbar-active": roles["moves"],
            "scrollbar-background": roles["ground"],
            "scrollbar-background-hover": roles["ground"],
            "scrollbar-background-active": roles["ground"],
            "scrollbar-corner-color": roles["ground"],
            "input-cursor-background": roles["moves"],
            "input-cursor-foreground": roles["raised"],
            "input-selection-background": roles["faint" if ansi else "selection"],
            "screen-selection-background": roles["faint"],
        },
    )


THEMES = {
    "dark": _theme("dark", DARK),
    "light": _theme("light", LIGHT, dark=False),
    "ansi": _theme("ansi", ANSI, ansi=True),
}

ATTENTION_LOAD = 0.50
BROKEN_LOAD = 0.85


def load_role(share: float) -> str:
    """Give the role for a load or a filling (0 to 1): fine, attention or broken."""
    if share >= BROKEN_LOAD:
        return "broken"
    return "attention" if share >= ATTENTION_LOAD else "fine"
