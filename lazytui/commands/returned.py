"""What functions returned, for whoever called them from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lazytui.core.model import RunState
from lazytui.core.step import FunctionSpec
from lazytui.errors import FunctionError, UntrustedReturnError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.model import RunRecord
    from lazytui.core.step import Step

TOLD_CHARS = 2000  # of a value that people look at


class Returned:
    """Tells what the functions of a task returned; says nothing of a task without any.

    Args:
        engine: has their returns.
        steps: of the task.
    """

    def __init__(self, engine: Engine, steps: Sequence[Step]) -> None:
        self._engine = engine
        self._count = sum(isinstance(step, FunctionSpec) for step in steps)

    async def as_json(self, record: RunRecord) -> dict[str, Any]:
        """Give the key ``returned``: the value of the only function, or a list of them."""
        if not self._count:
            return {}
        if record.state is not RunState.SUCCEEDED:
            return {"returned": None}
        try:
            values = [plain(value) for value in await self._engine.returns(record.run_id)]
        except (FunctionError, UntrustedReturnError) as error:
            return {"returned": None, "reason": sanitize(str(error))}
        return {"returned": values[0] if self._count == 1 else values}

    async def tell(self, call: Call, record: RunRecord) -> None:
        """Say on stderr what a run returned, unless it is nothing."""
        if not self._count or record.state is not RunState.SUCCEEDED:
            return
        try:
            values = await self._engine.returns(record.run_id)
        except (FunctionError, UntrustedReturnError) as error:
            call.say(str(error))
            return
        for value in values:
            if value is not None:
                text = sanitize(repr(value), max_chars=TOLD_CHARS)
                call.say(f"{record.host} returned {text}")


def plain(value: Any) -> Any:
    """Give a value as JSON can hold it; what it cannot becomes text."""
    return json.loads(json.dumps(value, default=repr, skipkeys=True))
