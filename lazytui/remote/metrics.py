"""How busy this host is, sampled for as long as the manager wants to know.

Everything is read from the roots that ``system`` names; where there is no /proc, psutil is asked
if the host has it, and what nobody knows is 0. In a control group with limits, use is counted
against the limits.
"""

import posix
import time

from lazytui.remote import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from lazytui.remote.agent import Agent, Answer

FIRST_S = 0.25  # the first sample comes soon: cpu and net are differences of two looks
SMI_FIELDS = b"--query-gpu=name,utilization.gpu,memory.used,memory.total"
SMI_TIMEOUT_S = 10.0
SMI_REST_S = 60.0  # after nvidia-smi has failed
MIB = 1024 * 1024


class Sampler:
    """The subscription of the manager: one event per interval, none while it cannot keep up."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent
        self.interval_s = 0.0
        self.before: "Optional[Tuple[float, Counters]]" = None
        self.gpus: "List[List[Any]]" = []
        self.smi_at = 0.0  # when nvidia-smi may be asked again; it is slow
        self.source: "Any" = Proc() if system.read(system.PROC + b"/stat") else portable()

    def subscribe(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Send metrics every ``interval`` seconds; 0 stops."""
        self.interval_s = float(ask["interval"])
        self.agent.timers.pop(self.sample, None)
        if self.interval_s > 0:
            self.before = (time.monotonic(), self.source.counters())
            self.agent.after(min(FIRST_S, self.interval_s), self.sample)
            self.ask_gpus()
        return {}

    def sample(self) -> None:
        """Send one sample, and plan the next one."""
        self.agent.after(self.interval_s, self.sample)
        self.ask_gpus()
        if self.agent.control:
            return  # the manager does not keep up: it needs no pile of old samples
        now, counters = time.monotonic(), self.source.counters()
        then, last = self.before or (now, counters)
        self.before = (now, counters)
        seconds = max(now - then, 1e-3)
        event = {
            "ev": "metrics",
            "cpu": share(counters.busy - last.busy, counters.all - last.all, seconds),
            "net_in": max(0.0, (counters.net_in - last.net_in) / seconds),
            "net_out": max(0.0, (counters.net_out - last.net_out) / seconds),
            "gpus": self.gpus,
        }
        event.update(self.source.sizes())
        event.update(disk())
        self.agent.send(event)

    def ask_gpus(self) -> None:
        """Start nvidia-smi, if there is one and the last has ended; its answer is for later."""
        smi = system.smi()
        if smi is None or time.monotonic() < self.smi_at:
            return
        self.smi_at = time.monotonic() + SMI_TIMEOUT_S + SMI_REST_S
        self.agent.spawn([smi, SMI_FIELDS, system.SMI_FORMAT], SMI_TIMEOUT_S, self.gpus_told)

    def gpus_told(self, text: "Optional[bytes]") -> None:
        """Keep what nvidia-smi printed until the next sample."""
        self.gpus = parse_gpus((text or b"").decode("utf-8", "replace"))
        self.smi_at = time.monotonic() + (0.0 if self.gpus else SMI_REST_S)


class Counters:
    """What only grows: time in the same unit (``all`` 0: busy is in seconds of one core), bytes."""

    __slots__ = ("all", "busy", "net_in", "net_out")

    def __init__(self, busy: float, total: float, net: "Tuple[int, int]") -> None:
        self.busy = busy
        self.all = total
        self.net_in, self.net_out = net


