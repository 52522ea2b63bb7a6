"""Who may come in where, written down once more by hand: nothing here is read from the product.

A letter a role: P patient, D doctor, M management, F finance, R pharmacist. What has ids in its path is reached by those of them whose it
is; M, F and R reach every visit's, each as far as its letter stands here.
"""

from typing import Any, Final

from models.account import Role

LETTERS: Final = {"P": Role.PATIENT, "D": Role.DOCTOR, "M": Role.MANAGEMENT, "F": Role.FINANCE, "R": Role.PHARMACIST}
EVERYBODY: Final = "PDMFR"
UUID_TEXT: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
RIGHTS: Final[dict[str, str]] = {
    "DELETE /v1/account/sessions/current": EVERYBODY,
    "GET /v1/account": EVERYBODY,
    "GET /v1/events": EVERYBODY,
    "GET /v1/consent-texts/revisit": EVERYBODY,
    "GET /v1/departments": "PDM",
    "GET /v1/slots": "PDM",
    "POST /v1/schedule/syncs": "M",
    # The patient, and who is bound to them.
    "POST /v1/patients": "P",
    "GET /v1/patients": "P",
    "GET /v1/patients/{patient_id}": "P",
    "POST /v1/patients/{patient_id}/supplements": "P",
    "POST /v1/patients/{patient_id}/revisits": "P",
    "GET /v1/patients/{patient_id}/revisits": "P",
    "GET /v1/patients/{patient_id}/past-prescriptions": "P",
    "GET /v1/patients/{patient_id}/invoices": "P",
    # The visit.
    "GET /v1/revisits/{revisit_id}": "PDMF",
    "GET /v1/revisits/{revisit_id}/timeline": "PDMF",
    "GET /v1/revisits/{revisit_id}/past-visits": "P",
    "GET /v1/revisits/{revisit_id}/again": "P",
    "POST /v1/revisits/{revisit_id}/complete": "P",
    "POST /v1/revisits/{revisit_id}/relate": "P",
    "POST /v1/revisits/{revisit_id}/self-check": "P",
    "POST /v1/revisits/{revisit_id}/consent": "P",
    "POST /v1/revisits/{revisit_id}/choose-slot": "P",
    "POST /v1/revisits/{revisit_id}/describe": "P",
    "POST /v1/revisits/{revisit_id}/cancel": "P",
    "POST /v1/revisits/{revisit_id}/check-in": "P",
    "POST /v1/revisits/{revisit_id}/enter": "P",
    "POST /v1/revisits/{revisit_id}/accept": "D",
    "POST /v1/revisits/{revisit_id}/end": "D",
    "POST /v1/revisits/{revisit_id}/decline": "DM",
    "GET /v1/revisits/{revisit_id}/decline": "PD",
    "POST /v1/revisits/{revisit_id}/files": "P",
    "GET /v1/revisits/{revisit_id}/files/{file_id}": "PD",
    "GET /v1/revisits/{revisit_id}/intake": "PD",
    "GET /v1/revisits/{revisit_id}/queue": "P",
    "GET /v1/queue": "D",
    "GET /v1/queue/{schedule_id}": "D",
    "POST /v1/revisits/{revisit_id}/chat": "PD",
    "GET /v1/revisits/{revisit_id}/chat": "PD",
    "PUT /v1/revisits/{revisit_id}/record": "D",
    "GET /v1/revisits/{revisit_id}/record": "PD",
    "POST /v1/revisits/{revisit_id}/record/sign": "D",
    "POST /v1/records/{record_id}/withdraw": "D",
    "GET /v1/records": "M",
    "POST /v1/records/{record_id}/retry": "M",
    "GET /v1/revisits/{revisit_id}/history": "MF",
    "GET /v1/revisits/{revisit_id}/history/events": "MF",
    # Prescription, pharmacist, parcel.
    "POST /v1/revisits/{revisit_id}/prescriptions": "D",
    "POST /v1/revisits/{revisit_id}/prescriptions/copy": "D",
    "GET /v1/revisits/{revisit_id}/prescriptions": "PDR",
    "GET /v1/prescriptions/mine": "D",
    "GET /v1/prescriptions/{prescription_id}": "PDR",
    "POST /v1/prescriptions/{prescription_id}/amend": "D",
    "POST /v1/prescriptions/{prescription_id}/submit": "D",
    "POST /v1/prescriptions/{prescription_id}/withdraw": "D",
    "POST /v1/prescriptions/{prescription_id}/answer": "D",
    "POST /v1/prescriptions/{prescription_id}/extend": "D",
    "POST /v1/prescriptions/{prescription_id}/choose": "P",
    "POST /v1/prescriptions/{prescription_id}/choose-again": "P",
    "POST /v1/prescriptions/{prescription_id}/cancel": "P",
    "POST /v1/prescriptions/{prescription_id}/claim": "R",
    "POST /v1/prescriptions/{prescription_id}/release": "R",
    "POST /v1/prescriptions/{prescription_id}/approve": "R",
    "POST /v1/prescriptions/{prescription_id}/question": "R",
    "POST /v1/prescriptions/{prescription_id}/reject": "R",
    "GET /v1/prescriptions/{prescription_id}/signatures/proof": "DMR",
    "GET /v1/reviews": "R",
    "POST /v1/reviews/next": "R",
    "GET /v1/drugs": "D",
    "GET /v1/drugs/uncollected": "R",
    "GET /v1/deliveries": "MR",
    "GET /v1/deliveries/{delivery_id}": "PMR",
    "GET /v1/deliveries/{delivery_id}/receiver": "MR",
    "POST /v1/deliveries/{delivery_id}/decide": "MR",
    # Money.
    "GET /v1/charges/{charge_id}": "PMF",
    "POST /v1/charges/{charge_id}/orders": "P",
    "GET /v1/charges/{charge_id}/invoices": "PMF",
    "POST /v1/charges/{charge_id}/invoices": "MF",
    "POST /v1/charges/{charge_id}/refunds": "MF",
    "GET /v1/charges/{charge_id}/ledger": "MF",
    "GET /v1/revisits/{revisit_id}/ledger": "MF",
    "GET /v1/ledger/balances": "MF",
    "GET /v1/ledger/proof": "MF",
    "GET /v1/refunds": "MF",
    "GET /v1/refunds/{refund_id}": "MF",
    "POST /v1/refunds/{refund_id}/retry": "MF",
    "POST /v1/refunds/{refund_id}/hand-over": "MF",
    "POST /v1/refunds/{refund_id}/pay-out": "MF",
    "POST /v1/refunds/{refund_id}/withdraw": "MF",
    "GET /v1/invoices": "MF",
    "GET /v1/invoices/{invoice_id}": "PMF",
    "GET /v1/invoices/{invoice_id}/pdf": "PMF",
    "GET /v1/invoices/{invoice_id}/red/pdf": "PMF",
    "POST /v1/invoices/{invoice_id}/retry": "MF",
    # A stopped clinic.
    "GET /v1/suspensions": "M",
    "GET /v1/suspensions/{suspension_id}": "M",
    "POST /v1/doctors/{doctor_id}/suspension": "M",
    "POST /v1/doctors/{doctor_id}/resumption": "M",
    # 满意度调查.
    "GET /v1/revisits/{revisit_id}/survey": "P",
    "POST /v1/revisits/{revisit_id}/survey": "P",
    "GET /v1/surveys": "M",
    "GET /v1/surveys/results": "M",
    "GET /v1/surveys/mine": "D",
    # What was said.
    "GET /v1/messages": "M",
    "POST /v1/messages/{message_id}/resend": "M",
}
"""Every route that asks who comes. Each id in its path is tried with another person's, those before and behind it being one's own."""

