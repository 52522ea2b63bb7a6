"""docker-compose.yml as these tests read it: merged, with what each service gets and mounts."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from pydantic import SecretStr
from pydantic_settings import BaseSettings
from ruamel.yaml import YAML

from sandbox.settings import Settings as SandboxSettings
from tests.house.rooms import HOUSE
from worker.settings import Settings

FILE = HOUSE / "docker-compose.yml"
DEPLOY = HOUSE / "deploy"
ASKED = re.compile(r"\$\{(\w+):\?[^}]+\}")
"""`${NAME:?…}`: what a hospital must say."""
Service = dict[str, Any]


@cache
def compose() -> dict[str, Any]:
    """The whole file, aliases and merges resolved."""
    return YAML(typ="safe", pure=True).load(FILE)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def services() -> dict[str, Service]:
    return compose()["services"]


def mounts(service: Service, kind: str) -> dict[str, str]:
    """Its `secrets` or `configs`: source by the path or name that the container sees."""
    listed: list[str | dict[str, str]] = service.get(kind, [])
    return {one if isinstance(one, str) else one["target"]: one if isinstance(one, str) else one["source"] for one in listed}


def told(service: Service) -> set[str]:
    """The settings that its program finds: plain ones, and secrets under the names of their files."""
    return set(service.get("environment", {})) | set(mounts(service, "secrets"))


def fields(settings: type[BaseSettings]) -> Iterator[tuple[str, Any]]:
    """Each setting by its name in the environment; those of a party stand in a class of their own."""
    prefix = settings.model_config.get("env_prefix", "")
    for name, field in settings.model_fields.items():
        if not _is_party(field):
            yield f"{prefix}{name}".upper(), field


def ours() -> dict[str, Any]:
    """Every setting of API and worker."""
    parties = [field.annotation for field in Settings.model_fields.values() if _is_party(field)]
    return {name: field for kind in (Settings, *parties) for name, field in fields(cast(type[BaseSettings], kind))}


def _is_party(field: Any) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)


def of_sandbox() -> dict[str, Any]:
    return dict(fields(SandboxSettings))


def is_secret(field: Any) -> bool:
    return SecretStr.__name__ in str(field.annotation)
