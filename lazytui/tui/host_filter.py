"""A filter as it is typed: the last text that could be read decides what is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lazytui.core.where import Where, parse_where
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.tui.context import RuntimeView

# The message repeats the text, which stands right beside it here.
_PLACE = re.compile(r"^cannot read .* at character \d+: ", re.DOTALL)


class HostFilter:
    """Chooses hosts by what the user typed; see :mod:`lazytui.core.where`."""

    def __init__(self) -> None:
        self.text = ""
        self.problem = ""
        self.groups: Mapping[str, Sequence[str]] = {}
        self._where = Where("", ())

    @property
    def active(self) -> bool:
        """Some hosts may be hidden."""
        return bool(self._where.terms)

    @property
    def kept(self) -> str:
        """The text that decides."""
        return self._where.text

    @property
    def is_live(self) -> bool:
        """The result may change with every sample."""
        return self._where.needs_facts

    def asks(self, *, commands: bool) -> Where | None:
        """Give the filter, if hosts must answer something for it; else None.

        Args:
            commands: also commands are run on them now; while one types, they are not.
        """
        probes = self._where.probes
        if not probes or (not commands and any(p.kind == "command" for p in probes)):
            return None
        return self._where

    @property
    def wants_groups(self) -> bool:
        """The text speaks of groups."""
        return "@" in self.text

    def type(self, text: str, runtimes: Mapping[str, RuntimeView]) -> None:
        """Take a new text; one that cannot be read leaves the last good result, and a problem."""
        self.text, self.problem = text, ""
        try:
            where = parse_where(text, bare_words="fuzzy")
            where.select(list(runtimes.values())[:1], self.groups)
        except UsageError as error:
            self.problem = _PLACE.sub("", sanitize(str(error)))
        else:
            self._where = where

    def select(self, runtimes: Mapping[str, RuntimeView]) -> list[str]:
        """Give the hosts that are shown, in the order of the ssh config."""
        if not self.active:
            return list(runtimes)
        try:
            return self._where.select(list(runtimes.values()), self.groups)
        except UsageError as error:  # a group that has been removed since
            self.problem = sanitize(str(error))
            return list(runtimes)
