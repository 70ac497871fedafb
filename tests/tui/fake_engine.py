"""A small engine in memory, with the shape the screens know (lazytui/tui/context.py)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lazytui.core.events import (
    EventBus,
    ExposureChanged,
    GroupsChanged,
    OutputGrew,
    QuestionsChanged,
    RunChanged,
    RuntimeChanged,
)
from lazytui.core.exposure_model import (
    Exposure,
    ExposureRow,
    ExposureState,
    Suggestion,
    TestResult,
)
from lazytui.core.files import Contents, File, FileChangedError, Folder, Removed
from lazytui.core.groups import Group, evaluate, group_name
from lazytui.core.journal_db import GroupRecord
from lazytui.core.model import (
    GpuMetrics,
    HostState,
    Metrics,
    RunRecord,
    RunState,
    RuntimeInfo,
)
from lazytui.core.needs import Needs
from lazytui.core.plan import Plan
from lazytui.core.presence import Presence
from lazytui.core.series import Series
from lazytui.core.stops import StopReport
from lazytui.core.task import RuntimeTask
from lazytui.core.transfer.progress import Transfers
from lazytui.errors import TransferError
from lazytui.ssh.credentials import Field
from lazytui.tui.context import Clock
from tests.tui.fake_clusters import FakeClusters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lazytui.core.audit import AuditRecord
    from lazytui.core.exposure_model import ExposureSpec
    from lazytui.core.history import PastCommand
    from lazytui.core.host_edits import HostEdits
    from lazytui.core.probes import Probe
    from lazytui.core.run_steps import RunStep
    from lazytui.core.where import Where

GIB = 1 << 30
NOW = 1_000_000.0  # both clocks of the tests stand still here
STOPPED_CLOCK = Clock(monotonic=lambda: NOW, epoch=lambda: NOW)


@dataclass(frozen=True)
class FakeEntry:
    path: str
    line: int


@dataclass(frozen=True)
class FakeConfig:
    files: Sequence[tuple[str, ...]] = (("/home/ana/.ssh/config",),)
    skipped_patterns: Sequence[str] = ()


@dataclass
class FakeRuntime:
    host: str
    state: HostState = HostState.ACTIVE
    reason: str = ""
    info: RuntimeInfo | None = None
    metrics: Metrics | None = None
    cpu_history: Sequence[float] = ()
    latency_ms: float | None = None
    alive_runs: int = 0
    since: float = NOW
    entry: FakeEntry | None = None
    address: str = ""
    question: FakeQuestion | None = None
    next_s: float | None = None
    last_s: float | None = None
    series: Series = field(default_factory=Series)
    error_kind: str = ""
    attempts: int = 0
    jumps: Sequence[str] = ()
    log: Sequence[str] = ()
    answers: dict[Probe, bool] = field(default_factory=dict)

    def tags(self) -> Sequence[str]:
        return ()

    def answer(self, probe: Probe) -> bool | None:
        return self.answers.get(probe)

    def next_try_s(self) -> float | None:
        return self.next_s

    def last_try_s(self) -> float | None:
        return self.last_s


@dataclass(frozen=True)
class FakeQuestion:
    id: str
    host: str
    title: str
    lines: tuple[str, ...]
    choices: tuple[tuple[str, str], ...] = ()
    kind: str = "hostkey"
    fields: tuple[Field, ...] = ()
    user: str = ""
    lasting: bool = False
    waiting: frozenset[str] = frozenset()
    summary: str = "asks a question"


class FakeFiles:
    """Folders by host and path; whoever asks for another is told that it is not there."""

    def __init__(self) -> None:
        self.folders: dict[tuple[str | None, str], Folder] = {}
        self.made: list[tuple[str | None, str]] = []
        self.asked: list[tuple[object, ...]] = []
        self.texts: dict[tuple[str | None, str], bytes] = {}
        self.problems: tuple[str, ...] = ()

    def add(self, host: str | None, path: str, *files: File) -> None:
        self.folders[host, path] = Folder(path, files, 0, 210 * GIB, 2048 * GIB)

    async def look(self, host: str | None, path: str, *, make: bool = False) -> Folder:
        if make:
            self.made.append((host, path))
            self.add(host, path)
        if (host, path) not in self.folders:
            raise TransferError(f"{host}:{path}: No such file or directory")
        return self.folders[host, path]

    async def rename(self, host: str | None, path: str, to: str) -> None:
        self.asked.append(("rename", host, path, to))

    async def remove(self, host: str | None, paths: Sequence[str]) -> Removed:
        self.asked.append(("remove", host, *paths))
        return Removed(len(paths), self.problems, 0)

    async def read(self, host: str | None, path: str, offset: int, size: int) -> Contents:
        whole = self.texts[host, path]
        return Contents(whole[offset : offset + size], len(whole), {"size": len(whole)})

    async def fetch(self, host: str | None, path: str, most: int) -> Contents:
        return await self.read(host, path, 0, most)

    async def replace(
        self, host: str | None, path: str, data: bytes, seen: Mapping[str, int] | None
    ) -> None:
        if seen is not None and seen != {"size": len(self.texts[host, path])}:
            raise FileChangedError(f"{host}:{path}: it was changed there meanwhile")
        self.asked.append(("replace", host, path, data))
        self.texts[host, path] = data


class FakeExposures:
    """Exposures by number; what is added is on at once."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.by_id: dict[int, Exposure] = {}
        self.error: Exception | None = None
        self.listening: list[Suggestion] = []

    def put(self, spec: ExposureSpec, state: ExposureState, **facts: object) -> Exposure:
        spec = replace(spec, id=spec.id or len(self.by_id) + 1)
        hosts = () if state is ExposureState.OFF else spec.targets or ("",)
        rows = [
            ExposureRow(host, each.service, each.port, state, address=spec.bind)
            for host in hosts
            for each in spec.services
        ]
        made = Exposure(spec, tuple(replace(row, **facts) for row in rows))  # type: ignore[arg-type]
        self.by_id[spec.id] = made
        self._engine.events.publish(ExposureChanged(spec.id))
        return made

    def all(self) -> list[Exposure]:
        return list(self.by_id.values())

    async def load(self) -> None:
        pass

    async def add(self, spec: ExposureSpec, choices: Sequence[int] | None = None) -> Exposure:
        self._engine.asked.append(("expose", spec, choices))
        if self.error:
            raise self.error
        return self.put(spec, ExposureState.ON)

    async def change(
        self, number: int, spec: ExposureSpec, choices: Sequence[int] | None = None
    ) -> Exposure:
        self._engine.asked.append(("change", number, spec, choices))
        if self.error:
            raise self.error
        return self.put(replace(spec, id=number), self.by_id[number].state)

    async def remove(self, number: int) -> None:
        self._engine.asked.append(("unexpose", number))
        del self.by_id[number]
        self._engine.events.publish(ExposureChanged(number))

    async def start(self, number: int) -> None:
        self.put(self.by_id[number].spec, ExposureState.ON)

    async def restart(self, number: int) -> None:
        self._engine.asked.append(("restart", number))
        self.put(self.by_id[number].spec, ExposureState.ON)

    async def stop(self, number: int) -> None:
        self.put(self.by_id[number].spec, ExposureState.OFF)

    async def set_auto(self, number: int, auto: bool) -> None:
        shown = self.by_id[number]
        self.by_id[number] = replace(shown, spec=replace(shown.spec, auto=auto))
        self._engine.events.publish(ExposureChanged(number))

    async def test(self, number: int) -> list[TestResult]:
        rows = self.by_id[number].rows
        return [TestResult(row.host, row.port, True, 12.0) for row in rows]

    async def suggestions(self, host: str) -> list[Suggestion]:
        return self.listening


