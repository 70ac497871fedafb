"""The first lines of lazytui that run on a host: a loader for the modules that follow on stdin.

The manager sends one assignment (``MARKER = b"..."``), this file, and one ``module(...)`` call per
module of the boot part. This file alone must compile under every Python 3, so that an old one is
told apart from a broken one. It never becomes a file on the host.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    MARKER = b""


def module(name: str, source: str) -> "Any":
    """Make the module ``lazytui.remote.<name>`` from its text, so that others can import it."""
    full = "lazytui.remote." + name
    made = type(sys)(full)
    sys.modules[full] = made
    setattr(sys.modules["lazytui.remote"], name, made)
    exec(compile(source, full.replace(".", "/") + ".py", "exec"), made.__dict__)
    return made


if sys.version_info < (3, 6):
    found = '{"ev":"unfit","python":"%d.%d.%d"}\n' % tuple(sys.version_info[:3])
    frame = found.encode("ascii")
    posix.write(1, MARKER + len(frame).to_bytes(4, "big") + frame)
    posix._exit(3)

for package in ("lazytui", "lazytui.remote"):
    sys.modules[package] = type(sys)(package)
setattr(sys.modules["lazytui"], "remote", sys.modules["lazytui.remote"])  # noqa: B010
