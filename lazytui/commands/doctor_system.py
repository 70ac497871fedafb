"""The doctor's look at what runs: the engine, the ssh-agent, and what a log-out ends."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui import __version__
from lazytui.commands.doctor_checks import Finding, Health
from lazytui.core.owner import owner_alive, user_name
from lazytui.pump import greeting
from lazytui.pump.connect import meet
from lazytui.pump.errors import PumpError, RefusedError
from lazytui.remote import logout
from lazytui.rendezvous import meeting_point
from lazytui.text import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lazytui.commands.call import Call

AGENT_TIMEOUT_S = 3.0
_REQUEST_IDENTITIES, _IDENTITIES = 11, 12  # of the ssh-agent's protocol


def engine(call: Call) -> Iterator[Finding]:
    """What runs, since when, and whether it is this version."""
    meeting = meeting_point(call.arguments.ssh_config, call.environ)
    hello = greeting.hello(
        "command", ["--version"], version=__version__, config=meeting.config, environ=call.environ
    )
    try:
        met = meet(meeting, hello)
    except RefusedError as error:
        advice = "lazytui stop-engine ends it; jobs go on, and the next start adopts them"
        text = f"{_running(error.pid)} is lazytui {error.version}, this is {__version__}"
        yield Finding("engine", Health.ATTENTION, text, advice)
        return
    except PumpError as error:
        yield Finding("engine", Health.BROKEN, str(error), "see the log below, and the message")
        return
    if met is not None:
        met.engine.close()
        yield Finding("engine", Health.FINE, f"{_running(met.pid)}, {__version__}")
        yield Finding("socket", Health.FINE, meeting.socket)
    else:
        yield from _no_engine(Path(meeting.lock), Path(meeting.socket))
    log = Path(meeting.state_dir) / "lazytui.log"
    if log.exists():
        yield Finding("log", Health.FINE, str(log))


def _no_engine(lock: Path, socket_path: Path) -> Iterator[Finding]:
    owner = lock.read_text(errors="replace").strip() if lock.exists() else ""
    if owner_alive(owner):
        pid = owner.partition(":")[0]
        text = f"{_running(int(pid))} holds {lock}, but does not answer"
        yield Finding("engine", Health.BROKEN, text, f"kill {pid}; jobs go on at their hosts")
        return
    yield Finding("engine", Health.FINE, "none runs; lazytui starts one")
    if socket_path.exists():
        text = f"{socket_path} is left of one that was killed; the next start replaces it"
        yield Finding("socket", Health.FINE, text)


def _running(pid: int) -> str:
    try:
        began = Path(f"/proc/{pid}").stat().st_mtime
    except OSError:
        return f"pid {pid}"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(began))
    return f"pid {pid}, for {duration_text(max(0.0, time.time() - began))} (since {when})"


def ssh_agent(call: Call) -> Iterator[Finding]:
    """Whether the ssh-agent of this login answers, and how many keys it has."""
    path = call.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        yield Finding("ssh-agent", Health.FINE, "none; keys are read from files")
        return
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(AGENT_TIMEOUT_S)
            agent.connect(path)
            agent.sendall(struct.pack(">IB", 1, _REQUEST_IDENTITIES))
            answer = b""
            while len(answer) < 9 and (data := agent.recv(9 - len(answer))):
                answer += data
        _, kind, count = struct.unpack(">IBI", answer)
    except (OSError, struct.error) as error:
        advice = "start it again, or log in again with ssh -A; attach lazytui after that"
        text = f"{path} does not answer: {error}"
        yield Finding("ssh-agent", Health.ATTENTION, text, advice)
        return
    if kind != _IDENTITIES:
        yield Finding("ssh-agent", Health.ATTENTION, "it gives no keys: locked?", "ssh-add -X")
    elif not count:
        yield Finding("ssh-agent", Health.ATTENTION, "it has no keys", "ssh-add")
    else:
        yield Finding("ssh-agent", Health.FINE, f"{count} {'key' if count == 1 else 'keys'}")


def login(_call: Call) -> Iterator[Finding]:
    """Whether the system ends what a user leaves running at log-out."""
    if not Path("/run/systemd/system").exists():
        return
    user = user_name()
    lingers = Path(f"/var/lib/systemd/linger/{user}").exists()
    yield log_out(user, kills=logout.kills(logout.texts(), user), lingers=lingers)


def log_out(user: str, *, kills: bool, lingers: bool) -> Finding:
    """Say what becomes of the engine at log-out.

    Lingering keeps the user's own systemd alive, not the scope of a session: with
    ``KillUserProcesses=yes`` what was started in that scope ends with it all the same
    (logind.conf(5)), unless it was started under the user's systemd.

    Args:
        user: whose engine it is.
        kills: logind ends the processes of this user's sessions.
        lingers: the user's systemd outlives the sessions.
    """
    if not kills:
        return Finding("log-out", Health.FINE, "the engine outlives it: logind leaves it running")
    text = "logind ends what a session leaves running (KillUserProcesses=yes)"
    text += ", also if you linger" if lingers else ""
    first = "" if lingers else "loginctl enable-linger, then "
    advice = (
        f"{first}start the engine with: systemd-run --user --scope lazytui; "
        f"or KillExcludeUsers={user} in logind.conf"
    )
    return Finding("log-out", Health.ATTENTION, text, advice)
