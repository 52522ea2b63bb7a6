"""The digest of Bosssoft [B]: MD5 over `appid=..&data=..&noise=..&key=..&version=..`, in capital hex digits."""

import hashlib
from typing import Final

from gateways.invoice.account import InvoiceAccount

VERSION: Final = "1.0"


def signed(account: InvoiceAccount, data: str, noise: str) -> dict[str, str]:
    """The envelope around `data`; `noise` is another one each time."""
    text = f"appid={account.app_id}&data={data}&noise={noise}&key={account.app_key}&version={VERSION}"
    sign = hashlib.md5(text.encode()).hexdigest().upper()  # noqa: S324  the wire's own
    return {"appid": account.app_id, "data": data, "noise": noise, "version": VERSION, "sign": sign}
