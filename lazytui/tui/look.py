"""How one terminal wants its screens: colours, symbols, mouse, keys."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lazytui.tui.terminal import speaks_utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazytui.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Look:
    """What the user chose, on the command line or in the settings.

    Args:
        theme: ``dark``, ``light`` or ``ansi``.
        ascii: symbols are replaced by ASCII.
        mouse: the mouse is listened to; without it the terminal's own selection works.
        keys: keys by the id of what they do; the others have their defaults.
        hidden_columns: names of the columns of Hosts that are not shown.
        read_only: nothing can be changed from this terminal.
    """

    theme: str = "dark"
    ascii: bool = False
    mouse: bool = True
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden_columns: frozenset[str] = frozenset()
    read_only: bool = False


def choose(
    settings: Settings,
    *,
    theme: str | None = None,
    ascii_only: bool = False,
    no_mouse: bool = False,
    read_only: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Look:
    """Decide on the look: the command line before the settings before what the terminal is.

    Args:
        settings: of the user.
        theme: from the command line; None when it is not given there.
        ascii_only: asked for on the command line.
        no_mouse: the same.
        read_only: the same.
        environ: of the terminal; by default that of the process.
    """
    # What Python did to the locale of this process says nothing of another one's.
    utf8 = speaks_utf8() if environ is None else speaks_utf8(environ, coerced=False)
    environ = os.environ if environ is None else environ
    screen = settings.screen
    by_itself = screen.ascii == "auto" and not utf8
    # https://no-color.org: any value but the empty one. The theme then has nothing to lose.
    chosen = "ansi" if environ.get("NO_COLOR") else theme or screen.theme
    return Look(
        theme=chosen,
        ascii=ascii_only or screen.ascii == "always" or by_itself,
        mouse=screen.mouse and not no_mouse,
        keys=settings.keys,
        hidden_columns=frozenset(screen.hidden_columns.split()) - {"none"},
        read_only=read_only,
    )
