"""The HIS's books for auditors and for the console: what the hospital holds, in plain rows and fen."""

from typing import Final

from sandbox.his import instants
from sandbox.his.hospital import Hospital

_CONSOLE_ROWS: Final = 100
_BOOKS: Final = {
    "appointments": "SELECT id, claim_no, slot_id, schedule_id, patient_id, status, cancel_reason FROM his_appointment ORDER BY rowid",
    "invoices": "SELECT id, appointment_id, prescription_no, patient_id, status, total_fen, "
    "(SELECT coalesce(sum(amount_fen), 0) FROM his_reversal WHERE invoice_id = bill.id) AS reversed_fen "
    "FROM his_invoice AS bill ORDER BY rowid",
    "settlements": "SELECT payment_no, invoice_id, channel, channel_no, amount_fen, cash_fen, account_fen, fund_fen FROM his_settlement "
    "ORDER BY rowid",
    "reversals": "SELECT refund_no, invoice_id, amount_fen, cash_fen, account_fen, fund_fen, reason FROM his_reversal ORDER BY rowid",
    "encounters": "SELECT id, visit_no, appointment_id, patient_id, practitioner_id, status FROM his_encounter_now WHERE class = 'VR' "
    "ORDER BY start_ms, id",
    "patients": "SELECT id, id_number, json_extract(body, '$.name[0].text') AS name, json_extract(body, '$.birthDate') AS birth_on "
    "FROM his_patient ORDER BY rowid",
    "prescriptions": "SELECT number, patient_id, encounter_id, practitioner_id, icd10, authored_ms, valid_until_ms, prepared_ms, "
    "coalesce(fetched_ms, dispensed_ms) AS dispensed_ms, CASE WHEN fetched_ms IS NULL THEN returned_ms END AS returned_ms, "
    "(SELECT count(*) FROM his_provenance WHERE number = rx.number) AS signed, "
    "(SELECT json_group_array(json_extract(value, '$.data')) FROM his_provenance, json_each(body, '$.signature') "
    "WHERE number = rx.number) AS signatures "
    "FROM his_prescription AS rx WHERE ours = 1 ORDER BY rowid",
    "prescription_lines": "SELECT id, number, line_no, drug_id, status, dose, frequency, route, days, packs FROM his_prescription_line_now "
    "WHERE ours = 1 ORDER BY number, rank",
    "records": "SELECT id, number, encounter_id, patient_id, practitioner_id, status, replaces, icd10, authored_ms, "
    "provenance IS NOT NULL AS signed, "
    "(SELECT json_group_array(json_extract(value, '$.data')) FROM json_each(provenance, '$.signature')) AS signatures, "
    "(SELECT json_group_array(json_extract(value, '$.text.div')) FROM json_each(body, '$.section')) AS words "
    "FROM his_composition ORDER BY rowid",
    "slots": "SELECT id, schedule_id, capacity, sold_at_window, remaining, status FROM his_slot_now AS slot "
    "WHERE EXISTS (SELECT 1 FROM his_appointment WHERE slot_id = slot.id) ORDER BY start_ms, id",
}
_STATUS_NAMES: Final = {
    "pending": "已锁号",
    "booked": "待报到",
    "checked-in": "已报到",
    "fulfilled": "已结束",
    "cancelled": "已取消",
    "noshow": "未就诊",
}
_BILL_NAMES: Final = {"issued": "待缴费", "balanced": "已缴费", "cancelled": "已作废"}


def books(hospital: Hospital) -> dict[str, object]:
    """Every appointment, bill, settlement, reversal and online visit, with the client's numbers; slots that were asked for; people."""
    return {name: [dict(row) for row in hospital.store.rows(sql)] for name, sql in _BOOKS.items()}


def console(hospital: Hospital) -> list[dict[str, object]]:
    """The newest appointments, as the hospital's people read them."""
    rows = hospital.store.rows(
        "SELECT held.id, held.status, held.slot_id, held.lock_expires_ms, slot.doctor_name, slot.department_name, slot.start_ms, "
        "slot.status AS slot_status, json_extract(card.body, '$.name[0].text') AS patient_name, bill.status AS bill, bill.total_fen, "
        "bill.reversed_fen "
        "FROM his_appointment AS held JOIN his_slot_now AS slot ON slot.id = held.slot_id "
        "JOIN his_patient AS card ON card.id = held.patient_id "
        "JOIN his_invoice_now AS bill ON bill.appointment_id = held.id ORDER BY held.rowid DESC LIMIT ?",
        _CONSOLE_ROWS,
    )
    return [
        {
            "患者": row["patient_name"],
            "医生": row["doctor_name"],
            "科室": row["department_name"],
            "时段": f"{instants.at(row['start_ms']):%m-%d %H:%M}",
            "预约": _STATUS_NAMES[row["status"]],
            "锁号至": f"{instants.at(row['lock_expires_ms']):%H:%M:%S}" if row["status"] == "pending" else "",
            "账单": _bill_name(row["bill"], row["reversed_fen"]),
            "金额（元）": f"{row['total_fen'] // 100}.{row['total_fen'] % 100:02}",
            "号源": "停诊" if row["slot_status"] == "busy-unavailable" else "",
            "预约号": row["id"],
            "时段号": row["slot_id"],
        }
        for row in rows
    ]


def _bill_name(status: str, reversed_fen: int) -> str:
    if not reversed_fen:
        return _BILL_NAMES[status]
    return "已退费" if status == "cancelled" else f"已退 {reversed_fen // 100}.{reversed_fen % 100:02} 元"
