"""Completes the name of a group while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.suggester import Suggester

if TYPE_CHECKING:
    from lazytui.tui.context import EngineView


class GroupSuggester(Suggester):
    """Suggests the rest of ``@name`` at the end of a text; ``→`` takes it.

    Args:
        engine: knows the groups.
    """

    def __init__(self, engine: EngineView) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._engine = engine

    async def get_suggestion(self, value: str) -> str | None:
        """Give the text with the first group whose name goes on so."""
        before, sign, begun = value.rpartition("@")
        # Inside another word, or after it was ended, no group is meant.
        if not sign or (before and before[-1] not in ' ,!-&"') or any(c in ' ,"' for c in begun):
            return None
        names = (group.name for group in self._engine.groups_now())
        longer = next((name for name in names if name.startswith(begun) and name != begun), None)
        return f"{before}@{longer}" if longer else None
