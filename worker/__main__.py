"""`python -m worker`: workflows and activities, relay, sweep and outbox, until asked to stop."""

import asyncio
import signal
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.booking_locks import StrayLocks
from models.kernel.clock import now
from models.stores import intent as intents
from models.stores.database import Database
from worker import health
from worker.build import Builds, build_of
from worker.provision import provision, provision_again
from worker.relay import Relay, as_the_only_one, ended
from worker.settings import read_settings
from worker.wiring import POOL, activities, outbox, parties, strays, worker
from workflows.runs import Runs

RELAY, SWEEP, OUTBOX, FORGET, LOCKS, PROVISION = 0x46555A01, 0x46555A02, 0x46555A03, 0x46555A04, 0x46555A05, 0x46555A06
"""Advisory lock of each loop: one worker of many runs it."""
KEYS_KEPT = timedelta(days=30)
log = structlog.get_logger()


async def main() -> None:
    """Composes the process; each part ends when `stop` is set."""
    settings = read_settings()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.database_url.get_secret_value(), settings.vault(), pool=POOL)
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace, data_converter=pydantic_data_converter)
    outside, runs, builds, build = parties(settings, now), Runs(client), Builds(database, client), build_of()
    relay, sending = (
        Relay(database, client, runs, strays(database, outside, runs, now, settings.policy), builds, now),
        outbox(database, outside, now),
    )
    locks = StrayLocks(database, outside.his, now)
    await provision(client)
    work = activities(database, outside, runs, now, settings.policy)
    polling = worker(client, work, workflow_cache=settings.workflow_cache, build=build)
    async with polling:
        log.info("worker.started", build=build)
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(as_the_only_one(database, key, work, pause_s, stop))
                for key, work, pause_s in (
                    (RELAY, relay.knock_due, 0.5),
                    (SWEEP, relay.sweep_due, 2),
                    (OUTBOX, sending.send_due, 0.3),
                    (FORGET, lambda: _forget(database), 3600),
                    (LOCKS, locks.release_due, 10),
                    (PROVISION, lambda: provision_again(client), 3),
                )
            ]
            tasks.create_task(builds.live(build, stop))
            tasks.create_task(health.serve(settings.worker_health_port, database, client, polling, stop))
            await ended(loops, stop)
    await outside.aclose()
    await database.close()


async def _forget(database: Database) -> None:
    """Keys of requests are kept 30 days; after that the rows of the domain answer."""
    async with database.transaction() as db:
        await intents.forget(db, now() - KEYS_KEPT)


if __name__ == "__main__":
    import uvloop

    from worker.logs import configure

    configure("worker")
    uvloop.run(main())