class FakeRuns:
    def __init__(self) -> None:
        self.by_id: dict[str, RunRecord] = {}

    def records(self, limit: int) -> list[RunRecord]:
        return list(reversed(self.by_id.values()))[:limit]

    def get(self, run_id: str) -> RunRecord:
        return self.by_id[run_id]

    def next_signal(self, record: RunRecord) -> str:
        return "KILL" if record.reason.startswith("stopping") else "INT"


@dataclass
class FakeEngine:
    """Keeps what it was asked in ``asked``; tests change its facts and publish."""

    spool_dir: Path | None = None
    config_path: str = "~/.ssh/config"
    problems: Sequence[object] = ()
    questions: list[FakeQuestion] = field(default_factory=list)
    runtimes: dict[str, FakeRuntime] = field(default_factory=dict)
    runs: FakeRuns = field(default_factory=FakeRuns)
    events: EventBus = field(default_factory=EventBus)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    error: Exception | None = None
    deeds: list[AuditRecord] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)
    steps: dict[int, Sequence[Mapping[str, object]]] = field(default_factory=dict)
    run_steps_of: dict[str, list[RunStep]] = field(default_factory=dict)
    past: list[PastCommand] = field(default_factory=list)
    config: FakeConfig = FakeConfig()
    members: dict[str, list[str]] = field(default_factory=dict)
    queries: dict[str, str] = field(default_factory=dict)
    host_edits: HostEdits | None = None

    @cached_property
    def files(self) -> FakeFiles:
        return FakeFiles()

    @cached_property
    def exposures(self) -> FakeExposures:
        return FakeExposures(self)

    @cached_property
    def clusters(self) -> FakeClusters:
        return FakeClusters(self)

    @cached_property
    def transfers(self) -> Transfers:
        return Transfers(self.events)

    @cached_property
    def needs(self) -> Needs:
        return Needs(self.events)

    @cached_property
    def presence(self) -> Presence:
        return Presence(self.events)

    # What the screens ask

    async def groups(self) -> dict[str, list[str]]:
        return {group.name: list(group.hosts) for group in self.groups_now()}

    def groups_now(self) -> list[Group]:
        records = [GroupRecord(name, "", tuple(m), NOW) for name, m in self.members.items()]
        records += [GroupRecord(name, where, None, NOW) for name, where in self.queries.items()]
        records.sort(key=lambda record: record.name)
        return evaluate(records, list(self.runtimes.values()))

    async def add_group(self, name: str, hosts: Sequence[str], where: str) -> None:
        self.asked.append(("add_group", name, tuple(hosts), where))
        self.members[group_name(name)] = list(hosts)
        self.queries.pop(name, None)
        self.events.publish(GroupsChanged())

    async def add_query(self, name: str, where: str) -> None:
        self.asked.append(("add_query", name, where))
        self.queries[group_name(name)] = where
        self.members.pop(name, None)
        self.events.publish(GroupsChanged())

    async def rename_group(self, old: str, new: str) -> None:
        self.asked.append(("rename_group", old, new))
        for kept in (self.members, self.queries):
            if old in kept:
                kept[group_name(new)] = kept.pop(old)
        self.events.publish(GroupsChanged())

    async def remove_group(self, name: str) -> None:
        self.asked.append(("remove_group", name))
        self.members.pop(name, None)
        self.queries.pop(name, None)
        self.events.publish(GroupsChanged())

    async def ask_facts(self, where: Where) -> None:
        self.asked.append(("ask_facts", where.text))

    async def run_command(
        self, command: str, hosts: Sequence[str], **options: object
    ) -> list[RunRecord]:
        self.asked.append(("run_command", command, tuple(hosts), *([options] if options else [])))
        if self.error:
            raise self.error
        return [self.add_run(host, command, publish=True) for host in hosts]

    async def run_task(
        self, task: RuntimeTask, hosts: Sequence[str], **options: object
    ) -> list[RunRecord]:
        self.asked.append(("run_task", task.title, tuple(hosts), options))
        if self.error:
            raise self.error
        return [self.add_run(host, task.title, publish=True) for host in hosts]

    async def task_of(self, task_id: int) -> tuple[RuntimeTask, Plan]:
        record = next(r for r in self.runs.by_id.values() if r.task_id == task_id)
        known = self.steps.get(task_id)
        if known is not None:
            return RuntimeTask.from_steps(known), Plan()
        return RuntimeTask(record.name).run_command(record.command), Plan()

    async def run_steps(self, run_id: str) -> list[RunStep]:
        return self.run_steps_of.get(run_id, [])

    async def restart(self, task_id: int, hosts: Sequence[str]) -> list[RunRecord]:
        self.asked.append(("restart", task_id, tuple(hosts)))
        return []

    async def run_again(self, task_id: int, hosts: Sequence[str]) -> list[RunRecord]:
        self.asked.append(("run_again", task_id, tuple(hosts)))
        record = next(r for r in self.runs.by_id.values() if r.task_id == task_id)
        return [self.add_run(host, record.command, publish=True) for host in hosts]

    async def history(self) -> list[PastCommand]:
        return self.past

    async def stop_run(self, run_id: str, signal: str) -> None:
        self.asked.append(("stop_run", run_id, signal))

    async def stop_runs(self, run_ids: Sequence[str], signal: str) -> StopReport:
        self.asked += [("stop_run", run_id, signal) for run_id in run_ids]
        if self.error:
            raise self.error
        return StopReport(signal, {"sent": len(run_ids)}, self.troubles)

    async def forget(self, task_ids: Sequence[int]) -> int:
        self.asked.append(("forget", tuple(task_ids)))
        gone = [r for r in self.runs.by_id.values() if r.task_id in task_ids]
        for record in gone:
            del self.runs.by_id[record.run_id]
            self.events.publish(RunChanged(record.run_id, record.task_id))
        return len(task_ids)

    async def audit(self, limit: int) -> list[AuditRecord]:
        return self.deeds[::-1][:limit]

    async def refresh(self, hosts: Sequence[str] | None) -> None:
        self.asked.append(("refresh", tuple(hosts) if hosts is not None else None))

    def answer(self, question_id: str, choice_key: str) -> None:
        self.asked.append(("answer", question_id, choice_key))
        self.questions = [q for q in self.questions if q.id != question_id]
        self.events.publish(QuestionsChanged())

    def reply(self, question_id: str, texts: Sequence[str], *, remember: bool, share: bool) -> None:
        self.asked.append(("reply", question_id, tuple(texts), remember, share))
        self.questions = [q for q in self.questions if q.id != question_id]
        self.events.publish(QuestionsChanged())

    def later(self, question_id: str) -> None:
        self.asked.append(("later", question_id))

    # What tests do to it

    def add(self, runtime: FakeRuntime) -> FakeRuntime:
        self.runtimes[runtime.host] = runtime
        return runtime

    def change(self, host: str, **facts: object) -> None:
        for name, value in facts.items():
            setattr(self.runtimes[host], name, value)
        self.events.publish(RuntimeChanged(host))

    def add_run(
        self,
        host: str,
        command: str,
        *,
        state: RunState = RunState.RUNNING,
        exit_status: int | None = None,
        reason: str = "",
        ago: float = 0.0,
        took: float | None = None,
        output: bytes = b"",
        publish: bool = False,
    ) -> RunRecord:
        number = len(self.runs.by_id) + 1
        run_id = f"{number:032x}"
        spool = ""
        if self.spool_dir is not None:
            path = self.spool_dir / f"{run_id}.log"
            path.write_bytes(output)
            spool = str(path)
        started = None if state is RunState.QUEUED else NOW - ago
        ended = None if took is None or started is None else started + took
        record = RunRecord(
            run_id, number, command, command, host, state, exit_status, reason, NOW - ago,
            started, ended, spool,
        )  # fmt: skip
        self.runs.by_id[run_id] = record
        if publish:
            self.events.publish(RunChanged(run_id, number))
        return record

    def add_task(
        self,
        command: str,
        states: Sequence[tuple[str, RunState]],
        *,
        ago: float = 60.0,
        took: float = 4.0,
        exit_status: int | None = None,
        reason: str = "",
        output: bytes = b"",
    ) -> int:
        """Add a task with a run on each host, in the given states; give its number."""
        number = max((r.task_id for r in self.runs.by_id.values()), default=0) + 1
        for place, (host, state) in enumerate(states):
            run_id = f"{number:016x}{place:016x}"
            spool = ""
            if self.spool_dir is not None:
                path = self.spool_dir / f"{run_id}.log"
                path.write_bytes(output)
                spool = str(path)
            started = None if state is RunState.QUEUED else NOW - ago
            status = 0 if state is RunState.SUCCEEDED else exit_status if state.is_final else None
            self.runs.by_id[run_id] = RunRecord(
                run_id, number, command, command, host, state, status,
                reason if state in (RunState.FAILED, RunState.LOST) else "", NOW - ago, started,
                NOW - ago + took if state.is_final else None, spool,
            )  # fmt: skip
        return number

    def change_run(self, run_id: str, **facts: object) -> None:
        record = replace(self.runs.by_id[run_id], **facts)  # type: ignore[arg-type]
        self.runs.by_id[run_id] = record
        self.events.publish(RunChanged(run_id, record.task_id))

    def write(self, run_id: str, output: bytes) -> None:
        with open(self.runs.get(run_id).spool, "ab") as spool:
            spool.write(output)
            size = spool.tell()
        self.events.publish(OutputGrew(run_id, size))

    def ask(self, question: FakeQuestion) -> None:
        self.questions.append(question)
        for host in {question.host, *question.waiting}:
            self.runtimes[host].question = question
        self.events.publish(QuestionsChanged())
        self.events.publish(RuntimeChanged(question.host))


