"""Make the pictures of the README from the demo's pretend hosts: ``python screenshots/make.py``."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lazytui.core.cluster_model import Cluster
    from lazytui.core.engine import Engine

FOLDER = Path(__file__).parent
SIZE = (130, 34)
WARM_UP_S = 20.0  # until the sparklines have something to show


async def main() -> None:
    """Start the demo, drive the screens, and save what they show."""
    from lazytui.demo.cluster import demo_cluster

    async with demo_cluster() as cluster:
        os.environ.update(cluster.environ)
        await picture(cluster.config, cluster.home)


async def picture(config: Path, home: Path) -> None:
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
        app = LazytuiApp(engine, folder=home)
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
            await app.go_to("files", host="gpu01")
            await pilot.pause(2)
            await pilot.press("down", "space", "down", "space", "down", "space")
            await pilot.pause(1)
            save(app, "files")
            async with exposed(engine):
                await pilot.press("1", "3", "slash", "escape", "g")
                await pilot.pause(3)
                save(app, "ports")
            engine.clusters = PretendClusters()  # type: ignore[assignment]
            await pilot.press("5")
            await pilot.pause(1)
            save(app, "clusters")


class PretendClusters:
    """Clusters for the picture only: pretend hosts share one machine, and so all its ports."""

    def all(self) -> list[Cluster]:
        """Give a cluster that runs, with a worker that is tried again, and one that is stopped."""
        from lazytui.core import cluster_model as model

        gib, now = 1 << 30, time.time()
        work = (("gpu01", 12, 688, "6 tasks"), ("gpu02", 9, 540, "6 tasks"), ("cpu01", 2, 4, "idle"))
        workers = [
            model.ClusterWorker(
                f"w-{place}",
                host,
                model.WorkerState.RUNNING,
                threads=8,
                memory=memory * gib,
                memory_limit=64 * gib,
                cpu=cpu,
                doing=doing,
                seen_at=now,
            )
            for place, (host, memory, cpu, doing) in enumerate(work)
        ]
        lost = model.ClusterWorker(
            "w-3",
            "cpu02",
            model.WorkerState.RETRYING,
            reason="connection lost",
            retry_at=time.monotonic() + 5,
            restarts=1,
        )
        hosts = ("gpu01", "gpu02", "cpu01", "cpu02")
        same = {"python": "3.12.3", "dask": "2026.8.0", "distributed": "2026.8.0"}
        check = model.ClusterCheck(
            hosts,
            tuple(model.ClusterVersions(k, v, dict.fromkeys(hosts, v)) for k, v in same.items()),
            (),
        )
        sweep = model.ClusterSpec("sweep", model.ClusterKind.DASK, "@train")
        tune = model.ClusterSpec("tune", model.ClusterKind.HYPEROPT, "gpu[01-02]", workers=6)
        return [
            model.Cluster(
                sweep,
                model.ClusterState.RUNNING,
                hosts=hosts,
                wanted=4,
                workers=(*workers, lost),
                tasks=212,
                master_port=8786,
                dashboard_port=8787,
                check=check,
                since=now - 7300,
            ),
            model.Cluster(tune),
        ]


@asynccontextmanager
async def exposed(engine: Engine) -> AsyncIterator[None]:
    """Expose ports of each kind, with clients that talk, and one whose service is gone."""
    from lazytui.core.exposure_model import Direction, ExposureSpec, Service

    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):
            writer.write(bytes(40_000))
            await writer.drain()

    await engine.add_group("train", ["gpu02"], "gpu02")
    server = await asyncio.start_server(chat, "127.0.0.1", 8888)
    near, there = Direction.FROM_RUNTIME, Direction.TO_RUNTIMES
    for spec in (
        ExposureSpec(near, (Service(8888, 8889),), source="gpu01", name="jupyter"),
        ExposureSpec(near, (Service(6006, 6007),), source="gpu02", name="tensorboard"),
        ExposureSpec(there, (Service(8888, 5432),), group="train", name="database"),
        ExposureSpec(Direction.SOCKS, (Service(0, 1080),), source="cpu01", auto=False),
    ):
        await engine.exposures.add(spec)
    await engine.exposures.test(2)
    clients = [await asyncio.open_connection("127.0.0.1", 8889) for _ in range(3)]

    async def talk() -> None:
        while True:
            for _, writer in clients:
                writer.write(b"x")
            for reader, _ in clients:
                await reader.readexactly(40_000)
            await asyncio.sleep(0.1)

    talking = asyncio.ensure_future(talk())
    yield
    talking.cancel()
    for _, writer in clients:
        writer.transport.abort()
    server.close()


def save(app: object, name: str) -> None:
    """Write what an app shows to a file."""
    svg: str = app.export_screenshot(title="lazytui")  # type: ignore[attr-defined]
    (FOLDER / f"{name}.svg").write_text(svg)
    sys.stdout.write(f"screenshots/{name}.svg\n")


if __name__ == "__main__":
    asyncio.run(main())
