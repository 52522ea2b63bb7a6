"""The CA's tables in the sandbox's SQLite file. Times are RFC 3339 text in `+08:00`, `due_at` is epoch seconds."""

from sandbox.notify import FATE

DDL = f"""
CREATE TABLE IF NOT EXISTS signature_app (id TEXT PRIMARY KEY, secret TEXT NOT NULL);

-- `private_key` in hexadecimal: a real CA keeps it in a device, half of it in the person's phone.
CREATE TABLE IF NOT EXISTS signature_certificate (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('root', 'issuing', 'own', 'expired', 'forged')),
    private_key TEXT NOT NULL,
    der BLOB NOT NULL,
    UNIQUE (owner, kind)
);

-- `due_at` is when its end is told next, and is empty before the end and after somebody took it.
CREATE TABLE IF NOT EXISTS signature_task (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    staff_id TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    digest TEXT NOT NULL,
    notify_url TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SIGNED', 'REFUSED', 'EXPIRED')),
    ended_at TEXT,
    signature TEXT,
    certificate TEXT,
    notify_id TEXT,
    {FATE},
    CHECK ((ended_at IS NULL) = (state = 'PENDING')),
    CHECK ((signature IS NOT NULL) = (state = 'SIGNED') AND (certificate IS NOT NULL) = (state = 'SIGNED'))
);
CREATE INDEX IF NOT EXISTS signature_task_open ON signature_task (expires_at) WHERE state = 'PENDING';
"""
