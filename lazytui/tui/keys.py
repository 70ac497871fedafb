"""The keymap as one user has it: the defaults, and what ``[keys]`` of the settings changes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from textual.keys import _character_to_key

from lazytui.tui.keymap import KEYMAP, shown_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.tui.keymap import Key


class Keys:
    """The keymap as one user has it.

    Args:
        changed: keys by id, in place of the defaults; as the user wrote them.
    """

    def __init__(self, changed: Mapping[str, Sequence[str]] | None = None) -> None:
        self.problems: list[str] = []
        self._changed: dict[str, tuple[str, ...]] = {}
        for name, keys in (changed or {}).items():
            long_names = tuple(map(_long_name, keys))
            if problem := _wrong(name, long_names):
                self.problems.append(f"[keys] {problem}")
            else:
                self._changed[name] = long_names
        self._keymap = tuple(
            replace(key, keys=self._changed.get(key.id, key.keys)) for key in KEYMAP
        )

    @property
    def for_textual(self) -> dict[str, str]:
        """What :meth:`textual.app.App.set_keymap` takes."""
        return {name: ",".join(keys) for name, keys in self._changed.items()}

    def of(self, *scopes: str) -> list[Key]:
        """Give the keys of the scopes: scope by scope, in the order of the map."""
        return [key for scope in scopes for key in self._keymap if key.scope == scope]

    def clashes(self, *scopes: str) -> list[str]:
        """Say which keys the user gave to two things that work at the same place."""
        if not self._changed:
            return []
        meanings: dict[str, set[str]] = defaultdict(set)
        for key in self.of(*scopes):
            for name in key.keys:
                meanings[name].add(key.id)
        return [
            f"[keys] '{shown_key(name)}' means both {' and '.join(sorted(ids))}"
            for name, ids in meanings.items()
            if len(ids) > 1
        ]


class HasKeys(Protocol):
    """An app that knows its user's keymap."""

    @property
    def keys(self) -> Keys: ...

    def report_clashes(self, *scopes: str) -> None:
        """Tell the user, once, of keys of theirs that mean two things on a screen."""


class HasRoots(Protocol):
    """An app with pages that are kept while others are seen."""

    async def go_to(
        self, root: str, *, matching: str | None = None, host: str | None = None
    ) -> None:
        """Show a root as it was left, or what it has of a host."""


# What the terminal sends for the one is what it sends for the other.
_SAME_KEYS = {
    "ctrl+h": "backspace",
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
}


def _wrong(name: str, keys: Sequence[str]) -> str:
    """Say why something cannot have these keys; empty when it can."""
    same_id = [key for key in KEYMAP if key.id == name]
    if not same_id:
        close = get_close_matches(name, {key.id for key in KEYMAP}, 3)
        return f"there is nothing called '{name}'" + (
            f"; close are {', '.join(close)}" if close else ""
        )
    for key in keys:
        if key in _SAME_KEYS:
            return f"{name}: for a terminal '{key}' is {_SAME_KEYS[key]}"
        if same_id[0].priority and len(shown_key(key)) == 1:
            return f"{name}: '{shown_key(key)}' could not be typed any more"
    return ""


def _long_name(key: str) -> str:
    """Give Textual's name of a key: ``?`` is ``question_mark``."""
    *modifiers, last = key.split("+") if len(key) > 1 else (key,)
    return "+".join([*modifiers, _character_to_key(last) if len(last) == 1 else last])
