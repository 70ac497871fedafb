"""The call of one function, in a process of its own: everything it may do, it does to itself.

What it returns or raises is put into the job's folder: ``ok`` or ``error`` in a line, then the
pickled value, or what was raised as JSON.
"""

import _signal  # type: ignore[import-not-found]
import atexit
import os
import pickle
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from lazytui.remote.folder import Folder
    from lazytui.remote.leader import Spec

MESSAGE = 4000  # characters of what was raised
TRACEBACK = 60000


def become(folder: "Folder", spec: "Spec") -> "NoReturn":
    """Call the job's function, keep what it returns, and end as a Python script would."""
    status = 1
    try:
        status = run(folder, spec)
    except BaseException as problem:  # a function may leave anything behind, also in atexit
        tell(problem)
    finally:
        os._exit(status)


def run(folder: "Folder", spec: "Spec") -> int:
    """Call the function; gives the exit status."""
    pid = os.getpid()
    enter(spec)
    path = os.fsdecode(folder.path)
    try:
        with open(os.path.join(path, "call"), "rb") as source:
            function, arguments = pickle.load(source)  # noqa: S301  # our own user's, sent by ssh
        answer = dumped(function(**arguments))
    except SystemExit as leaving:
        return finish(leaving.code)
    except BaseException as problem:
        tell(problem)
        if os.getpid() == pid:
            keep(path, b"error\n", error_of(problem))
        finish(0)
        return 128 + _signal.SIGINT if isinstance(problem, KeyboardInterrupt) else 1
    if os.getpid() == pid:  # not in what the function forked and let return
        keep(path, b"ok\n", answer)
    return finish(0)


def prepare() -> None:
    """Do what can be done before it is known what is to be called."""
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    # A lazytui that is installed here must not be hidden by the modules that came for the start.
    for name in [name for name in sys.modules if name.partition(".")[0] == "lazytui"]:
        del sys.modules[name]


def enter(spec: "Spec") -> None:
    """Have the directory and the variables that the function expects."""
    env, now = spec.env, os.environb
    for key in [key for key in now if key not in env]:
        del now[key]
    for key, value in env.items():
        if now.get(key) != value:
            now[key] = value
    for entry in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if entry and entry not in sys.path:
            sys.path.insert(1, entry)
    os.chdir(spec.cwd)


def dumped(value: "Any") -> bytes:
    """Pickle what was returned.

    Raises:
        TypeError: it cannot be.
    """
    cloudpickle: "Any" = sys.modules["cloudpickle"]  # the program of the nursery has made it
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:
        pass  # of a class that came with the function, and so by value
    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as problem:
        kind = type(value).__name__
        raise TypeError("the %s that was returned cannot be sent: %s" % (kind, problem)) from None


def keep(path: str, word: bytes, data: bytes) -> None:
    """Put a result into the job's folder, whole or not at all."""
    name = os.path.join(path, "result")
    with open(name + ".tmp", "wb") as target:
        target.write(word)
        target.write(data)
    os.rename(name + ".tmp", name)


def finish(code: "Any") -> int:
    """End threads and what was registered for the end, as an interpreter does."""
    status = code
    if code is None:
        status = 0
    elif not isinstance(code, int):
        sys.stderr.write(str(code) + "\n")
        status = 1
    threading: "Any" = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(status) & 0xFF


def tell(problem: BaseException) -> None:
    """Print a traceback without our own frames."""
    import traceback

    traceback.print_exception(type(problem), problem, below(problem))


def below(problem: BaseException) -> "Any":
    """The traceback from the function on."""
    ours = below.__code__.co_filename
    trace = problem.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == ours:
        trace = trace.tb_next
    return trace


def error_of(problem: BaseException) -> bytes:
    """What was raised, as JSON."""
    import json
    import traceback

    trace = "".join(traceback.format_exception(type(problem), problem, below(problem)))
    try:
        message = str(problem)
    except Exception:  # of a class that cannot even say what it is
        message = ""
    found = {
        "type": type(problem).__name__,
        "message": message[:MESSAGE],
        "traceback": trace[-TRACEBACK:],
    }
    return json.dumps(found).encode("ascii")
