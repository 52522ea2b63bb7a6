"""Names on the HIS's wire, agreed with the hospital once: identifier systems, extensions, code systems.

2.999 is the OID arc for examples: a real hospital puts its own here.
"""

from typing import Final

ID_NUMBER: Final = "urn:oid:2.16.156.10011.1.3"
"""公民身份号码; the root that China's shared health documents use [G]."""
DEPARTMENT: Final = "urn:oid:2.999.1001.3"

CLAIM: Final = "https://fuzhen.example/ids/claim"
VISIT: Final = "https://fuzhen.example/ids/visit"
PAYMENT: Final = "https://fuzhen.example/ids/payment"
REFUND: Final = "https://fuzhen.example/ids/refund"
"""Our own numbers, each 32 hex digits: identifier of an Appointment, an Encounter, and the last two of a PaymentReconciliation."""

_EXTENSION: Final = "https://fuzhen.example/fhir/StructureDefinition"
CAPACITY: Final = f"{_EXTENSION}/capacity"
REMAINING: Final = f"{_EXTENSION}/remaining"
FEE: Final = f"{_EXTENSION}/fee"
PERIOD: Final = f"{_EXTENSION}/period"
UNIT_DATE: Final = f"{_EXTENSION}/unitDate"
"""The date a 就诊单元 is named by; one that ends after midnight keeps the date it began on."""
LOCK_EXPIRES_AT: Final = f"{_EXTENSION}/lockExpiresAt"
FEE_INVOICE: Final = f"{_EXTENSION}/serviceFeeInvoice"

ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
TITLE: Final = "https://fuzhen.example/fhir/CodeSystem/title"
"""职称."""
