"""What a project has learned from corrections: terms as keyed digests, shapes of numbers; and what finds them again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.corrections import Mark, Reviewed
from bedrail.privacy.text.people import folded
from bedrail.privacy.text.transform import Finding, separate
from bedrail.privacy.text.values import Known
from bedrail.privacy.values import Span

LONGEST = 6
"""Words of a term: longer ones are learned by their shorter parts."""

SURE = 0.9
"""So much of a term's occurrences in the reviewed notes must have been identifiers."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CODE = re.compile(r"[A-Za-z0-9][\w/.-]*")
_SHAPE = str.maketrans("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "9" * 10 + "A" * 26 + "a" * 26)
_UNSHAPED = frozenset({"NAME", "GEO", "DATE", "AGE90", "EMAIL", "URL", "IP"})
"""Labels whose numbers have no shape of their own."""

_UNLEARNED = frozenset({"DATE", "AGE90"})


class Term(Value, frozen=True, kw_only=True):
    """What a digest stands for: its label, of how many words, how often confirmed, and whether it is written small."""

    label: str
    words: int
    count: int
    small: bool = False


class Shape(Value, frozen=True, kw_only=True):
    """A format of numbers, such as AA-9999: its label, and the digests of words it must follow (none: any)."""

    label: str
    count: int
    behind: tuple[str, ...] = ()


class Lexicon(Value, frozen=True, kw_only=True):
    """A project's words: nothing can be read from it, nor tried against it without the project's key.

    `terms` and `wrong` (rejected spans) are digests of folded words; `first` of the first word of each; `shapes` are
    formats of numbers, which are nobody's.
    """

    format: Literal["bedrail-lexicon/1"] = "bedrail-lexicon/1"
    key: str
    notes: int = 0
    terms: dict[str, Term] = msgspec.field(default_factory=dict)
    first: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    shapes: dict[str, Shape] = msgspec.field(default_factory=dict)


class Placed(NamedTuple):
    """A word of a text: folded, where it stands, and whether it is written large."""

    fold: str
    start: int
    end: int
    large: bool


def words_of(text: str) -> list[Placed]:
    """The words of a text."""
    return [Placed(folded(m.group()), m.start(), m.end(), not m.group()[0].islower()) for m in _WORD.finditer(text)]


def _digest(keyed: Keyed, words: Iterable[str]) -> str:
    return keyed.hidden("lexicon", " ".join(words))


def key_check(keyed: Keyed) -> str:
    """Tells whose lexicon it is."""
    return keyed.hidden("lexicon key", "")


def learn(reviewed: Iterable[tuple[str, Reviewed]], keyed: Keyed, before: Lexicon | None = None) -> Lexicon:
    """A lexicon of what was confirmed in the (text, review) pairs, joined to the one `before`.

    A term or shape is learned when it was an identifier in at least nine of ten places of the reviewed notes where it
    stands; what was rejected is not found again unless it was confirmed elsewhere. Raises `Invalid` when the earlier
    lexicon is of another key, or a mark lies outside its text.
    """
    if before is not None and before.key != key_check(keyed):
        raise other_key()
    notes = [(text, words_of(text), review) for text, review in reviewed]
    for text, _, review in notes:
        if any(mark.end > len(text) for mark in (*review.final(), *review.rejected)):
            raise Invalid(
                "a mark lies outside its note.", path="corrections", remedy="Give the notes that were reviewed."
            )
    terms, wrong = _terms(notes), set()
    for _, words, review in notes:
        wrong |= {_phrase(words, mark) for mark in review.rejected if not _within(mark, review.final())}
    wrong -= {(), *terms}
    old = before or Lexicon(key=key_check(keyed))
    joined = dict(old.terms)
    for phrase, term in terms.items():
        digest = _digest(keyed, phrase)
        known = joined.get(digest, Term(label="", words=0, count=0))
        joined[digest] = Term(
            label=term.label, words=term.words, count=term.count + known.count, small=term.small or known.small
        )
    rejected = {_digest(keyed, phrase) for phrase in wrong}
    return Lexicon(
        key=old.key,
        notes=old.notes + len(notes),
        terms={digest: term for digest, term in sorted(joined.items()) if digest not in rejected},
        first=tuple(sorted({*old.first, *(_digest(keyed, ("first", phrase[0])) for phrase in terms)})),
        wrong=tuple(sorted({*old.wrong, *rejected} - {_digest(keyed, phrase) for phrase in terms})),
        shapes={**old.shapes, **_shapes(notes, keyed)},
    )


_Notes = list[tuple[str, list[Placed], Reviewed]]


def _phrase(words: Sequence[Placed], mark: Mark) -> tuple[str, ...]:
    return tuple(word.fold for word in words if mark.start <= word.start and word.end <= mark.end)


def _within(mark: Mark, others: Sequence[Mark]) -> bool:
    return any(other.start < mark.end and mark.start < other.end for other in others)


def _terms(notes: _Notes) -> dict[tuple[str, ...], Term]:
    """Phrases and parts of names that were identifiers nearly wherever they stand.

    A phrase whose first word was marked written small is learned in any case if it is that sure; the others are looked
    for where they begin with a capital (May, not may).
    """
    labels = _phrases(notes)
    longest = max(map(len, labels), default=0)
    counts: Counter[tuple[tuple[str, ...], bool, bool]] = Counter()
    for _, words, review in notes:
        final = review.final()
        for run in _runs(words, longest):
            phrase = tuple(word.fold for word in run)
            if phrase in labels:
                real = _within(Mark(start=run[0].start, end=run[-1].end, label="NAME"), final)
                counts[phrase, run[0].large, real] += 1
    found = {}
    for phrase, said in labels.items():
        large, small = counts[phrase, True, True], counts[phrase, False, True]
        not_large, not_small = counts[phrase, True, False], counts[phrase, False, False]
        any_case = small > 0 and large + small >= SURE * (large + small + not_large + not_small)
        if any_case or (large and large >= SURE * (large + not_large)):
            found[phrase] = Term(label=said.most_common(1)[0][0], words=len(phrase), count=said.total(), small=any_case)
    return found


def _phrases(notes: _Notes) -> dict[tuple[str, ...], Counter[str]]:
    """What was marked, whole and, of names, in its longer parts: with its labels."""
    labels: dict[tuple[str, ...], Counter[str]] = {}
    for _, words, review in notes:
        for mark in review.final():
            if mark.label in _UNLEARNED:
                continue
            phrase = _phrase(words, mark)
            found: set[tuple[str, ...]] = set()
            if mark.label == "NAME":
                found |= {(part,) for part in phrase if len(part) >= 4 and not part.isdigit()}
            if 1 <= len(phrase) <= LONGEST and len("".join(phrase)) >= 3:
                found.add(phrase)
            for each in found:
                labels.setdefault(each, Counter())[mark.label] += 1
    return labels


def _runs(words: Sequence[Placed], longest: int) -> Iterator[Sequence[Placed]]:
    """Every run of up to `longest` words."""
    for at in range(len(words)):
        for end in range(at + 1, min(at + longest, len(words)) + 1):
            yield words[at:end]


def _shapes(notes: _Notes, keyed: Keyed) -> dict[str, Shape]:
    """Formats of numbers that were identifiers nearly wherever they stand, alone or behind certain words."""
    labels: dict[str, Counter[str]] = {}
    seen: dict[str, list[tuple[str, bool]]] = {}
    for text, _, review in notes:
        final = {(mark.start, mark.end): mark.label for mark in review.final()}
        for start, end, shape in _codes(text):
            label = final.get((start, end), "")
            real = bool(label) and label not in _UNSHAPED
            seen.setdefault(shape, []).append((_before(text, start), real))
            if real:
                labels.setdefault(shape, Counter())[label] += 1
    learned = {}
    for shape, counts in labels.items():
        places, count = seen[shape], counts.total()
        label = counts.most_common(1)[0][0]
        mixed = "A" in shape and len(shape) >= 6
        if count >= (1 if mixed else 2) and count >= SURE * len(places) and (mixed or shape.count("9") >= 5):
            learned[shape] = Shape(label=label, count=count)
            continue
        behind = Counter(word for word, real in places if real and word)
        never = {word for word, real in places if not real}
        sure = tuple(
            sorted(_digest(keyed, ("behind", word)) for word, n in behind.items() if n >= 2 and word not in never)
        )
        if sure:
            learned[shape] = Shape(label=label, count=count, behind=sure)
    return learned


def _codes(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and shape of each run of letters and signs that holds a digit."""
    for run in _CODE.finditer(text):
        words = run.group().rstrip("_/.-")
        shape = words.translate(_SHAPE)
        if "9" in shape and len(words) <= 64:
            yield run.start(), run.start() + len(words), shape


def _before(text: str, at: int) -> str:
    """The word before a place, within its line."""
    found = re.search(r"([^\W\d_]+)[^\w\n]*$", text[max(0, at - 40) : at])
    return folded(found[1]) if found else ""


class Learned:
    """A detector that also finds what its project has learned; has the detector's own face."""

    def __init__(self, detector: Finding, lexicon: Lexicon, keyed: Keyed) -> None:
        """Raises `Invalid` when the lexicon is of another key."""
        if lexicon.key != key_check(keyed):
            raise other_key()
        self._detector, self._lexicon, self._keyed = detector, lexicon, keyed
        self._first = frozenset(lexicon.first)
        self._wrong = frozenset(lexicon.wrong)
        self._lengths = sorted({term.words for term in lexicon.terms.values()}, reverse=True)
        self._begins: dict[str, bool] = {}

    def detect(self, text: str, known: Sequence[Known] = ()) -> list[Span]:
        """The detector's spans without those that were rejected, and the learned terms and shapes."""
        spans = self._detector.detect(text, known)
        if self._wrong:
            spans = [span for span in spans if span.source == "known" or not self._rejected(text, span)]
        return separate([*spans, *self._terms(text), *self._shapes(text)])

    def _rejected(self, text: str, span: Span) -> bool:
        words = tuple(folded(m.group()) for m in _WORD.finditer(text, span.start, span.end))
        return bool(words) and _digest(self._keyed, words) in self._wrong

    def _terms(self, text: str) -> Iterator[Span]:
        words = words_of(text)
        for at, word in enumerate(words):
            if not self._may_begin(word.fold):
                continue
            for length in self._lengths:
                run = words[at : at + length]
                term = (
                    self._lexicon.terms.get(_digest(self._keyed, [w.fold for w in run])) if len(run) == length else None
                )
                if term is not None and (word.large or term.small):
                    yield _span(word.start, run[-1].end, term.label, term.count)
                    break

    def _may_begin(self, fold: str) -> bool:
        """Whether a term begins with this word; asked once for each word, since prose repeats its words."""
        known = self._begins.get(fold)
        if known is None:
            if len(self._begins) > 200_000:
                self._begins.clear()
            known = self._begins[fold] = _digest(self._keyed, ("first", fold)) in self._first
        return known

    def _shapes(self, text: str) -> Iterator[Span]:
        if not self._lexicon.shapes:
            return
        for start, end, written in _codes(text):
            shape = self._lexicon.shapes.get(written)
            if shape is None:
                continue
            behind = shape.behind and _digest(self._keyed, ("behind", _before(text, start)))
            if not shape.behind or behind in shape.behind:
                yield _span(start, end, shape.label, shape.count)


def _span(start: int, end: int, label: str, count: int) -> Span:
    """Confidence rises with how often a person confirmed it (rule of succession)."""
    return Span(start=start, end=end, label=label, confidence=(count + 1) / (count + 2), source="learned")


def read_lexicon(data: bytes, path: str) -> Lexicon:
    """A lexicon from its file; raises `Invalid`."""
    try:
        return msgspec.json.decode(data, type=Lexicon)
    except msgspec.DecodeError:
        raise Invalid("this is no lexicon.", path=path, remedy="Make one with `bedrail deid learn`.") from None


def other_key() -> Invalid:
    """What is said of a lexicon that was made under another key."""
    return Invalid("this lexicon belongs to another key.", path="--lexicon", remedy="Name the key it was made with.")
