-- Views of the high-volume facts: folds over the tape (see views.py), dropped and rebuilt at will.
CREATE TABLE IF NOT EXISTS decisions (
    seq INTEGER PRIMARY KEY,
    decision TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    use_case TEXT NOT NULL,
    candidate TEXT NOT NULL,
    stage TEXT NOT NULL,
    subject TEXT NOT NULL,
    site TEXT NOT NULL,
    mode TEXT NOT NULL,
    shown INTEGER NOT NULL,
    kind TEXT NOT NULL,
    guard TEXT NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL,
    policy TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_use_case ON decisions (use_case);
CREATE INDEX IF NOT EXISTS decisions_for_review ON decisions (use_case) WHERE mode = 'review' AND kind = 'answered';

CREATE TABLE IF NOT EXISTS responses (
    seq INTEGER PRIMARY KEY,
    decision TEXT NOT NULL,
    at TEXT NOT NULL,
    use_case TEXT NOT NULL,
    response TEXT NOT NULL,
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS responses_decision ON responses (decision);
CREATE INDEX IF NOT EXISTS responses_person ON responses (person, at);
CREATE INDEX IF NOT EXISTS responses_use_case ON responses (use_case);

CREATE TABLE IF NOT EXISTS outcomes (
    seq INTEGER PRIMARY KEY,
    decision TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    use_case TEXT NOT NULL,
    subject TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outcomes_use_case ON outcomes (use_case);
