"""From a request to an answer or an explicit fallback: pure rules, no clock, no disk, no network."""
