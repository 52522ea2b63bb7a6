"""How the HIS refuses: an OperationOutcome with the code of protocols.md §4b in `issue.details.coding.code`."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from sandbox.fault_kinds import Manners
from sandbox.his import wire
from sandbox.his.elements import Json, concept


@dataclass(frozen=True, slots=True)
class Reason:
    """One way to be refused: HTTP status, FHIR's issue type, and the sentence for people."""

    status: int
    issue: str
    text: str


REASONS: Final[dict[str, Reason]] = {
    "slot-full": Reason(409, "conflict", "该时段号源已约满"),
    "slot-stopped": Reason(409, "business-rule", "该时段已停诊或已结束"),
    "duplicate-booking": Reason(409, "duplicate", "同一就诊单元内已有预约"),
    "lock-expired": Reason(409, "expired", "号源锁定已失效"),
    "amount-differs": Reason(409, "business-rule", "缴费金额与账单不符"),
    "paid-elsewhere": Reason(409, "conflict", "账单已由其他缴费结清"),
    "not-booked": Reason(409, "business-rule", "预约状态不允许该操作"),
    "settled": Reason(409, "business-rule", "已缴费，请先退费"),
    "not-settled": Reason(409, "business-rule", "账单尚未缴费"),
    "already-reversed": Reason(409, "conflict", "账单已退费"),
    "executed": Reason(409, "business-rule", "就诊已完成，不能退费"),
    "dispensed": Reason(409, "business-rule", "药品已发放，不能退费"),
    "drug-unknown": Reason(409, "not-found", "药品目录中没有该药品"),
    "drug-stopped": Reason(409, "business-rule", "该药品已停用"),
    "drug-not-online": Reason(409, "business-rule", "该药品不能在线上开具"),
    "too-many-drugs": Reason(409, "business-rule", "每张处方不得超过5种药品"),
    "not-in-progress": Reason(409, "business-rule", "不在就诊过程中，不能开具处方"),
    "not-signed": Reason(409, "business-rule", "处方缺少医师或药师签名"),
    "signed-already": Reason(409, "conflict", "处方已签名，不能再增加药品"),
    "prescription-expired": Reason(409, "expired", "处方已过有效期"),
    "prescription-cancelled": Reason(409, "business-rule", "处方已作废"),
    "invalid": Reason(422, "invalid", "数据项不合规"),
    "malformed": Reason(400, "structure", "报文无法解析"),
    "required": Reason(400, "required", "缺少必需的请求头"),
    "not-supported": Reason(400, "not-supported", "不支持的请求"),
    "unauthorized": Reason(401, "login", "未提供有效的访问令牌"),
    "not-found": Reason(404, "not-found", "资源不存在"),
    "version-conflict": Reason(412, "conflict", "资源已被修改，请重新读取"),
}


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818  an answer of the hospital, no fault of ours
    """A refusal on its way to the client. `element` is the FHIRPath of what is wrong, `hint` a line for the client's engineer."""

    code: str
    element: str | None = None
    hint: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def response(self) -> Response:
        """The OperationOutcome and its HTTP status."""
        reason = REASONS[self.code]
        issue: Json = {"severity": "error", "code": reason.issue, "details": concept(wire.REFUSALS, self.code, reason.text)}
        if self.hint:
            issue["diagnostics"] = self.hint
        if self.element:
            issue["expression"] = [self.element]
        return JSONResponse(
            {"resourceType": "OperationOutcome", "issue": [issue]},
            status_code=reason.status,
            headers=self.headers,
            media_type=wire.FHIR_JSON,
        )


MANNERS: Final = Manners(codes=("invalid", *(code for code in REASONS if code != "invalid")), refuse=lambda code: Refusal(code).response())
"""How the HIS refuses when a fault makes it. Its wire is not signed."""


def fhir_route(parent: type[APIRoute]) -> type[APIRoute]:
    """A route class whose refusals are answered as OperationOutcome, on top of `parent`, which may spoil the answer (faults)."""

    class FhirRoute(parent):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await inner(request)
                except Refusal as refusal:
                    return refusal.response()
                except RequestValidationError as errors:
                    first = errors.errors()[0]
                    return Refusal("invalid", ".".join(str(step) for step in first["loc"]), str(first["msg"])).response()

            return answer

    return FhirRoute
