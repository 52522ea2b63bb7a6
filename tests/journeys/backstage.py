"""What no screen does: rows inserted, and the outside asked by our own gateways behind the product's back."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import NullPool
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.v3 import WeChatPayV3
from models.charge import OrderState, Scene
from models.kernel import ids
from models.kernel.clock import now
from models.policy import STANDARD, Policy
from models.stores import policy as policies
from models.tables.charge import ChargeOrderRow
from tests.journeys.hospital import Hospital
from tests.journeys.people import read
from tests.sandbox.wechat_pay.merchant import REFUNDS, Merchant

NOTIFIED_AT = "/webhooks/wechat-pay"


@dataclass(frozen=True, slots=True)
class Backstage:
    """Open as long as the block of `backstage` lasts."""

    hospital: Hospital
    engine: AsyncEngine
    his: FhirHIS
    wechat_pay: WeChatPayV3
    keys: dict[str, str]
    """Of the merchant."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """For columns that are not sealed."""
        async with AsyncSession(self.engine, expire_on_commit=False) as db, db.begin():
            yield db

    async def never_quiet(self) -> None:
        """From now on by the rules of life, but at any hour: what is tried by night waits for no morning."""
        rules = STANDARD.model_copy(update={"quiet_from_s": 0, "quiet_until_s": 0})
        async with self.transaction() as db:
            await policies.publish(db, Policy(version="never-quiet", line="standard", effective_at=now(), rules=rules))

    async def order(self, *, order_id: UUID | None = None, amount_fen: int = 5000, expires_at: datetime | None = None) -> str:
        """An order at the bank under our merchant's number, of which our books know nothing by this: its id."""
        number, until = order_id or ids.new(), expires_at or now() + timedelta(minutes=9)
        await self.wechat_pay.order(
            number.hex, scene=Scene.NATIVE, amount_fen=amount_fen, description="线上复诊医事服务费", expires_at=until
        )
        return str(number)

    async def second_order(self, charge_id: str, state: OrderState = OrderState.CLOSED) -> str:
        """Another order of a charge that can be paid at the bank, whatever our books say of it."""
        order_id = ids.new()
        await self.known_order(charge_id, order_id, state)
        return await self.order(order_id=order_id)

    async def known_order(self, charge_id: str, order_id: UUID, state: OrderState, amount_fen: int = 5000) -> None:
        """Its row in our books alone; once under its id."""
        row: dict[str, Any] = {"id": order_id, "charge_id": UUID(charge_id), "channel": "wechat_pay", "scene": Scene.JSAPI}
        async with self.transaction() as db:
            values = row | {"state": state, "amount_fen": amount_fen, "expires_at": now() + timedelta(minutes=9)}
            await db.execute(insert(ChargeOrderRow).values(**values).on_conflict_do_nothing())

    async def to_the_hospitals_own_account(self, refund_no: str) -> None:
        """What a person does at WeChat Pay's merchant platform with a refund whose card is gone."""
        with httpx.Client(timeout=30, trust_env=False) as http:
            merchant = Merchant(self.keys, http)
            refund = read(merchant.query_refund(refund_no))
            wish = {"out_refund_no": refund_no, "type": "MERCHANT_BANK_CARD"}
            read(merchant.call("POST", f"{REFUNDS}/{refund['refund_id']}/apply-abnormal-refund", wish))


@asynccontextmanager
async def backstage(hospital: Hospital) -> AsyncGenerator[Backstage]:
    """With the keys that the sandbox hands out, and no secret of ours."""
    told = read(await hospital.outside.get("/credentials"))
    at = hospital.stack.addresses
    his = FhirHIS(HisAccount(**told["his"]))
    wechat_pay = WeChatPayV3(WeChatPayAccount(**told["wechat_pay"], notify_url=f"{at.api}{NOTIFIED_AT}"))
    engine = create_async_engine(at.database_url, poolclass=NullPool, hide_parameters=True)
    try:
        yield Backstage(hospital, engine, his, wechat_pay, told["wechat_pay"])
    finally:
        await his.aclose()
        await wechat_pay.aclose()
        await engine.dispose()
