"""What a client says first: who it is, what it wants, and where it stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from collections.abc import Mapping


class HelloError(LazytuiError):
    """What came first was no greeting of lazytui."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The greeting of a client, made by :func:`lazytui.pump.greeting.hello`.

    Args:
        kind: which handler it wants: ``screen``, ``command``, ``shell``, ``stop``.
        version: of the client's lazytui.
        config: absolute path of the ssh config whose engine it means.
        argv: its words, without the program's name and without ``-F FILE``.
        cwd: its working directory.
        environ: its environment, as far as :data:`lazytui.pump.greeting.ENVIRON` goes.
        size: columns and rows of its terminal.
        ttys: which of stdin, stdout and stderr are terminals.
        pid: of the client.
        can_stop: a shell would take the client up again after ``ctrl+z``.
    """

    kind: str
    version: str = ""
    config: str = ""
    argv: tuple[str, ...] = ()
    cwd: str = "/"
    environ: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (80, 24)
    ttys: tuple[bool, bool, bool] = (True, True, True)
    pid: int = 0
    can_stop: bool = False


def parse_hello(payload: bytes) -> Hello:
    """Read a greeting; members that are not known are left aside.

    Raises:
        HelloError: it is none.
    """
    try:
        said: dict[str, Any] = json.loads(payload)
        columns, rows = said["size"]
        stdin, stdout, stderr = said["ttys"]
        return Hello(
            kind=_text(said["kind"]),
            version=_text(said["version"]),
            config=_text(said["config"]),
            argv=tuple(map(_text, said["argv"])),
            cwd=_text(said["cwd"]),
            environ={_text(name): _text(value) for name, value in said["environ"].items()},
            size=(int(columns), int(rows)),
            ttys=(bool(stdin), bool(stdout), bool(stderr)),
            pid=int(said["pid"]),
            can_stop=bool(said.get("can_stop")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HelloError("what came first was no greeting of lazytui") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
