"""How every adapter asks the outside: bounded in time, ended as answered or unknown, one log line a call.

What a call may log are its own words and the wire's own numbers. Names, phone and ID numbers never reach this room: adapters keep them in
bodies, and no line here holds a URL or a body.
"""

import asyncio
import functools
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import httpx
import structlog
from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger

from models.kernel.errors import DomainError, Unknown

LIMIT_S = 4.0
"""All requests of one call together: shorter than the fence of a step (6 s), which is shorter than its attempt (8 s)."""

_REPEATS = 2
_IDLE_S = 2.0
"""A connection idle for longer is not used again: the other side may be closing it, and what is sent into that is lost."""
_PASSED_ON = {"request_id": "X-Request-Id", "visit_id": "X-Visit-Id"}
"""Keys of structlog's context, and the headers under which they run on through worker and outside."""

_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BROKE_OFF = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)

_jitter = random.SystemRandom()
_tls = functools.cache(httpx.create_ssl_context)
"""One for all wires; a hospital's own CA is named by SSL_CERT_FILE."""
_log: FilteringBoundLogger = structlog.get_logger()

# Both print whole URLs (httpx at INFO, httpcore at DEBUG), and a wire may force a phone number into one.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back whole: any status but those that say nothing of the outcome."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def granted(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> object:
        """The body as JSON, its decimals exact; `Unknown` when it is none."""
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError:
            raise Unknown("the answer is no JSON") from None  # its text may quote the body


class Wire:
    """The line to one party. One for the life of the process; `aclose` at its end."""

    def __init__(self, party: str, base_url: str, *, limit_s: float = LIMIT_S) -> None:
        """`party` is the first half of its log events: `his`, `wechat_pay`, `sms`."""
        self.party, self.base_url, self.limit_s = party, base_url.rstrip("/"), limit_s
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(limit_s, connect=limit_s / 2),  # a host that takes no connection is tried once more within the limit
            verify=_tls(),
            trust_env=False,  # which way a call goes is said by settings, not by a proxy variable of whoever started us
            limits=httpx.Limits(keepalive_expiry=_IDLE_S),
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    @asynccontextmanager
    async def call(self, name: str, *, limit_s: float | None = None, **numbers: object) -> AsyncGenerator["Call"]:
        """One need of ours, however many requests it takes: ends done, refused or unknown, and says so in one line `<party>.<name>`."""
        call = Call(self._http, numbers)
        began, outcome = time.monotonic(), "broken off"  # cancelled from outside, or a bug on its way up
        try:
            async with asyncio.timeout(self.limit_s if limit_s is None else limit_s):
                yield call
            outcome = "done"
        except DomainError as refused:
            outcome = "refused"
            call.note(code=refused.code)
            raise
        except Unknown as unknown:
            outcome = "unknown"
            call.note(reason=str(unknown))
            raise
        except TimeoutError:
            outcome = "unknown"
            call.note(reason="time limit")
            raise Unknown("time limit") from None
        except ValidationError as error:  # only the wire's answers are validated inside a call
            outcome = "unknown"
            where = [".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)]
            call.note(reason="unreadable answer", unreadable=where)
            raise Unknown("unreadable answer") from None  # its text quotes what it could not read
        finally:
            event, ms = f"{self.party}.{name}", round((time.monotonic() - began) * 1000)
            say = _log.info if outcome in {"done", "refused"} else _log.warning
            say(event, outcome=outcome, ms=ms, status=call.status, requests=call.requests, **call.numbers)


class Call:
    """What a call has sent and learnt so far."""

    def __init__(self, http: httpx.AsyncClient, numbers: Mapping[str, object]) -> None:
        self._http = http
        self.numbers = {key: value for key, value in numbers.items() if value is not None}
        self.status: int | None = None
        self.requests = 0

    def note(self, **numbers: object) -> None:
        """Numbers for the log line that only the answer told."""
        self.numbers.update({key: value for key, value in numbers.items() if value is not None})

    async def send(
        self,
        method: str,
        url: str,
        *,
        repeatable: bool,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """One request; `repeatable` when the same again has no second effect: then a lost connection is tried again, at most twice.

        `Unknown` when nothing readable came back, and for statuses that say nothing of the outcome (5xx, 408, 429, a redirect).
        """
        lost: httpx.HTTPError | None = None
        for repeat in range(_REPEATS + 1):
            if repeat:
                await asyncio.sleep(_jitter.uniform(0.05, 0.15) * repeat)
            self.requests += 1
            try:
                answer = await self._http.request(method, url, headers={**_passed_on(), **(headers or {})}, params=params, content=content)
            except _NEVER_LEFT as fault:
                lost = fault  # it reached nobody, so anything may be sent again
            except httpx.HTTPError as fault:
                lost = fault
                if not (repeatable and isinstance(fault, _BROKE_OFF)):
                    break
            else:
                self.status = answer.status_code
                if answer.status_code >= 500 or answer.status_code in {408, 429} or answer.is_redirect:
                    raise Unknown(f"status {answer.status_code}")
                return Answer(answer.status_code, answer.headers, answer.content)
        raise Unknown(type(lost).__name__) from lost


def _passed_on() -> dict[str, str]:
    context = structlog.contextvars.get_contextvars()
    return {header: str(context[key]) for key, header in _PASSED_ON.items() if context.get(key)}
