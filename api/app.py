"""The API as one application: every router of `ROUTERS`, refusals as problems, one log line a request."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import APIRouter, FastAPI
from pydantic.json_schema import models_json_schema

from api import (
    account,
    act,
    charge,
    chat,
    decline,
    delivery,
    docs,
    events,
    health,
    history,
    intake,
    invoice,
    ledger,
    message,
    metrics,
    patient,
    prescription,
    prescription_timeline,
    problems,
    queue,
    record,
    refill,
    refund,
    review,
    revisit,
    schedule,
    signature,
    survey,
    suspension,
    timeline,
)
from api.idempotency import KEY_HEADER
from api.logs import Journal
from api.webhooks import his, sf, sms, wechat_pay
from api.webhooks import signature as signature_webhook
from api.wiring import Wiring, wire, wiring_of

ROUTERS: Final[tuple[APIRouter, ...]] = (
    account.router,
    patient.router,
    revisit.router,
    timeline.router,
    schedule.router,
    intake.router,
    charge.router,
    queue.router,
    chat.router,
    record.router,
    survey.router,
    decline.router,
    refund.router,
    prescription.router,
    prescription_timeline.router,
    refill.router,
    review.router,
    signature.router,
    delivery.router,
    invoice.router,
    suspension.router,
    message.router,
    ledger.router,
    history.router,
    events.router,
)
"""One a capability. Each carries its whole path (`/v1/…`), which is also the scope of its intents."""
MACHINES: Final[tuple[APIRouter, ...]] = (wechat_pay.router, signature_webhook.router, his.router, sf.router, sms.router)
"""Where no person comes: a machine of another house, on its own wire."""

_WISHED: Final = frozenset({act.ActionOut.__name__, charge.OrderedOut.__name__})
"""What a route answers that asks a process for something."""
BODY_BYTES_MAX: Final = 1 << 20
"""Of any request; a route that takes a file says its own `max_body_size`."""


class Api(FastAPI):
    """Its document is complete: what FastAPI cannot see is added here."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            _, shapes = models_json_schema(
                [(problems.Problem, "serialization"), (problems.FieldProblem, "serialization")], ref_template="#/components/schemas/{model}"
            )
            document["components"]["schemas"].update(cast(dict[str, Any], shapes["$defs"]))
            for method, operation in _operations(document):
                if method == "get":
                    problems.told_of_a_reading(operation["responses"])
                for parameter in operation.get("parameters", ()):
                    if parameter["name"] == KEY_HEADER:
                        parameter["required"] = True
                        parameter["schema"] = {"type": "string", "minLength": 1, "maxLength": 255}
                        problems.told_of_a_wish(operation)
                _told_of_a_wish(operation["responses"])  # last: it adds to descriptions that the others write anew
        return cast(dict[str, Any], self.openapi_schema)


def create_app(wiring: Wiring) -> FastAPI:
    """The application over these parts; they are closed by whoever made them."""
    app = Api(
        title="Fuzhen 复诊",
        version="1",
        description="The internet hospital's API. Errors are RFC 9457 problems with a stable `code`; POSTs that change something need an "
        "`Idempotency-Key`; 202 and 503 mean: ask on, or repeat with the same key.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    wire(app, wiring)
    problems.install(app)
    app.include_router(health.router, responses=problems.at_any_door(), max_body_size=BODY_BYTES_MAX)
    app.include_router(metrics.router)
    for router in ROUTERS:
        app.include_router(router, responses=problems.problems(), max_body_size=BODY_BYTES_MAX)
    for router in MACHINES:
        app.include_router(router, responses=problems.of_a_machine(), max_body_size=BODY_BYTES_MAX)
    docs.install(app)
    app.add_middleware(Journal)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with wiring_of(app).live.running():
        yield


def _told_of_a_wish(responses: dict[str, Any]) -> None:
    """What may be answered before it is done says so, in the same shape."""
    done = responses.get("200", {})
    shape = str(done.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")).rpartition("/")[2]
    if shape in _WISHED:
        responses["202"] = done | {"description": "Taken, and being carried out: follow the timeline, or repeat with the same key."}
        problems.told_of_a_step(responses)


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    paths = cast(dict[str, dict[str, Any]], document["paths"])
    return [operation for methods in paths.values() for operation in methods.items()]
