"""What all tests stand on: PostgreSQL from the migrations, and one rolled-back transaction a test."""

from collections.abc import AsyncIterator

import httpx
import hypothesis
import pytest
import pytest_asyncio
import structlog
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from structlog.processors import JSONRenderer
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from models.kernel.vault import Vault
from models.stores.database import Database
from tests.client import Hands, speaking, wiring
from tests.database import RolledBack, Server, migrated_server, session
from tests.settings import settings
from worker.logs import reduced

hypothesis.settings.register_profile("house", deadline=None)  # how long an example takes on a busy machine says nothing of the code
hypothesis.settings.load_profile("house")


class OneStack(LoadFileScheduling):
    """As `--dist loadfile`, and all journeys on one worker, because they share one stack.

    `--dist loadgroup` is meant for this, but xdist 3.8 writes its groups where pytest 9.2 no longer reads them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/journeys" if file.startswith("tests/journeys/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Which worker gets which tests."""
    return OneStack(config, log) if config.option.dist == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def journal() -> None:
    """Log lines as production has them, to what pytest captures; the library's own tracebacks with all values take seconds each."""
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, reduced, JSONRenderer()])


@pytest.fixture(scope="session")
def vault() -> Vault:
    return settings().vault()


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One PostgreSQL for each test process: some 1.5 s, less than to share one would save."""
    async with migrated_server(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def engine(server: Server) -> AsyncIterator[AsyncEngine]:
    """Onto a clone that stays as the migrations left it."""
    async with server.clone() as url:
        pool = create_async_engine(make_url(url))
        yield pool
        await pool.dispose()


@pytest_asyncio.fixture
async def wire(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One rolled-back transaction a test; deferred triggers are made to speak before it goes."""
    async with engine.connect() as connection, connection.begin() as outer:
        yield connection
        await connection.execute(text("set constraints all immediate"))
        await outer.rollback()


@pytest_asyncio.fixture
async def db(wire: AsyncConnection, vault: Vault) -> AsyncIterator[AsyncSession]:
    """A session of the test's own, in its one transaction: what it flushes, `database` sees."""
    async with session(wire, vault) as opened:
        yield opened
        await opened.flush()


@pytest.fixture
def database(wire: AsyncConnection, vault: Vault) -> Database:
    """For code that opens its transactions itself, in the test's one transaction."""
    return RolledBack(wire, vault)


@pytest_asyncio.fixture
async def own_database(server: Server, vault: Vault) -> AsyncIterator[Database]:
    """A database of the test's own with a real pool: for races, and for what runs beside the test."""
    async with server.clone() as url:
        own = Database(url, vault)
        yield own
        await own.close()


@pytest.fixture
def clock() -> Hands:
    """The time of the test: it stands until it is moved."""
    return Hands()


@pytest_asyncio.fixture
async def api(database: Database, clock: Hands) -> AsyncIterator[httpx.AsyncClient]:
    """The real application over the test's one transaction."""
    async with speaking(await wiring(database, clock)) as client:
        yield client


@pytest_asyncio.fixture
async def own_api(own_database: Database, clock: Hands) -> AsyncIterator[httpx.AsyncClient]:
    """The real application over a database of its own: for many requests at once."""
    async with speaking(await wiring(own_database, clock)) as client:
        yield client
