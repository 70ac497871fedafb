"""What this host is: the facts of the agent's first message, and where to read them.

The roots come from the environment (``LAZYTUI_PROC``, ``LAZYTUI_SYS``), so that pretend hosts can
have loads and sizes of their own. The built-in module ``posix`` stands in for ``os`` in the whole
agent: importing ``os`` costs 2 ms a host, and many hosts start at once.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

PROC = posix.environ.get(b"LAZYTUI_PROC", b"/proc")
SYS = posix.environ.get(b"LAZYTUI_SYS", b"/sys")
SMI_FORMAT = b"--format=csv,noheader,nounits"


def read(path: bytes) -> str:
    """The text of a small file (the first 64 KiB), empty when it cannot be read."""
    try:
        fd = posix.open(path, posix.O_RDONLY)
    except OSError:
        return ""
    try:
        text = b""
        while len(text) < 65536:
            piece = posix.read(fd, 65536)
            if not piece:
                break
            text += piece
        return text.decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        posix.close(fd)


def number(text: str) -> int:
    """The integer at the start of a text, 0 when there is none ("max", "[N/A]", "")."""
    first = text.split(None, 1)[0] if text.strip() else ""
    return int(first) if first.isdigit() else 0


def home() -> bytes:
    """The user's home folder."""
    found = posix.environ.get(b"HOME")
    if not found:
        import pwd

        found = pwd.getpwuid(posix.geteuid()).pw_dir.encode("utf-8", "surrogateescape")
    return found


def which(name: bytes) -> "Optional[bytes]":
    """The path of an executable on the PATH, or None."""
    for folder in posix.environ.get(b"PATH", b"/usr/bin:/bin").split(b":"):
        path = (folder or b".") + b"/" + name
        try:
            if posix.access(path, posix.X_OK) and posix.stat(path).st_mode & 0o170000 == 0o100000:
                return path
        except OSError:
            continue
    return None


def boot_id() -> str:
    """A word that changes with every boot of this host (of a pretend host: the real one, too)."""
    found = read(b"/proc/sys/kernel/random/boot_id").strip()
    if not found:
        for key in ("kern.bootsessionuuid", "kern.boottime"):
            found = found or output_of(["sysctl", "-n", key])
    return "-".join(found.split()) or "unknown"


def output_of(argv: "List[str]") -> str:
    """What a short command prints (only hosts without /proc pay for this)."""
    import subprocess

    try:
        text = subprocess.check_output(argv, stderr=subprocess.DEVNULL, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return ""
    return text.decode("utf-8", "replace").strip()


def cgroup(controller: str) -> "Tuple[int, List[bytes]]":
    """The version (1 or 2) and the folders of our control group, the innermost first.

    Inside a container the path may not exist below the mount: then only the mount itself counts.
    """
    version, base, path = 2, SYS + b"/fs/cgroup", ""
    for line in read(PROC + b"/self/cgroup").splitlines():
        names, _, found = line.partition(":")[2].partition(":")
        if controller in names.split(","):
            version, base, path = 1, base + b"/" + controller.encode(), found
            break
        if not names:
            path = found
    parts = [part for part in path.encode("utf-8", "surrogateescape").split(b"/") if part]
    return version, [b"/".join([base] + parts[:n]) for n in range(len(parts), -1, -1)]


def cpu_limit() -> "Tuple[float, bytes]":
    """The tightest cgroup limit in cores and the file that counts its use; (0.0, b"") if none."""
    limit, counter = 0.0, b""
    version, folders = cgroup("cpu")
    for folder in folders:
        if version == 2:
            quota, _, period = read(folder + b"/cpu.max").partition(" ")
        else:
            quota = read(folder + b"/cpu.cfs_quota_us")
            period = read(folder + b"/cpu.cfs_period_us") if number(quota) else ""
        if number(quota) and number(period):
            cores = number(quota) / number(period)
            if not limit or cores < limit:
                limit = cores
                counter = folder + (b"/cpu.stat" if version == 2 else b"/cpuacct.usage")
    return limit, counter


def memory_limit() -> "Tuple[int, bytes]":
    """The tightest cgroup limit in bytes and the file that counts its use; (0, b"") if none."""
    limit, counter = 0, b""
    version, folders = cgroup("memory")
    names = (b"/memory.max", b"/memory.current")
    if version == 1:
        names = (b"/memory.limit_in_bytes", b"/memory.usage_in_bytes")
    for folder in folders:
        found = number(read(folder + names[0]))
        if found and (not limit or found < limit):
            limit, counter = found, folder + names[1]
    return limit, counter


def cores() -> int:
    """The cores that we may use: by affinity (of a pretend host: its cpuinfo) and by cgroup."""
    try:
        count = len(posix.sched_getaffinity(0))
    except (AttributeError, OSError):
        count = posix.cpu_count() or 0
    if PROC != b"/proc":
        count = read(PROC + b"/cpuinfo").count("processor\t") or count
    limit = cpu_limit()[0]
    return max(1, min(count, int(limit) + (limit % 1 > 0))) if limit else count


def memory() -> int:
    """The bytes of memory that we may use, 0 when unknown."""
    total = number(read(PROC + b"/meminfo").partition("MemTotal:")[2]) * 1024
    if not total:
        try:
            total = posix.sysconf("SC_PHYS_PAGES") * posix.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError):
            return 0
    limit = memory_limit()[0]
    return min(total, limit) if limit else total


