"""What ``lazytui doctor`` looks at: each check gives what it found, and what to do about it.

Everything is only looked at: nothing is made, repaired or connected to but the engine's socket and
the ssh-agent.
"""

from __future__ import annotations

import os
import platform
import resource
import stat
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lazytui.commands.call import Call

FEW_FILES = 1024  # each host needs some; the engine raises the limit to the hard one
LITTLE_SPACE_BYTES = 1 << 30
PACKAGES = ("asyncssh", "textual", "ClusterShell", "cloudpickle")


class Health(StrEnum):
    """How something is."""

    FINE = "fine"
    ATTENTION = "attention"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Args:
        check: what was looked at, in a word or two.
        health: how it is.
        text: what was found; any text.
        advice: what to do about it; empty where nothing has to be done.
    """

    check: str
    health: Health
    text: str
    advice: str = ""


def findings(call: Call) -> list[Finding]:
    """Look at everything; a check that fails itself is a finding, too.

    Args:
        call: the command line: its environment, and the ssh config it means.
    """
    from lazytui.commands import doctor_state, doctor_system

    checks: tuple[Callable[[Call], Iterator[Finding]], ...] = (
        _program,
        doctor_system.engine,
        doctor_state.folders,
        doctor_state.journal,
        doctor_state.spool,
        doctor_state.settings,
        doctor_state.ssh_config,
        doctor_system.ssh_agent,
        _terminal,
        _environment,
        doctor_system.login,
        _limits,
    )
    found: list[Finding] = []
    for check in checks:
        try:
            found += check(call)
        except Exception as error:
            name = check.__name__.strip("_").replace("_", "-")
            text = f"cannot be looked at: {type(error).__name__}: {error}"
            found.append(Finding(name, Health.ATTENTION, text))
    return found


def mode_of(path: Path) -> tuple[Health, str, str]:
    """Judge owner and rights of a file or folder that is to be the user's alone.

    Returns:
        How it is, what is wrong, and what to do; empty texts when all is well.

    Raises:
        OSError: it cannot be looked at.
    """
    found = path.stat()
    if found.st_uid != os.getuid():
        return Health.BROKEN, f"belongs to another user (uid {found.st_uid})", f"chown it: {path}"
    mode = stat.S_IMODE(found.st_mode)
    wanted = "700" if stat.S_ISDIR(found.st_mode) else "600"
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Health.BROKEN, f"can be written by others ({mode:o})", f"chmod {wanted} {path}"
    if mode & 0o077:
        return Health.ATTENTION, f"can be read by others ({mode:o})", f"chmod {wanted} {path}"
    return Health.FINE, "", ""


def _program(_call: Call) -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    yield Finding("lazytui", Health.FINE, f"{__version__}, {Path(__file__).parents[1]}")
    python = f"{platform.python_version()}, {sys.executable}, {platform.platform(terse=True)}"
    yield Finding("python", Health.FINE, python)
    texts = []
    for package in PACKAGES:
        try:
            texts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            again = "install lazytui again, for example: pip install --force-reinstall lazytui"
            yield Finding("packages", Health.BROKEN, f"{package} is missing", again)
    yield Finding("packages", Health.FINE, ", ".join(texts))


def _terminal(call: Call) -> Iterator[Finding]:
    environ = call.environ
    term = environ.get("TERM", "")
    if not call.stdout.is_terminal:
        yield Finding("terminal", Health.FINE, "none: stdout is a file or a pipe")
        return
    if term in ("", "dumb", "unknown"):
        advice = "set TERM to what it is, such as xterm-256color; commands work as they are"
        yield Finding("terminal", Health.ATTENTION, f"TERM is '{term}': no screen", advice)
        return
    words = [term, "24-bit colour" if environ.get("COLORTERM") else "colours as TERM says"]
    words += ["in tmux"] if environ.get("TMUX") else []
    words += ["over ssh"] if environ.get("SSH_CONNECTION") else []
    yield Finding("terminal", Health.FINE, ", ".join(words))
    if not _speaks_utf8(environ):
        advice = "export LANG=C.UTF-8, or use --ascii"
        yield Finding("locale", Health.ATTENTION, "no UTF-8: symbols are drawn in ASCII", advice)


def _speaks_utf8(environ: Mapping[str, str]) -> bool:
    named = next((v for n in ("LC_ALL", "LC_CTYPE", "LANG") if (v := environ.get(n))), "")
    return "utf8" in named.lower().replace("-", "")


def _environment(call: Call) -> Iterator[Finding]:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        value = call.environ.get(name, "")
        if value and not Path(value).is_absolute():
            text = f"{name}={value} is relative, and so not used"
            yield Finding("environment", Health.ATTENTION, text, "give an absolute path")
    own = sorted(name for name in call.environ if name.startswith("LAZYTUI_"))
    if own:
        yield Finding("environment", Health.FINE, f"settings from variables: {', '.join(own)}")


def _limits(_call: Call) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= FEW_FILES:
        advice = "more than about 300 hosts need more: see limits.conf(5)"
        yield Finding("open files", Health.ATTENTION, f"at most {hard}", advice)
    else:
        count = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
        yield Finding("open files", Health.FINE, f"at most {count}")
