"""The demonstration: one patient's paid visit with its drugs, and another's whose clinic is stopped."""

import asyncio
import secrets

from stack.seed import DOCTOR, MANAGER, PHARMACIST
from stack.supervisor import Addresses
from stack.walk import Person, Walk, say
from stack.walk_drugs import Drugs
from stack.walk_stop import PATIENT_NAME as OTHER_NAME
from stack.walk_stop import Stop

PATIENT_NAME = "周桂兰"
"""A person new at the registration desk for each walk, so that none meets what an earlier one left."""


async def walk(addresses: Addresses) -> bool:
    """Whether the visit reached 已结束 and all books agree."""
    on = Walk(addresses)
    try:
        return await _visit(on)
    finally:
        await on.aclose()


async def _surveyed(on: Walk, patient: Person, visit: str) -> None:
    """满意度调查, answered as the questionnaire asks: every score at its best."""
    shown = (await patient.ask(f"/v1/revisits/{visit}/survey"))["questionnaire"]
    best = {"score": 5, "yes_no": True, "text": "讲解清楚，线上复诊很方便。"}
    said = {one["link_id"]: best[one["kind"]] for one in shown["questions"]}
    await patient.act(f"/v1/revisits/{visit}/survey", {"version": shown["version"], "answers": said})
    say(f"满意度调查已填写：{shown['title']}，{len(said)} 题，总体满意度 {said['overall']} 分")


async def _visit(on: Walk) -> bool:
    say(f"演示：{PATIENT_NAME} 的一次线上复诊（北京时间）")
    phone, other_phone = (f"137{secrets.randbelow(10**8):08}" for _ in range(2))
    (patient, patient_id), (other, other_id), doctor, pharmacist, manager = await asyncio.gather(
        on.patient(PATIENT_NAME, phone),
        on.patient(OTHER_NAME, other_phone),
        on.staff(DOCTOR),
        on.staff(PHARMACIST),
        on.staff(MANAGER),
    )
    visit, charge = await on.booked(patient, patient_id, await on.open_slot(patient))

    async def act(who: Person, action: str, body: object = None) -> None:
        await who.act(f"/v1/revisits/{visit}/{action}", body)
        await on.told(patient, visit)

    await act(patient, "check-in")
    await act(doctor, "accept")
    await act(patient, "enter")
    said = ((doctor, "医生", "您好，最近活动后气短有没有加重？"), (patient, "患者", "比上个月好一些，夜里能平卧。"))
    for who, name, line in said:
        await act(who, "chat", {"text": line})
        say(f"          {name}：{line}")
    await on.record(doctor, visit)
    drugs = Drugs(on, visit, patient, doctor)
    await drugs.written()
    await act(doctor, "end")
    await drugs.approved(pharmacist)
    drugs_charge = await drugs.paid(PATIENT_NAME, phone)
    await drugs.delivered()
    await _surveyed(on, patient, visit)
    ended = await on.until(patient, visit, "closed")
    say(f"就诊状态：{ended['state_text']}，药品已签收")
    given_back = await Stop(on, other, other_phone, manager).walked(other_id)
    proved = [await on.books(manager, one) for one in (charge, drugs_charge)]
    return all((*proved, await on.books(manager, given_back, given_back=True)))
