"""A task's sleep until something is due."""

import asyncio

from sandbox import clock


class Alarm:
    """One sleeper, and whoever has made something due. The sleeper clears it before looking at what is due, so that no ring is lost."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There may be something due earlier than the sleeper thinks."""
        self._rung.set()

    def clear(self) -> None:
        """From here on rings count again."""
        self._rung.clear()

    async def sleep_until(self, due_at: float | None) -> None:
        """Sleep until that instant (seconds since 1970 by the sandbox's clock; None: for ever), or until the next ring."""
        wait_s = None if due_at is None else max(0.0, due_at - clock.now().timestamp())
        try:
            async with asyncio.timeout(wait_s):
                await self._rung.wait()
        except TimeoutError:
            return
