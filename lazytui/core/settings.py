"""The settings a user may change, each with a default; a mistake costs only itself.

They come from ``config.toml`` and, for tests and scripts, from the environment:
``LAZYTUI_CONNECT_TIMEOUT_S=0.5`` overrides ``timeout_s`` of ``[connect]``.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from lazytui.core.paths import config_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_Section = TypeVar(
    "_Section",
    bound="ConnectSettings | MetricsSettings | RunSettings | ScreenSettings | EngineSettings",
)


def _at_least(default: Any, least: float) -> Any:
    """A number that may not be smaller than ``least``."""
    return field(default=default, metadata={"least": least})


def _one_of(default: str, *others: str) -> Any:
    """One of a few words."""
    return field(default=default, metadata={"choices": (default, *others)})


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in the settings: where, and what is wrong. ``line`` is 0 when there is none."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class ConnectSettings:
    """How hosts are reached: ``[connect]``."""

    timeout_s: float = _at_least(5.0, 0.01)
    """Seconds to wait for the network connection and for the server to say that it is SSH."""
    login_timeout_s: float = _at_least(30.0, 0.01)
    """Seconds the login may take, without the time a question waits for an answer."""
    agent_start_s: float = _at_least(20.0, 0.01)
    """Seconds the agent may take to report from a host after it was sent there."""
    keepalive_s: float = _at_least(15.0, 0.01)
    """Seconds without a word from a host after which it is asked whether it is there."""
    keepalive_count: int = _at_least(3, 1)
    """Unanswered questions after which the connection counts as lost."""
    backoff_first_s: float = _at_least(1.0, 0.001)
    """Seconds before the first new try after a lost connection; doubled with every try."""
    backoff_max_s: float = _at_least(60.0, 0.001)
    """The longest pause between two tries, in seconds."""
    starts_per_address: int = _at_least(8, 1)
    """Connections starting at once to one address; sshd drops some from 10 on (MaxStartups)."""
    starts_total: int = _at_least(64, 1)
    """Connections starting at once in all."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """How load is watched: ``[metrics]``."""

    interval_s: float = _at_least(2.0, 0.05)
    """Seconds between two samples of a host."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How tasks are run: ``[run]``."""

    credit_bytes: int = _at_least(4 * 1024 * 1024, 64 * 1024)
    """Output a host may send ahead of what is written to the spool, in bytes, for each run."""


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """How the screens look and what they listen to: ``[screen]``."""

    theme: str = _one_of("dark", "light", "ansi")
    """The colours; ``ansi`` means the terminal's own sixteen."""
    ascii: str = _one_of("auto", "always", "never")
    """Symbols in ASCII; ``auto``: when the locale is not UTF-8."""
    mouse: bool = True
    """Whether the mouse is listened to; without it the terminal's own selection works."""
    hidden_columns: str = "none"
    """The columns of Hosts that are not shown, such as ``load net``; key ``c`` names them all."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How long the engine lives: ``[engine]``."""

    linger_s: float = _at_least(10.0, 0.0)
    """Seconds it stays when nobody is attached and nothing needs it."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What is special about a host: ``[hosts."gpu[01-04]"]``."""

    python: str = "python3"
    """The Python that runs the agent on the host: a name on its PATH, or a path."""
    trust_returns: bool = False
    """Whether what functions return from the host is unpickled; it can then run code here."""
    forward_agent: bool = False
    """Whether the host may use the ssh-agent of this machine."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Made by :func:`load`; ``Settings()`` are the defaults."""

    connect: ConnectSettings = field(default_factory=ConnectSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    run: RunSettings = field(default_factory=RunSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys by the id of what they do: ``[keys]``. The screens know the ids, this file does not."""
    any_host: HostSettings = field(default_factory=HostSettings)
    """What holds for a host that no section names (environment: ``LAZYTUI_HOSTS_PYTHON``)."""
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The checked values of each section of ``[hosts]``, by host name or node set."""
    engine: EngineSettings = field(default_factory=EngineSettings)

    def for_host(self, host: str) -> HostSettings:
        """Give the settings of one host.

        The section with exactly its name wins, then node sets that contain it, the first in
        the file before later ones, value by value.
        """
        if not self.hosts:
            return self.any_host
        from lazytui.core.where import expand  # costs more than all settings together

        sections = [values for name, values in self.hosts.items() if host in expand(name)]
        if host in self.hosts:
            sections.insert(0, self.hosts[host])
        merged = self.any_host
        for values in reversed(sections):
            merged = replace(merged, **values)
        return merged


def load(
    path: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Settings, tuple[Problem, ...]]:
    """Read the settings; never raises for what is in the file or the environment.

    Args:
        path: the file; by default ``lazytui/config.toml`` in the user's configuration folder.
            A file that does not exist means the defaults.
        environ: the environment; by default that of the process.

    Returns:
        The settings, and the problems to show to the user. What has a problem has its default.
    """
    environ = os.environ if environ is None else environ
    reader = _Reader(config_file(environ) if path is None else path)
    tables = reader.tables()
    settings = Settings(
        reader.section(ConnectSettings(), "connect", tables, environ),
        reader.section(MetricsSettings(), "metrics", tables, environ),
        reader.section(RunSettings(), "run", tables, environ),
        reader.section(ScreenSettings(), "screen", tables, environ),
        reader.keys(tables),
        replace(HostSettings(), **reader.environment(HostSettings(), "hosts", environ)),
        reader.hosts(tables),
        reader.section(EngineSettings(), "engine", tables, environ),
    )
    known = {"connect", "metrics", "run", "screen", "keys", "hosts", "engine", "commands"}
    for name in tables.keys() - known:
        reader.complain((name,), f"unknown section [{name}]")
    return settings, tuple(sorted(reader.problems, key=lambda problem: problem.line))


class _Reader:
    """Reads one file and collects its problems."""

    def __init__(self, path: Path) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._text = ""

    def tables(self) -> dict[str, Any]:
        """Parse the file; empty with a problem when it is broken."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            return self._broken(0, f"cannot be read: {error.strerror}")
        import tomllib  # most users have no file, and pay nothing for it

        try:
            self._text = data.decode("utf-8")
            return tomllib.loads(self._text)
        except UnicodeDecodeError as error:
            return self._broken(data.count(b"\n", 0, error.start) + 1, "is not UTF-8")
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(found[1]) if found else len(self._text.splitlines())
            return self._broken(line, f"not read, defaults are used: {error}")
        except (ValueError, RecursionError):  # a number of 5,000 digits, 1,000 nested lists
            return self._broken(0, "not read, defaults are used: a value is too big")

    def section(
        self,
        defaults: _Section,
        name: str,
        tables: Mapping[str, Any],
        environ: Mapping[str, str],
    ) -> _Section:
        """Give one section: the environment before the file before the defaults."""
        values = self._checked(defaults, (name,), tables.get(name, {}))
        return replace(defaults, **(values | self.environment(defaults, name, environ)))

    def environment(
        self, defaults: Any, section: str, environ: Mapping[str, str]
    ) -> dict[str, Any]:
        """Give the values of a section that the environment sets."""
        values: dict[str, Any] = {}
        for item in fields(defaults):
            variable = f"LAZYTUI_{section}_{item.name}".upper()
            if variable not in environ:
                continue
            value, wrong = _from_text(environ[variable], getattr(defaults, item.name))
            wrong = wrong or _wrong(value, getattr(defaults, item.name), item.metadata)
            if wrong:
                self.problems.append(Problem("environment", 0, f"{variable}: {wrong}"))
                continue
            values[item.name] = value
        return values

    def keys(self, tables: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Give the keys of ``[keys]``, each value one key or a list of them."""
        table = tables.get("keys", {})
        if not isinstance(table, dict):
            self.complain(("keys",), "keys must be a section")
            return {}
        keys: dict[str, tuple[str, ...]] = {}
        for name, value in table.items():
            names = [value] if isinstance(value, str) else value
            if isinstance(names, list) and names and all(map(_is_key_name, names)):
                keys[name] = tuple(names)
            else:
                self.complain(
                    ("keys", name), f"{name}: expected a key such as 'x' or 'ctrl+x', or a list"
                )
        return keys

    def hosts(self, tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Give the checked sections of ``[hosts]`` in the order of the file."""
        hosts = tables.get("hosts", {})
        if not isinstance(hosts, dict):
            self.complain(("hosts",), "hosts must be a section")
            return {}
        return {
            name: self._checked(HostSettings(), ("hosts", name), values)
            for name, values in hosts.items()
        }

    def complain(self, where: tuple[str, ...], text: str) -> None:
        """Record a problem at the line where a section or value stands."""
        self.problems.append(Problem(str(self._path), _line_of(self._text, where), text))

    def _broken(self, line: int, text: str) -> dict[str, Any]:
        self.problems.append(Problem(str(self._path), line, text))
        return {}

    def _checked(self, defaults: Any, where: tuple[str, ...], table: object) -> dict[str, Any]:
        if not isinstance(table, dict):
            self.complain(where, f"{'.'.join(where)} must be a section")
            return {}
        known = {item.name: item for item in fields(defaults)}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in known:
                names = ", ".join(known)
                self.complain((*where, key), f"unknown setting '{key}'; known are {names}")
                continue
            default = getattr(defaults, key)
            wrong = _wrong(value, default, known[key].metadata)
            if wrong:
                self.complain((*where, key), f"{key}: {wrong}")
            else:
                values[key] = float(value) if isinstance(default, float) else value
        return values


def _wrong(value: object, default: object, limits: Mapping[str, Any]) -> str:
    """Say what is wrong with a value; empty when nothing is."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "expected true or false"
    if choices := limits.get("choices"):
        return "" if value in choices else f"expected one of {', '.join(choices)}"
    if isinstance(default, str):
        return "" if isinstance(value, str) and value.strip() else "expected a text"
    whole = isinstance(default, int)
    numeric = isinstance(value, int) if whole else isinstance(value, int | float)
    if isinstance(value, bool) or not numeric:
        return "expected a whole number" if whole else "expected a number"
    assert isinstance(value, int | float)
    if not limits["least"] <= value <= 10**12 or math.isnan(value):
        return f"expected at least {limits['least']:g}, and no more than a trillion"
    return ""


def _is_key_name(name: object) -> bool:
    """A letter or a sign, or a word such as ``ctrl+x``, ``pagedown`` or ``question_mark``."""
    return isinstance(name, str) and bool(re.fullmatch(r"[!-+\--~]|[a-z0-9_+]+[a-zA-Z]?", name))


def _from_text(text: str, default: object) -> tuple[object, str]:
    """Read a value out of an environment variable: the value, and what is wrong with it."""
    if isinstance(default, bool):
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        return words.get(text.lower()), ""
    if isinstance(default, str):
        return text, ""
    try:
        return (int(text) if isinstance(default, int) else float(text)), ""
    except ValueError:
        return None, f"expected a number, found {text!r}"


def _line_of(text: str, where: tuple[str, ...]) -> int:
    """Find the line on which a section or a value stands; 0 if it cannot be told.

    tomllib keeps no positions, so the lines are looked through for headers and keys.
    """
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = _key_path(stripped)
            here = table
        elif "=" in stripped:
            here = table + _key_path(stripped.split("=", 1)[0] + "={}")
        else:
            continue
        # An inline table holds the value that is looked for on its own line.
        if here == where or (not stripped.startswith("[") and here == where[: len(here)]):
            return number
    return 0


def _key_path(line: str) -> tuple[str, ...]:
    """Read ``[a."b c"]`` or ``a."b c" = {}`` into its parts."""
    import tomllib

    try:
        parsed: Any = tomllib.loads(line)
    except (tomllib.TOMLDecodeError, RecursionError):
        return ("",)
    path = []
    while isinstance(parsed, dict) and parsed:
        key, parsed = next(iter(parsed.items()))
        path.append(key)
    return tuple(path)
