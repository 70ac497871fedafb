"""The colours. Each has one meaning; a symbol and a word always stand beside it."""

from __future__ import annotations

from textual.theme import Theme

# Roles as the style sheets ($fine) and the texts ("$fine") name them.
ROLES = {
    "moves": "#5ccfe6",  # where you are, what moves
    "fine": "#87d96c",
    "attention": "#ffcc66",
    "broken": "#f28779",
    "keys": "#ffd580",  # keys and marks
    "people": "#b8a1ff",  # names given by people
    "plain": "#d7dde5",
    "quiet": "#7d8896",
    "faint": "#4a5563",  # decoration only: its contrast is too low to be read
    "ground": "#0e1116",
    "bars": "#141920",
    "selection": "#1d2733",
}

LAZYTUI_DARK = Theme(
    name="lazytui",
    dark=True,
    primary=ROLES["moves"],
    secondary=ROLES["people"],
    accent=ROLES["keys"],
    success=ROLES["fine"],
    warning=ROLES["attention"],
    error=ROLES["broken"],
    foreground=ROLES["plain"],
    background=ROLES["ground"],
    surface=ROLES["bars"],
    panel=ROLES["selection"],
    variables={
        **ROLES,
        "text": ROLES["plain"],
        "text-muted": ROLES["quiet"],
        "text-disabled": ROLES["faint"],
        "border": ROLES["faint"],
        "border-blurred": ROLES["faint"],
        "scrollbar": ROLES["faint"],
        "scrollbar-hover": ROLES["quiet"],
        "scrollbar-active": ROLES["moves"],
        "scrollbar-background": ROLES["ground"],
        "scrollbar-background-hover": ROLES["ground"],
        "scrollbar-background-active": ROLES["ground"],
        "scrollbar-corner-color": ROLES["ground"],
        "input-cursor-background": ROLES["moves"],
        "input-cursor-foreground": ROLES["ground"],
        "input-selection-background": ROLES["selection"],
    },
)

ATTENTION_LOAD = 0.50
BROKEN_LOAD = 0.85


def load_role(share: float) -> str:
    """Give the role for a load or a filling (0 to 1): fine, attention or broken."""
    if share >= BROKEN_LOAD:
        return "broken"
    return "attention" if share >= ATTENTION_LOAD else "fine"