OPEN: Final = frozenset(
    {
        "GET /again/{visit}",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
        "POST /v1/account/codes",
        "POST /v1/account/sessions",
        "POST /v1/account/staff/codes",
        "POST /v1/account/staff/sessions",
        "POST /webhooks/his",
        "POST /webhooks/sf",
        "POST /webhooks/signature",
        "POST /webhooks/sms",
        "POST /webhooks/wechat-pay",
    }
)
"""Every route that asks nobody."""

HERE: Final[dict[tuple[str, str], str]] = {
    ("POST /v1/revisits/{revisit_id}/describe", "file_ids"): "intake.file_missing",
    ("POST /v1/revisits/{revisit_id}/prescriptions/copy", "copied_from"): "refill.missing",
    ("GET /v1/events", "topics"): "live.missing",
}
"""Ids beside the path, in body or query, and what the route answers when one is another person's."""
LATER: Final[dict[tuple[str, str], str]] = {
    ("POST /v1/patients/{patient_id}/revisits", "past_encounter_id"): "not_theirs",
    ("POST /v1/patients/{patient_id}/revisits", "past_prescription"): "not_their_prescription",
    ("POST /v1/revisits/{revisit_id}/complete", "supplement_id"): "patient.supplement_missing",
    ("POST /v1/revisits/{revisit_id}/relate", "past_encounter_id"): "eligibility.not_theirs",
}
"""The same where the process refuses it, or ends with that refusal."""
HELD: Final = {
    "POST /v1/prescriptions/{prescription_id}/claim": "review.held",
    "POST /v1/prescriptions/{prescription_id}/release": "review.not_held",
    "POST /v1/prescriptions/{prescription_id}/approve": "review.not_held",
    "POST /v1/prescriptions/{prescription_id}/question": "review.not_held",
    "POST /v1/prescriptions/{prescription_id}/reject": "review.not_held",
}
"""What the process answers a pharmacist about a review that another pharmacist holds."""
PUBLIC: Final = {
    ("GET /v1/slots", "department_id"): "the hospital's",
    ("GET /v1/slots", "doctor_id"): "the hospital's",
    ("GET /v1/messages", "visit_id"): "of any, for the management",
    ("POST /v1/revisits/{revisit_id}/choose-slot", "slot_id"): "the hospital's",
}
"""Ids beside the path that are nobody's own, and why."""
WORDS: Final = frozenset(
    {
        *("Idempotency-Key", "X-Phone", "address", "advice", "after", "amount_fen", "answers", "assessed", "bill", "by"),
        *("city", "code", "complaint", "content", "county", "days", "decision", "detail", "diagnosis_code", "diagnosis_text"),
        *("dose", "drug_code", "file", "frequency", "from", "history", "id_number", "items", "justification", "last-event-id"),
        *("limit", "list", "login", "long_term", "month", "name", "note", "office", "on", "packs", "password", "phone"),
        *("prescribed", "province", "q", "reason", "reasoned", "receiver", "relation", "remark", "reversed", "route", "scene"),
        *("stability", "standing", "state", "symptoms", "take_over", "text", "text_hash", "text_version", "though_unstable"),
        *("to", "unreached", "version", "voucher", "way"),
    }
)
"""Whatever else a client may say beside the path: no id of anything."""

