"""The signers' phones. A wire of the sandbox alone, so it carries no code and meets no fault."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from sandbox import clock
from sandbox.signature.notify import Notifier
from sandbox.signature.tasks import How, Tasks
from sandbox.signature.wire import SignatureError


class ConfirmIn(BaseModel):
    """As the person should, or as somebody who plays foul."""

    how: How = "own"


class PhoneRoute(APIRoute):
    """A refusal in the same words as on the signed wire."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except SignatureError as refusal:
                return refusal.response()

        return handler


def router(tasks: Tasks, notifier: Notifier) -> APIRouter:
    """Routes for `{sandbox}/signature/phone`; a task is named by the hospital's number."""
    phone = APIRouter(prefix="/phone/tasks", route_class=PhoneRoute, tags=["phone"])

    @phone.get("")
    async def waiting(staff_id: str | None = None) -> list[dict[str, object]]:
        return [task for task in tasks.waiting(clock.now()) if staff_id in {None, task["staff_id"]}]

    @phone.post("/{number}/confirm")
    async def confirm(number: str, wish: ConfirmIn | None = None) -> dict[str, object]:
        return tasks.confirm(number, (wish or ConfirmIn()).how, clock.now())

    @phone.post("/{number}/refuse")
    async def refuse(number: str) -> dict[str, object]:
        return tasks.refuse(number, clock.now())

    @phone.post("/{number}/expire")
    async def expire(number: str) -> dict[str, object]:
        return tasks.hasten(number, clock.now())

    @phone.post("/{number}/notify", status_code=202)
    async def notify_again(number: str) -> dict[str, int]:
        tasks.task(number, clock.now())
        return {"due": notifier.again(number)}

    return phone
