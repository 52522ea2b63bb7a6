"""What a whole visit costs at Temporal: no more than was written down, but for a twentieth (`bench/billing.md`)."""

from bench.billing import committed, least, whole
from tests.journeys.hospital import Hospital

GROWTH = 0.05


async def test_a_whole_visit_costs_no_more_than_it_did(hospital: Hospital) -> None:
    now, before = whole(await least(hospital, await hospital.temporal())), committed()

    assert now.within(before, GROWTH), f"{now}, and {before} was written: see `python -m bench billing` and what has grown"
