"""Who may speak with the HIS."""

import base64

import httpx
import pytest

from sandbox import his
from tests.sandbox.his.client import FHIR, Client, Clock, refusal, signed_out


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/Slot"), ("POST", "/Appointment"), ("POST", "/Patient/_search"), ("GET", "/Patient/pat-eligible"), ("GET", "/Invoice/x")],
)
async def test_a_call_without_a_token_is_refused(client: Client, method: str, path: str) -> None:
    with signed_out(client) as http:
        answer = await http.request(method, f"{FHIR}{path}")

    assert refusal(answer) == (401, "unauthorized")
    assert answer.json()["issue"][0]["code"] == "login"
    assert answer.headers["www-authenticate"] == 'Bearer realm="his"'


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer 9999999999999.00", "Basic abc", "Bearer é.é"])
async def test_a_token_of_ones_own_making_is_refused(client: Client, header: str) -> None:
    answer = await client.http.get(f"{FHIR}/Slot", headers=httpx.Headers([(b"Authorization", header.encode())]))

    assert refusal(answer) == (401, "unauthorized")


async def test_a_token_ends_after_an_hour(client: Client, clock: Clock) -> None:
    clock.forward(seconds=3599)
    assert (await client.http.get(f"{FHIR}/Practitioner")).status_code == 200

    clock.forward(seconds=1)

    assert refusal(await client.http.get(f"{FHIR}/Practitioner")) == (401, "unauthorized")


async def test_a_client_may_name_itself_in_the_form(client: Client, hospital: his.His) -> None:
    form = {"grant_type": "client_credentials", "client_id": hospital.client_id, "client_secret": hospital.client_secret}
    with signed_out(client) as http:
        answer = await http.post("/his/token", data=form)

    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_client_gets_no_token(client: Client, hospital: his.His) -> None:
    with signed_out(client) as http:
        wrong = await http.post("/his/token", data={"grant_type": "client_credentials"}, auth=(hospital.client_id, "wrong"))
        broken = await http.post("/his/token", headers={"Authorization": "Basic " + base64.b64encode(b"\xff\xff").decode()})
        nobody = await http.post("/his/token")
        other_grant = await http.post("/his/token", data={"grant_type": "password"}, auth=(hospital.client_id, hospital.client_secret))

    assert [answer.status_code for answer in (wrong, broken, nobody, other_grant)] == [401, 401, 401, 400]
    assert wrong.json() == {"error": "invalid_client"}
    assert other_grant.json() == {"error": "unsupported_grant_type"}


@pytest.mark.parametrize("path", ["/Observation", "/Nothing/1", "/"])
async def test_what_is_not_spoken_is_said_so(client: Client, path: str) -> None:
    assert refusal(await client.http.get(f"{FHIR}{path}")) == (404, "not-found")
