"""Names on the HIS's wire, chosen once: identifier systems, extensions, code systems.

The hospital's own systems stand under one OID of the arc 2.999, which is set aside for examples; a real hospital puts its own here.
"""

from typing import Final

HOSPITAL_OID: Final = "2.999.1001"

ID_NUMBER: Final = "urn:oid:2.16.156.10011.1.3"
"""公民身份号码; root as China's shared health documents write it [G]."""
CARD: Final = f"urn:oid:{HOSPITAL_OID}.1"
"""就诊卡号; one person may have several."""
STAFF: Final = f"urn:oid:{HOSPITAL_OID}.2"
"""工号."""
DEPARTMENT: Final = f"urn:oid:{HOSPITAL_OID}.3"
BILL: Final = f"urn:oid:{HOSPITAL_OID}.4"

CLAIM: Final = "https://fuzhen.example/ids/claim"
"""The internet hospital's own number of a claim on a place: identifier of an Appointment."""
VISIT: Final = "https://fuzhen.example/ids/visit"
"""The internet hospital's own number of a visit: identifier of an Encounter."""
PAYMENT: Final = "https://fuzhen.example/ids/payment"
"""The internet hospital's own number of a payment: identifier of a PaymentReconciliation."""

_EXTENSION: Final = "https://fuzhen.example/fhir/StructureDefinition"
CAPACITY: Final = f"{_EXTENSION}/capacity"
REMAINING: Final = f"{_EXTENSION}/remaining"
FEE: Final = f"{_EXTENSION}/fee"
PERIOD: Final = f"{_EXTENSION}/period"
"""Of a 就诊单元 and of each of its slots: 夜间, 上午, 下午, 晚间."""
UNIT_DATE: Final = f"{_EXTENSION}/unitDate"
"""The date a 就诊单元 is named by; one that ends after midnight keeps the date it began on."""
VISIT_TYPE: Final = f"{_EXTENSION}/visitType"
"""号别."""
LOCK_EXPIRES_AT: Final = f"{_EXTENSION}/lockExpiresAt"
FEE_INVOICE: Final = f"{_EXTENSION}/serviceFeeInvoice"
INVOICE_APPOINTMENT: Final = f"{_EXTENSION}/appointment"
CHANNEL: Final = f"{_EXTENSION}/channel"
GOOD_AT: Final = f"{_EXTENSION}/goodAt"
"""擅长."""
ETHNIC_GROUP: Final = f"{_EXTENSION}/ethnicGroup"
"""民族."""

_CODES: Final = "https://fuzhen.example/fhir/CodeSystem"
PERIODS: Final = f"{_CODES}/period"
VISIT_TYPES: Final = f"{_CODES}/visitType"
TITLES: Final = f"{_CODES}/title"
"""职称 by GB/T 8561: 231 主任医师, 232 副主任医师, 233 主治医师 [G]."""
LEGS: Final = f"{_CODES}/leg"
"""cash 个人现金支付, account 个人账户支付, fund 医保基金支付."""
REFUSALS: Final = f"{_CODES}/refusal"
CANCEL_REASONS: Final = f"{_CODES}/cancelReason"
ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

FHIR_JSON: Final = "application/fhir+json"
FHIR_ROOT: Final = "/fhir/R4"
