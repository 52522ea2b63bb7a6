"""One role's requests at the running API, each answer held against the API's own description."""

# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportUnknownVariableType=false, reportMissingTypeArgument=false
# pyright: reportUnknownArgumentType=false

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from copy import copy
from functools import cache
from typing import Any, Final, cast

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, CheckFunction, load_all_checks
from schemathesis.config import GenerationConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoverageScenario
from schemathesis.schemas import APIOperation

from tests.journeys.people import Json, key

Operation = APIOperation[Any, Any, Any, Any]
WITHIN_S: Final = 20
load_all_checks()
CONFORMING: Final = cast(
    list[CheckFunction],
    CHECKS.get_by_names(["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]),
)
AWAY: Final = 503
"""Described everywhere, and never to be seen where all parts are up."""
PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"
"""In which a machine is refused, on its own wire."""
KEY: Final = "Idempotency-Key"
SENT_AWAY: Final = (b'"account.anonymous"', b'"account.forbidden"')
CURSOR: Final = "after"
"""What only the API can make: beside one that it did not make, nothing else of a request is looked at."""
NOBODYS: Final = "01890a5d-ac96-774b-bcce-b302099a8057"


class Line:
    """`ask` puts one request that must be granted, `generated` many that nobody wrote down; what is wrong gathers in `wrong`."""

    def __init__(self, api: str, headers: Mapping[str, str], left_out: Mapping[str, str]) -> None:
        self._api, self._headers = api, dict(headers)
        self.answered: dict[str, Counter[int]] = {}
        self.wrong: list[str] = []
        self.operations = {one.label: one for one in _described(api) if one.label not in left_out}
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def headers(self) -> dict[str, str]:
        """Who asks."""
        return dict(self._headers)

    def of(self, headers: Mapping[str, str]) -> "Line":
        """Another of the same role, on the same line: what is answered to both gathers in one place."""
        other = copy(self)
        other._headers = dict(headers)
        return other

    def granted(self) -> set[str]:
        """Operations that were answered 2xx."""
        return {label for label, statuses in self.answered.items() if any(200 <= status < 300 for status in statuses)}

    async def ask(self, label: str, ids: Mapping[str, str], body: object = None, **query: str) -> Any:
        """Granted, and as it is described: what was answered."""
        status, said = await asyncio.to_thread(self._once, label, ids, body, query)
        assert 200 <= status < 300, f"{label}: {status} {said[:600]!r}"
        return json.loads(said) if said.startswith((b"{", b"[")) else None

    async def look(self, label: str, ids: Mapping[str, str], **query: str) -> None:
        """Whatever it answers, as it is described."""
        await asyncio.to_thread(self._once, label, ids, None, query)

    async def upload(self, label: str, ids: Mapping[str, str], content: bytes) -> Json:
        """Granted: a form with one file, which the description cannot tell apart from any other."""
        operation, headers = self.operations[label], self._headers | {"Idempotency-Key": key()}
        url = self._api + operation.path.format(**ids)
        sent = {"file": ("胸片.png", content, "image/png")}
        answer = await asyncio.to_thread(self._session.post, url, files=sent, headers=headers, timeout=WITHIN_S)
        assert answer.ok, f"{label}: {answer.status_code} {answer.text[:600]}"
        self._heard(operation.Case(path_parameters=dict(ids)), answer)
        return answer.json()

    def _once(self, label: str, ids: Mapping[str, str], body: object, query: Mapping[str, str]) -> tuple[int, bytes]:
        operation = self.operations[label]
        told = {name: ids.get(name, NOBODYS) for name in _names_in(operation.path)}
        with_body: Json = {} if body is None else {"body": body, "media_type": "application/json"}
        case = operation.Case(path_parameters=told, query=dict(query), **with_body)
        return self._sent(case)

    def _sent(self, case: Case, *, keyed: bool = True) -> tuple[int, bytes]:
        headers = self._headers | ({} if case.operation.method.lower() == "get" or not keyed else {KEY: key()})
        answer = case.call(session=self._session, headers=headers, timeout=WITHIN_S)
        self._heard(case, answer)
        return answer.status_code, answer.content

    def _heard(self, case: Case, answer: Any) -> None:
        label = case.operation.label
        self.answered.setdefault(label, Counter())[answer.status_code] += 1
        faults = list[BaseException]()
        try:
            case.validate_response(answer, checks=CONFORMING, headers=self._headers)
        except FailureGroup as group:  # no Exception
            faults += group.exceptions
        except Exception as fault:  # noqa: BLE001  each is told, whatever it is
            faults.append(fault)
        told = [str(fault) for fault in faults] + ["503 of a hospital that is up"] * (answer.status_code == AWAY)
        media_type = "".join(answer.headers.get("content-type", ""))
        code = answer.json()["code"] if PROBLEM in media_type else None
        if code and code not in _named(case, answer, PROBLEM):
            told.append(f"{answer.status_code} by a code that is not named: {code}")
        if answer.status_code >= 400 and media_type == JSON:
            said = [example["value"] for example in _named(case, answer, JSON).values()]
            told += [f"{answer.status_code} in words that are not named"] * (answer.json() not in said)
        self.wrong += [f"{label}: {one}\n{answer.content[:600]!r}"[:3000] for one in told]

    async def generated(self, ids: Mapping[str, str], tries: int) -> None:
        """All routes, at each bound that their description has, and so often in each of four manners: what fits and what does not, on ids
        of one's own and of nobody."""
        await asyncio.to_thread(self._generated, ids, tries)  # its client waits

    def _generated(self, ids: Mapping[str, str], tries: int) -> None:
        for operation in self.operations.values():
            mine = {name: ids[name] for name in _names_in(operation.path) if name in ids}
            self._at_the_bounds(operation, mine)
            for manner in GenerationMode:
                for own in ({}, mine) if mine else ({},):
                    try:
                        self._tried(operation, manner, own, tries)
                    except Unsatisfiable:  # a route without parameters can be asked for in one manner alone
                        continue

    def _at_the_bounds(self, operation: Operation, mine: dict[str, str]) -> None:
        """By its examples, the least and the most of each field, just beside them, and beyond; one thing at a time, the rest in order."""
        for manner in GenerationMode:
            for case in operation.schema.iter_coverage_cases(operation, generation_modes=[manner], generation_config=GenerationConfig()):
                changed, where = case.meta.phase.data, case.meta.phase.data.parameter_location
                if changed.scenario is CoverageScenario.UNSPECIFIED_HTTP_METHOD:
                    continue  # of which the description says nothing
                if where is not ParameterLocation.PATH:
                    case.path_parameters |= dict.fromkeys(_names_in(operation.path), NOBODYS) | mine
                if changed.parameter != CURSOR:
                    case.query.pop(CURSOR, None)
                _, said = self._sent(case, keyed=where is not ParameterLocation.HEADER)
                if any(code in said for code in SENT_AWAY):
                    return  # before anything was looked at

    def _tried(self, operation: Operation, manner: GenerationMode, own: dict[str, str], tries: int) -> None:
        @settings(
            max_examples=tries,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=tuple(cast(list[HealthCheck], list(HealthCheck))),
        )
        @given(case=operation.as_strategy(generation_mode=manner, path_parameters=own or None))
        def once(case: Case) -> None:
            self._sent(case)
            if case.query.pop(CURSOR, None):
                self._sent(case)

        once()


@cache
def _described(api: str) -> tuple[Operation, ...]:
    """Every operation of the API at that address, read once."""
    found = schemathesis.openapi.from_url(f"{api}/openapi.json").get_all_operations()
    return tuple(cast(Operation, cast(Any, one).ok()) for one in found)


def _named(case: Case, answer: Any, media_type: str) -> dict[str, Any]:
    """By its code, how the operation may be refused with that status."""
    said = case.operation.definition.raw["responses"].get(str(answer.status_code), {})
    return said.get("content", {}).get(media_type, {}).get("examples", {})


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
