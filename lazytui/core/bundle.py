"""What the manager sends to a host to make it an agent: an exec line, then source text on stdin.

Nothing is installed there. The text is that of ``lazytui/remote/`` without comments and
docstrings; blank lines stay, so that a traceback from a host names the true file and line.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import lazytui.remote

if TYPE_CHECKING:
    from collections.abc import Mapping

# The modules of each part, in the order in which they import each other.
_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "metrics": ("metrics",),
        "checks": ("checks",),
        "listing": ("listing", "filing"),
        "ports": ("ports",),
        "jobs": ("process", "folder", "leader", "launch", "stream", "logout", "jobs"),
        "functions": ("functions",),
    }
)
_NURSERY = ("system", "agent", "process", "folder", "leader", "call", "nursery")

#: The parts that must be loaded before a part.
PARTS_BEFORE: Mapping[str, tuple[str, ...]] = MappingProxyType({"functions": ("jobs",)})

# The program of a transfer; it runs beside the agent, in a session of its own.
_MOVER = ("tree", "names", "records", "give", "take", "leftover", "mover")

#: Which part must be loaded (once per agent) before an operation can be asked for.
PART_OF_OP: Mapping[str, str | None] = MappingProxyType(
    {
        "ping": None,
        "load": None,
        "bye": None,
        "metrics": "metrics",
        "ports_free": "checks",
        "which": "checks",
        "probe": "checks",
        "folder": "listing",
        "file_rename": "listing",
        "file_remove": "listing",
        "file_read": "listing",
        "file_write": "listing",
        "ports_listening": "ports",
        "ports_session": "ports",
        "ports_end_session": "ports",
        "ports_connect": "ports",
        "job_start": "jobs",
        "job_follow": "jobs",
        "unfollow": "jobs",
        "credit": "jobs",
        "job_signal": "jobs",
        "job_status": "jobs",
        "job_list": "jobs",
        "job_forget": "jobs",
        "job_result": "jobs",
        "function_put": "functions",
        "function_start": "functions",
    }
)


def exec_line(python: str, size: int) -> str:
    """The command that turns a session into an agent.

    Args:
        python: the interpreter on the host, a name on its PATH or a path without blanks.
        size: length in bytes of the boot source, which follows on stdin.

    Every login shell takes it (sh, bash, dash, fish, csh): one pair of single quotes, and no
    dollar, exclamation mark or backslash. ``sh -s`` would not do: it reads ahead and loses bytes.
    """
    return f"exec {python} -I -S -c 'import sys;exec(sys.stdin.buffer.read({size}))'"


def boot_source(marker: bytes) -> bytes:
    """The source that the agent starts from; its first output will be ``marker``."""
    return b"MARKER=%r\n" % marker + _boot_body()


def mover_source(marker: bytes) -> bytes:
    """The source of the program that takes and gives files; it first writes ``marker``."""
    return b"MARKER=%r\n" % marker + _mover_body()


@functools.cache
def part_source(name: str) -> bytes:
    """The payload of ``load`` for a part.

    Raises:
        KeyError: there is no such part.
    """
    calls = [_module_call(module) for module in _PARTS[name]]
    lines = [*calls[:-1], f"part = {calls[-1]}"]
    if name == "functions":
        lines.append(f"part.NURSERY = {_nursery()!r}")
    return "\n".join([*lines, "part.install(agent)\n"]).encode("ascii")


def _nursery() -> bytes:
    """Give the program in whose forks functions are called; it brings its own cloudpickle.

    That of the host is never used: a pickle by value can be read only by the very version of
    cloudpickle that made it.
    """
    lines = [
        'MARKER = b""',
        strip(_text("boot")),
        *map(_module_call, _NURSERY[:-2]),
        *_package("cloudpickle"),
        _module_call("call"),
        f"{_module_call('nursery')}.main()\n",
    ]
    return "\n".join(lines).encode()


def _package(name: str) -> list[str]:
    """Give the lines that make a package of this manager where it is not installed."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (folder,) = spec.submodule_search_locations
    texts = {path.stem: path.read_text("utf-8") for path in Path(folder).glob("*.py")}
    init = texts.pop("__init__")
    lines = [f"{name} = type(sys)({name!r})", f"{name}.__path__ = []"]
    lines.append(f"sys.modules[{name!r}] = {name}")
    for module, text in sorted(texts.items()):
        full = f"{name}.{module}"
        lines += [
            f"sys.modules[{full!r}] = {name}.{module} = type(sys)({full!r})",
            f"{name}.{module}.__package__ = {name!r}",
            f"exec(compile({text!r}, {full!r}, 'exec'), {name}.{module}.__dict__)",
        ]
    lines.append(f"exec(compile({init!r}, {name!r}, 'exec'), {name}.__dict__)")
    return lines


@functools.cache
def _boot_body() -> bytes:
    # The agent's loop is text until the first request comes in: see `system.greet`.
    lines = [
        strip(_text("boot")),
        f"{_module_call('system')}.greet(MARKER)",
        f"{_module_call('agent')}.main(module)\n",
    ]
    return "\n".join(lines).encode("ascii")


@functools.cache
def _mover_body() -> bytes:
    lines = [strip(_text("boot")), *map(_module_call, _MOVER)]
    lines[-1] += ".main(MARKER)\n"
    return "\n".join(lines).encode("ascii")


def _module_call(name: str) -> str:
    return f"module({name!r}, {strip(_text(name))!r})"


def _text(name: str) -> str:
    return (Path(lazytui.remote.__path__[0]) / f"{name}.py").read_text("utf-8")


def strip(source: str) -> str:
    """Empty docstrings and cut comments; every line keeps its number.

    This relies on how ``remote/`` is written, which a test holds: a line that begins with three
    double quotes opens a docstring, and two blanks before a hash sign begin a comment.
    """
    kept: list[str] = []
    in_docstring = False
    for line in source.splitlines():
        text = line.strip()
        if in_docstring:
            in_docstring = not text.endswith('"""')
            kept.append("")
        elif text.startswith('"""'):
            in_docstring = not (len(text) > 3 and text.endswith('"""'))
            kept.append(line.partition('"')[0] + '""')  # a body must not become empty
        elif text.startswith("#"):
            kept.append("")
        else:
            kept.append(line.partition("  # ")[0].rstrip())
    return "\n".join(kept).rstrip() + "\n"
