"""Progress bars for people: one for each host that moves files, and one for all of them."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from lazytui.commands.files import Reports
from lazytui.text import duration_text, fit, percent, sanitize, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Task, TaskID

    from lazytui.commands.call import Call, Output
    from lazytui.core.engine import Engine
    from lazytui.core.model import RunRecord
    from lazytui.core.transfer.progress import Progress as Moving

MOST = 12  # bars of hosts at the same time
REFRESH_S = 0.1


class _Stream(io.TextIOBase):
    """A terminal of the caller as rich writes to it."""

    def __init__(self, output: Output) -> None:
        self._output = output

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._output.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self._output.write(text.encode(self._output.encoding, "replace"))
        return len(text)


class _Words(TextColumn):
    """A cell with sanitized text, which is never read as markup."""

    def __init__(self, field: str, width: int, *, right: bool = True) -> None:
        super().__init__("")
        self._field = field
        self._width = width
        self._right = right

    def render(self, task: Task) -> Text:
        words = fit(str(task.fields.get(self._field, "")), self._width)
        padded = words.rjust(self._width) if self._right else words.ljust(self._width)
        return Text(padded, style=str(task.fields.get("style", "")), no_wrap=True)


class Bars(Reports):
    """Bars on stderr; what came of each run above them.

    Args:
        call: whose terminal it is.
        engine: which knows how far the transfers are.
        hosts: all of them.
    """

    def __init__(self, call: Call, engine: Engine, hosts: Sequence[str]) -> None:
        super().__init__(call, engine)
        self._several = len(hosts) > 1
        self._console = Console(
            file=_Stream(call.stderr),  # type: ignore[arg-type]  # all of it that rich uses
            force_terminal=True,
            width=call.columns,
            no_color=bool(call.environ.get("NO_COLOR")),
            highlight=False,
            _environ=dict(call.environ),
        )
        name = min(24, max(len("all"), *(len(sanitize(host)) for host in hosts)))
        self._progress = Progress(
            _Words("host", name, right=False),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            _Words("share", 4),
            _Words("amount", 12),
            _Words("rate", 7),
            _Words("left", 8),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # those of the process are not the caller's
            redirect_stderr=False,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._over: set[str] = set()
        self._moving: dict[str, Moving] = {}
        self._drawn = 0.0
        self._progress.start()
        self._all = self._progress.add_task("", total=None, host="all", visible=self._several)

    async def grew(self, record: RunRecord) -> None:
        """Draw how far a run is."""
        moving = self._engine.transfers.get(record.run_id)
        if moving is None or record.run_id in self._over:
            return
        self._moving[record.run_id] = moving
        task = self._tasks.get(record.run_id)
        if task is None and len(self._tasks) < MOST:
            task = self._progress.add_task("", total=None, host=sanitize(record.host))
            self._tasks[record.run_id] = task
        if task is not None:
            self._draw(task, [moving])
        self._draw(self._all, list(self._moving.values()))
        if time.monotonic() - self._drawn > REFRESH_S:
            self._progress.refresh()
            self._drawn = time.monotonic()

    def _draw(self, task: TaskID, moving: Sequence[Moving]) -> None:
        done, total = sum(one.done for one in moving), sum(one.total for one in moving)
        rate = sum(one.rate for one in moving if one.phase == "moving")
        left = (total - done) / rate if rate > 0 else None
        self._progress.update(
            task,
            completed=done,
            total=total or None,
            share=percent(done / total) if total else "",
            amount=f"{size_text(done)}/{size_text(total)}" if total else moving[0].phase,
            rate=f"{size_text(rate)}/s" if rate > 0 else "",
            left=duration_text(left) if left is not None else "",
        )

    async def ended(self, record: RunRecord) -> None:
        """Print what came of a run above the bars, and make room for another one's."""
        self._over.add(record.run_id)
        task = self._tasks.pop(record.run_id, None)
        if task is not None:
            self._progress.remove_task(task)
        self._progress.stop()  # it is drawn again below what is printed now
        await super().ended(record)
        self._progress.start()

    async def close(self) -> None:
        """Take the bars away."""
        self._progress.stop()
