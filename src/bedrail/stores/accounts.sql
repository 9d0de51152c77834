-- What signing in keeps beside the ledger. Nothing here opens anything unless the ledger knows its digest.
CREATE TABLE IF NOT EXISTS credentials (
    credential TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    material BLOB NOT NULL,
    lookup TEXT NOT NULL,
    counter INTEGER NOT NULL,
    made_at REAL NOT NULL,
    used_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS credentials_person ON credentials (person, kind);
CREATE INDEX IF NOT EXISTS credentials_lookup ON credentials (kind, lookup);

CREATE TABLE IF NOT EXISTS recovery_codes (
    code TEXT PRIMARY KEY,
    credential TEXT NOT NULL,
    used_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS recovery_codes_credential ON recovery_codes (credential);

CREATE TABLE IF NOT EXISTS tickets (
    digest TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    person TEXT NOT NULL,
    data BLOB NOT NULL,
    expires REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS sessions (
    digest TEXT PRIMARY KEY,
    session TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    made_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    device TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_person ON sessions (person);

-- Secrets sealed by the vault; their data keys rest beside all others, and are rotated and destroyed there.
CREATE TABLE IF NOT EXISTS sealed (
    name TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    purpose TEXT NOT NULL,
    ciphertext BLOB NOT NULL,
    key_id TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS provider_keys (
    issuer TEXT PRIMARY KEY,
    keys BLOB NOT NULL,
    at REAL NOT NULL
);

-- Refused attempts: under each limit's key, and (key '') once for the next report.
CREATE TABLE IF NOT EXISTS refusals (
    name TEXT NOT NULL,
    person TEXT NOT NULL,
    source TEXT NOT NULL,
    at REAL NOT NULL,
    mark TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS refusals_name ON refusals (name, at);
CREATE INDEX IF NOT EXISTS refusals_mark ON refusals (mark);

-- Acts refused for want of permission that no fact tells of yet: a row for each caller, act, door and reason.
CREATE TABLE IF NOT EXISTS refused_acts (
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    door TEXT NOT NULL,
    why TEXT NOT NULL,
    count INTEGER NOT NULL,
    since REAL NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (kind, who, action, door, why)
);
