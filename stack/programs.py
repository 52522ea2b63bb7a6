"""Our own programs as parts of the stack: which command, which settings, which health page."""

import json
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import httpx

from stack.data import COLUMN_KEY, FILES, INDEX_KEY, DataFolder
from stack.part import HttpPart
from stack.ports import HOST, Ports
from stack.process import Process, tether
from stack.temporal import NAMESPACE

PROJECT = Path(__file__).resolve().parent.parent
Policy = Literal["standard", "test"]
# The parts that serve people go first and get the larger share of the five seconds; they promise to end within three.
SERVING_STOP_WITHIN_S = 3.0
SANDBOX_STOP_WITHIN_S = 1.6


def program(title: str, log: Path, arguments: list[str], settings: Mapping[str, str], folder: Path = PROJECT) -> Process:
    """`python -m …` in the project's folder, under the Python that runs the stack."""
    command = [sys.executable, "-m", *arguments]
    return Process(title, command, log=log, tether=tether(signal.SIGKILL), settings=settings, folder=folder)


def sandbox(data: DataFolder, ports: Ports, settings: Mapping[str, str]) -> HttpPart:
    """The outside world, with its books in a folder of its own."""
    webhooks = f"http://{HOST}:{ports.api}/webhooks"  # registered by hand at the real carriers and in the real HIS
    told = {
        "SANDBOX_PUSH_URL": f"{webhooks}/sf",
        "SANDBOX_SMS_REPORT_URL": f"{webhooks}/sms",
        "SANDBOX_HIS_LISTENER": f"{webhooks}/his",
    }
    own = {"SANDBOX_PORT": str(ports.sandbox), "SANDBOX_DATA": str(data.path / "sandbox")} | told | dict(settings)
    process = program("Sandbox", data.log("sandbox"), ["sandbox"], own)
    return HttpPart(process, ports.sandbox, "/health", stop_within_s=SANDBOX_STOP_WITHIN_S)


def worker(data: DataFolder, ports: Ports, settings: Mapping[str, str]) -> HttpPart:
    """The worker, healthy when it polls."""
    return _worker(data.log("worker"), ports.worker_health, settings, PROJECT)


def worker_beside(data: DataFolder, port: int, settings: Mapping[str, str], code: Path) -> HttpPart:
    """One more worker, of the code in that folder, with a health page of its own."""
    return _worker(data.log("worker-beside"), port, dict(settings) | {"FUZHEN_WORKER_HEALTH_PORT": str(port)}, code)


def _worker(log: Path, port: int, settings: Mapping[str, str], code: Path) -> HttpPart:
    process = program("Worker", log, ["worker"], settings, code)
    return HttpPart(process, port, "/health/ready", stop_within_s=SERVING_STOP_WITHIN_S)


def api(data: DataFolder, ports: Ports, settings: Mapping[str, str]) -> HttpPart:
    """The API, healthy when it reaches what it needs."""
    process = program("API", data.log("api"), ["api"], settings)
    return HttpPart(process, ports.api, "/health/ready", stop_within_s=SERVING_STOP_WITHIN_S)


async def settings_of_ours(data: DataFolder, ports: Ports, policy: Policy, database_url: str) -> dict[str, str]:
    """The settings of API and worker: our ports, our keys, and what the running sandbox hands out for each outside system."""
    api_url = f"http://{HOST}:{ports.api}"
    own = {
        "FUZHEN_ENVIRONMENT": "embedded",
        "FUZHEN_DATABASE_URL": database_url,
        "FUZHEN_TEMPORAL_ADDRESS": f"{HOST}:{ports.temporal}",
        "FUZHEN_TEMPORAL_NAMESPACE": NAMESPACE,
        "FUZHEN_TEMPORAL_UI_URL": f"http://{HOST}:{ports.temporal_ui}",
        "FUZHEN_API_HOST": HOST,
        "FUZHEN_API_PORT": str(ports.api),
        "FUZHEN_PUBLIC_URL": api_url,
        "FUZHEN_WORKER_HEALTH_PORT": str(ports.worker_health),
        "FUZHEN_FILES_DIR": str(data.room(FILES)),
        "FUZHEN_POLICY": policy,
    }
    return own | _keys(data) | await _credentials(ports)


def _keys(data: DataFolder) -> dict[str, str]:
    """The keys of encrypted columns and of their blind indexes: made once, because what they sealed opens with no other."""
    column_key = data.secret(COLUMN_KEY, lambda: secrets.token_hex(16))
    return {
        "FUZHEN_COLUMN_KEYS": json.dumps({"k1": column_key}),
        "FUZHEN_COLUMN_KEY_ID": "k1",
        "FUZHEN_INDEX_KEY": data.secret(INDEX_KEY, lambda: secrets.token_hex(32)),
    }


async def _credentials(ports: Ports) -> dict[str, str]:
    """Each system's base URL and test keys, named as the settings that take them: wechat_pay.mchid is FUZHEN_WECHAT_PAY_MCHID."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        answer = await client.get(f"http://{HOST}:{ports.sandbox}/credentials")
    systems: dict[str, dict[str, str]] = answer.raise_for_status().json()
    return {f"FUZHEN_{system}_{field}".upper(): value for system, credentials in systems.items() for field, value in credentials.items()}
