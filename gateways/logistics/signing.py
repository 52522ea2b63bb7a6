"""The digest of SF 丰桥 [C]: base64(MD5(urlencode(msgData + timestamp + checkword))), encoded as Java's URLEncoder does.

A space is `+`; `* - _ .` stay, `~` does not. The sample on SF's own page does not come out, with or without encoding: no oracle.
"""

import base64
import hashlib
from urllib.parse import quote_plus


def digest(msg_data: str, timestamp: str, checkword: str) -> str:
    """`msg_data` and `timestamp` as they stand in the form."""
    encoded = quote_plus(msg_data + timestamp + checkword, safe="*-._").replace("~", "%7E")
    return base64.b64encode(hashlib.md5(encoded.encode()).digest()).decode()  # noqa: S324  the wire's own
