"""What the manager sends to a host to make it an agent: an exec line, then source text on stdin.

Nothing is installed there. The text is that of ``lazytui/remote/`` without comments and
docstrings; blank lines stay, so that a traceback from a host names the true file and line.
"""

from __future__ import annotations

import functools
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
        "ports": ("ports",),
        "jobs": ("process", "folder", "leader", "launch", "stream", "jobs"),
    }
)

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


@functools.cache
def part_source(name: str) -> bytes:
    """The payload of ``load`` for a part.

    Raises:
        KeyError: there is no such part.
    """
    modules = _PARTS[name]
    calls = [_module_call(module) for module in modules]
    return "\n".join([*calls[:-1], f"{calls[-1]}.install(agent)\n"]).encode("ascii")


@functools.cache
def _boot_body() -> bytes:
    # The agent's loop is text until the first request comes in: see `system.greet`.
    lines = [
        strip(_text("boot")),
        f"{_module_call('system')}.greet(MARKER)",
        f"{_module_call('agent')}.main(module)\n",
    ]
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
