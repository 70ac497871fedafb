"""Every exception of lazytui. Each message says what happened, where, and what to do next."""

from __future__ import annotations


class LazytuiError(Exception):
    """The base of all errors that lazytui raises on purpose."""


class UsageError(LazytuiError):
    """The user asked for what cannot be: an unknown host, a filter that does not parse."""


class InvalidRuntimeError(LazytuiError):
    """A host cannot be used as a runtime.

    Args:
        host: the alias in the ssh config.
        reason: why, in plain words.
    """

    def __init__(self, host: str, reason: str = "") -> None:
        super().__init__(f"{host} cannot be used: {reason}" if reason else f"{host} cannot be used")
        self.host = host
        self.reason = reason


class NoRuntimesDetectedError(LazytuiError):
    """No host in the ssh config can be used, or none matches."""


# The seed spells it in three ways; all of them are this one.
NoRuntimeDetectedError = NoRuntimesDetectedError
NoRuntimesError = NoRuntimesDetectedError


class ConnectError(LazytuiError):
    """A connection could not be made.

    Args:
        reason: plain words for a table cell: "refused", "no answer in 5 s".
        retry: whether trying again by itself may help (never after refused authentication).
        kind: a stable word to test for, e.g. ``refused``, ``timeout``, ``auth``, ``hostkey``.
    """

    def __init__(self, reason: str, *, kind: str, retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.retry = retry


class HostKeyError(ConnectError):
    """The host's key is unknown, changed or revoked, so nothing was sent to it."""

    def __init__(self, reason: str, *, kind: str = "hostkey") -> None:
        super().__init__(reason, kind=kind, retry=False)


class ConnectionLostError(LazytuiError):
    """The connection to a host broke while something was asked of it."""


class NoSessionError(ConnectionLostError):
    """The host opens no more sessions on this connection (``MaxSessions`` of its sshd)."""


class AgentError(LazytuiError):
    """The agent on a host answered a request with an error.

    Args:
        kind: the agent's word for it, e.g. ``no-space``, ``not-ours``, ``rebooted``.
    """

    def __init__(self, message: str, *, kind: str = "error") -> None:
        super().__init__(message)
        self.kind = kind


class TransferError(LazytuiError):
    """Files could not be sent or got; the message names the path and the reason."""


class SettingsError(LazytuiError):
    """A settings file has a mistake; the message names the line."""


class JournalError(LazytuiError):
    """The journal on the manager could not be read or written."""


class SpoolError(LazytuiError):
    """Output of a run could not be put into its spool."""


class TaskExecutionError(LazytuiError):
    """A step of a task failed on a host.

    Args:
        task_step_index: the index of the step, from 0.
        task: the task, which has a ``name``.
        host: where it ran.
        execution_log_file_path: the file on the manager with all that it printed.
        output: the end of what the step printed.
        reason: why it failed: ``exit 3``, ``killed by SIGKILL``, ``not reached: refused``.
    """

    def __init__(
        self,
        task_step_index: int,
        task: object,
        host: str,
        execution_log_file_path: str,
        output: str,
        reason: str = "",
    ) -> None:
        name = str(getattr(task, "name", task))
        words = f"task {name!r} failed on {host} in step {task_step_index + 1}"
        said = f"\n{output.rstrip()}" if output.strip() else ""
        super().__init__(
            f"{words}: {reason or 'it failed'}; all output is in {execution_log_file_path}{said}"
        )
        self.task_step_index = task_step_index
        self.task = task
        self.host = host
        self.execution_log_file_path = execution_log_file_path
        self.output = output
        self.reason = reason


class PortInUseError(LazytuiError):
    """A port that was asked for is taken.

    Args:
        port: the port.
        group: the hosts on one of which it is taken.
        runtime: the one host on which it is taken.
        detail: who has it, or which hosts, in plain words.
    """

    def __init__(
        self,
        port: int,
        group: object | None = None,
        runtime: object | None = None,
        detail: str = "",
    ) -> None:
        where = ""
        if runtime is not None:
            where = f" on {getattr(runtime, 'host', runtime)}"
        elif group is not None:
            where = f" in the group {', '.join(getattr(group, 'hosts', [str(group)]))}"
        tail = f" ({detail})" if detail else ""
        super().__init__(f"port {port} is in use{where}{tail}; give another, or a list of ports")
        self.port = port
        self.group = group
        self.runtime = runtime


class NoPortsLeftError(LazytuiError):
    """None of the ports that were offered is free."""

    def __init__(self, message: str = "none of the given ports is free; give more ports") -> None:
        super().__init__(message)


class PathCreationError(LazytuiError):
    """A folder could not be made.

    Args:
        path: the folder.
        host: where; None for the manager.
        reason: why, in plain words.
    """

    def __init__(self, path: str, host: str | None = None, reason: str = "") -> None:
        where = f" on {host}" if host else ""
        super().__init__(f"{path} cannot be made{where}" + (f": {reason}" if reason else ""))
        self.path = path
        self.host = host
        self.reason = reason


class PythonMismatchError(LazytuiError):
    """A function cannot be sent: the host's Python is another minor version than the manager's."""


class FunctionSendError(LazytuiError):
    """A function cannot be made into bytes; the message says what about it stands in the way."""


class FunctionError(LazytuiError):
    """A function did not return.

    Args:
        message: what it raised, and where.
        traceback: that of the host, as text; empty where there is none.
    """

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(f"{message}\n{traceback}" if traceback else message)
        self.traceback = traceback


class UntrustedReturnError(LazytuiError):
    """What a function gave back holds more than plain data, so it is not read."""


class MasterStartError(LazytuiError):
    """The master of a cluster did not start."""


class ExposureError(LazytuiError):
    """A port could not be exposed, for another reason than being taken.

    Args:
        reason: what happened, with what to do about it.
        host: where; empty for the manager.
        retry: whether trying again by itself may help.
        unreached: the host is not connected.
    """

    def __init__(
        self, reason: str, *, host: str = "", retry: bool = True, unreached: bool = False
    ) -> None:
        super().__init__(f"{host}: {reason}" if host else reason)
        self.reason = reason
        self.host = host
        self.retry = retry
        self.unreached = unreached
