"""药品目录: the HIS's catalogue, copied in full; what the law and the hospital forbid is told by it, never by a client."""

import structlog

from gateways.his.port import HIS
from models.kernel.clock import Clock
from models.kernel.errors import DomainError, Unknown
from models.stores import drug as drugs
from models.stores.database import Database

log = structlog.get_logger()


class DrugCatalogue:
    """Pulled by a loop of the worker. A prescription is judged by the copy, and the HIS has the last word when it takes it."""

    def __init__(self, database: Database, his: HIS, clock: Clock) -> None:
        self._database, self._his, self._clock = database, his, clock

    async def pull(self) -> int:
        """Answers how many drugs it has; an HIS that does not answer leaves the old copy."""
        at = self._clock()
        try:
            found = await self._his.drugs()
        except (Unknown, DomainError) as failure:
            log.warning("drug.not_pulled", failure=type(failure).__name__)
            return 0
        async with self._database.transaction() as db:
            await drugs.keep(db, found, at)
        log.info("drug.pulled", drugs=len(found))
        return len(found)
