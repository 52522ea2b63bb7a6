"""电子签名 proved again: whoever may ask learns which of them prove what they say, and nothing of what was signed (D-6.1)."""

import asyncio
from datetime import datetime
from functools import cache
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.act import as_prover
from api.problems import problems
from api.security import may
from api.wiring import Wired
from models.account import Principal
from models.signature import Trusted
from models.stores import prescription_signing as signing
from models.stores import timeline
from models.stores.signature import Side

router = APIRouter(tags=["signature"])
MayProve = Annotated[Principal, Depends(may("prescription:write", "review:act", "record:file"))]


class ProvedOut(BaseModel):
    """A signature that was proved once, proved again now from what is stored: text, signature, certificate."""

    id: UUID
    side: Side
    account_id: UUID
    round: int | None = Field(description="Null where the signed text cannot be read any more.")
    number: str = Field(description="Of the content that it is of, as the HIS knows it.")
    signed_at: datetime = Field(description="As the CA said it.")
    proved: bool
    why: str | None = Field(
        description="Why not: `sealed.broken`, `signature.invalid` and the others of `signature`.", examples=["signature.invalid"]
    )


class ProofOut(BaseModel):
    """Oldest first, those of earlier rounds as well."""

    items: list[ProvedOut]


@router.get("/v1/prescriptions/{prescription_id}/signatures/proof", responses=problems(missing=("prescription.missing",)))
async def proof(prescription_id: UUID, me: MayProve, wiring: Wired) -> ProofOut:
    """核验签名, for the management, for its doctor, and for pharmacists once it has come to them."""
    async with wiring.database.reading() as db:
        await timeline.prescription(db, prescription_id, as_prover(me))
        found = await signing.claims(db, prescription_id)
    return ProofOut(items=[await _proved(one, wiring.settings.signature.trusted) for one in found])


async def _proved(one: signing.Claim, pem: str) -> ProvedOut:
    why = await asyncio.to_thread(one.doubt, _trusted(pem))
    return ProvedOut(
        id=one.id,
        side=one.side,
        account_id=one.account_id,
        round=one.round,
        number=one.content_id.hex,
        signed_at=one.signed_at,
        proved=why is None,
        why=why,
    )


@cache
def _trusted(pem: str) -> Trusted:
    return Trusted(pem)
