"""The steps of a task as plain data: a command, a function, files to a host, files from a host.

Each says by its ``kind`` who executes it, and is kept in the journal as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A ``run_command`` step.

    Args:
        command: text for ``/bin/sh``.
        cwd: directory on the host, a relative one below the run's working directory; None for
            that itself. Without a working directory, the user's home stands for it.
        env: environment variables on top of the login's.
        tty: give the command a terminal.
    """

    command: str
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    tty: bool = False

    kind: ClassVar[str] = "command"
    verb: ClassVar[str] = "run_command"

    @property
    def title(self) -> str:
        """What lists show."""
        return self.command

    def to_step(self) -> dict[str, Any]:
        """Give the step as the journal keeps it."""
        return {
            "kind": self.kind,
            "command": self.command,
            "cwd": self.cwd,
            "env": dict(self.env or {}),
            "tty": self.tty,
        }

    @classmethod
    def from_step(cls, step: Mapping[str, Any]) -> CommandSpec:
        """Read a step back from the journal.

        Raises:
            UsageError: it is of another kind.
        """
        _expect(step, cls.kind)
        return cls(step["command"], step.get("cwd"), step.get("env"), bool(step.get("tty")))


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A ``run_function`` step; :func:`lazytui.core.functions.pickled` makes one.

    Args:
        title: the call as people write it: ``train(lr=0.1)``.
        digest: SHA-256 of the payload, in hex. The payload itself is kept beside the spools.
        size: bytes of the payload.
        python: minor version of the Python that pickled it, ``3.11``: another cannot read it.
        cwd: as of a command.
        env: as of a command.
        payload: the pickled function with its arguments; None when read from the journal.
    """

    title: str
    digest: str
    size: int
    python: str
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    payload: bytes | None = field(default=None, repr=False, compare=False)

    kind: ClassVar[str] = "function"
    verb: ClassVar[str] = "run_function"

    def to_step(self) -> dict[str, Any]:
        """Give the step as the journal keeps it: without the payload."""
        return {
            "kind": self.kind,
            "title": self.title,
            "digest": self.digest,
            "size": self.size,
            "python": self.python,
            "cwd": self.cwd,
            "env": dict(self.env or {}),
        }

    @classmethod
    def from_step(cls, step: Mapping[str, Any]) -> FunctionSpec:
        """Read a step back from the journal.

        Raises:
            UsageError: it is of another kind.
        """
        _expect(step, cls.kind)
        return cls(
            step["title"],
            step["digest"],
            int(step["size"]),
            step["python"],
            step.get("cwd"),
            step.get("env"),
        )


@dataclass(frozen=True, slots=True)
class SendSpec:
    """A ``send_file`` step: a file or a folder from the manager to the host.

    Args:
        local_path: on the manager, absolute.
        remote_path: on the host, a relative one below the run's working directory; None for the
            same name in that directory.
        checksum: compare contents also where size and time are the same.
    """

    local_path: str
    remote_path: str | None = None
    checksum: bool = False

    kind: ClassVar[str] = "send"
    verb: ClassVar[str] = "send_file"

    @property
    def title(self) -> str:
        """What lists show."""
        return " ".join(("send", self.local_path, *filter(None, (self.remote_path,))))

    def to_step(self) -> dict[str, Any]:
        """Give the step as the journal keeps it."""
        return {
            "kind": self.kind,
            "local_path": self.local_path,
            "remote_path": self.remote_path,
            "checksum": self.checksum,
        }

    @classmethod
    def from_step(cls, step: Mapping[str, Any]) -> SendSpec:
        """Read a step back from the journal.

        Raises:
            UsageError: it is of another kind.
        """
        _expect(step, cls.kind)
        return cls(step["local_path"], step.get("remote_path"), bool(step.get("checksum")))


@dataclass(frozen=True, slots=True)
class GetSpec:
    """A ``get_file`` step: a file or a folder from the host to the manager.

    Args:
        remote_path: on the host, a relative one below the run's working directory.
        local_path: on the manager, absolute; ending with a slash, or a folder: in it.
        checksum: compare contents also where size and time are the same.
        per_host: put it into a folder named like the host, as several hosts are asked.
    """

    remote_path: str
    local_path: str
    checksum: bool = False
    per_host: bool = False

    kind: ClassVar[str] = "get"
    verb: ClassVar[str] = "get_file"

    @property
    def title(self) -> str:
        """What lists show."""
        return f"get {self.remote_path} {self.local_path}"

    def to_step(self) -> dict[str, Any]:
        """Give the step as the journal keeps it."""
        return {
            "kind": self.kind,
            "remote_path": self.remote_path,
            "local_path": self.local_path,
            "checksum": self.checksum,
            "per_host": self.per_host,
        }

    @classmethod
    def from_step(cls, step: Mapping[str, Any]) -> GetSpec:
        """Read a step back from the journal.

        Raises:
            UsageError: it is of another kind.
        """
        _expect(step, cls.kind)
        return cls(
            step["remote_path"],
            step["local_path"],
            bool(step.get("checksum")),
            bool(step.get("per_host")),
        )


Step = CommandSpec | FunctionSpec | SendSpec | GetSpec


def from_step(step: Mapping[str, Any]) -> Step:
    """Read any step back from the journal.

    Raises:
        UsageError: it is of a kind that this version does not know, or cannot be read.
    """
    try:
        for spec in (CommandSpec, FunctionSpec, SendSpec, GetSpec):
            if step.get("kind") == spec.kind:
                return spec.from_step(step)
        raise UsageError(f"a step of kind {step.get('kind')!r} is not known here")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"a step that cannot be read: {error!r}") from error


def step_title(step: Mapping[str, Any]) -> str:
    """Say what a step of the journal does, in a line for lists; also of one not known here."""
    try:
        return from_step(step).title
    except UsageError:
        return str(step.get("kind", "?"))


def is_empty(step: Step) -> bool:
    """Whether there is nothing to do in a step."""
    match step:
        case CommandSpec():
            return not step.command.strip()
        case FunctionSpec():
            return not step.digest
        case SendSpec():
            return not step.local_path
        case GetSpec():
            return not step.remote_path
    assert_never(step)


def _expect(step: Mapping[str, Any], kind: str) -> None:
    if step.get("kind") != kind:
        raise UsageError(f"a step of kind {step.get('kind')!r} is not a {kind}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the steps of a run happen on its host, and what all of them find there.

    Args:
        working_dir: on the host, absolute; relative paths of steps are below it, and the
            variable ``WORKING_DIR`` names it to commands and functions. None: the user's home.
        env: environment variables of all steps; those of a step itself win.
    """

    working_dir: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def environment(self, step: Mapping[str, str] | None) -> dict[str, str]:
        """Give the variables of a step: those of the place, its own, and the working directory."""
        found = {**self.env, **(step or {})}
        if self.working_dir is not None:
            found[WORKING_DIR] = self.working_dir
        return found

    def directory(self, wanted: str | None) -> str | None:
        """Give the directory of a step that asks for one; None for the user's home."""
        if self.working_dir is None or (wanted or "").startswith(("/", "~")):
            return wanted
        return f"{self.working_dir}/{wanted}" if wanted else self.working_dir


WORKING_DIR = "WORKING_DIR"
HOME = Place()
