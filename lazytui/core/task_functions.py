"""The functions that task files and command lines name, as steps.

Each is found and pickled in a process of its own, as that runs the module it is in.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lazytui.core.step import FunctionSpec
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lazytui.core.task_file import Functions, TaskDraft

PATIENCE_S = 120.0  # importing what a function needs may take long


async def functions_of(
    draft: TaskDraft, folder: Path, environ: Mapping[str, str] | None = None
) -> Functions:
    """Make the function steps of a task ahead; gives what then finds them for its ``task``.

    Args:
        draft: the task.
        folder: what files are relative to, and where modules are looked for first.
        environ: the environment of whoever wants it; by default that of this process.

    Raises:
        UsageError: a function cannot be found, or cannot be sent.
    """
    made: dict[tuple[str, str], FunctionSpec] = {}
    for step in draft.steps:
        if step.kind == "function" and step.text.strip():
            spec = await function_step(step.text, step.kwargs, folder, environ)
            made[step.text, repr(step.kwargs)] = spec
    return lambda name, kwargs, _folder: made[name, repr(kwargs)]


async def function_step(
    where: str, arguments: Mapping[str, Any], folder: Path, environ: Mapping[str, str] | None = None
) -> FunctionSpec:
    """Make the step that calls a function.

    Args:
        where: ``module:function`` or ``file.py:function``.
        arguments: its keyword arguments; what JSON can hold.
        folder: what a file is relative to, and where modules are looked for first.
        environ: the environment of whoever wants it; by default that of this process.

    Raises:
        UsageError: it cannot be found, or cannot be sent.
    """
    try:
        request = json.dumps({"where": where, "arguments": dict(arguments)}).encode("ascii")
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: its arguments cannot be written as JSON: {error}") from error
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lazytui.core.function_maker",
        cwd=folder,
        env=_with_ourselves(os.environ if environ is None else environ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer, said = await process.communicate(request)
    except TimeoutError:
        text = f"{where} could not be imported within {PATIENCE_S:g} s"
        raise UsageError(text) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    head, _, payload = answer.partition(b"\n")
    if not head:
        last = sanitize(said.decode("utf-8", "replace")).strip().rpartition("\n")[2]
        raise UsageError(f"{where} cannot be imported: {last or 'its process ended'}")
    reply = json.loads(head)
    if "error" in reply:
        raise UsageError(sanitize(str(reply["error"])))
    return replace(FunctionSpec.from_step(reply["step"]), payload=payload)


def _with_ourselves(environ: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which another process finds this lazytui and what it needs."""
    ours = [path for path in sys.path if path]
    theirs = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**environ, "PYTHONPATH": os.pathsep.join([*theirs, *ours])}
