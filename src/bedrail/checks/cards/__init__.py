"""Model cards: one record, filled from evidence and by people, shown in every format that is asked for, and linted."""
