"""Versions of Python and of what Dask sends by: they must be the same on all hosts."""

from __future__ import annotations

import ast
import shlex
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from lazytui.core.script import asking
from lazytui.core.script.together import each
from lazytui.errors import MasterStartError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.runtime import Runtime
    from lazytui.core.script.runtime import ScriptRuntime

PACKAGES = ("dask", "distributed", "cloudpickle", "msgpack")

_ASK = """
import sys
try:
    from importlib import metadata
except ImportError:
    metadata = None
found = {"python": "%d.%d" % sys.version_info[:2]}
for name in NAMES:
    try:
        found[name] = metadata.version(name)
    except Exception:
        found[name] = ""
print("versions", sorted(found.items()))
"""


def versions_here() -> dict[str, str]:
    """Give the versions on the manager; of what is not installed, an empty one."""
    found = {"python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return found


def missing_here(here: dict[str, str]) -> str:
    """Say what the manager lacks, and how to get it; empty when it has all."""
    missing = [name for name in PACKAGES if not here[name]]
    return (
        f"this machine has no {', '.join(missing)}: pip install 'lazytui[dask]'" if missing else ""
    )


async def versions_on(runtime: Runtime, python: str) -> dict[str, str]:
    """Give the versions on a host; nothing when that Python is not there.

    Raises:
        InvalidRuntimeError: the host cannot be asked.
    """
    program = _ASK.replace("NAMES", repr(PACKAGES))
    command = f"{shlex.quote(python)} -c {shlex.quote(program)}"
    said = await asking.shell(runtime, command)
    pairs = said.rpartition("versions ")[2]
    try:
        return {
            str(name): sanitize(str(version), max_chars=40)
            for name, version in ast.literal_eval(pairs.strip())
        }
    except (ValueError, SyntaxError, TypeError):
        return {}


async def check_versions(runtimes: Sequence[ScriptRuntime], python: str) -> None:
    """See that all hosts have what is here.

    Raises:
        MasterStartError: not; it names hosts and versions, and what to install.
        InvalidRuntimeError: a host cannot be asked.
    """
    here = versions_here()
    if missing := missing_here(here):
        raise MasterStartError(missing)
    connected = await each(runtimes, lambda member: member.connected())
    answers = await each(connected, lambda member: versions_on(member, python))
    problems = [
        f"{member.host}: {problem}"
        for member, found in zip(runtimes, answers, strict=True)
        if (problem := mismatch(here, found, python))
    ]
    if problems:
        raise MasterStartError("Dask was not started. " + "\n".join(problems))


def mismatch(here: dict[str, str], there: dict[str, str], python: str) -> str:
    """Say what a host lacks, and how to get it; empty when it has all."""
    if not there:
        return f"there is no {python} to run a worker with"
    if there["python"] != here["python"]:
        return f"Python {there['python']}, but {here['python']} here"
    other = [name for name in PACKAGES if there.get(name) != here[name]]
    if not other:
        return ""
    words = ", ".join(
        f"{name} {there[name]}, but {here[name]} here" if there.get(name) else f"no {name}"
        for name in other
    )
    wanted = " ".join(f"{name}=={here[name]}" for name in other)
    return f"{words}: {python} -m pip install {wanted}"
