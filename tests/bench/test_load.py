"""The load generator counts whole 200s alone, and a measure does not outlive anything else."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle

import pytest

from bench.load import Load, LoadError, generate, rate

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nmissing"
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Server:
    """Answers each request with the next of its answers; one that is cut short ends its connection."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = cycle(answers)
        self.asked: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head)
                answer = next(self._answers)
                writer.write(answer)
                if answer is CUT:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def a_server(*answers: bytes) -> AsyncGenerator[Server]:
    server = Server(answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


def a_load(server: Server, *, paths: Sequence[str] = ("/",), connections: int = 2) -> Load:
    return Load(
        host="127.0.0.1", port=server.port, paths=paths, headers={"Authorization": "Bearer t"}, connections=connections, seconds=0.2
    )


async def test_whole_answers_are_counted_on_connections_that_are_kept() -> None:
    async with a_server(OK) as server:
        answered = await generate(a_load(server))

    assert answered.failed == {}
    assert len(server.asked) - 2 <= answered.answers <= len(server.asked)
    assert answered.answers > 10
    assert answered.seconds == pytest.approx(0.2, abs=0.1)


async def test_the_paths_are_asked_for_in_turn_with_the_headers() -> None:
    async with a_server(OK) as server:
        await generate(a_load(server, paths=("/one", "/two"), connections=1))

    assert [head.split(b" ")[1] for head in server.asked[:4]] == [b"/one", b"/two", b"/one", b"/two"]
    assert b"\r\nAuthorization: Bearer t\r\n" in server.asked[0]


async def test_another_status_is_no_answer() -> None:
    async with a_server(OK, MISSING) as server:
        answered = await generate(a_load(server, connections=1))

    assert answered.failed.keys() == {"404"}
    assert answered.failed["404"] == pytest.approx(answered.answers, abs=1)


async def test_a_connection_that_breaks_off_is_no_answer() -> None:
    async with a_server(CUT) as server:
        answered = await generate(a_load(server))

    assert (answered.answers, answered.failed) == (0, {"IncompleteReadError": 2})


async def test_an_answer_without_a_length_is_no_answer() -> None:
    async with a_server(ENDLESS) as server:
        assert (await generate(a_load(server))).failed == {"ValueError": 2}


async def test_a_measure_fails_on_anything_but_200() -> None:
    async with a_server(OK, OK, OK, MISSING) as server:
        with pytest.raises(LoadError, match=r"'404'"):
            await rate(a_load(server))


async def test_a_measure_fails_where_nobody_answers() -> None:
    async with a_server(OK) as server:
        pass

    with pytest.raises(LoadError, match="0 whole answers"):
        await rate(a_load(server))


async def test_a_measure_is_the_rate_of_a_process_of_its_own() -> None:
    async with a_server(OK) as server:
        assert await rate(a_load(server)) > 50
