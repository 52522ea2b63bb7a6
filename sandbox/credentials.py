"""`GET /credentials`: each system's base URL and test keys, as real payment sandboxes hand them out."""

from fastapi import APIRouter, Request

from sandbox.his import His
from sandbox.invoice import Invoices
from sandbox.logistics import Logistics
from sandbox.review import Review
from sandbox.signature import Signing
from sandbox.sms import Sms
from sandbox.sms.templates import SIGN_NAME
from sandbox.wechat_pay import WeChatPay


def router(
    his: His, wechat_pay: WeChatPay, sms: Sms, logistics: Logistics, signature: Signing, review: Review, invoice: Invoices
) -> APIRouter:
    """The one route; addresses are told as the caller reached us."""
    desk = APIRouter(tags=["credentials"])

    @desk.get("/credentials")
    async def credentials(request: Request) -> dict[str, dict[str, str]]:
        here = str(request.base_url).rstrip("/")
        keys = wechat_pay.keys
        return {
            "his": {
                "base_url": f"{here}/his",
                "client_id": his.client_id,
                "client_secret": his.client_secret,
                "webhook_key": his.webhook_key,
            },
            "wechat_pay": {
                "base_url": f"{here}/wechat",
                "appid": keys.appid,
                "mchid": keys.mchid,
                "serial_no": keys.serial_no,
                "private_key": keys.merchant_private_pem,
                "apiv3_key": keys.apiv3_key,
                "public_key_id": keys.public_key_id,
                "public_key": keys.public_pem,
            },
            "sms": {
                "base_url": f"{here}/sms",
                "access_key_id": sms.access_key_id,
                "access_key_secret": sms.access_key_secret,
                "sign_name": SIGN_NAME,
            },
            "logistics": logistics.credentials(f"{here}/logistics"),
            "review": review.credentials(f"{here}/review"),
            "signature": signature.credentials(f"{here}/signature"),
            "invoice": invoice.credentials(f"{here}/invoice"),
        }

    return desk
