import httpx
import pytest

from tests.sandbox.wechat_pay.merchant import Merchant
from tests.sandbox.wechat_pay.oracle import Client, client_of


@pytest.fixture
def merchant(outside: httpx.Client) -> Merchant:
    return Merchant(outside.get("/credentials").json()["wechat_pay"], outside)


@pytest.fixture
def client(merchant: Merchant) -> Client:
    return client_of(merchant)
