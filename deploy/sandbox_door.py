"""`python -m deploy.sandbox_door`: the sandbox on every address of its container, where `python -m sandbox` keeps to loopback."""

import uvicorn

from sandbox import logs
from sandbox.app import create_app
from sandbox.settings import Settings

STOP_WITHIN_S = 1


def main() -> None:
    """Serve until SIGTERM."""
    settings = Settings()
    logs.configure()
    uvicorn.run(
        create_app(settings),
        host="0.0.0.0",  # noqa: S104  (a container's; who may reach it is said by its networks)
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


if __name__ == "__main__":
    main()
