"""Whatever the API's own description allows, and what it does not, by each role: no failure, and no answer that it keeps quiet."""

# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportUnknownVariableType=false, reportMissingTypeArgument=false
# pyright: reportUnknownArgumentType=false

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, cast

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, CheckFunction, load_all_checks
from schemathesis.schemas import APIOperation

from tests.chaos.aftercare import brought_to_an_end
from tests.journeys.hospital import Hospital
from tests.journeys.people import Person, key
from tests.journeys.prescription import written
from tests.journeys.visit import Visit

pytestmark = [pytest.mark.long, pytest.mark.spare]
TRIES: Final = 5
"""Of each route, in each of four manners: what fits and what does not, on ids of one's own and of nobody."""
WITHIN_S: Final = 20
load_all_checks()
CONFORMING: Final = cast(
    list[CheckFunction],
    CHECKS.get_by_names(["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]),
)
ANYWHERE: Final = {202, 503}
"""Kept and carried on later, or ask again: what a wish may always be answered."""
LEFT_OUT: Final = {
    ("get", "/v1/events"): "a stream without an end",
    ("delete", "/v1/account/sessions/current"): "the role would be signed out",
}


@dataclass(frozen=True, slots=True)
class Town:
    """People of each role, and things of theirs."""

    people: dict[str, Person]
    ids: dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def town(hospital: Hospital) -> AsyncIterator[Town]:
    visit: Visit = await hospital.visit("entered")
    mine = await written(visit)
    people = {"nobody": hospital.stranger(), "patient": visit.patient, "doctor": hospital.doctor}
    people |= {"pharmacist": hospital.pharmacist, "manager": hospital.manager, "finance": hospital.finance}
    ids = {"revisit_id": visit.id, "patient_id": visit.patient.id, "charge_id": await visit.charge_id(), "prescription_id": mine.id}
    yield Town(people, ids | {"schedule_id": hospital.unit["schedule_id"]})
    await brought_to_an_end(visit)


@pytest.mark.parametrize("role", ["nobody", "patient", "doctor", "pharmacist", "manager", "finance"])
async def test_every_route_answers_as_it_is_described(hospital: Hospital, town: Town, role: str) -> None:
    api = hospital.stack.addresses.api
    found = await asyncio.to_thread(_tried_all, api, town.people[role].headers, town.ids)

    assert not found, "\n\n".join(found)


def _tried_all(api: str, headers: dict[str, str], ids: dict[str, str]) -> list[str]:
    """What is wrong, route by route; in a thread of its own, for its client waits."""
    document = schemathesis.openapi.from_url(f"{api}/openapi.json")
    wrong: list[str] = []
    tried = 0
    with requests.Session() as session:
        session.trust_env = False
        for found in document.get_all_operations():
            operation = cast(APIOperation[Any, Any, Any, Any], cast(Any, found).ok())
            if (operation.method.lower(), operation.path) in LEFT_OUT:
                continue
            tried += 1
            for manner in GenerationMode:
                for own in ({}, {name: id for name, id in ids.items() if f"{{{name}}}" in operation.path}):
                    try:
                        _tried(operation, manner, own, session, headers)
                    except Unsatisfiable:  # a route without parameters can be asked for in one manner alone
                        continue
                    except Exception as fault:  # noqa: BLE001  each is told, whatever it is
                        wrong.append(f"{operation.label}, {manner.value}, {own or 'of nobody'}: {fault}"[:3000])
    assert tried > 90
    return wrong


def _tried(
    operation: APIOperation[Any, Any, Any, Any],
    manner: GenerationMode,
    own: dict[str, str],
    session: requests.Session,
    headers: dict[str, str],
) -> None:
    strategy = operation.as_strategy(generation_mode=manner, path_parameters=own or None)

    @settings(
        max_examples=TRIES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=tuple(cast(list[HealthCheck], list(HealthCheck))),
    )
    @given(case=strategy)
    def once(case: Case) -> None:
        given = headers | ({} if operation.method.lower() == "get" else {"Idempotency-Key": key()})
        answer = case.call(session=session, headers=given, timeout=WITHIN_S)
        if answer.status_code not in ANYWHERE:
            case.validate_response(answer, checks=CONFORMING, headers=given)

    once()
