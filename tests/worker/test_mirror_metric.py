"""How old the copies of the HIS's schedules and of its catalogue are is told on the page of numbers."""

from datetime import timedelta

from activities.drug_catalogue import DrugCatalogue
from models.kernel.clock import business_day
from models.stores import directory
from models.stores.database import Database
from tests.client import Hands
from tests.process.his import InMemoryHIS
from tests.worker.test_metrics import House, house, temporal

__all__ = ["house", "temporal"]
AGES = "fuzhen_mirror_age_seconds"


async def test_each_copy_has_its_own_age_and_one_that_was_never_pulled_has_none(house: House, database: Database, clock: Hands) -> None:
    assert await house.samples(AGES) == {}

    async with database.transaction() as db:
        pulled_at = clock() - timedelta(seconds=90)
        await directory.write(db, (), (), (), (), pulled_at, days=(business_day(pulled_at),))
    await DrugCatalogue(database, InMemoryHIS(clock), clock).pull()
    clock.at += timedelta(seconds=30)

    assert await house.samples(AGES) == {("schedule",): 120, ("drug",): 30}


async def test_a_catalogue_that_cannot_be_pulled_grows_old(house: House, database: Database, clock: Hands) -> None:
    his = InMemoryHIS(clock)
    catalogue = DrugCatalogue(database, his, clock)
    await catalogue.pull()
    clock.at += timedelta(minutes=31)
    his.silent("drugs")

    assert await catalogue.pull() == 0

    assert await house.samples(AGES) == {("drug",): 1860}
