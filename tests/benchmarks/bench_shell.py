"""``cat`` of a large file in a shell through the engine, against ``ssh -tt HOST cat``, on one pty.

python -m tests.benchmarks.bench_shell
"""

from __future__ import annotations

import fcntl
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Self

from tests.engines import environment
from tests.leftovers import end_engines
from tests.sshd import SSHFarm

SIZE, ROUNDS = 100_000_000, 3
LINE = b"x" * 99 + b"\n"  # a terminal makes two bytes of a line end


def main() -> None:
    """Print the medians and their ratio."""
    with tempfile.TemporaryDirectory(prefix="lzb-") as folder:
        farm = SSHFarm(Path(folder))
        try:
            host = farm.add("gpu01")
            with (host.home / "big").open("wb") as big:
                for _ in range(SIZE // (len(LINE) * 1000)):
                    big.write(LINE * 1000)
            env = {**environment(farm), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
            ours, peer = [], []
            for _ in range(ROUNDS):
                ours.append(_ours(str(host.home / "big"), env))
                peer.append(_peer(farm.ssh_argv("gpu01", "cat", str(host.home / "big")), env))
        finally:
            end_engines(farm.home)
            farm.close()
    a, b = statistics.median(ours), statistics.median(peer)
    print(f"shell through the engine: {a:.2f} s, {SIZE / a / 1e6:.0f} MB/s")
    print(f"ssh -tt HOST cat:         {b:.2f} s, {SIZE / b / 1e6:.0f} MB/s")
    print(f"speed ratio {b / a:.2f} (to reach: 0.5)")


def _ours(path: str, env: dict[str, str]) -> float:
    with _OnPty([sys.executable, "-m", "lazytui", "shell", "gpu01"], env) as program:
        program.until(b"\x1b[?2004h")  # bash is ready
        os.write(program.terminal, f"cat {path}; echo end-$((40+2)); exit\r".encode())
        began = time.perf_counter()
        program.until(b"end-42")
        return time.perf_counter() - began


def _peer(words: list[str], env: dict[str, str]) -> float:
    words = [words[0], "-tt", *words[1:]]
    with _OnPty(words, env) as program:
        program.until(LINE[:50])  # connected
        began = time.perf_counter()
        program.until(None)
        return time.perf_counter() - began


class _OnPty:
    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        self.terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            words,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self.terminal)

    def until(self, text: bytes | None) -> None:
        """Read until a text comes, or the end."""
        tail = b""
        while True:
            try:
                data = os.read(self.terminal, 1 << 16)
            except OSError:
                assert text is None, tail
                return
            tail = tail[-100:] + data
            if text is not None and text in tail:
                return


if __name__ == "__main__":
    main()
