"""`python -m bench.bare.reads`: endpoints of FastAPI over asyncpg that ask what the house's hot reads ask, and send the rows as they are.

One statement each: the session of the token, what its account may see, and the rows. No log, no id, no words for people, no shape that
is held to; the same server program with the same settings as the API's.
"""

import hashlib
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException, Request

DATABASE_URL, PORT = "BARE_DATABASE_URL", "BARE_PORT"
POOL = 20

_MINE = """
with me as (
    select s.account_id, s.seen_at, a.kind, g.role, g.department_id
    from account_session s join account a on a.id = s.account_id left join account_grant g on g.account_id = s.account_id
    where s.token_hash = $1 and s.revoked_at is null and s.expires_at > now()
)
"""
_VISITS = """
select r.id, r.patient_id, r.version, r.state, r.due_at, r.under_way, r.missing, r.refusal, r.reason, r.declined_for, r.past_encounter_id,
    r.self_checked_at, r.slot_id, r.slot_starts_at, r.unit_ends_at, r.charge_id, r.entered_at, r.passed_over_at, r.created_at,
    c.state as charge_state, dep.name as department, doc.name as doctor
"""
_THEIRS = """
from me join revisit r on exists (
    select from patient_binding b where b.account_id = me.account_id and b.patient_id = r.patient_id
        and (r.account_id = me.account_id or b.verified_at is not null)
)
"""
_NAMES = """
left join charge c on c.id = r.charge_id left join department dep on dep.id = r.department_id left join doctor doc on doc.id = r.doctor_id
"""
_STORY = """,
    array(select row_to_json(t) from (
        select at, process, name, before, after, by from timeline where visit_id = r.id order by at, id
    ) t) as steps,
    array(select row_to_json(m) from (
        select c.id, c.state, c.amount_fen, c.due_at, p.paid_at
        from charge c left join payment p on p.charge_id = c.id and p.unwanted is null where c.visit_id = r.id order by c.created_at
    ) m) as money,
    array(select row_to_json(b) from (
        select f.id, f.cause, f.amount_fen, f.state, f.created_at, f.due_at, f.accepted_at, f.arrived_at
        from refund f where f.visit_id = r.id order by f.created_at, f.id
    ) b) as refunds
"""
TIMELINE = f"{_MINE}{_VISITS}{_STORY}{_THEIRS}{_NAMES} where r.id = $2"
OPEN_TIMELINE = f"{_VISITS}{_STORY} from revisit r {_NAMES} where r.id = $1"
LIST = f"{_MINE}{_VISITS}{_THEIRS}{_NAMES} where r.patient_id = $2 order by r.created_at desc, r.id desc limit 21"


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with cast(Any, asyncpg).create_pool(os.environ[DATABASE_URL], min_size=POOL, max_size=POOL, init=_parsing) as pool:
        app.state.pool = pool
        yield


async def _parsing(wire: Any) -> None:
    for kind in ("json", "jsonb"):
        await wire.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


app = FastAPI(lifespan=_lifespan)


@app.get("/health")
async def health() -> str:
    """It serves."""
    return "ok"


@app.get("/v1/revisits/{id}/timeline")
async def timeline(id: UUID, request: Request) -> dict[str, Any]:
    row = await request.app.state.pool.fetchrow(TIMELINE, _token_hash(request), id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/open/revisits/{id}/timeline")
async def open_timeline(id: UUID, request: Request) -> dict[str, Any]:
    """For anybody."""
    row = await request.app.state.pool.fetchrow(OPEN_TIMELINE, id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/v1/patients/{id}/revisits")
async def visits(id: UUID, request: Request) -> list[dict[str, Any]]:
    return [dict(row) for row in await request.app.state.pool.fetch(LIST, _token_hash(request), id)]


def _token_hash(request: Request) -> bytes:
    return hashlib.sha256(request.headers["authorization"].removeprefix("Bearer ").encode()).digest()


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ[PORT]), http="httptools", loop="uvloop", ws="none", log_config=None, access_log=False
    )
