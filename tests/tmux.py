"""A real terminal for the real program: tmux on a socket of its own, driven from a test.

terminal = Tmux((80, 24), env=farm.env())
terminal.start(["lazytui"])
terminal.wait_for("gpu01")
terminal.send("r")
terminal.type("uptime")
terminal.send("Enter")
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.leftovers import is_alive, kill

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

POLL_S = 0.03

SETTINGS = """\
set -g status off
set -g remain-on-exit on
set -sg escape-time 0
set -g default-terminal tmux-256color
set -g default-shell /bin/sh
set -g history-limit 5000
"""


def missing_tmux() -> str | None:
    """The reason why no terminal can be had here, or None."""
    return None if shutil.which("tmux") else "no tmux on this machine (apt-get install tmux)"


class Tmux:
    """One terminal of ``size`` (columns, rows) that runs one program with exactly ``env``."""

    def __init__(self, size: tuple[int, int], env: Mapping[str, str]) -> None:
        self.size = size
        # A short folder: pytest's are too long for a Unix socket.
        self._folder = Path(tempfile.mkdtemp(prefix="lzt-"))
        self._env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **env}
        self._server_pid = 0
        (self._folder / "tmux.conf").write_text(SETTINGS)

    def start(self, command: Sequence[str] | str, *, cwd: Path | None = None) -> None:
        """Start the program; a string is a shell command line."""
        # exec: pid is then the program's, not that of a shell around it.
        line = command if isinstance(command, str) else f"exec {shlex.join(command)}"
        columns, rows = (str(n) for n in self.size)
        where = ["-c", str(cwd)] if cwd else []
        self._tmux("new-session", "-d", "-x", columns, "-y", rows, *where, line)
        self._server_pid = int(self._tmux("display-message", "-p", "#{pid}"))

    def send(self, *keys: str) -> None:
        """Press keys by tmux's names: ``Enter``, ``Escape``, ``C-c``, ``Up``, ``a``."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type literal text."""
        self._tmux("send-keys", "-l", text)

    def screen(self) -> list[str]:
        """The rows as shown now, without trailing blanks."""
        return self._tmux("capture-pane", "-p").split("\n")[: self.size[1]]

    def wait_for(self, pattern: str | re.Pattern[str], timeout_s: float = 20.0) -> list[str]:
        """Wait until the screen contains a text (str) or matches a pattern; gives the screen."""
        return self._wait(pattern, timeout_s, wanted=True)

    def wait_gone(self, pattern: str | re.Pattern[str], timeout_s: float = 20.0) -> list[str]:
        """Wait until the screen does not contain it any more; gives the screen."""
        return self._wait(pattern, timeout_s, wanted=False)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, as dragging its window does."""
        self.size = (columns, rows)
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def record(self, path: Path) -> None:
        """Append every raw byte that the program writes from now on to ``path``."""
        path.touch()
        self._tmux("pipe-pane", "-O", f"exec cat >> {shlex.quote(str(path))}")

    @property
    def pid(self) -> int:
        """The pid of the program."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def exit_status(self) -> int | None:
        """The exit status of the program, -N if signal N killed it, or None while it runs."""
        dead, status, killed_by = self._tmux(
            "display-message", "-p", "#{pane_dead} #{pane_dead_status} #{pane_dead_signal}"
        ).split(" ")
        if dead != "1":
            return None
        if not (status or killed_by):
            # tmux 3.3a sometimes misses the end of its child (a zombie stays): wake it.
            os.kill(self._server_pid, signal.SIGCHLD)
            return None
        return int(status) if status else -int(killed_by)

    def wait_exit(self, timeout_s: float = 20.0) -> int:
        """Wait for the end of the program; gives its exit status."""
        deadline = time.monotonic() + timeout_s
        while (status := self.exit_status()) is None:
            if time.monotonic() > deadline:
                raise AssertionError("still running:\n" + "\n".join(self.screen()))
            time.sleep(POLL_S)
        return status

    def stop(self) -> None:
        """End the program and the terminal, as closing the window does; then surely."""
        if self._server_pid:
            pids = [self._server_pid]
            if is_alive(self._server_pid):
                pids.append(self.pid)
                self._tmux("kill-server", check=False)
            kill(pids)
            self._server_pid = 0
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, pattern: str | re.Pattern[str], timeout_s: float, *, wanted: bool) -> list[str]:
        if isinstance(pattern, str):
            pattern = re.compile(re.escape(pattern))
        deadline = time.monotonic() + timeout_s
        while True:
            screen = self.screen()
            if bool(pattern.search("\n".join(screen))) == wanted:
                return screen
            if time.monotonic() > deadline:
                what = "never shown" if wanted else "still shown"
                raise AssertionError(f"{pattern.pattern!r} {what}:\n" + "\n".join(screen))
            time.sleep(POLL_S)

    def _tmux(self, *args: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._folder / "s", "-f", self._folder / "tmux.conf", "-u", *args],
            env=self._env,
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"tmux {args[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace").rstrip("\n")
