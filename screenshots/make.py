"""Make the pictures of the README from the demo's pretend hosts: ``python screenshots/make.py``."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
SIZE = (130, 34)
WARM_UP_S = 20.0  # until the sparklines have something to show


async def main() -> None:
    """Start the demo, drive the screens, and save what they show."""
    from lazytui.demo.cluster import demo_cluster

    async with demo_cluster() as cluster:
        os.environ.update(cluster.environ)
        await picture(cluster.config)


async def picture(config: Path) -> None:
    """Save each screen as an SVG."""
    from lazytui.core.engine import Engine
    from lazytui.core.paths import Paths
    from lazytui.core.settings import load
    from lazytui.ssh.config import SSHConfig
    from lazytui.tui.app import LazytuiApp
    from lazytui.tui.screens.task_output import TaskOutputScreen

    paths = Paths.of_user()
    paths.create()
    async with Engine(SSHConfig.load(config), load()[0], paths) as engine:
        engine.watch()
        app = LazytuiApp(engine)
        async with app.run_test(size=SIZE) as pilot:
            await engine.detect()
            await engine.run_command("python3 train.py", ["gpu01"])
            await asyncio.sleep(WARM_UP_S)
            await engine.run_command("sh bench.sh", ["gpu01"])
            await pilot.press("j", "j", "j", "space", "space")
            await pilot.pause(1)
            save(app, "hosts")
            await pilot.press("r", *("space" if c == " " else c for c in "df -h ."))
            await pilot.pause(1)
            save(app, "run")
            await pilot.press("escape")
            asked = await engine.run_command("nvidia-smi -L | cut -c1-40", list(engine.runtimes))
            app.push_screen(TaskOutputScreen(app.context, asked[0].task_id))
            await pilot.pause(8)
            save(app, "output")
            await pilot.press("escape", "2")
            await pilot.pause(1)
            save(app, "tasks")


def save(app: object, name: str) -> None:
    """Write what an app shows to a file."""
    svg: str = app.export_screenshot(title="lazytui")  # type: ignore[attr-defined]
    (FOLDER / f"{name}.svg").write_text(svg)
    sys.stdout.write(f"screenshots/{name}.svg\n")


if __name__ == "__main__":
    asyncio.run(main())