class Proc:
    """The counters of Linux."""

    def __init__(self) -> None:
        self.cpu_limit, self.cpu_counter = system.cpu_limit()
        if self.cpu_limit > system.cores():
            self.cpu_limit = 0.0  # no limit for so few cores
        self.memory_limit, self.memory_counter = system.memory_limit()

    def counters(self) -> Counters:
        """What has been used until now."""
        used = self.used_by_group()
        if used is not None:
            return Counters(used / self.cpu_limit, 0, network())
        times = [
            int(word) for word in system.read(system.PROC + b"/stat").split("\n")[0].split()[1:9]
        ]
        return Counters(sum(times) - sum(times[3:5]), sum(times), network())

    def used_by_group(self) -> "Optional[float]":
        """The seconds of cpu that our control group has used; None when it has no limit."""
        if not self.cpu_limit:
            return None
        text = system.read(self.cpu_counter)
        if self.cpu_counter.endswith(b"usage"):  # version 1, nanoseconds
            return system.number(text) / 1e9 if text else None
        return system.number(text.partition("usage_usec")[2]) / 1e6 if text else None

    def sizes(self) -> "Dict[str, Any]":
        """Load and memory."""
        load = system.read(system.PROC + b"/loadavg").split()
        info = system.read(system.PROC + b"/meminfo")
        total, free = meminfo(info, "MemTotal:"), meminfo(info, "MemAvailable:")
        if "MemAvailable:" not in info:  # before Linux 3.14
            free = (
                meminfo(info, "MemFree:") + meminfo(info, "Buffers:") + meminfo(info, "\nCached:")
            )
        used = max(0, total - free)
        if self.memory_limit and self.memory_limit < total:
            total, used = self.memory_limit, self.memory_of_group()
        return {"load1": float(load[0]) if load else 0.0, "mem_used": used, "mem_total": total}

    def memory_of_group(self) -> int:
        """The bytes that our control group uses, without cached files that could go at once."""
        folder = self.memory_counter.rpartition(b"/")[0]
        stat = "\n" + system.read(folder + b"/memory.stat")
        cached = (
            stat.partition("\ntotal_inactive_file ")[2] or stat.partition("\ninactive_file ")[2]
        )
        used = system.number(system.read(self.memory_counter))
        return max(0, used - system.number(cached))


class Nothing:
    """A host that tells nothing but its load."""

    def counters(self) -> Counters:
        """Zeros."""
        return Counters(0, 0, (0, 0))

    def sizes(self) -> "Dict[str, Any]":
        """Load; memory unknown."""
        try:
            load = posix.getloadavg()[0]
        except OSError:
            load = 0.0
        return {"load1": load, "mem_used": 0, "mem_total": 0}


class Psutil(Nothing):
    """The counters of systems without /proc.

    Args:
        psutil: the module.
    """

    def __init__(self, psutil: "Any") -> None:
        self.psutil = psutil

    def counters(self) -> Counters:
        """What has been used until now."""
        times, net = self.psutil.cpu_times(), self.psutil.net_io_counters()
        moved = (net.bytes_recv, net.bytes_sent) if net else (0, 0)
        return Counters(sum(times) - times.idle, sum(times), moved)

    def sizes(self) -> "Dict[str, Any]":
        """Load and memory."""
        memory = self.psutil.virtual_memory()
        used = memory.total - memory.available
        return dict(Nothing.sizes(self), mem_used=used, mem_total=memory.total)


def portable() -> Nothing:
    """The best source of a host without /proc. The agent runs without site-packages until here."""
    try:
        import site

        site.main()
        return Psutil(__import__("psutil"))
    except ImportError:
        return Nothing()


def share(busy: float, total: float, seconds: float) -> float:
    """Used time as a share of what there was, 0 to 1."""
    return min(1.0, max(0.0, busy / (total or seconds)))


def meminfo(text: str, label: str) -> int:
    """One line of /proc/meminfo in bytes."""
    return system.number(text.partition(label)[2]) * 1024


def network() -> "Tuple[int, int]":
    """Bytes received and sent. Only real devices count, if there are any: bridges count twice."""
    found: "List[Tuple[bool, int, int]]" = []
    for line in system.read(system.PROC + b"/net/dev").splitlines()[2:]:
        name, _, rest = line.partition(":")
        words = rest.split()
        if name.strip() == "lo" or len(words) < 9:
            continue
        device = system.SYS + b"/class/net/" + name.strip().encode() + b"/device"
        found.append((posix.access(device, posix.F_OK), int(words[0]), int(words[8])))
    kept = [entry for entry in found if entry[0]] or found
    return sum(entry[1] for entry in kept), sum(entry[2] for entry in kept)


def disk() -> "Dict[str, int]":
    """The file system of the home folder; what only root may use counts neither way, as in df."""
    try:
        found = posix.statvfs(system.home())
    except OSError:
        return {"disk_used": 0, "disk_total": 0}
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return {"disk_used": used, "disk_total": used + found.f_bavail * found.f_frsize}


def parse_gpus(text: str) -> "List[List[Any]]":
    """[name, load 0 to 1, bytes used, bytes total] per GPU, from comma-separated lines."""
    found: "List[List[Any]]" = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 3)]
        if len(fields) == 4:
            load, used, total = (system.number(field) for field in fields[1:])
            found.append([fields[0], load / 100, used * MIB, total * MIB])
    return found


def install(agent: "Agent") -> None:
    """Add the operation of this part to the agent."""
    agent.ops["metrics"] = Sampler(agent).subscribe
