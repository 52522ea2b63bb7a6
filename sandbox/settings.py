"""Settings of the sandbox process, read once from the environment under the prefix SANDBOX_."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

WECHAT_RETRY_S = (15.0, 15.0, 30.0, 180.0, 600.0, 1200.0, 1800.0, 1800.0, 1800.0, 3600.0, 10800.0, 10800.0, 10800.0, 21600.0, 21600.0)
"""WeChat Pay's own schedule between one notify and the next, in seconds [C]."""


class Settings(BaseSettings):
    """What one sandbox is started with."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", frozen=True)

    host: str = "127.0.0.1"
    """Where it listens; a container says `0.0.0.0`, and its networks who may reach it."""
    port: int = 8401
    data: Path = Path("data/sandbox")
    """Folder of `sandbox.sqlite` and of the generated keys."""
    notify_retry_s: Annotated[tuple[float, ...], NoDecode] = WECHAT_RETRY_S
    """Seconds before each repetition of a notify that was not answered with 200 or 204; a comma list in the environment."""
    refund_s: Annotated[float, Field(ge=0)] = 0.5
    """How long WeChat Pay takes from accepting a refund to its end, in seconds; really minutes, or days for a bank card [C]."""
    push_url: str = ""
    """Where SF pushes routes to; empty: nowhere until somebody registers an address at `/logistics/desk/push`."""
    push_retry_s: Annotated[tuple[float, ...], NoDecode] = (60.0, 300.0, 900.0)
    """Seconds before each repetition of a push that was not answered OK: three times [B], the pauses [G]; a comma list."""
    sms_report_url: str = ""
    """Where the SMS carrier reports what became of texts; empty: nowhere."""
    sms_report_s: Annotated[float, Field(ge=0)] = 0.5
    """How long a phone's network takes to say what became of a text, in seconds; really some seconds [G]."""
    sms_report_retry_s: Annotated[tuple[float, ...], NoDecode] = (60.0, 300.0, 600.0)
    """Seconds before each repetition of a report that was not answered with code 0 [G]; a comma list."""
    his_listener: str = ""
    """Where the HIS tells what happens there; empty: nowhere until somebody registers an address at `/his/desk/listener`."""
    his_retry_s: Annotated[tuple[float, ...], NoDecode] = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    """Seconds before each repetition of what the HIS tells, the last one again and again; a comma list."""
    his_dispense_s: float | None = None
    """How long after payment the pharmacy prepares, and as long again hands out, without a person; none: a person does both."""
    seed: int = 7
    """What the demo hospital grows from: the same number gives the same hospital."""
    lock_s: int = 1800
    """How long the HIS keeps a slot locked that nobody settles, in seconds."""

    @field_validator("notify_retry_s", "push_retry_s", "sms_report_retry_s", "his_retry_s", mode="before")
    @classmethod
    def _from_comma_list(cls, value: object) -> object:
        return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value
