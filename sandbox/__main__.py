"""`python -m sandbox`: the outside world on one loopback port until it is told to stop."""

import signal
import sys
from types import FrameType

import uvicorn

from sandbox import logs
from sandbox.app import create_app
from sandbox.settings import Settings

KEEP_ALIVE_S = 75
"""Longer than any client here keeps an idle connection: none sends into one that is just being closed."""
STOP_WITHIN_S = 1
"""How long a request that a fault holds up may delay the end, in seconds."""


def _leave(number: int, frame: FrameType | None) -> None:
    """uvicorn, once it has closed everything, raises the signal that ended it again; being told to end is no failure."""
    del number, frame
    sys.exit(0)


def main() -> None:
    """Serve; SIGTERM and SIGINT end it cleanly."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    settings = Settings()
    logs.configure()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


if __name__ == "__main__":
    main()
