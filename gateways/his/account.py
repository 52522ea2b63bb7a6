"""Our account at the HIS: what production and sandbox differ in, and nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class HisAccount:
    """Tokens come from `{base_url}/token`, resources stand under `{base_url}/fhir/R4`."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    webhook_key: str = field(default="", repr=False)
    """64 hex digits: proves what the HIS tells us by itself. Who only asks needs none; without one nothing is believed."""
