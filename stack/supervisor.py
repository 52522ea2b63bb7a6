"""The whole embedded stack as one object: up in order, watched, down in reverse; by `make run`, and by tests that kill its parts."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from stack import programs
from stack.data import DataFolder
from stack.errors import PartError, StackError
from stack.part import Part
from stack.ports import HOST, Ports, free_ports
from stack.postgres import PostgreSQL
from stack.programs import Policy
from stack.temporal import Temporal

PartName = Literal["postgres", "temporal", "sandbox", "worker", "api"]
# Started side by side within a stage, stopped stage by stage in reverse: 3.0 s and 1.6 s, so that Ctrl-C takes less than five.
_GROUND: tuple[PartName, ...] = ("postgres", "temporal", "sandbox")
_SERVING: tuple[PartName, ...] = ("worker", "api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a running stack is to be found. URLs end without a slash; `temporal` is host and port."""

    api: str
    api_docs: str
    worker_health: str
    sandbox: str
    console: str
    temporal: str
    temporal_ui: str
    database_url: str


class Stack:
    """PostgreSQL, Temporal, sandbox, worker and API on one data folder.

    `settings` are environment variables for the programs, `FUZHEN_…` for API and worker and `SANDBOX_…` for the sandbox; they win over
    the stack's own. `report` gets one line for each thing that happens.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        ports: Ports | None = None,
        policy: Policy = "standard",
        settings: Mapping[str, str] | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._data = DataFolder(data_dir)
        self._ports = ports or Ports.free()
        self._policy: Policy = policy
        self._settings = dict(settings or {})
        self._report = report
        self._ours: dict[str, str] = {}
        self._held = contextlib.ExitStack()
        self._postgres = PostgreSQL(self._data, self._ports.postgres)
        self._parts: dict[PartName, Part] = {
            "postgres": self._postgres,
            "temporal": Temporal(self._data, self._ports.temporal, self._ports.temporal_ui),
            "sandbox": programs.sandbox(self._data, self._ports, self._settings_for("SANDBOX_")),
        }

    @property
    def addresses(self) -> Addresses:
        """Known once the stack is started."""
        api, sandbox = f"http://{HOST}:{self._ports.api}", f"http://{HOST}:{self._ports.sandbox}"
        return Addresses(
            api=api,
            api_docs=f"{api}/docs",
            worker_health=f"http://{HOST}:{self._ports.worker_health}",
            sandbox=sandbox,
            console=f"{sandbox}/console",
            temporal=f"{HOST}:{self._ports.temporal}",
            temporal_ui=f"http://{HOST}:{self._ports.temporal_ui}",
            database_url=self._postgres.url,
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bring everything up, healthy when this returns; on any failure everything is stopped before the error goes on."""
        try:
            self._held.enter_context(self._data.held())
            await self._postgres.end_leftovers()
            self._ports.check_free()
            await self._side_by_side(_GROUND)
            settings = await programs.settings_of_ours(self._data, self._ports, self._policy, self._postgres.url)
            settings |= self._settings_for("FUZHEN_")
            await self._step("Migrations", "migrations", ["alembic", "upgrade", "head"], settings)
            await self._step("Demo hospital", "seed", ["stack.seed"], settings)
            self._ours = settings
            self._parts["worker"] = programs.worker(self._data, self._ports, settings)
            self._parts["api"] = programs.api(self._data, self._ports, settings)
            await self._side_by_side(_SERVING)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every part in reverse order and let go of the data folder; no process is left when this returns."""
        for stage in (_SERVING, _GROUND):
            await asyncio.gather(*(self._parts[name].stop() for name in stage if name in self._parts))
        self._held.close()

    async def kill(self, name: PartName) -> None:
        """`kill -9` a part; it is gone when this returns, and stays away until start_part."""
        await self._parts[name].kill()

    def pause(self, name: PartName) -> None:
        """It stalls: alive, and answers nobody, until `resume`."""
        self._parts[name].pause()

    def resume(self, name: PartName) -> None:
        self._parts[name].resume()

    async def stop_part(self, name: PartName) -> None:
        """Stop one part in good order."""
        await self._parts[name].stop()

    async def start_part(self, name: PartName) -> None:
        """Start a killed or stopped part again; healthy when this returns."""
        await self._bring_up(name)

    def worker_beside(self, code: Path) -> Part:
        """One more worker on this started stack, of the code in that folder: to be started and stopped by who asked for it."""
        return programs.worker_beside(self._data, free_ports(1)[0], self._ours, code)

    async def loss(self) -> PartError:
        """Wait until a part ends that nobody asked to end, and say which and how."""
        waits = {asyncio.create_task(part.process.ended()): part for part in self._parts.values()}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return waits[done.pop()].process.died()

    def lost(self) -> list[PartName]:
        """Parts that are not running at this moment, asked to end or not."""
        return [name for name, part in self._parts.items() if not part.process.alive]

    async def _side_by_side(self, names: tuple[PartName, ...]) -> None:
        """Bring up a stage; the first part that fails ends the others, and its error alone is told."""
        try:
            async with asyncio.TaskGroup() as together:
                for name in names:
                    together.create_task(self._bring_up(name))
        except BaseExceptionGroup as failed:
            told = [error for error in failed.exceptions if isinstance(error, StackError)]
            raise told[0] if told else failed from None

    async def _bring_up(self, name: PartName) -> None:
        part = self._parts[name]
        await self._reported(part.process.title, "ready", part.start)

    async def _step(self, title: str, log: str, arguments: list[str], settings: Mapping[str, str]) -> None:
        await self._reported(title, "done", programs.program(title, self._data.log(log), arguments, settings).run)

    async def _reported(self, title: str, done: str, work: Callable[[], Awaitable[None]]) -> None:
        began = time.perf_counter()
        self._report(f"{title} …")
        await work()
        self._report(f"{title} … {done} in {time.perf_counter() - began:.1f} s")

    def _settings_for(self, prefix: str) -> dict[str, str]:
        return {name: value for name, value in self._settings.items() if name.startswith(prefix)}
