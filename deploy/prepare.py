"""`python3 deploy/prepare.py FOLDER`: the secrets that docker-compose.yml asks for, one file each. Python's own library alone.

What is ours is made once and never touched again: what a column key sealed opens with no other. What the outside parties hand out is
put there by hand; with `--sandbox URL` it comes from a running sandbox, and with it FOLDER/settings.env for a trial.
"""

import argparse
import json
import os
import secrets
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

SANDBOX = "sandbox:8401"
"""As the containers reach it; it tells its addresses as it was reached."""
OF_PARTIES = (
    "FUZHEN_HIS_CLIENT_SECRET",
    "FUZHEN_HIS_WEBHOOK_KEY",
    "FUZHEN_WECHAT_PAY_PRIVATE_KEY",
    "FUZHEN_WECHAT_PAY_APIV3_KEY",
    "FUZHEN_WECHAT_PAY_PUBLIC_KEY",
    "FUZHEN_SMS_ACCESS_KEY_SECRET",
    "FUZHEN_LOGISTICS_CHECKWORD",
    "FUZHEN_SIGNATURE_APP_SECRET",
    "FUZHEN_SIGNATURE_TRUSTED",
    "FUZHEN_REVIEW_APP_SECRET",
    "FUZHEN_INVOICE_APP_KEY",
    "TLS_CERTIFICATE",
    "TLS_KEY",
)


def prepare(folder: Path) -> None:
    """Make what is ours and not there yet. The folder is closed; its files are open to the users of the containers they are mounted in."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("POSTGRES_PASSWORD", "POSTGRES_FUZHEN_PASSWORD", "POSTGRES_TEMPORAL_PASSWORD"):
        _keep(folder, name, lambda: secrets.token_urlsafe(24))
    password = (folder / "POSTGRES_FUZHEN_PASSWORD").read_text(encoding="utf-8")
    _keep(folder, "FUZHEN_DATABASE_URL", lambda: f"postgresql+asyncpg://fuzhen:{password}@postgres:5432/fuzhen")
    _keep(folder, "FUZHEN_COLUMN_KEYS", lambda: json.dumps({"k1": secrets.token_hex(16)}))
    _keep(folder, "FUZHEN_INDEX_KEY", lambda: secrets.token_hex(32))


def from_sandbox(folder: Path, url: str) -> None:
    """What the sandbox hands out: secrets as files, the rest as settings."""
    asked = urllib.request.Request(f"{url}/credentials", headers={"Host": SANDBOX})  # noqa: S310  (the address of who called us)
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
        systems: dict[str, dict[str, str]] = json.load(answer)
    settings = {
        "SECRETS_DIR": str(folder.resolve()),
        "FUZHEN_ENVIRONMENT": "embedded",
        "FUZHEN_PUBLIC_URL": "http://api:8400",
        "FUZHEN_TEMPORAL_UI_URL": "http://127.0.0.1:8233",
    }
    for system, told in systems.items():
        for field, value in told.items():
            name = f"FUZHEN_{system}_{field}".upper()
            if name in OF_PARTIES:
                _keep(folder, name, lambda value=value: value)
            else:
                settings[name] = value
    lines = (f"{name}='{value}'\n" for name, value in settings.items())
    (folder / "settings.env").write_text("".join(lines), encoding="utf-8")


def missing(folder: Path) -> list[str]:
    """What the parties have still to hand out."""
    return [name for name in OF_PARTIES if not (folder / name).exists()]


def _keep(folder: Path, name: str, make: Callable[[], str]) -> None:
    """Whole or not at all; what is there stays."""
    kept, fresh = folder / name, folder / f"{name}.new"
    if kept.exists():
        return
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(make())
        os.fchmod(file.fileno(), 0o444)
    fresh.replace(kept)


def main() -> None:
    asked = argparse.ArgumentParser(description="Make the secrets that docker-compose.yml asks for.")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--sandbox", metavar="URL", help="take the parties' keys from a running sandbox")
    given = asked.parse_args()
    prepare(given.folder)
    if given.sandbox:
        from_sandbox(given.folder, given.sandbox.rstrip("/"))
    for name in missing(given.folder):
        sys.stdout.write(f"still missing: {given.folder / name}\n")


if __name__ == "__main__":
    main()
