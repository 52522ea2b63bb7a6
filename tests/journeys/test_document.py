"""Whatever the API's own description allows, and what it does not, by each role: no failure, and no answer that it keeps quiet."""

import asyncio
from itertools import chain
from typing import Final

import pytest

from tests.chaos.aftercare import brought_to_an_end
from tests.journeys.document import Line
from tests.journeys.hospital import Hospital
from tests.journeys.town import ROLES, a_world, people_of, the_offices_work, they_look, they_walk

pytestmark = pytest.mark.long
LEFT_OUT: Final = {
    "GET /v1/events": "a stream without an end",
    "DELETE /v1/account/sessions/current": "the role would be signed out",
}
QUICK: Final = "patient"
"""The role that is tried with every change: it has most to ask for."""
FEW, MANY = 2, 5
_FIRST: Final = "must refuse first, which it does not by itself"
NEVER_GRANTED: Final[dict[str, str]] = {
    "GET /v1/invoices/{invoice_id}/red/pdf": "of a bill that was undone, once its issuer gives that file",
    "POST /v1/account/staff/codes": "one a minute to a phone, and all of the staff have just signed in",
    "POST /v1/account/staff/sessions": "by such a code",
    "POST /v1/charges/{charge_id}/invoices": "of a charge whose bill is gone",
    "POST /v1/invoices/{invoice_id}/retry": f"the issuer {_FIRST}",
    "POST /v1/messages/{message_id}/resend": f"the carrier {_FIRST}",
    "POST /v1/records/{record_id}/retry": f"the HIS {_FIRST}",
    **dict.fromkeys([f"POST /webhooks/{one}" for one in ("his", "sf", "signature", "sms", "wechat-pay")], "a machine's, on its own wire"),
}
"""What nobody is answered 2xx here, and why. It may only become shorter."""


async def test_what_people_do_is_answered_as_it_is_described(hospital: Hospital) -> None:
    """Each by whose turn it is, with things of their own in fitting states: everything is granted to somebody but what is written down."""
    api, world = hospital.stack.addresses.api, await a_world(hospital)
    lines = {role: Line(api, person.headers, LEFT_OUT) for role, person in people_of(hospital).items()}
    lines["patient"] = Line(api, world.visit.patient.headers, LEFT_OUT)
    both = await asyncio.gather(the_offices_work(hospital, lines, world), they_walk(hospital, lines))
    await they_look(lines, world.ids)
    for visit in [world.visit, *chain.from_iterable(both)]:
        await brought_to_an_end(visit)

    wrong = [f"{role}: {one}" for role, line in lines.items() for one in line.wrong]
    granted = set[str]().union(*(line.granted() for line in lines.values()))
    assert not wrong, "\n\n".join(wrong)
    assert set(lines["nobody"].operations) - granted == set(NEVER_GRANTED)


@pytest.mark.parametrize("role", [pytest.param(role, marks=() if role == QUICK else pytest.mark.spare) for role in ROLES])
async def test_every_route_answers_as_it_is_described(hospital: Hospital, role: str) -> None:
    """In a world of the role's own, which nobody before it has used up."""
    world = await a_world(hospital)
    person = people_of(hospital).get(role, world.visit.patient)
    line = Line(hospital.stack.addresses.api, person.headers, LEFT_OUT)
    await line.generated(world.ids, FEW if role == QUICK else MANY)
    await brought_to_an_end(world.visit)

    assert not line.wrong, "\n\n".join(line.wrong)
    assert len(line.answered) == len(line.operations) > 90
