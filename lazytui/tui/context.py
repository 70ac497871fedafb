"""What a screen may ask of the engine, and the clocks it reads.

The protocols say exactly how much of the engine the screens use, so that a test can hand
in a small engine of its own and so that a change in the core shows up as a type error here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lazytui.core.plan import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from lazytui.core.audit import AuditRecord
    from lazytui.core.cluster_model import Clusters
    from lazytui.core.events import EventBus
    from lazytui.core.exposure_model import Exposure, ExposureSpec, Suggestion, TestResult
    from lazytui.core.files import Contents, Folder, Removed
    from lazytui.core.groups import Group
    from lazytui.core.history import PastCommand
    from lazytui.core.model import HostState, Metrics, RunRecord, RuntimeInfo
    from lazytui.core.needs import Needs
    from lazytui.core.plan import Plan
    from lazytui.core.presence import Attached, Presence
    from lazytui.core.probes import Probe
    from lazytui.core.run_steps import RunStep
    from lazytui.core.stops import StopReport
    from lazytui.core.task import RuntimeTask
    from lazytui.core.task_file import TaskDraft
    from lazytui.core.transfer.progress import Progress
    from lazytui.core.where import Where
    from lazytui.program import Program
    from lazytui.ssh.config_edit import Edit
    from lazytui.ssh.destination import Destination
    from lazytui.tui.run_order import Draft


class EntryView(Protocol):
    """Where the ssh config names a host."""

    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int: ...


class ConfigView(Protocol):
    """What was read of the ssh config."""

    @property
    def files(self) -> Sequence[tuple[object, ...]]:
        """The files that were read, each with its path first."""

    @property
    def skipped_patterns(self) -> Sequence[str]:
        """Patterns of ``Host`` lines, which name no host."""


class SeriesView(Protocol):
    """The recent samples of a host."""

    def of(self, measure: str) -> Sequence[float]:
        """Give the samples of ``cpu``, ``mem``, ``disk``, ``net`` or ``gpu0``, newest last."""


class RuntimeView(Protocol):
    """One host, as a row of the table and its details need it."""

    @property
    def host(self) -> str: ...
    @property
    def state(self) -> HostState: ...
    @property
    def reason(self) -> str: ...
    @property
    def info(self) -> RuntimeInfo | None: ...
    @property
    def metrics(self) -> Metrics | None: ...
    @property
    def cpu_history(self) -> Sequence[float]: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def alive_runs(self) -> int: ...
    @property
    def since(self) -> float: ...
    @property
    def entry(self) -> EntryView | None: ...
    @property
    def address(self) -> str: ...
    @property
    def question(self) -> QuestionView | None: ...
    @property
    def series(self) -> SeriesView: ...
    @property
    def error_kind(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def jumps(self) -> Sequence[str]: ...
    @property
    def log(self) -> Iterable[str]: ...

    def tags(self) -> Sequence[str]:
        """Give the tags the user gave it."""

    def answer(self, probe: Probe) -> bool | None:
        """Give what it answered to a question of a filter; None while that is not known."""

    def next_try_s(self) -> float | None:
        """Seconds until the engine tries to connect again; None when it will not by itself."""

    def last_try_s(self) -> float | None:
        """Seconds since the engine last tried; None when it has not."""


class FieldView(Protocol):
    """A line to be typed."""

    @property
    def prompt(self) -> str: ...
    @property
    def echo(self) -> bool: ...


class QuestionView(Protocol):
    """Something only the user can decide or knows: with choices, or with fields to type in.

    See :class:`lazytui.ssh.credentials.Question`.
    """

    @property
    def kind(self) -> str: ...
    @property
    def fields(self) -> Sequence[FieldView]: ...
    @property
    def user(self) -> str: ...
    @property
    def lasting(self) -> bool: ...
    @property
    def waiting(self) -> AbstractSet[str]: ...
    @property
    def summary(self) -> str: ...

    @property
    def id(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def lines(self) -> tuple[str, ...]: ...
    @property
    def choices(self) -> tuple[tuple[str, str], ...]: ...


class RunsView(Protocol):
    """The runs the engine knows, in memory."""

    def records(self, limit: int) -> Sequence[RunRecord]:
        """Give at most ``limit`` runs, newest first."""

    def get(self, run_id: str) -> RunRecord:
        """Give one run; KeyError when it is unknown."""

    def next_signal(self, record: RunRecord) -> str:
        """Give the signal that ends a run: INT first, KILL when it was told to end before."""


class FilesView(Protocol):
    """Folders to look into, and files; TransferError when something fails."""

    async def look(self, host: str | None, path: str, *, make: bool = False) -> Folder:
        """Look into a folder of a host, of the manager for None."""

    async def rename(self, host: str | None, path: str, to: str) -> object:
        """Give something another name, or another place on the same disk."""

    async def remove(self, host: str | None, paths: Sequence[str]) -> Removed:
        """Remove files, and folders with all in them."""

    async def read(self, host: str | None, path: str, offset: int, size: int) -> Contents:
        """Read a piece of a file."""

    async def fetch(self, host: str | None, path: str, most: int) -> Contents:
        """Read a whole file of at most so many bytes."""

    async def replace(
        self, host: str | None, path: str, data: bytes, seen: Mapping[str, int] | None
    ) -> object:
        """Give a file a new content, unless it is another than the one that was seen."""


class HostEditsView(Protocol):
    """Changes of the ssh config: first shown, then written; UsageError says what cannot be."""

    async def adding(
        self, name: str, to: Destination, *, id_file: str | None = None, jump: str | None = None
    ) -> Sequence[Edit]:
        """Give the change that adds a host."""

    async def removing(self, name: str) -> Sequence[Edit]:
        """Give the changes that take a host out."""

    async def write(self, name: str, edits: Sequence[Edit], *, gone: bool) -> object:
        """Write changes that were shown."""


class TransfersView(Protocol):
    """Files on their way."""

    def all(self) -> Sequence[Progress]:
        """Give all transfers that are known, the newest last."""


class ExposuresView(Protocol):
    """Ports made reachable elsewhere; what is refused raises with the reason."""

    def all(self) -> Sequence[Exposure]:
        """Give all that are known, the oldest first."""

    async def load(self) -> object:
        """Learn what other programs hold."""

    async def add(self, spec: ExposureSpec, choices: Sequence[int] | None = None) -> Exposure:
        """Set one up everywhere it shall be, or nowhere."""

    async def change(
        self, number: int, spec: ExposureSpec, choices: Sequence[int] | None = None
    ) -> Exposure:
        """Replace the definition of one; it stays as it was where that cannot be done."""

    async def remove(self, number: int) -> object:
        """End one and forget it."""

    async def restart(self, number: int) -> object:
        """Try one that is up again from the beginning."""

    async def start(self, number: int) -> object:
        """Take one up that is off."""

    async def stop(self, number: int) -> object:
        """Take one down and keep its definition."""

    async def set_auto(self, number: int, auto: bool) -> object:
        """Say whether one is taken up at the next start."""

    async def test(self, number: int) -> Sequence[TestResult]:
        """Try each listener of one."""

    async def suggestions(self, host: str) -> Sequence[Suggestion]:
        """List what listens on a host and is not exposed."""


class EngineView(Protocol):
    """The engine as the screens see it: facts to read, intents to await."""

    @property
    def events(self) -> EventBus: ...
    @property
    def presence(self) -> Presence: ...
    @property
    def needs(self) -> Needs: ...
    @property
    def runtimes(self) -> Mapping[str, RuntimeView]: ...
    @property
    def runs(self) -> RunsView: ...
    @property
    def questions(self) -> Sequence[QuestionView]: ...
    @property
    def files(self) -> FilesView: ...
    @property
    def host_edits(self) -> HostEditsView: ...
    @property
    def transfers(self) -> TransfersView: ...
    @property
    def exposures(self) -> ExposuresView: ...
    @property
    def clusters(self) -> Clusters: ...
    @property
    def problems(self) -> Sequence[object]: ...
    @property
    def config_path(self) -> str: ...
    @property
    def config(self) -> ConfigView: ...

    async def groups(self) -> Mapping[str, Sequence[str]]:
        """Read the groups that are kept; gives the members of each by its name."""

    def groups_now(self) -> Sequence[Group]:
        """Give the groups read last, with the members they have at this moment."""

    async def add_group(self, name: str, hosts: Sequence[str], where: str) -> object:
        """Keep fixed hosts by name."""

    async def add_query(self, name: str, where: str) -> object:
        """Keep a live group by name."""

    async def rename_group(self, old: str, new: str) -> object:
        """Give a group another name, also in the queries that speak of it."""

    async def remove_group(self, name: str) -> object:
        """Forget a group."""

    async def ask_facts(self, where: Where) -> object:
        """Have hosts answer what a filter wants to know, unless they have lately."""

    async def run_command(
        self,
        command: str,
        hosts: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        plan: Plan = AT_ONCE,
    ) -> Sequence[RunRecord]:
        """Run a shell command on hosts; an inactive host gives a failed run with a reason."""

    async def run_task(
        self, task: RuntimeTask, hosts: Sequence[str], *, plan: Plan = AT_ONCE
    ) -> Sequence[RunRecord]:
        """Run a task of any steps on hosts."""

    async def open_shell(self, host: str, *, term: str, size: tuple[int, int]) -> Program:
        """Open a shell on a host, for a terminal."""

    async def task_of(self, task_id: int) -> tuple[RuntimeTask, Plan]:
        """Give the steps and the plan of a task that was run."""

    async def run_steps(self, run_id: str) -> Sequence[RunStep]:
        """Say how each step of a run stands, and where its output begins."""

    async def restart(self, task_id: int, hosts: Sequence[str]) -> list[RunRecord]:
        """Stop what runs of a task on hosts, and run it again there when it has ended."""

    async def run_again(self, task_id: int, hosts: Sequence[str]) -> Sequence[RunRecord]:
        """Run all steps of a task again."""

    async def history(self) -> Sequence[PastCommand]:
        """Give the distinct commands that were run, the newest first."""

    async def stop_run(self, run_id: str, signal: str) -> object:
        """Send INT, TERM or KILL to everything a run started."""

    async def stop_runs(self, run_ids: Sequence[str], signal: str) -> StopReport:
        """Send INT, TERM or KILL to everything that runs started, all at once."""

    async def forget(self, task_ids: Sequence[int]) -> int:
        """Remove tasks that are over from history, with their output; gives how many."""

    async def audit(self, limit: int) -> Sequence[AuditRecord]:
        """Give at most ``limit`` things that somebody did, newest first."""

    async def refresh(self, hosts: Sequence[str] | None) -> object:
        """Try the hosts again now; None means all of them."""

    def answer(self, question_id: str, choice_key: str) -> object:
        """Answer a question with the key of one of its choices."""

    def reply(
        self, question_id: str, texts: Sequence[str], *, remember: bool, share: bool
    ) -> object:
        """Answer a question with what was typed."""

    def later(self, question_id: str) -> object:
        """Let a question wait; its hosts hold nobody up meanwhile."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks of the screens, in seconds; tests hand in their own.

    ``monotonic`` counts on the scale of :attr:`RuntimeView.since`, ``epoch`` on that of the
    times in a :class:`~lazytui.core.model.RunRecord`.
    """

    monotonic: Callable[[], float] = time.monotonic
    epoch: Callable[[], float] = time.time


@dataclass(slots=True)
class Drafts:
    """What was typed and not sent yet, for the time when its sheet is opened again."""

    marked_hosts: tuple[str, ...] = ()
    """What is marked on Hosts, for screens that ask for hosts."""
    run: tuple[tuple[str, ...], Draft] | None = None
    """The fields of the Run sheet, and the hosts that it was opened for."""
    task: TaskDraft | None = None
    """What was in the task editor."""


@dataclass(frozen=True, slots=True)
class Residence:
    """An engine that lives in a process of its own, and goes on when this terminal leaves.

    Args:
        terminal: this one among those that are attached.
        stop: ends the engine's process as SIGTERM does: jobs go on at the hosts.
    """

    terminal: Attached
    stop: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Context:
    """All that a screen is made from."""

    engine: EngineView
    clock: Clock = field(default_factory=Clock)
    drafts: Drafts = field(default_factory=Drafts)
    hidden_columns: frozenset[str] = frozenset()
    residence: Residence | None = None
    """None: the engine lives in this process, and ends with it."""
    read_only: bool = False
    """The engine refuses what changes something; its keys are not shown."""
    folder: Path | None = None
    """Where the user of the terminal is; None for where this process is."""

    @property
    def others(self) -> int:
        """How many other terminals look at the same engine."""
        mine = self.residence.terminal if self.residence is not None else None
        return sum(terminal is not mine for terminal in self.engine.presence.terminals)
