"""`python -m worker`: workflows and activities, relay, sweep and outbox, until asked to stop."""

import asyncio
import gc
import signal
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.booking_locks import StrayLocks
from activities.drug_catalogue import DrugCatalogue
from models.kernel.clock import now
from models.stores import intent as intents
from models.stores.database import Database
from models.stores.history import HistoryFiles
from worker import health
from worker.archive import Archive
from worker.build import Builds, build_of
from worker.provision import provision, provision_again
from worker.relay import Loop, Relay, as_the_only_one, ended
from worker.settings import read_settings
from worker.temporal_metrics import TemporalMetrics
from worker.wiring import POOL, activities, outbox, parties, strays, worker
from workflows.runs import Runs

KEYS_KEPT = timedelta(days=30)
log = structlog.get_logger()


async def main() -> None:
    """Composes the process; each part ends when `stop` is set."""
    settings = read_settings()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.database_url.get_secret_value(), settings.vault(), pool=POOL)
    temporal = TemporalMetrics()
    client = await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
        runtime=temporal.runtime,
    )
    outside, runs, builds, build = parties(settings, now), Runs(client), Builds(database, client), build_of()
    relay = Relay(database, client, runs, strays(database, outside, runs, now, settings.policy), builds, now)
    sending = outbox(database, outside, now)
    locks = StrayLocks(database, outside.his, now)
    catalogue = DrugCatalogue(database, outside.his, now)
    archive = Archive(database, client, HistoryFiles(settings.files_dir), now)
    await provision(client)
    work = activities(database, outside, runs, now, settings.policy, settings.files_dir)
    polling = worker(client, work, workflow_cache=settings.workflow_cache, build=build)
    gc.freeze()  # what is there now lives as long as the process: no collection walks through it
    async with polling:
        log.info("worker.started", build=build)
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(as_the_only_one(database, key, work, pause_s, stop))
                for key, work, pause_s in (
                    (Loop.RELAY, relay.knock_due, 0.5),
                    (Loop.SWEEP, relay.sweep_due, 2),
                    (Loop.OUTBOX, sending.send_due, 0.3),
                    (Loop.REPORTS, sending.ask_due, 1),
                    (Loop.FORGET, lambda: _forget(database), 3600),
                    (Loop.LOCKS, locks.release_due, 10),
                    (Loop.DRUGS, catalogue.pull, 600),
                    (Loop.PROVISION, lambda: provision_again(client), 3),
                    (Loop.ARCHIVE, archive.archive_due, 60),
                )
            ]
            tasks.create_task(builds.live(build, stop))
            pages = health.Pages(database, client, polling, temporal, now)
            tasks.create_task(pages.serve(settings.worker_health_host, settings.worker_health_port, stop))
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
