"""Whether what is typed on the terminal of this process is seen."""

from __future__ import annotations

import termios

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any


class Echo:
    """The echo of stdin, for a ``with`` block: as before afterwards, whatever happens inside."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, *exc: object) -> None:
        self.switch(on=True)

    def switch(self, *, on: bool) -> None:
        """Switch it off, or back to what it was; nothing where stdin is no terminal."""
        try:
            if on:
                if self._before is not None:
                    termios.tcsetattr(0, termios.TCSADRAIN, self._before)
                    self._before = None
            elif self._before is None:
                silent = termios.tcgetattr(0)
                self._before = list(silent)
                silent[3] &= ~termios.ECHO
                termios.tcsetattr(0, termios.TCSADRAIN, silent)
        except termios.error:
            self._before = None
