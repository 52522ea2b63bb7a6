"""Our account at SF: what production and sandbox differ in, and nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SfAccount:
    """A partner of 丰桥 with a monthly account (月结卡号), and where its contract lets parcels be picked up."""

    partner_id: str
    """顾客编码."""
    checkword: str = field(repr=False)
    """校验码: the secret of the digest."""
    monthly_card: str
    sender_name: str
    sender_phone: str
    sender_address: str
    base_url: str = "https://bspgw.sf-express.com"
    """What stands before `/std/service`."""
