"""The bank's tables in the sandbox's SQLite file. Money is integer fen, times are RFC 3339 text in `+08:00`, `due_at` is epoch seconds."""

DDL = """
CREATE TABLE IF NOT EXISTS wechat_order (
    out_trade_no TEXT PRIMARY KEY,
    mchid TEXT NOT NULL,
    appid TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('jsapi', 'app', 'native')),
    description TEXT NOT NULL,
    attach TEXT NOT NULL,
    notify_url TEXT NOT NULL,
    total_fen INTEGER NOT NULL CHECK (total_fen >= 1),
    openid TEXT,
    fingerprint TEXT NOT NULL,
    prepay_id TEXT NOT NULL UNIQUE,
    code_url TEXT NOT NULL,
    prepaid_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'NOTPAY' CHECK (state IN ('NOTPAY', 'SUCCESS', 'CLOSED')),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    closed_at TEXT
);
CREATE INDEX IF NOT EXISTS wechat_order_open ON wechat_order (expires_at) WHERE state = 'NOTPAY';

CREATE TABLE IF NOT EXISTS wechat_payment (
    transaction_id TEXT PRIMARY KEY,
    out_trade_no TEXT NOT NULL UNIQUE REFERENCES wechat_order,
    openid TEXT NOT NULL,
    total_fen INTEGER NOT NULL CHECK (total_fen >= 1),
    bank_type TEXT NOT NULL,
    success_at TEXT NOT NULL
);

-- `outcome` is what a refund under way will end as; `due_at` is when, and is empty once it has ended.
CREATE TABLE IF NOT EXISTS wechat_refund (
    out_refund_no TEXT PRIMARY KEY,
    refund_id TEXT NOT NULL UNIQUE,
    transaction_id TEXT NOT NULL REFERENCES wechat_payment,
    out_trade_no TEXT NOT NULL REFERENCES wechat_order,
    refund_fen INTEGER NOT NULL CHECK (refund_fen >= 1),
    total_fen INTEGER NOT NULL CHECK (total_fen >= refund_fen),
    reason TEXT,
    notify_url TEXT,
    funds_account TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'PROCESSING' CHECK (status IN ('PROCESSING', 'SUCCESS', 'ABNORMAL', 'CLOSED')),
    channel TEXT NOT NULL DEFAULT 'ORIGINAL' CHECK (channel IN ('ORIGINAL', 'BALANCE', 'OTHER_BALANCE', 'OTHER_BANKCARD')),
    received_by TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('SUCCESS', 'ABNORMAL', 'CLOSED')),
    due_at REAL CHECK ((due_at IS NOT NULL) = (status = 'PROCESSING')),
    created_at TEXT NOT NULL,
    success_at TEXT,
    CHECK ((success_at IS NOT NULL) = (status = 'SUCCESS'))
);
CREATE INDEX IF NOT EXISTS wechat_refund_of_order ON wechat_refund (out_trade_no);
CREATE INDEX IF NOT EXISTS wechat_refund_due ON wechat_refund (due_at) WHERE status = 'PROCESSING';

-- What a person has ordered for refunds to come: of one order, or whichever is next.
CREATE TABLE IF NOT EXISTS wechat_refund_fate (
    id INTEGER PRIMARY KEY,
    fate TEXT NOT NULL CHECK (fate IN ('ABNORMAL', 'CLOSED', 'NOT_ENOUGH')),
    out_trade_no TEXT,
    times INTEGER NOT NULL CHECK (times > 0),
    taken INTEGER NOT NULL DEFAULT 0 CHECK (taken <= times)
);
"""
