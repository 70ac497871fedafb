"""The moving numbers of a pretend host, written as the files of /proc that the agent reads."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lazytui.demo.cast import PretendGpu, PretendHost

TICKS_PER_S = 100  # the unit of /proc/stat
SWING = 0.12  # how far a share moves from its middle
IDLE = 0.02
GPU_FIELDS = "index,name,uuid,utilization.gpu,memory.used,memory.free,memory.total,temperature.gpu"


class Vitals:
    """Writes ``proc/`` (stat, meminfo, loadavg, uptime, net/dev, cpuinfo) and the GPU table.

    Args:
        host: whose numbers.
        proc: the folder that stands for the host's /proc.
        gpu_table: the file that the host's nvidia-smi prints from.
        now: seconds of the clock that later :meth:`write` calls use.

    Raises:
        OSError: the files cannot be written.
    """

    def __init__(self, host: PretendHost, proc: Path, gpu_table: Path, now: float) -> None:
        self._host = host
        self._proc = proc
        self._gpu_table = gpu_table
        self._random = random.Random(host.name)  # noqa: S311 - looks, not secrets
        self._phase = self._random.uniform(0, 2 * math.pi)
        self._written = now
        self._uptime = self._random.uniform(2, 90) * 86400
        self._load1 = host.cpu * host.cores
        seconds = self._uptime * host.cores
        self._busy_ticks = seconds * host.cpu * TICKS_PER_S
        self._idle_ticks = seconds * (1 - host.cpu) * TICKS_PER_S
        self._received = self._uptime * host.net_mb_per_s * 1e6
        (proc / "net").mkdir(parents=True, exist_ok=True)
        self._write_cpuinfo()
        self.write(now)

    def write(self, now: float) -> None:
        """Let the time since the last call pass on the host, and write all files anew."""
        passed = max(0.0, now - self._written)
        self._written = now
        self._uptime += passed
        cpu = self._share(self._host.cpu, now)
        self._write_stat(cpu, passed)
        self._write_loadavg(cpu, passed)
        self._write_meminfo(now)
        self._write_net(now, passed)
        if self._host.gpus:
            self._write_gpus(now)

    def _share(self, middle: float, now: float, offset: float = 0.0) -> float:
        """A share around its middle: a slow wave with some noise. What idles stays idle."""
        if middle < IDLE:
            return middle
        wave = math.sin(now / 23 + self._phase + offset) + 0.4 * math.sin(now / 5 + offset)
        moved = middle + SWING * min(1.0, 3 * middle) * (
            0.6 * wave + self._random.uniform(-0.3, 0.3)
        )
        return min(0.995, max(0.005, moved))

    def _write_stat(self, cpu: float, passed: float) -> None:
        ticks = passed * self._host.cores * TICKS_PER_S
        self._busy_ticks += ticks * cpu
        self._idle_ticks += ticks * (1 - cpu)
        user, system = int(self._busy_ticks * 0.8), int(self._busy_ticks * 0.2)
        line = f"cpu  {user} 0 {system} {int(self._idle_ticks)} 0 0 0 0 0 0\n"
        self._put("stat", f"{line}intr 0\nctxt 0\nprocs_running 1\nprocs_blocked 0\n")
        self._put("uptime", f"{self._uptime:.2f} {self._idle_ticks / TICKS_PER_S:.2f}\n")

    def _write_loadavg(self, cpu: float, passed: float) -> None:
        target = cpu * self._host.cores * 1.05
        self._load1 += (target - self._load1) * (1 - math.exp(-passed / 60))
        load5 = self._host.cpu * self._host.cores
        self._put("loadavg", f"{self._load1:.2f} {load5:.2f} {load5:.2f} 2/431 4242\n")

    def _write_meminfo(self, now: float) -> None:
        total = self._host.memory_gib * 1024 * 1024
        used = int(total * self._share(self._host.memory_use, now / 4))
        available, free = total - used, (total - used) // 3
        rows = {
            "MemTotal": total,
            "MemFree": free,
            "MemAvailable": available,
            "Buffers": free // 20,
            "Cached": available - free,
            "SwapTotal": 0,
            "SwapFree": 0,
        }
        self._put("meminfo", "".join(f"{k + ':':<16}{v:>12} kB\n" for k, v in rows.items()))

    def _write_net(self, now: float, passed: float) -> None:
        rate = self._host.net_mb_per_s * 1e6 * (1 + math.sin(now / 7 + self._phase) / 2)
        self._received += rate * passed
        received, sent = int(self._received), int(self._received * 0.27)
        columns = "{} {} 0 0 0 0 0 0 {} {} 0 0 0 0 0 0"
        self._put(
            "net/dev",
            "Inter-|   Receive                  |  Transmit\n"
            " face |bytes packets errs drop fifo frame compressed multicast"
            "|bytes packets errs drop fifo colls carrier compressed\n"
            f"    lo: {columns.format(0, 0, 0, 0)}\n"
            f"  eth0: {columns.format(received, received // 1400, sent, sent // 1400)}\n",
        )

    def _write_cpuinfo(self) -> None:
        block = "processor\t: {}\nmodel name\t: Pretend CPU @ 2.80GHz\ncpu MHz\t\t: 2800.000\n\n"
        self._put("cpuinfo", "".join(block.format(n) for n in range(self._host.cores)))

    def _write_gpus(self, now: float) -> None:
        rows = [self._gpu_row(n, gpu, now) for n, gpu in enumerate(self._host.gpus)]
        _replace(self._gpu_table, "\n".join([GPU_FIELDS, *rows]) + "\n")

    def _gpu_row(self, number: int, gpu: PretendGpu, now: float) -> str:
        load = self._share(gpu.load, now, offset=number)
        used = int(gpu.memory_mib * self._share(gpu.memory_use, now / 9, offset=number))
        uuid = f"GPU-00000000-0000-0000-0000-{number:012d}"
        percent = math.floor(load * 100)
        sizes = f"{used},{gpu.memory_mib - used},{gpu.memory_mib}"
        return f"{number},{gpu.name},{uuid},{percent},{sizes},{34 + percent // 2}"

    def _put(self, name: str, text: str) -> None:
        _replace(self._proc / name, text)


def _replace(path: Path, text: str) -> None:
    """Write by rename: the agent never reads half a file."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)