def metrics(
    cpu: float,
    memory: float = 0.2,
    *,
    disk: float = 0.4,
    gpus: Sequence[tuple[float, float]] = (),
) -> Metrics:
    """Give a sample; shares are 0 to 1, a GPU is its load and its filling."""
    return Metrics(
        at=NOW,
        cpu=cpu,
        load1=cpu * 8,
        memory_used=round(64 * GIB * memory),
        memory_total=64 * GIB,
        disk_used=round(900 * GIB * disk),
        disk_total=900 * GIB,
        net_in=3_100_000.0 * cpu,
        net_out=210_000.0 * cpu,
        gpus=tuple(
            GpuMetrics("A100", load, round(40 * GIB * full), 40 * GIB) for load, full in gpus
        ),
    )


def up(
    host: str, cpu: float, memory: float, disk: float, *gpus: tuple[float, float]
) -> FakeRuntime:
    """Give a host that is up, with a plausible history."""
    wave = (0.8, 1.0, 0.7, 1.1, 0.9, 1.2, 1.0, 1.0) * 4
    series = Series()
    for w in wave:
        loads = [(min(1.0, load * w), full) for load, full in gpus]
        series.add(metrics(min(1.0, cpu * w), memory, disk=disk, gpus=loads))
    return FakeRuntime(
        host,
        series=series,
        info=RuntimeInfo("Ubuntu 22.04.4 LTS", 8, 64 * GIB, "3.11.7", ("A100 40G",) * len(gpus)),
        metrics=metrics(cpu, memory, disk=disk, gpus=gpus),
        cpu_history=[min(1.0, cpu * w) for w in wave],
        latency_ms=38.0,
        since=NOW - 7200,
        entry=FakeEntry("~/.ssh/config", 12),
        address=f"ana@{host}.lab:22",
    )


