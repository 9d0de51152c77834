-- The ledger's tape, its head, and the sealed records. Nothing here is ever updated except the head.
-- `leaf` stands before `entry` so that it can be read without following a long entry's overflow pages.
CREATE TABLE IF NOT EXISTS tape (
    seq INTEGER PRIMARY KEY,
    action TEXT NOT NULL,
    leaf BLOB NOT NULL,
    entry BLOB NOT NULL
);

-- The low-volume facts, which fold into the registry in memory (core.events.HIGH_VOLUME are the others).
CREATE INDEX IF NOT EXISTS tape_registry ON tape (seq) WHERE action NOT IN (
    'decision.answered', 'decision.fell-back', 'decision.responded', 'ledger.beat', 'outcome.observed'
);

CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    peaks BLOB NOT NULL,
    checkpoint BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS checkpoints (
    size INTEGER PRIMARY KEY,
    note BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY,
    record_id TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    purpose TEXT NOT NULL,
    key_id TEXT NOT NULL,
    ciphertext BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS subject_keys (
    subject TEXT NOT NULL,
    key_id TEXT NOT NULL,
    kek TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (subject, key_id)
) WITHOUT ROWID;

-- Tombstones: a destroyed data key must not come back with a record that was sealed before.
CREATE TABLE IF NOT EXISTS destroyed_keys (
    key_id TEXT PRIMARY KEY
) WITHOUT ROWID;
