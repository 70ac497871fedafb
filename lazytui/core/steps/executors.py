"""Who does the steps of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.step import CommandSpec, FunctionSpec, GetSpec, SendSpec
from lazytui.core.steps.command import CommandWork
from lazytui.core.steps.function import FunctionWork
from lazytui.core.steps.job import JobExecutor
from lazytui.core.transfer.executor import TransferExecutor

if TYPE_CHECKING:
    from lazytui.core.payloads import Payloads
    from lazytui.core.steps.stage import Executor, Stage
    from lazytui.core.transfer.progress import Transfers


def executors(stage: Stage, payloads: Payloads, transfers: Transfers) -> dict[str, Executor]:
    """Make the executors of an engine, by the kind of their steps."""
    files = TransferExecutor(stage, transfers)
    return {
        CommandSpec.kind: JobExecutor(stage, CommandWork()),
        FunctionSpec.kind: JobExecutor(stage, FunctionWork(stage, payloads)),
        SendSpec.kind: files,
        GetSpec.kind: files,
    }
