"""One operating-system process of the stack: tied to the life of its starter, its output in a log file."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack.errors import PartError, StackError

LOG_BYTES_MAX = 100_000_000
"""What has grown beyond it is put aside at the next start, one a part."""
KILLED_WITHIN_S = 5.0
# Settings of whoever starts us must not leak into a part, and a proxy must not stand between two processes of one machine.
_FOREIGN = ("FUZHEN_", "SANDBOX_", "TEMPORAL_", "PG")
_UNLESS_ORPHANED = 'test "$PPID" = "$0" && exec "$@"'
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def tether(at_death: signal.Signals, *privileges: str) -> list[str]:
    """The prefix that ties a command to its starter: the kernel sends it `at_death` the moment the thread that started it is gone.

    That holds for `kill -9` too, needs no watching process, and, unlike a preexec function, is safe in a process with threads and
    combines with a change of user by `privileges` (options of setpriv; a change of user clears the mark, so setpriv sets it last; our
    database keeps it through exec). A starter that died before the mark was set is told by its number, which is no longer the parent's.
    """
    setpriv = shutil.which("setpriv", path=f"{os.environ.get('PATH', os.defpath)}:/usr/bin:/bin")
    if setpriv is None:
        raise StackError("setpriv is missing. It comes with the Debian package util-linux: apt-get install util-linux")
    marked = [setpriv, "--pdeathsig", at_death.name.removeprefix("SIG"), *privileges, "--"]
    return [*marked, "sh", "-c", _UNLESS_ORPHANED, str(os.getpid())]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What a part gets: our own environment without anyone's Fuzhen settings and proxies, and then its settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN) and name.lower() not in _PROXIES}
    return ours | {"PYTHONUNBUFFERED": "1", "NO_PROXY": "*"} | dict(settings)


async def gone(pid: int, within_s: float) -> bool:
    """Wait for the end of any process, ours or not; False when it still lives after `within_s`."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(within_s):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True


class Process:
    """A command that runs in a session of its own, so that a Ctrl-C at the terminal reaches only its starter, who stops it in order."""

    def __init__(
        self,
        title: str,
        command: Sequence[str],
        *,
        log: Path,
        tether: Sequence[str],
        settings: Mapping[str, str],
        folder: Path = Path("/"),
    ) -> None:
        self.title = title
        self.log = log
        self._command = [*tether, *command]
        self._settings = settings
        self._folder = folder
        self._popen: subprocess.Popen[bytes] | None = None
        self._ended: asyncio.Future[int] | None = None
        self._log_from = 0

    @property
    def pid(self) -> int:
        """The process id; only of a started process."""
        if self._popen is None:
            raise StackError(f"{self.title} was not started")
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Started and not seen to end."""
        return self._ended is not None and not self._ended.done()

    def start(self, feed: bytes = b"") -> None:
        """Start it and give it `feed` (a few lines) to read.

        To be called in the event loop's own thread: the tether would let go at the end of a pool's thread.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as out:
            self._log_from = out.tell()
            self._popen = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment(self._settings),
                cwd=self._folder,
                start_new_session=True,
                umask=0o077,
            )
        self._watch(self._popen)
        if self._popen.stdin:
            with contextlib.suppress(BrokenPipeError):  # it died already: its exit code and its log say so
                self._popen.stdin.write(feed)
                self._popen.stdin.close()

    def _watch(self, popen: "subprocess.Popen[bytes]") -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        handle = os.pidfd_open(popen.pid)

        def reap() -> None:
            loop.remove_reader(handle)
            os.close(handle)
            # Before the leader is reaped its number cannot be anyone else's: what it left in its session goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)
            ended.set_result(popen.wait())

        loop.add_reader(handle, reap)
        self._ended = ended

    async def ended(self, within_s: float | None = None) -> int | None:
        """Its exit code once it ends, negative for a signal; None when it still runs after `within_s`."""
        if self._ended is None:
            raise StackError(f"{self.title} was not started")
        await asyncio.wait({self._ended}, timeout=within_s)
        return self._ended.result() if self._ended.done() else None

    async def run(self, feed: bytes = b"", *, far: Callable[[], int] | None = None, within_s: float = 60.0) -> None:
        """Start it and wait for a good end; anything else is a PartError. Leaves nothing running when cancelled.

        With `far`, which tells how far it has come, it may take as long as it likes, but not stand still for `within_s`.
        """
        self.start(feed)
        try:
            code = await (self.ended() if far is None else self._goes_on(far, within_s))
        finally:
            await self.stop()
        if code:
            raise self.failed(f"ended with {_ending(code)}")

    async def _goes_on(self, far: Callable[[], int], within_s: float) -> int:
        seen = far()
        while (code := await self.ended(within_s)) is None:
            if (now := far()) == seen:
                raise self.failed(f"has not come any further for {within_s:.0f} s")
            seen = now
        return code

    async def stop(self, *steps: tuple[signal.Signals, float]) -> bool:
        """Send each signal and give it its seconds to end, then kill it; nothing of its session is left when this returns.

        Answers whether it ended without being killed.
        """
        for number, within_s in (*steps, (signal.SIGKILL, KILLED_WITHIN_S)):
            if not self.alive:
                return True
            os.killpg(self.pid, number)
            await self.ended(within_s)
        return False

    def signal(self, number: signal.Signals) -> None:
        """To everything of its session that has not left it; nothing happens when it is gone."""
        if self.alive:
            os.killpg(self.pid, number)

    def tail(self, lines: int = 20) -> str:
        """The last lines it wrote since it was started."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as wrote:
            wrote.seek(max(self._log_from, wrote.seek(0, os.SEEK_END) - 65_536))
            return "\n".join(wrote.read().decode(errors="replace").splitlines()[-lines:])

    def wrote(self, words: str) -> bool:
        """Whether its log has these words since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return words.encode() in log.read()

    def failed(self, happened: str) -> PartError:
        """The error that tells of it, with the end of its log."""
        return PartError(self.title, happened, self.log, self.tail())

    def died(self) -> PartError:
        """The error for a process that should still be running."""
        code = self._ended.result() if self._ended is not None and self._ended.done() else 0
        return self.failed(f"died with {_ending(code)}")


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
