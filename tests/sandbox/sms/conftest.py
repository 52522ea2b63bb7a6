import httpx
import pytest

from tests.sandbox.sms.sender import Sender


@pytest.fixture
def sender(outside: httpx.Client) -> Sender:
    return Sender(outside.get("/credentials").json()["sms"], outside)
