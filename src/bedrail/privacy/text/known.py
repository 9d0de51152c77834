"""Values that the structured record tells of the patient, found however they are written: the surest detector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Candidate, Known

try:
    from bedrail.privacy.text import _scan
except ImportError:  # built without a C compiler
    _scan = None  # type: ignore[assignment]

_SHORT = 3
"""Parts of a name below this length are searched for only inside the whole."""
_LONGEST = 64
"""Runs of more words are not searched again: a pasted attachment is no name, and would take its length squared."""


def find_known(tokens: Tokens, known: Iterable[Known]) -> list[Candidate]:
    """Every known value, whole, and each longer part of a name, as a run of tokens; signs between do not matter."""
    sought: dict[str, list[tuple[tuple[str, ...], str, float]]] = {}
    for one in known:
        words = tuple(w for w in Tokens(Plain(one.text)).words if w[0].isalnum())
        if not words:
            continue
        forms = [(words, 0.99)]
        if one.label == "NAME" and len(words) > 1:
            forms += [((w,), 0.95) for w in words if len(w) >= _SHORT] + [(words[::-1], 0.99)]
        for form, confidence in forms:
            sought.setdefault(form[0], []).append((form, one.label, confidence))
    return find_runs(tokens, sought, "known")


def find_runs(
    tokens: Tokens, sought: dict[str, list[tuple[tuple[str, ...], str, float]]], source: str
) -> list[Candidate]:
    """Runs of words, by their first word. Words of a run may have up to two signs between them, but no line end."""
    found = []
    words = tokens.words
    for at in among(words, sought):
        for form, label, confidence in sought[words[at]]:
            last = _run(words, at, form) if len(form) <= _LONGEST else None
            if last is not None:
                found.append(Candidate(tokens.starts[at], tokens.ends[last], label, confidence, source))
    return found


def among_python(words: list[str], sought: Mapping[str, object]) -> list[int]:
    """The places of those words that are keys of `sought`."""
    return [at for at, word in enumerate(words) if word in sought]


among = among_python if _scan is None else _scan.among


def _run(words: Sequence[str], at: int, form: tuple[str, ...]) -> int | None:
    here = at
    for part in form[1:]:
        here += 1
        skipped = 0
        while here < len(words) and not words[here][0].isalnum() and skipped < 2:
            here += 1
            skipped += 1
        if here >= len(words) or words[here] != part:
            return None
    return here