def lab(spool_dir: Path | None = None) -> FakeEngine:
    """Give a small lab in which every state is to be seen."""
    engine = FakeEngine(spool_dir=spool_dir)
    engine.add(up("gpu01", 0.71, 0.41, 0.62, (0.98, 0.95), (0.95, 0.95), (0.91, 0.9), (0.88, 0.9)))
    engine.add(up("gpu02", 0.12, 0.18, 0.40, (0.88, 0.7), (0.0, 0.0), (0.0, 0.0), (0.01, 0.0)))
    engine.add(up("gpu03", 0.19, 0.22, 0.91, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)))
    stale = engine.add(up("gpu04", 0.3, 0.2, 0.5, (0.1, 0.1), (0.1, 0.1)))
    stale.state, stale.reason, stale.since = HostState.STALE, "no answer, reconnecting", NOW - 130
    engine.add(up("cpu01", 0.04, 0.09, 0.33))
    engine.add(up("cpu02", 0.93, 0.88, 0.35))
    engine.add(up("bastion", 0.01, 0.30, 0.70))
    engine.add(FakeRuntime("cpu03", HostState.CONNECTING, "connecting via bastion"))
    engine.add(
        FakeRuntime(
            "node07",
            HostState.INACTIVE,
            "no answer in 5 s",
            since=NOW - 2460,
            next_s=40.0,
            last_s=12.0,
            attempts=3,
            error_kind="timeout",
            jumps=("bastion",),
            log=(
                "14:43:20 via bastion",
                "14:43:20 10.0.3.7:22",
                "14:43:25 no answer in 5 s",
            ),
            entry=FakeEntry("~/.ssh/config", 41),
            address="root@10.0.3.7:22",
        )
    )
    engine.add(
        FakeRuntime("old01", HostState.INACTIVE, "no Python >= 3.6: found 2.7", since=NOW - 9000)
    )
    engine.add(FakeRuntime("db01", HostState.INACTIVE, "unknown host key"))
    engine.ask(host_key_question("db01"))
    return engine


