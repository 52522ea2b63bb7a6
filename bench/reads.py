"""The two hot reads, timeline and list, as often a second as the API answers them, against the same statements in a bare FastAPI."""

import statistics
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.bare.reads import DATABASE_URL, PORT
from bench.billing import opened_hospital
from bench.load import Load, rate
from bench.result import Result
from stack.part import HttpPart
from stack.ports import HOST, free_ports
from stack.programs import program
from tests.journeys.hospital import Hospital
from tests.journeys.visit import Visit

CONNECTIONS = 16
ROUNDS, SECONDS, WARM_S = 5, 2.5, 1.0
"""The sides take turns, so that what else the machine does meets all of them; of a side the median round counts."""
VISITS = 20
"""Of the patient who reads: a full page of the list."""

AS_OFTEN = """
with copies as (select gen_random_uuid() as id, gen_random_uuid() as charge_id from generate_series(1, :copies)),
    charges as (
        insert into charge select (jsonb_populate_record(c, jsonb_build_object(
            'id', k.charge_id, 'visit_id', k.id, 'payable_id', k.id, 'invoice_id', 'of ' || k.id, 'paid_order_id', null))).*
        from copies k, charge c where c.visit_id = :visit
    ),
    visits as (
        insert into revisit select (jsonb_populate_record(r, jsonb_build_object(
            'id', k.id, 'charge_id', k.charge_id, 'claim_id', null))).*
        from copies k, revisit r where r.id = :visit returning id
    )
insert into timeline (process, process_id, visit_id, step, name, version, before, after, by, body, at, detail)
select process, case process when 'revisit' then k.id when 'charge' then k.charge_id else md5(k.id::text || process_id)::uuid end, k.id,
    step, name, version, before, after, by, body, at, detail
from copies k, timeline t where t.visit_id = :visit returning visit_id
"""
"""The visits beside the one that was walked, as rows: what it left, under other ids."""


async def measure() -> list[Result]:
    """Two ratios of the house, and what authorisation costs of a timeline: the bare program's rate with and without it."""
    async with opened_hospital() as hospital, _bare(hospital) as bare:
        visit, visits = await _read(hospital)
        paths = [f"/v1/revisits/{id}/timeline" for id in visits]
        lists = [f"/v1/patients/{visit.patient.id}/revisits"]
        house = urlsplit(hospital.stack.addresses.api).port or 0
        rates = await _in_turn(
            {
                "timeline": _load(house, paths, visit),
                "bare timeline": _load(bare, paths, visit),
                "open timeline": _load(bare, [path.replace("/v1/", "/open/") for path in paths], visit),
                "list": _load(house, lists, visit),
                "bare list": _load(bare, lists, visit),
            }
        )
    return [
        Result.of("reads of a timeline a second", rates["timeline"], bare=rates["bare timeline"], at_least=0.5),
        Result.of(f"reads of a list of {VISITS} visits a second", rates["list"], bare=rates["bare list"], at_least=0.5),
        Result.of(
            "bare timelines a second with authorisation, without", rates["bare timeline"], bare=rates["open timeline"], at_least=0.75
        ),
    ]


async def _in_turn(sides: dict[str, Load]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for load in sides.values():
        await rate(replace(load, seconds=WARM_S))
    for _ in range(ROUNDS):
        for name, load in sides.items():
            found[name].append(await rate(load))
    return {name: statistics.median(rates) for name, rates in found.items()}


def _load(port: int, paths: Sequence[str], visit: Visit) -> Load:
    return Load(host=HOST, port=port, paths=paths, headers=visit.patient.headers, connections=CONNECTIONS, seconds=SECONDS)


async def _read(hospital: Hospital) -> tuple[Visit, list[str]]:
    """A visit of a patient, walked to its end, and the ids of all that are read."""
    visit = await hospital.visit("closed")
    engine = create_async_engine(hospital.stack.addresses.database_url)
    try:
        async with engine.begin() as wire:
            copied = await wire.scalars(text(AS_OFTEN), {"copies": VISITS - 1, "visit": visit.id})
            ids = [visit.id, *sorted({str(id) for id in copied})]
        async with engine.connect() as wire:
            await (await wire.execution_options(isolation_level="AUTOCOMMIT")).execute(text("vacuum analyze"))
    finally:
        await engine.dispose()
    return visit, ids


@asynccontextmanager
async def _bare(hospital: Hospital) -> AsyncGenerator[int]:
    """The bare program on the stack's own database: its port."""
    [port] = free_ports(1)
    url = make_url(hospital.stack.addresses.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    process = program("The bare reads", hospital.data / "logs" / "bare.log", ["bench.bare.reads"], {DATABASE_URL: url, PORT: str(port)})
    bare = HttpPart(process, port, "/health", stop_within_s=2)
    try:
        await bare.start()
        yield port
    finally:
        await bare.stop()
