"""The hospital's account at its CA: what production and sandbox differ in, and nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SignatureAccount:
    """Whom the CA trusts is `models.signature.Trusted`'s; here is only how we speak to it."""

    app_id: str
    app_secret: str = field(repr=False)
    notify_url: str
    """Public, https in production."""
    base_url: str
    """What stands before the authenticated path, which begins at `/v1`."""
