"""An exception's text may quote a value, so a line has its types and places only. Said by a process, whose logging is its own."""

import json
import subprocess
import sys
from typing import Any

from tests.database import PROJECT

PROGRAM = """
import logging, structlog
from worker import logs
logs.configure("worker")
structlog.contextvars.bind_contextvars(visit_id="v-1")
log = structlog.get_logger()
def fail():
    try:
        {}["110101194912310022"]
    except KeyError as missing:
        raise ExceptionGroup("张秀英", [ValueError("13800138000"), TypeError()]) from missing
try:
    fail()
except ExceptionGroup as error:
    log.exception("activity.failed", error_id="e-1")
    logging.getLogger("a.library").exception("it broke")
log.info("record.saved", version=3)
log.debug("not said")
logging.getLogger("httpx").info("GET https://his/Patient?identifier=110101194912310022")
"""


def lines() -> list[dict[str, Any]]:
    said = subprocess.run([sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, check=True, text=True)
    assert said.stderr == ""
    assert not any(value in said.stdout for value in ("张", "110101194912310022", "13800138000"))
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_lines_are_json_with_types_and_places_and_no_text_of_an_error() -> None:
    ours, foreign, saved = lines()

    for line in (ours, foreign):
        assert line["error"] == ["builtins.ExceptionGroup", "builtins.ValueError", "builtins.TypeError", "builtins.KeyError"]
        assert line["through"][-1].endswith(" fail")
        assert (line["service"], line["level"], line["visit_id"]) == ("worker", "error", "v-1")
    assert (ours["event"], ours["error_id"], foreign["event"]) == ("activity.failed", "e-1", "it broke")
    assert (saved["event"], saved["version"], saved["level"]) == ("record.saved", 3, "info")
