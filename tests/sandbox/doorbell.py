"""A door of ours that the sandbox knocks at: keeps what came, and answers as it was told."""

import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Notify:
    """One delivery as it came in."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Doorbell:
    """Its next answers, and `usual` after them: a status without a body, or a body with 200."""

    answers: list[int | bytes] = field(default_factory=list[int | bytes])
    usual: int | bytes = 200
    came: "queue.Queue[Notify]" = field(default_factory=queue.Queue["Notify"])
    url: str = ""

    def next(self) -> Notify:
        """The next delivery, however long the schedule takes to bring it."""
        return self.came.get(timeout=30)


@contextmanager
def doorbell(*answers: int | bytes, usual: int | bytes = 200, path: str = "/webhooks/wechat_pay") -> Generator[Doorbell]:
    """Answers the first deliveries as listed and every later one as usual."""
    bell = Doorbell(list(answers), usual)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = bell.answers.pop(0) if bell.answers else bell.usual
            status, said = (answer, b"") if isinstance(answer, int) else (200, answer)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            bell.came.put(Notify({name.lower(): value for name, value in self.headers.items()}, body))

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    bell.url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    try:
        yield bell
    finally:
        server.shutdown()
        server.server_close()