def name() -> str:
    """The operating system in the words of its makers."""
    for line in read(b"/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line[12:].strip().strip("\"'")
    system = posix.uname()
    return system.sysname + " " + system.release


def smi() -> "Optional[bytes]":
    """The path of nvidia-smi, or None on a host without NVIDIA GPUs."""
    return which(b"nvidia-smi")


def quote(text: str) -> str:
    """A JSON string in ASCII (the json module costs 9 ms a host)."""
    if text.isprintable() and not set(text) & {'"', "\\"} and len(text) == len(text.encode()):
        return '"' + text + '"'
    units = text.encode("utf-16-be", "surrogatepass")
    return '"%s"' % "".join("\\u" + units[i : i + 2].hex() for i in range(0, len(units), 2))


def encode(value: "Any") -> str:
    """JSON of plain values, in ASCII."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{%s}" % ",".join([quote(k) + ":" + encode(v) for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        return "[%s]" % ",".join([encode(v) for v in value])
    return repr(value)


def frame(header: "Dict[str, Any]", payload_size: int = 0) -> bytes:
    """The length and the header of a frame whose payload follows."""
    text = encode(header).encode("ascii") + b"\n"
    return (len(text) + payload_size).to_bytes(4, "big") + text


def hello() -> "Dict[str, Any]":
    """The agent's first message. ``gpus`` is None when their names are yet to be asked for."""
    return {
        "ev": "hello",
        "proto": 1,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "pid": posix.getpid(),
        "boot_id": boot_id(),
        "os": name(),
        "cores": cores(),
        "memory": memory(),
        "gpus": None if smi() else [],
        "home": home().decode("utf-8", "replace"),
    }


def greet(marker: bytes) -> None:
    """Say hello, then wait for the first request.

    The loop that serves requests is compiled only then: who just looks at a host never pays for
    it. With GPUs it is needed at once, as their names follow without being asked for. Standard
    output begins with the marker, because login scripts may have printed before it.
    """
    facts = hello()
    posix.write(1, marker + frame(facts))
    if facts["gpus"] is not None and not ahead():
        posix._exit(0)


def ahead() -> bytes:
    """What the interpreter's own buffer has read of stdin; if nothing, it reads once."""
    buffer = sys.stdin.buffer  # type: Any
    return bytes(buffer.peek())
