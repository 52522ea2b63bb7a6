"""Settings are whole or the process does not start, and a secret never shows."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.settings import COLUMN_KEY, INDEX_KEY, environment
from worker.settings import Settings, read_settings

URL = "postgresql+asyncpg://fuzhen:hidden@127.0.0.1:5432/fuzhen"
PRODUCTION = {
    "FUZHEN_ENVIRONMENT": "production",
    "FUZHEN_POLICY": "standard",
    "FUZHEN_PUBLIC_URL": "https://fuzhen.hospital.example",
    "FUZHEN_HIS_BASE_URL": "https://his.hospital.example",
    "FUZHEN_WECHAT_PAY_BASE_URL": "https://pay.example",
    "FUZHEN_SMS_BASE_URL": "https://sms.example",
    "FUZHEN_LOGISTICS_BASE_URL": "https://sf.example",
    "FUZHEN_REVIEW_BASE_URL": "https://review.example",
    "FUZHEN_INVOICE_BASE_URL": "https://invoice.example",
    "FUZHEN_SIGNATURE_BASE_URL": "https://ca.hospital.example",
}


def read(monkeypatch: pytest.MonkeyPatch, without: str | None = None, **changes: str) -> Settings:
    for name, value in (environment(URL, Path("/files"), 8400) | changes).items():
        if name != without:
            monkeypatch.setenv(name, value)
    return read_settings()


def test_the_environment_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    known = read(monkeypatch)

    assert (known.api_port, known.worker_health_port, known.workflow_cache, known.temporal_namespace) == (8400, 8405, 1000, "default")
    assert known.database_url.get_secret_value() == URL
    assert known.wechat_pay.plain()["apiv3_key"] == "v3" * 16


@pytest.mark.parametrize("name", sorted(environment(URL, Path("/files"), 8400)))
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name in {"FUZHEN_API_PORT", "FUZHEN_POLICY"}:  # these have a default
        read(monkeypatch, without=name)
        return
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, without=name)

    assert any(name.lower().endswith(str(one["loc"][-1])) for one in refused.value.errors())


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(read(monkeypatch, FUZHEN_HIS_CLIENT_SECRET="never-shown"))

    assert not any(secret in shown for secret in ("hidden", COLUMN_KEY, INDEX_KEY, "never-shown", "v3" * 16))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FUZHEN_INDEX_KEY", "69" * 31),
        ("FUZHEN_INDEX_KEY", "zz" * 32),
        ("FUZHEN_COLUMN_KEYS", '{"test": "6b6b"}'),
        ("FUZHEN_COLUMN_KEY_ID", "another"),
        ("FUZHEN_WECHAT_PAY_APIV3_KEY", "7" * 31),
        ("FUZHEN_WORKFLOW_CACHE", "-1"),
    ],
)
def test_a_value_that_is_none_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, **{name: value})

    assert value not in str(refused.value)


def test_production_takes_real_parties(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, **PRODUCTION).environment == "production"


@pytest.mark.parametrize(
    "changes",
    [
        {"FUZHEN_HIS_BASE_URL": "http://his.hospital.example"},
        {"FUZHEN_WECHAT_PAY_BASE_URL": "https://127.0.0.1:8401/wechat"},
        {"FUZHEN_SMS_BASE_URL": "https://localhost/sms"},
        {"FUZHEN_LOGISTICS_BASE_URL": "http://sf.example"},
        {"FUZHEN_REVIEW_BASE_URL": "http://review.example"},
        {"FUZHEN_INVOICE_BASE_URL": "http://invoice.example"},
        {"FUZHEN_SIGNATURE_BASE_URL": "http://ca.example"},
        {"FUZHEN_PUBLIC_URL": "http://fuzhen.hospital.example"},
        {"FUZHEN_POLICY": "test"},
    ],
)
def test_production_takes_no_sandbox(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="in production"):
        read(monkeypatch, **(PRODUCTION | changes))
