"""Load out of a process of its own: GETs on kept connections, HTTP/1.1 on bare sockets, so that no client hides what it measures.

`python -m bench.load` reads a `Load` as JSON and writes an `Answered`.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many connections ask for the paths in turn, each as soon as its last answer is whole, for so many seconds."""

    host: str
    port: int
    paths: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """`failed` counts whatever is not a whole 200, by its status or by what broke."""

    answers: int
    seconds: float
    failed: dict[str, int]

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


class LoadError(Exception):
    """Something else than 200 was answered: then the figure would be of something else too."""


async def rate(load: Load) -> float:
    """200s a second, of a generator process that is gone when this returns. Raises `LoadError` for anything else that came."""
    generator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=PROJECT
    )
    try:
        said, _ = await generator.communicate(json.dumps(asdict(load)).encode())
    finally:
        if generator.returncode is None:
            generator.kill()
            await generator.wait()
    if generator.returncode:
        raise LoadError(f"the generator ended with {generator.returncode}")
    answered = Answered(**json.loads(said))
    if answered.failed or not answered.answers:
        raise LoadError(f"{load.paths[0]} …: {answered.answers} whole answers, {answered.failed} others")
    return answered.per_second


async def generate(load: Load) -> Answered:
    """What came within the seconds; an answer under way at their end is not counted."""
    turns = _Turns(load)
    began = time.perf_counter()
    talking = [asyncio.create_task(turns.talk(number)) for number in range(load.connections)]
    await asyncio.wait(talking, timeout=load.seconds)
    answers, seconds = turns.answers, time.perf_counter() - began
    for one in talking:
        one.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    return Answered(answers=answers, seconds=seconds, failed=dict(turns.failed))


class _Turns:
    def __init__(self, load: Load) -> None:
        self._load = load
        lines = [f"Host: {load.host}:{load.port}", *(f"{name}: {value}" for name, value in load.headers.items())]
        self._requests = [("\r\n".join([f"GET {path} HTTP/1.1", *lines]) + "\r\n\r\n").encode() for path in load.paths]
        self.answers = 0
        self.failed: Counter[str] = Counter()

    async def talk(self, number: int) -> None:
        """One connection. A break is counted, and ends it: who breaks off once would break off for ever."""
        try:
            reader, writer = await asyncio.open_connection(self._load.host, self._load.port)
        except OSError as refused:
            self.failed[type(refused).__name__] += 1
            return
        try:
            while True:
                writer.write(self._requests[number % len(self._requests)])
                number += 1
                status = await _whole(reader)
                if status == "200":
                    self.answers += 1
                else:
                    self.failed[status] += 1
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as broken:
            self.failed[type(broken).__name__] += 1
        finally:
            writer.close()


async def _whole(reader: asyncio.StreamReader) -> str:
    """The status of one answer, read to its end. A server of ours says how long its answer is; `ValueError` where it does not."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, _, fields = head.partition(b"\r\n")
    for line in fields.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
            return status.split(b" ")[1].decode()
    raise ValueError("an answer without a length")


def main() -> None:
    load = Load(**json.load(sys.stdin))
    sys.stdout.write(json.dumps(asdict(uvloop.run(generate(load)))))


if __name__ == "__main__":
    main()