LISTS: Final[dict[str, tuple[str, ...]]] = {
    "GET /v1/patients": ("patient_id",),
    "GET /v1/patients/{patient_id}/revisits": ("revisit_id",),
    "GET /v1/patients/{patient_id}/past-prescriptions": ("past_prescription",),
    "GET /v1/patients/{patient_id}/invoices": ("invoice_id",),
    "GET /v1/revisits/{revisit_id}/prescriptions": ("prescription_id",),
    "GET /v1/charges/{charge_id}/invoices": ("invoice_id",),
    "GET /v1/queue": ("schedule_id",),
    "GET /v1/queue/{schedule_id}": ("revisit_id",),
    "GET /v1/prescriptions/mine": ("draft_id",),
}
"""Lists of what is one's own, and what of it must stand there, so that nothing of another's is missed for want of rows."""
SHOWS: Final[dict[str, tuple[str, ...]]] = {
    "GET /v1/patients/{patient_id}": (),
    "GET /v1/patients/{patient_id}/revisits": ("past_prescription", "revisit_id"),
    "GET /v1/patients/{patient_id}/past-prescriptions": ("past_prescription",),
    "GET /v1/patients/{patient_id}/invoices": ("charge_id", "invoice_id", "revisit_id"),
    "GET /v1/revisits/{revisit_id}": ("past_prescription", "patient_id"),
    "GET /v1/revisits/{revisit_id}/timeline": ("charge_id", "doctor_id", "past_prescription", "patient_id", "refund_id", "suspension_id"),
    "GET /v1/revisits/{revisit_id}/past-visits": ("past_encounter_id",),
    "GET /v1/revisits/{revisit_id}/again": ("past_prescription", "patient_id", "said"),
    "GET /v1/revisits/{revisit_id}/decline": ("said",),
    "GET /v1/revisits/{revisit_id}/intake": ("file_id", "past_encounter_id", "past_prescription", "said"),
    "GET /v1/queue/{schedule_id}": ("revisit_id",),
    "GET /v1/revisits/{revisit_id}/chat": ("said",),
    "GET /v1/revisits/{revisit_id}/record": ("record_id", "said"),
    "GET /v1/revisits/{revisit_id}/history": (
        "charge_id",
        "delivery_id",
        "doctor_id",
        "draft_id",
        "invoice_id",
        "prescription_id",
        "record_id",
        "refund_id",
        "suspension_id",
    ),
    "GET /v1/revisits/{revisit_id}/history/events": (),
    "GET /v1/revisits/{revisit_id}/prescriptions": ("draft_id", "prescription_id"),
    "GET /v1/prescriptions/{prescription_id}": ("delivery_id", "revisit_id"),
    "GET /v1/deliveries/{delivery_id}": ("prescription_id", "revisit_id"),
    "GET /v1/deliveries/{delivery_id}/receiver": (),
    "GET /v1/charges/{charge_id}": ("revisit_id",),
    "GET /v1/charges/{charge_id}/invoices": ("invoice_id", "revisit_id"),
    "GET /v1/charges/{charge_id}/ledger": (),
    "GET /v1/revisits/{revisit_id}/ledger": (),
    "GET /v1/refunds/{refund_id}": ("charge_id", "revisit_id"),
    "GET /v1/invoices/{invoice_id}": ("charge_id", "revisit_id"),
    "GET /v1/suspensions/{suspension_id}": ("doctor_id", "revisit_id"),
    "GET /v1/revisits/{revisit_id}/survey": ("said",),
}
"""Of each reading by an id: what else of the same visit stands there, by the alphabet, and nothing of another. None: it has no id."""
QUERIES: Final = {"GET /v1/queue/{schedule_id}": {"list": "consulting"}, "GET /v1/slots": {"limit": "100"}}
"""What a list is asked with to show its rows."""

