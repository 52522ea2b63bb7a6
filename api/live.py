"""One LISTEN connection a process, behind all open streams. A stream is told the newest version of each of its topics and no more, so a
slow reader never makes a queue."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

import structlog
from asyncpg.exceptions import InterfaceError

from models.kernel.errors import DomainError
from models.live import STREAMS_MAX, Topic
from models.stores.database import Database
from models.stores.live import listening
from models.stores.outage import SUSPECTS

RECHECK_S = 60.0
"""How long a right that was taken away may still be used on an open stream."""
_PROVE_EVERY_S = 20.0
_PAUSE_S, _PAUSE_S_MAX = 0.1, 5.0
log = structlog.get_logger()


class Stream:
    """What one browser is still to be told."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self.topics = frozenset(topics)
        self.over = False
        self._newest: dict[str, int] = {}
        self._reread = False
        self._woken = asyncio.Event()

    def tell(self, topic: str, version: int) -> None:
        self._newest[topic] = max(version, self._newest.get(topic, version))
        self._woken.set()

    def reread(self) -> None:
        """Something may have been missed."""
        self._reread = True
        self._woken.set()

    def end(self) -> None:
        self.over = True
        self._woken.set()

    async def wait(self, within_s: float) -> None:
        """Until there is something to tell, or the time is up."""
        try:
            async with asyncio.timeout(within_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def take(self) -> tuple[bool, dict[str, int]]:
        """Whether to read again, and the newest versions since the last taking."""
        taken = self._reread, self._newest
        self._reread, self._newest = False, {}
        if not self.over:
            self._woken.clear()
        return taken


class Live:
    """The open streams of this process."""

    def __init__(self, database: Database, *, recheck_s: float = RECHECK_S) -> None:
        self.recheck_s = recheck_s
        self.listening = asyncio.Event()
        """Set while the line stands."""
        self._database = database
        self._by_topic: defaultdict[str, set[Stream]] = defaultdict(set)
        self._of_account: Counter[UUID] = Counter()
        self._over = False

    @contextmanager
    def open(self, account_id: UUID, topics: Iterable[Topic]) -> Generator[Stream]:
        """A stream, for as long as it is read; raises `live.too_many` for the account's next one."""
        if self._of_account[account_id] >= STREAMS_MAX:
            raise DomainError("live.too_many", "limited", at_most=STREAMS_MAX)
        stream = Stream(topics)
        if self._over:
            stream.end()
        self._of_account[account_id] += 1
        for topic in stream.topics:
            self._by_topic[str(topic)].add(stream)
        try:
            yield stream
        finally:
            self._leave(account_id, stream)

    def count(self) -> int:
        """How many streams are open."""
        return self._of_account.total()

    def end(self) -> None:
        """Every stream ends, and each new one at once: the process is about to stop."""
        self._over = True
        for stream in self._streams():
            stream.end()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Listens until it is left; a broken line is taken up again, and all streams are told to read again."""
        listener = asyncio.create_task(self._listen(), name="live")
        try:
            yield
        finally:
            self.end()
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _listen(self) -> None:
        pause_s = _PAUSE_S
        while True:
            try:
                async with listening(self._database, self._heard) as line:
                    pause_s = _PAUSE_S
                    self.listening.set()
                    for stream in self._streams():  # what happened before this line stood, nobody heard
                        stream.reread()
                    while not await line.ended(_PROVE_EVERY_S):
                        await line.prove()
                log.warning("live.line_lost")
            except (*SUSPECTS, InterfaceError) as error:
                log.warning("live.line_lost", exc_info=error)
            self.listening.clear()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_S_MAX)

    def _heard(self, payload: str) -> None:
        topic, _, version = payload.rpartition(":")
        for stream in self._by_topic.get(topic, ()):
            stream.tell(topic, int(version))

    def _streams(self) -> set[Stream]:
        return {stream for streams in self._by_topic.values() for stream in streams}

    def _leave(self, account_id: UUID, stream: Stream) -> None:
        for topic in map(str, stream.topics):
            self._by_topic[topic].discard(stream)
            if not self._by_topic[topic]:
                del self._by_topic[topic]
        self._of_account[account_id] -= 1
        if not self._of_account[account_id]:
            del self._of_account[account_id]
