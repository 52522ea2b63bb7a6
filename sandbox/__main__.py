"""`python -m sandbox`: the outside world on one loopback port until it is told to stop."""

import uvicorn

from sandbox import logs
from sandbox.app import create_app
from sandbox.settings import Settings

STOP_WITHIN_S = 1
"""How long a request that a fault holds up may delay the end, in seconds."""


def main() -> None:
    """Serve; SIGTERM and SIGINT end it cleanly."""
    settings = Settings()
    logs.configure()
    uvicorn.run(
        create_app(settings),
        host="127.0.0.1",
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


if __name__ == "__main__":
    main()
