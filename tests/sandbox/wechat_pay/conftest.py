import httpx
import pytest

from tests.sandbox.wechat_pay.merchant import Merchant


@pytest.fixture
def merchant(outside: httpx.Client) -> Merchant:
    return Merchant(outside.get("/credentials").json()["wechat_pay"], outside)
