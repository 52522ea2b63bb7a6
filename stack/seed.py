"""`python -m stack.seed`: the demo hospital on our side.

Rules, the notice of consent, and staff who may sign in; again, it changes nothing.

Doctors, schedules and patients are the HIS's own (`sandbox/his/demo`); what is seeded here is what a hospital's own people would set up.
"""

import asyncio
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from activities.schedule import ScheduleActivities
from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from models.account import Grant, Role
from models.consent import ConsentText
from models.kernel import ids, password
from models.kernel.clock import SHANGHAI, now
from models.policy import STANDARD, TEST, Policy
from models.stores import account as accounts
from models.stores import directory
from models.stores import policy as policies
from models.stores.database import Database
from worker.settings import Settings, read_settings

SINCE: Final = datetime(2026, 11, 1, tzinfo=SHANGHAI)
PASSWORD: Final = "Fuzhen-demo-2026"  # noqa: S105  (printed to whoever starts the demo)
DOCTOR: Final = "wangjianguo"
OTHER_DOCTOR: Final = "liumin"
MANAGER: Final = "menzhenban"
FINANCE: Final = "caiwuchu"
PHARMACIST: Final = "qianyulan"
PHONES: Final = {
    DOCTOR: "13900000001",
    MANAGER: "13900000002",
    OTHER_DOCTOR: "13900000003",
    FINANCE: "13900000004",
    PHARMACIST: "13900000005",
}
DOCTORS: Final = {DOCTOR: "王建国", OTHER_DOCTOR: "刘敏"}
"""Whoever has `<login>` acts for the HIS's doctor `doc-<login>`."""

CONSENT: Final = ConsentText(
    version="revisit-2026-11",
    title="线上复诊风险告知及知情同意书",
    text=(
        "一、线上复诊仅适用于在本院就诊过、诊断明确的常见病和慢性病复诊，不适用于首诊、急危重症及病情明显变化的情形。\n"
        "二、医生依据您描述的病情和既往资料作出判断，不能进行体格检查，存在诊断信息不完整的风险。\n"
        "三、如医生认为您的情况不适合线上复诊，将终止本次就诊并建议您到院就诊，费用按规定原路退回。\n"
        "四、就诊中如出现咯血、呼吸困难、持续胸痛、高热或意识改变，请立即停止线上就诊并到最近的急诊就诊或拨打120。\n"
        "五、您应如实提供身份信息和病情资料。就诊过程和资料将依法保存，仅用于诊疗和监管。\n"
        "六、您已阅读并理解以上内容，自愿接受线上复诊。"
    ),
    effective_at=SINCE,
)

DEMO_SIGN_INS: Final = (
    "Demo doctor      wangjianguo / Fuzhen-demo-2026, SMS code to 13900000001 (sandbox console)",
    "Another doctor   liumin / Fuzhen-demo-2026, SMS code to 13900000003 (sandbox console)",
    "Demo management  menzhenban / Fuzhen-demo-2026, SMS code to 13900000002 (sandbox console)",
    "Demo pharmacist  qianyulan / Fuzhen-demo-2026, SMS code to 13900000005 (sandbox console)",
    "Demo finance     caiwuchu / Fuzhen-demo-2026, SMS code to 13900000004 (sandbox console)",
    "Demo patient     张秀英 110105195805120428, phone 13800100001, SMS code (sandbox console)",
)


async def seed(settings: Settings) -> None:
    """Idempotent: a second start finds all of it."""
    database = Database(settings.database_url.get_secret_value(), settings.vault(), pool=4)
    try:
        async with database.transaction() as db:
            await policies.publish(db, Policy(version="standard-2026-11", line="standard", effective_at=SINCE, rules=STANDARD))
            await policies.publish(db, Policy(version="test-2026-11", line="test", effective_at=SINCE, rules=TEST))
            await policies.publish_text(db, "revisit", CONSENT)
            known = [login for login in PHONES if await accounts.staff(db, login) is not None]
        if len(known) < len(PHONES):
            await _staff(database, settings)
    finally:
        await database.close()


async def _staff(database: Database, settings: Settings) -> None:
    """A doctor's account belongs to a doctor of the mirror, so the mirror is pulled first."""
    his = FhirHIS(
        HisAccount(
            base_url=settings.his.base_url, client_id=settings.his.client_id, client_secret=settings.his.client_secret.get_secret_value()
        )
    )
    await ScheduleActivities(database, his, now, "standard").sync()
    await his.aclose()
    hashed = await asyncio.to_thread(password.hashed, PASSWORD)
    async with database.transaction() as db:
        for login, name in DOCTORS.items():
            await _enlist(db, login, name, Role.DOCTOR, hashed)
            await directory.appoint(db, f"doc-{login}", ids.derived("demo", login))
        await _enlist(db, MANAGER, "门诊办", Role.MANAGEMENT, hashed)
        await _enlist(db, FINANCE, "财务处", Role.FINANCE, hashed)
        await _enlist(db, PHARMACIST, "钱玉兰", Role.PHARMACIST, hashed, staff_id=f"pha-{PHARMACIST}")


async def _enlist(db: AsyncSession, login: str, name: str, role: Role, hashed: str, *, staff_id: str | None = None) -> None:
    await accounts.enlist(
        db,
        ids.derived("demo", login),
        login=login,
        name=name,
        phone=PHONES[login],
        password_hash=hashed,
        grants=[Grant(role)],
        staff_id=staff_id,
    )


if __name__ == "__main__":
    asyncio.run(seed(read_settings()))
