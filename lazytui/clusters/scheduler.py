"""What a Dask scheduler tells of its workers: JSON over HTTP, without Dask in this process."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazytui.clusters.dask_master import WORK_PATH
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_S = 5.0
LARGEST = 32 << 20  # bytes of an answer: 1,000 workers take 1 MB


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What the scheduler knows of one worker; see :class:`ClusterWorker`.

    ``place`` is its folder, which no other worker has, also not a later one by the same address.
    """

    place: str
    threads: int
    memory: int | None
    memory_limit: int | None
    cpu: float | None
    doing: str
    seen_at: float | None


@dataclass(frozen=True, slots=True)
class SchedulerFacts:
    """What the scheduler knows.

    Args:
        workers: by their addresses.
        tasks: how many wait or run; None while it does not tell.
    """

    workers: Mapping[str, WorkerFacts]
    tasks: int | None


async def ask_scheduler(port: int) -> SchedulerFacts:
    """Ask a scheduler.

    Args:
        port: of its dashboard, on this machine.

    Raises:
        OSError, ValueError: it does not answer, or not as a scheduler does.
    """
    try:
        return await _ask(port)
    except (OverflowError, RecursionError) as error:  # numbers and depths that JSON allows
        raise ValueError(f"what no scheduler answers: {error}") from error


async def _ask(port: int) -> SchedulerFacts:
    identity, work = await asyncio.gather(_get(port, "/json/identity.json"), _get(port, WORK_PATH))
    workers = identity.get("workers")
    if not isinstance(workers, dict):
        raise ValueError("no workers in the answer of the scheduler")
    return SchedulerFacts(
        {str(address): _worker(facts) for address, facts in workers.items()},
        _number(work.get("tasks")),
    )


async def _get(port: int, path: str) -> dict[str, Any]:
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LARGEST)
        try:
            # HTTP 1.0: the answer ends with the connection.
            writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read(LARGEST)
            while len(body) < LARGEST and (piece := await reader.read(LARGEST - len(body))):
                body += piece
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ValueError(f"{path}: no answer of a scheduler") from error
        finally:
            writer.close()
    status, _, _ = head.partition(b"\r\n")
    if b" 200 " not in status + b" ":
        raise ValueError(f"{path}: {sanitize(status)}")
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise ValueError(f"{path}: no object")
    return answer


def _worker(facts: object) -> WorkerFacts:
    known = facts if isinstance(facts, dict) else {}
    metrics = known.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    seen = known.get("last_seen")
    cpu = metrics.get("cpu")
    return WorkerFacts(
        place=str(known.get("local_directory")),
        threads=_number(known.get("nthreads")) or 0,
        memory=_number(metrics.get("memory")),
        memory_limit=_number(known.get("memory_limit")) or None,
        cpu=float(cpu) if isinstance(cpu, int | float) else None,
        doing=_doing(known.get("status"), metrics.get("task_counts")),
        seen_at=float(seen) if isinstance(seen, int | float) else None,
    )


def _doing(status: object, counts: object) -> str:
    if status not in (None, "running"):
        return sanitize(str(status), max_chars=30)
    running = _number(counts.get("executing")) if isinstance(counts, dict) else None
    if not running:
        return "idle"
    return f"{running} {'task' if running == 1 else 'tasks'}"


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
