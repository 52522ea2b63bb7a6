"""病情描述 before paying (P-2.3): pictures and documents first, the text by `POST …/describe`; read by the doctor before 接诊 (D-2.2)."""

import asyncio
import hashlib
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Response, UploadFile
from pydantic import BaseModel, Field

from api.act import as_patient
from api.idempotency import Intent, once
from api.problems import problems
from api.reader import read_of
from api.security import may
from api.timeline import PastVisitOut
from api.wiring import Wired
from models.account import Principal
from models.consent import STABILITY_TEXTS, Stability
from models.eligibility import PastVisit
from models.intake import FILE_SIZE_MAX, FILES_MAX, MediaType, media_type
from models.prescription_his import PastPrescription
from models.stores import audit, timeline
from models.stores import consent as consents
from models.stores import intake as store
from models.stores import refill as refills
from models.stores import revisit as revisits
from models.stores.consent import Answers
from models.stores.files import Files

router = APIRouter(prefix="/v1/revisits/{revisit_id}", tags=["intake"])
MayWrite = Annotated[Principal, Depends(may("intake:write"))]
MayRead = Annotated[Principal, Depends(may("intake:read"))]

_MULTIPART_BYTES = 1 << 20
"""Room for what surrounds the file, and for a file a little too large to be told so by its own code."""
_SUFFIXES = {MediaType.JPEG: "jpg", MediaType.PNG: "png", MediaType.PDF: "pdf"}
_HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""What strangers uploaded is shown as what it is, runs nothing and stays in no cache."""


async def _files(wiring: Wired) -> Files:
    return Files(wiring.settings.files_dir)


Storage = Annotated[Files, Depends(_files)]


class FileOut(BaseModel):
    """An uploaded file; its kind is told by its content."""

    id: UUID
    media_type: MediaType
    size: int = Field(description="Bytes.", examples=[184320])
    sha256: str
    created_at: datetime

    @classmethod
    def of(cls, file: store.File) -> Self:
        return cls(id=file.id, media_type=file.media_type, size=file.size, sha256=file.sha256, created_at=file.created_at)


@router.post(
    "/files",
    status_code=201,
    max_body_size=FILE_SIZE_MAX + _MULTIPART_BYTES,
    form_limits={"max_files": 1, "max_fields": 0},
    responses=problems(
        missing=("revisit.missing",),
        conflict=("intake.not_now", "intake.too_many_files"),
        invalid=("intake.file_empty", "intake.file_too_large", "intake.file_type"),
    ),
)
async def upload(revisit_id: UUID, file: UploadFile, me: MayWrite, intent: Intent, wiring: Wired, storage: Storage) -> FileOut:
    """One picture (JPEG, PNG) or document (PDF) of at most 10 MB; at most nine of them belong to a visit."""
    content = await file.read(FILE_SIZE_MAX + 1)
    kind = media_type(content)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    async with wiring.database.reading() as db:
        await timeline.revisit(db, revisit_id, as_patient(me))
        new = await store.room(db, revisit_id, intent.id)
    if new:  # the object before its row, and outside of any transaction
        await storage.put(intent.id, sha256, content)
    async with wiring.database.transaction() as db:

        async def effect() -> FileOut:
            kept = await store.add_file(db, intent.id, revisit_id, me.account_id, kind, len(content), sha256)
            await audit.record(db, me.account_id, "intake:write", "revisit", revisit_id, file_id=intent.id)
            return FileOut.of(kept)

        return await once(db, intent, effect, FileOut)


@router.get(
    "/files/{file_id}",
    response_class=Response,
    responses={
        200: {"description": "The file.", "content": {str(kind): {} for kind in MediaType}},
        **problems(missing=("revisit.missing", "intake.file_missing"), conflict=("file.unreadable",)),
    },
)
async def download(revisit_id: UUID, file_id: UUID, me: MayRead, wiring: Wired, storage: Storage) -> Response:
    """For the patient's side and the visit's doctor."""
    async with read_of(wiring, me, revisit_id, "intake:read", file_id=file_id) as (db, _):
        found = await store.file(db, revisit_id, file_id)
    content = await storage.get(found.id, found.sha256)
    named = f'attachment; filename="{found.id}.{_SUFFIXES[found.media_type]}"'
    return Response(content, media_type=found.media_type, headers=_HARMLESS | {"Content-Disposition": named})


class StabilityOut(BaseModel):
    """病情稳定: what was answered last, to which version of the questions; `unstable` was not confirmed."""

    version: str
    answered_at: datetime
    unstable: list[Stability]
    unstable_text: list[str] = Field(examples=[["已按医嘱按时复查"]], description="What the patient could not say.")

    @classmethod
    def of(cls, said: Answers) -> Self:
        texts = [STABILITY_TEXTS[one] for one in said.unstable]
        return cls(version=said.version, answered_at=said.at, unstable=list(said.unstable), unstable_text=texts)


class RefillOut(BaseModel):
    """复诊续方: the prescription whose drugs are wanted again, and whether all is stable."""

    prescription: PastPrescription
    stability: StabilityOut | None


class IntakeOut(BaseModel):
    """What was described with its files; before that no text, and what was uploaded so far. Past visits as the HIS told them."""

    text: str | None = Field(examples=["活动后气短较前减轻，偶有咳嗽，规律用药，想复诊。"])
    files: list[FileOut] = Field(max_length=FILES_MAX)
    past_visits: list[PastVisitOut]
    refill: RefillOut | None


@router.get("/intake", responses=problems(missing=("revisit.missing",)))
async def intake(revisit_id: UUID, me: MayRead, wiring: Wired) -> IntakeOut:
    """接诊前查看资料 (D-2.2): condition text, uploads and past visits, the one that this visit continues marked."""
    async with read_of(wiring, me, revisit_id, "intake:read") as (db, _):
        described = await store.of_revisit(db, revisit_id)
        files = described.files if described else tuple(await store.files(db, revisit_id))
        chosen = (await revisits.facts(db, revisit_id)).past_encounter_id
        past = await revisits.past_visits(db, revisit_id)
        wanted, said = await refills.remembered(db, revisit_id), await consents.stability(db, revisit_id)
    return IntakeOut(
        text=described.text if described else None,
        files=[FileOut.of(one) for one in files],
        past_visits=[_past(one, chosen) for one in past],
        refill=RefillOut(prescription=wanted, stability=StabilityOut.of(said) if said else None) if wanted else None,
    )


def _past(visit: PastVisit, chosen: str | None) -> PastVisitOut:
    return PastVisitOut(
        encounter_id=visit.encounter_id,
        ended_at=visit.ended_at,
        department=visit.department,
        diagnoses=list(visit.diagnosis_texts),
        chosen=visit.encounter_id == chosen,
    )
