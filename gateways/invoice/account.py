"""Our account at the issuer of e-bills: what production and sandbox differ in, and nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class InvoiceAccount:
    """A hospital's account at the 财政 platform of its province."""

    base_url: str
    """What stands before `/medical-web`."""
    app_id: str
    app_key: str = field(repr=False)
    """The secret of the digest."""
    place_code: str
    """开票点编码."""
    payee: str
    """收款人."""
    author: str
    """开票人."""
