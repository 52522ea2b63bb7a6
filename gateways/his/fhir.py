"""The open default wire of the HIS: FHIR R4 REST, JSON, bearer token by client credentials."""

from gateways.his.account import HisAccount
from gateways.his.fhir_booking import Bookings
from gateways.his.fhir_directory import Directory
from gateways.his.fhir_drug import Drugs
from gateways.his.fhir_encounter import Encounters
from gateways.his.fhir_patient import Patients
from gateways.his.fhir_prescription import Prescriptions
from gateways.his.fhir_record import Records
from gateways.his.rest import PULL_LIMIT_S, FhirRest
from gateways.wire import LIMIT_S


class FhirHIS(Patients, Directory, Bookings, Encounters, Drugs, Prescriptions, Records):
    """The port `HIS`, one for the life of the process.

    A call waits at most `limit_s` seconds, the readings of the directory at most `pull_limit_s`. Ours are the credentials and the form of
    a request: when the HIS refuses those (400, 401, 403) the outcome is unknown and the log loud, for no patient is refused for it.
    """

    def __init__(self, account: HisAccount, *, limit_s: float = LIMIT_S, pull_limit_s: float = PULL_LIMIT_S) -> None:
        self._rest = FhirRest(account, limit_s=limit_s, pull_limit_s=pull_limit_s)

    async def aclose(self) -> None:
        await self._rest.aclose()
