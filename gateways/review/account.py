"""Our account at the reviewing program: what production and sandbox differ in, and nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ReviewAccount:
    """Its calls stand below `base_url`."""

    base_url: str
    app_key: str
    app_secret: str = field(repr=False)
