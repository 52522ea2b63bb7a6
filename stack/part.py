"""What the parts of a stack have in common: made ready, started, healthy within a time, stopped within a share of the five seconds."""

import asyncio
import signal
from abc import ABC, abstractmethod

import httpx

from stack.ports import HOST, listens
from stack.process import Process

HEALTHY_WITHIN_S = 60.0
ASK_EVERY_S = 0.03


class Part(ABC):
    """One server of the stack."""

    def __init__(self, process: Process, *, stop_by: tuple[tuple[signal.Signals, float], ...]) -> None:
        self.process = process
        self._stop_by = stop_by

    @abstractmethod
    async def prepare(self) -> None:
        """Bring about what has to be there before it starts."""

    @abstractmethod
    async def ready(self) -> bool:
        """Whether it serves; asked again until it does."""

    async def start(self) -> None:
        """Come up, or raise a PartError with the end of the log."""
        await self.prepare()
        self.process.start()
        try:
            async with asyncio.timeout(HEALTHY_WITHIN_S):
                while not await self.ready():
                    if await self.process.ended(ASK_EVERY_S) is not None:
                        raise self.process.died()
        except TimeoutError:
            raise self.process.failed(f"was not healthy within {HEALTHY_WITHIN_S:.0f} s") from None

    async def stop(self) -> None:
        """Ask it to end, then kill it; its process is gone when this returns."""
        await self.process.stop(*self._stop_by)

    async def kill(self) -> None:
        """What `kill -9` does."""
        await self.process.stop()

    def pause(self) -> None:
        """As a machine that stalls: it holds what it holds and answers nobody, until `resume`."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """What it was at goes on."""
        self.process.signal(signal.SIGCONT)


class HttpPart(Part):
    """A part that answers 200 at its health path when it serves."""

    def __init__(self, process: Process, port: int, health_path: str, *, stop_within_s: float) -> None:
        super().__init__(process, stop_by=((signal.SIGTERM, stop_within_s),))
        self._port = port
        self._health_url = f"http://{HOST}:{port}{health_path}"

    async def prepare(self) -> None:
        """Nothing: these parts make their own folders and keys."""

    async def ready(self) -> bool:
        if not await listens(self._port):  # cheaper than a client, and most of the waiting
            return False
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
                return (await client.get(self._health_url)).status_code == 200
        except httpx.TransportError:
            return False
