"""A signature on FHIR's wire: what a Provenance says of who signed what is written to the HIS."""

import base64

from gateways.his import names
from gateways.his.fhir_drug import instant
from gateways.his.resources import Json
from models.signature import Signature


def signature_of(kind: str, who: Json, signed: Signature) -> Json:
    """The raw signature, r and s together 64 bytes, with the certificate by which it is verified."""
    return {
        "extension": [{"url": names.CERTIFICATE, "valueBase64Binary": signed.certificate}],
        "type": [{"system": names.SIGNATURE_TYPE, "code": kind}],
        "when": instant(signed.signed_at),
        "who": who,
        "sigFormat": "application/octet-stream",
        "data": base64.b64encode(bytes.fromhex(signed.value)).decode(),
    }
