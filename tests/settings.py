"""Settings of a process in a test: nothing from the environment, nothing that is reachable unless a test says so."""

import json
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from worker.settings import (
    HisSettings,
    InvoiceSettings,
    LogisticsSettings,
    ReviewSettings,
    Settings,
    SignatureSettings,
    SmsSettings,
    WechatPaySettings,
)

NOWHERE = "http://127.0.0.1:9"
COLUMN_KEY, INDEX_KEY = "6b" * 16, "69" * 32


def settings(database_url: str = "postgresql+asyncpg://nobody@127.0.0.1:9/none", temporal_address: str = "127.0.0.1:9") -> Settings:
    """Those of an embedded stack whose parts are not there."""
    return Settings(
        environment="embedded",
        database_url=SecretStr(database_url),
        temporal_address=temporal_address,
        temporal_ui_url=NOWHERE,
        public_url=NOWHERE,
        files_dir=Path("/nonexistent"),
        policy="test",
        column_keys={"test": SecretStr(COLUMN_KEY)},
        column_key_id="test",
        index_key=SecretStr(INDEX_KEY),
        his=HisSettings(base_url=NOWHERE, client_id="fuzhen", client_secret=SecretStr("secret"), webhook_key=SecretStr("68" * 32)),
        wechat_pay=WechatPaySettings(
            base_url=NOWHERE,
            appid="wx0000000000000000",
            mchid="1900000000",
            serial_no="0" * 40,
            private_key=SecretStr("none"),
            apiv3_key=SecretStr("v3" * 16),
            public_key_id="PUB_KEY_ID_0",
            public_key="none",
        ),
        sms=SmsSettings(base_url=NOWHERE, access_key_id="none", access_key_secret=SecretStr("none"), sign_name="互联网医院"),
        logistics=LogisticsSettings(
            base_url=NOWHERE,
            partner_id="none",
            checkword=SecretStr("none"),
            monthly_card="none",
            sender_name="药房",
            sender_phone="13900110011",
            sender_address="演示路1号",
        ),
        signature=SignatureSettings(base_url=NOWHERE, app_id="none", app_secret=SecretStr("none"), trusted="none"),
        review=ReviewSettings(base_url=NOWHERE, app_key="none", app_secret=SecretStr("none")),
        invoice=InvoiceSettings(base_url=NOWHERE, app_id="none", app_key=SecretStr("none"), place_code="none", payee="none", author="none"),
    )


def environment(database_url: str, files: Path, port: int) -> dict[str, str]:
    """The same, as a process of its own is told them."""
    known = settings(database_url)
    plain = {
        "ENVIRONMENT": known.environment,
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": known.temporal_address,
        "TEMPORAL_UI_URL": known.temporal_ui_url,
        "API_PORT": str(port),
        "PUBLIC_URL": known.public_url,
        "FILES_DIR": str(files),
        "POLICY": known.policy,
        "COLUMN_KEYS": json.dumps({"test": COLUMN_KEY}),
        "COLUMN_KEY_ID": "test",
        "INDEX_KEY": INDEX_KEY,
    }
    outside: dict[str, BaseSettings] = {
        "HIS": known.his,
        "WECHAT_PAY": known.wechat_pay,
        "SMS": known.sms,
        "LOGISTICS": known.logistics,
        "REVIEW": known.review,
        "INVOICE": known.invoice,
        "SIGNATURE": known.signature,
    }
    for party, told in outside.items():
        for field, value in told:
            plain[f"{party}_{field.upper()}"] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return {f"FUZHEN_{name}": value for name, value in plain.items()}