_RECORD: Final = {
    "content": {"complaint": "活动后气短复诊", "history": "慢阻肺病史，规律吸入治疗。", "advice": "继续原方案。"},
    "diagnosis_code": "J44.900",
    "diagnosis_text": "慢性阻塞性肺疾病",
}
_ITEM: Final = {"drug_code": "tio", "dose": "1", "frequency": "qd", "route": "inhaled", "days": 7, "packs": 1}
_PRESCRIPTION: Final = {"prescribed": {"items": [_ITEM], "diagnosis_code": "J44.900"}, "diagnosis_text": "慢性阻塞性肺疾病"}
BODIES: Final[dict[str, Any]] = {
    "POST /v1/patients/{patient_id}/supplements": {"phone": "13800100001"},
    "POST /v1/revisits/{revisit_id}/relate": {"past_encounter_id": "enc-1"},
    "POST /v1/revisits/{revisit_id}/complete": {"supplement_id": UUID_TEXT},
    "POST /v1/revisits/{revisit_id}/self-check": {"symptoms": []},
    "POST /v1/revisits/{revisit_id}/consent": {"text_version": "1", "text_hash": "0" * 64},
    "POST /v1/revisits/{revisit_id}/choose-slot": {"slot_id": "slot-1"},
    "POST /v1/revisits/{revisit_id}/describe": {"text": "咳嗽气喘三天，夜间加重，想复诊开药。"},
    "POST /v1/revisits/{revisit_id}/decline": {"reason": "in_person"},
    "POST /v1/revisits/{revisit_id}/survey": {"version": "survey-2026-11", "answers": {"overall": 5}},
    "POST /v1/revisits/{revisit_id}/chat": {"text": "您好"},
    "PUT /v1/revisits/{revisit_id}/record": _RECORD,
    "POST /v1/revisits/{revisit_id}/prescriptions": _PRESCRIPTION,
    "POST /v1/revisits/{revisit_id}/prescriptions/copy": {"copied_from": "rx-1"},
    "POST /v1/prescriptions/{prescription_id}/amend": _PRESCRIPTION,
    "POST /v1/prescriptions/{prescription_id}/answer": {"text": "已核对"},
    "POST /v1/prescriptions/{prescription_id}/extend": {"days": 2},
    "POST /v1/prescriptions/{prescription_id}/choose": {"way": "pickup"},
    "POST /v1/prescriptions/{prescription_id}/question": {"text": "请核对剂量"},
    "POST /v1/prescriptions/{prescription_id}/reject": {"text": "剂量有误", "remark": "dose"},
    "POST /v1/deliveries/{delivery_id}/decide": {"decision": "refund"},
    "POST /v1/charges/{charge_id}/orders": {"scene": "native"},
    "POST /v1/refunds/{refund_id}/hand-over": {"office": "finance"},
    "POST /v1/refunds/{refund_id}/pay-out": {"voucher": "V-20261127"},
    "POST /v1/patients/{patient_id}/revisits": {},
}
"""What is asked with, complete enough that it is the ids that decide."""