def host_key_question(host: str) -> FakeQuestion:
    return FakeQuestion(
        f"q-{host}",
        host,
        f"Is this really {host}?",
        (
            f"Nobody has connected to {host} (10.0.3.9:22) from here before.",
            "Its key is  ED25519  SHA256:3gk0b6pF1Zr0pYk2q7fXx1mJr6m9Wc0d8w2o9d1s0hE",
        ),
        (("a", "accept and remember"), ("o", "accept this time"), ("n", "no, do not connect")),
    )


def password_question(host: str, user: str = "ana") -> FakeQuestion:
    return FakeQuestion(
        f"q-{host}",
        host,
        f"{user}'s password on {host}",
        (f"logging in as {user} on 10.0.3.9:22",),
        kind="password",
        fields=(Field("Password"),),
        user=user,
        lasting=True,
        waiting=frozenset({host}),
        summary="asks for a password",
    )


def code_question(host: str) -> FakeQuestion:
    return FakeQuestion(
        f"q-{host}",
        host,
        f"{host} asks",
        ("“Look at your token”", "logging in as ana on 10.0.3.9:22"),
        kind="keyboard",
        fields=(Field("Verification code"), Field("Team", echo=True)),
        waiting=frozenset({host}),
        summary="asks for a code",
    )


def passphrase_question(*hosts: str) -> FakeQuestion:
    return FakeQuestion(
        "q-key",
        hosts[0],
        "Passphrase of id_ed25519",
        ("/home/ana/.ssh/id_ed25519",),
        kind="passphrase",
        fields=(Field("Passphrase"),),
        lasting=True,
        waiting=frozenset(hosts),
        summary="asks for a passphrase",
    )


def with_runs(engine: FakeEngine) -> FakeEngine:
    """Add runs in every state, the newest last."""
    train = b"epoch 1 loss 0.91\nepoch 2 loss 0.64\nepoch 3 loss 0.48\nepoch 4 loss 0.412\n"
    engine.add_run("gpu04", "make bench", state=RunState.LOST, reason="host was rebooted", ago=9000)
    engine.add_run(
        "cpu01", "df -h /data", state=RunState.SUCCEEDED, exit_status=0, ago=4000, took=0.3
    )
    engine.add_run("node07", "uptime", state=RunState.FAILED, reason="no answer in 5 s", ago=3000)
    engine.add_run(
        "cpu02", "make -j8 all", state=RunState.FAILED, exit_status=2, ago=2000, took=191
    )
    engine.add_run(
        "gpu02", "sleep 600", state=RunState.CANCELLED, exit_status=130, ago=900, took=61
    )
    engine.add_run("gpu01", "python train.py --lr 3e-4", ago=8047, output=train)
    engine.add_run("gpu03", "python eval.py", state=RunState.QUEUED)
    engine.runtimes["gpu01"].alive_runs = 1
    return engine
