"""The process in which a named function is found and pickled: `python -m` it, see `task_functions`.

Finding a function runs its module: code of the user's that may print, hang, or end its process.
That must not happen to an engine. On stdin comes a JSON object: where the function is, and its
arguments. On what was stdout goes a line of JSON, and then the pickle.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from lazytui.core.functions import find, pickled
from lazytui.errors import LazytuiError


def main() -> None:
    """Answer the one request on stdin."""
    # What the module prints must not get between; it is told if something goes wrong.
    answer = os.dup(1)
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    try:
        step = pickled(find(request["where"]), request["arguments"])
    except LazytuiError as error:
        reply: dict[str, Any] = {"error": str(error)}
        payload = b""
    else:
        assert step.payload is not None
        reply, payload = {"step": step.to_step()}, step.payload
    with os.fdopen(answer, "wb") as stream:
        stream.write(json.dumps(reply).encode("ascii") + b"\n" + payload)


if __name__ == "__main__":
    main()
