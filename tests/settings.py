"""Settings of a process in a test: nothing from the environment, nothing that is reachable unless a test says so."""

from pathlib import Path

from pydantic import SecretStr

from worker.settings import HisSettings, Settings, SmsSettings, WechatPaySettings

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
        his=HisSettings(base_url=NOWHERE, client_id="fuzhen", client_secret=SecretStr("secret")),
        wechat_pay=WechatPaySettings(
            base_url=NOWHERE,
            appid="wx0000000000000000",
            mchid="1900000000",
            serial_no="0" * 40,
            private_key=SecretStr("none"),
            apiv3_key=SecretStr("0" * 32),
            public_key_id="PUB_KEY_ID_0",
            public_key="none",
        ),
        sms=SmsSettings(base_url=NOWHERE, access_key_id="none", access_key_secret=SecretStr("none"), sign_name="互联网医院"),
    )
