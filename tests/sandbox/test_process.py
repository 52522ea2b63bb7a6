"""`python -m sandbox` as the stack runs it: healthy soon, one JSON line a request, gone soon after it is told."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stack.ports import free_ports
from tests.sandbox.conftest import caller

STOP_WITHIN_S = 15
"""A caller has one second, the rest is for a busy machine; the fault would hold him for ten minutes."""


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def process(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {"SANDBOX_PORT": str(port), "SANDBOX_DATA": str(tmp_path), "SANDBOX_NOTIFY_RETRY_S": "0.5,1"}
    with subprocess.Popen([sys.executable, "-m", "sandbox"], env=env, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_even_with_a_caller_on_the_line(process: subprocess.Popen[str], port: int, ending: signal.Signals) -> None:
    with caller(f"http://127.0.0.1:{port}") as http:
        _up(process, port)
        http.get("/health", headers={"X-Request-Id": "request-1", "X-Visit-Id": "visit-1"})
        http.get("/sms/phones/13800001111/messages")
        http.post("/faults", json={"system": "wechat_pay", "kind": "slow", "seconds": 600})
        with pytest.raises(httpx.ReadTimeout):
            http.get("/wechat/v3/pay/transactions/id/1?mchid=1", timeout=0.2)

        process.send_signal(ending)
        output, _ = process.communicate(timeout=STOP_WITHIN_S)
        assert process.returncode == 0

    lines = [json.loads(line) for line in output.splitlines()]
    requests = {line["path"]: line for line in lines if line["event"] == "sandbox.request"}
    assert (requests["/health"]["request_id"], requests["/health"]["visit_id"]) == ("request-1", "visit-1")
    assert requests["/sms/phones/{phone}/messages"]["status"] == 200
    assert "13800001111" not in output


def _up(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 60
    while not _healthy(port):
        assert process.poll() is None
        assert time.monotonic() < deadline


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).status_code == 200
    except httpx.ConnectError:
        time.sleep(0.05)
        return False


def test_a_taken_port_ends_it_with_a_clear_word(process: subprocess.Popen[str], port: int, tmp_path: Path) -> None:
    _up(process, port)
    env = os.environ | {"SANDBOX_PORT": str(port), "SANDBOX_DATA": str(tmp_path / "second")}
    second = subprocess.run([sys.executable, "-m", "sandbox"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode != 0
    assert "address already in use" in second.stdout
