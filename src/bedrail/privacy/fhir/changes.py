"""What each method does to one value: a `Change` takes (value, visit) and returns what stays, None for nothing."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bedrail.core.errors import Invalid
from bedrail.privacy.fhir import dates, labels
from bedrail.privacy.fhir.configuration import Configuration, Rule
from bedrail.privacy.fhir.elements import DATES, NUMBERS, QUANTITIES, Element
from bedrail.privacy.fhir.expressions import is_true
from bedrail.privacy.fhir.visit import Visit
from bedrail.privacy.zip3 import zip3

Change = Callable[[Any, Visit], Any]

_NUMBER_TYPES = (int, Decimal, float)
_SOMEBODYS = 10_000
"""Shorter numbers are counts and measures."""
_PLACE = re.compile(r"[^\W\d_](?:[^\W\d_]|[ .,'’()/-]){0,59}")
_SAMPLES = re.compile(r"\s*(?:(?:[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|[EUL])(?:\s+|$))*")
_FORMED = re.compile(
    r"@|://|\bwww\.|(?<![\w.-])(?:\d{3}-\d{2}-\d{4}|(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}"
    r"|(?!0*[012]\.)\d{1,3}(?:\.\d{1,3}){3})(?![\w.-])"
)
"""Addresses, social security and telephone numbers, IPv4 (which OIDs are not: they begin with 0, 1 or 2)."""
_LONGEST_UNREAD, _FEW_DIGITS = 40, 5
_STATUSES = ("generated", "extensions", "additional", "empty")
"""Narrative.status (R4, 2.4.0)."""


def change_for(rule: Rule | None, parent: str, element: Element, rules: Configuration) -> Change | None:
    """What happens to a primitive element of a type; None keeps it as it is."""
    if rule is None:
        return None if rules.default == "keep" else dropped
    return _BY_METHOD[rule.method](rule, parent, element, rules)


def _keep(_: Rule, parent: str, element: Element, rules: Configuration) -> Change | None:
    if not rules.own or element.type == "boolean":
        return None
    if element.type in NUMBERS:
        return _number
    if parent == "Address":
        return _place
    if element.key == "data" and parent == "SampledData":
        return _samples
    return _short if element.type in ("code", "string") else _guarded


def _guarded(value: Any, visit: Visit) -> Any:
    """What is kept is looked through for the patient's own names and numbers all the same."""
    if visit.guard is not None and visit.guard.search(value):
        visit.flags |= labels.REDACTED
        return None
    return value


def _number(value: Any, visit: Visit) -> Any:
    """A number long enough to be somebody's, and known to be the patient's, is dropped."""
    return value if -_SOMEBODYS < value < _SOMEBODYS or _guarded(str(value), visit) is not None else None


def _place(value: Any, visit: Visit) -> Any:
    """A state or town that a rule keeps is known to be the patient's; what else is known of them is no town."""
    folded = value.casefold()
    if (
        _PLACE.fullmatch(value)
        and not _FORMED.search(value)
        and not any(each.label != "GEO" and each.text.casefold() in folded for each in visit.known)
    ):
        return value
    visit.flags |= labels.REDACTED
    return None


def _samples(value: Any, visit: Visit) -> Any:
    """Numbers, and E, L, U for those out of range (R4, SampledData); anything else is no sample."""
    return _guarded(value, visit) if _SAMPLES.fullmatch(value) else dropped(value, visit)


def _short(value: Any, visit: Visit) -> Any:
    """A code or unit: one word with the form of an identifier goes, and so do words in which one is found."""
    if _FORMED.search(value) or (" " in value and not _harmless(value, visit)):
        return dropped(value, visit)
    return _guarded(value, visit)


def _harmless(value: str, visit: Visit) -> bool:
    if visit.words is None:
        return len(value) <= _LONGEST_UNREAD and sum(sign.isdigit() for sign in value) < _FEW_DIGITS
    return visit.words.clean(value, visit.subject, visit.known) == value


def dropped(_: Any, visit: Visit) -> None:
    """Nothing stays."""
    visit.flags |= labels.REDACTED


def _redact(_: Rule, parent: str, element: Element, rules: Configuration) -> Change | None:
    if element.type in DATES:
        return _year(element.type) if rules.partial_dates else dropped
    if parent == "Age" and rules.partial_ages:
        return _young_age if element.name == "value" else None
    if parent == "Address" and element.name == "postalCode" and rules.partial_zips:
        return _zip_with_zeros
    return dropped


def _year(kind: str) -> Change:
    def change(value: Any, visit: Visit) -> Any:
        visit.flags |= labels.REDACTED
        return dates.year_only(value, kind, visit.this_year)

    return change


def _young_age(value: Any, visit: Visit) -> Any:
    if value < dates.OLDEST:
        return value
    visit.flags |= labels.REDACTED
    return None


def _zip_with_zeros(value: Any, visit: Visit) -> Any:
    visit.flags |= labels.REDACTED
    zeros = "".join("0" if sign.isdigit() else sign for sign in value)
    head = value[:3]
    if len(head) < 3 or not head.isdigit() or any(head == each[:3] for each in visit.rules.restricted_zips):
        return zeros if value[:1].isdigit() else None
    return head + zeros[3:] if all(sign.isdigit() or sign in "- " for sign in value) else None


def _zip3(_: Rule, __: str, ___: Element, ____: Configuration) -> Change:
    def change(value: Any, visit: Visit) -> Any:
        visit.flags |= labels.ABSTRACTED
        return zip3(value) or None

    return change


def _shift(_: Rule, __: str, element: Element, rules: Configuration) -> Change | None:
    return _moved(element.type, keep_time=rules.keeps_time) if element.type in DATES else None


def _moved(kind: str, *, keep_time: bool) -> Change:
    def change(value: Any, visit: Visit) -> Any:
        found = dates.parts(value)
        if found is None or dates.tells_an_old_age(found[0], visit.this_year):
            visit.flags |= labels.REDACTED
            return None
        if found[1] is None:
            visit.flags |= labels.REDACTED
            partial = visit.rules.partial_dates or visit.rules.own
            return dates.year_only(value, kind, visit.this_year) if partial else None
        visit.flags |= labels.PERTURBED
        return dates.moved(value, visit.days, keep_time=keep_time)

    return change


def _date(_: Rule, __: str, element: Element, rules: Configuration) -> Change | None:
    """As the profile's parameter `dates` says."""
    if element.type not in DATES:
        return dropped
    if rules.dates == "keep":
        return _valid_date
    return _moved(element.type, keep_time=True) if rules.dates == "shift" else _year(element.type)


def _valid_date(value: Any, visit: Visit) -> Any:
    """A date as it is; what is no date is text in the wrong place."""
    if dates.parts(value) is not None:
        return value
    visit.flags |= labels.REDACTED
    return None


def _hash(_: Rule, parent: str, element: Element, rules: Configuration) -> Change | None:
    """cryptoHash and pseudonym: ids and identifiers by their code, references and addresses with codes inside."""
    if element.type in NUMBERS or element.type == "boolean":
        return dropped
    reference = (parent == "Reference" and element.name == "reference") or (
        rules.own and element.type in ("uri", "url")
    )
    system = parent == "Identifier" and element.name == "value" and rules.own

    def change(value: Any, visit: Visit) -> Any:
        visit.flags |= labels.HASHED
        naming = visit.naming
        return naming.reference(value) if reference else naming.identifier(value) if system else naming.code(value)

    return change


def _uri(_: Rule, __: str, ___: Element, ____: Configuration) -> Change:
    def change(value: Any, visit: Visit) -> Any:
        changed = visit.naming.uri(value)
        if changed != value:
            visit.flags |= labels.HASHED
            return changed
        return _guarded(value, visit)

    return change


def _uid(_: Rule, __: str, ___: Element, ____: Configuration) -> Change:
    def change(value: Any, visit: Visit) -> Any:
        visit.flags |= labels.HASHED
        return visit.naming.uid(value)

    return change


def _text(_: Rule, __: str, ___: Element, rules: Configuration) -> Change:
    if rules.text == "redact":
        return dropped

    def change(value: Any, visit: Visit) -> Any:
        if visit.words is None:
            return dropped(value, visit)
        clean = visit.words.clean(value, visit.subject, visit.known)
        if clean != value:
            visit.flags |= labels.MASKED
        return clean.strip() or None

    return change


def _narrative(_: Rule, __: str, element: Element, rules: Configuration) -> Change | None:
    """`div` through the text engine, block by block; `status` says how the narrative was made, and stays."""
    if element.type != "xhtml":
        return _status if rules.text != "redact" else dropped
    if rules.text == "redact":
        return dropped

    def change(value: Any, visit: Visit) -> Any:
        from bedrail.privacy.fhir.narrative import clean_narrative

        if visit.words is None:
            return dropped(value, visit)
        visit.flags |= labels.MASKED
        words = visit.words
        return clean_narrative(value, lambda text: words.clean(text, visit.subject, visit.known))

    return change


def _status(value: Any, visit: Visit) -> Any:
    return value if value in _STATUSES else dropped(value, visit)


def _perturb(rule: Rule, parent: str, element: Element, _: Configuration) -> Change | None:
    if element.type not in NUMBERS or (parent in QUANTITIES and element.name != "value"):
        return None
    places = rule.round_to if rule.round_to is not None else 2 if element.type == "decimal" else 0
    if element.type != "decimal":
        places = 0
    least = {"positiveInt": 1, "unsignedInt": 0}.get(element.type)

    def change(value: Any, visit: Visit) -> Any:
        visit.flags |= labels.PERTURBED
        exact = Decimal(str(value))
        span = rule.span * abs(exact) if rule.proportional else rule.span
        at = Decimal(visit.keyed.below(1 << 53, "perturb", f"{visit.resource_id}\n{element.key}\n{value}")) / (1 << 53)
        noisy = (exact + span * (at - Decimal("0.5"))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        if least is not None:
            noisy = max(noisy, Decimal(least))
        return noisy if places else int(noisy)

    return change


def _substitute(rule: Rule, _: str, element: Element, __: Configuration) -> Change:
    """A primitive's replacement; of a whole type's, the plan takes what belongs there."""

    def change(_: Any, visit: Visit) -> Any:
        visit.flags |= labels.SUBSTITUTED
        given = rule.replace_with
        if isinstance(given, (dict, list)):
            return None
        return typed_like(given, element) if given is not None else None

    return change


def _generalize(rule: Rule, _: str, element: Element, __: Configuration) -> Change:
    def change(value: Any, visit: Visit) -> Any:
        visit.flags |= labels.GENERALIZED
        for when, into in rule.cases:
            if is_true(when, value):
                found = into(value)
                return typed_like(found[0], element) if found else None
        return value if rule.other_values == "keep" else None

    return change


def typed_like(value: Any, element: Element) -> Any:
    """A replacement as the element's type has it: a number for numbers, true or false, text."""
    if element.type in NUMBERS:
        if isinstance(value, _NUMBER_TYPES) and not isinstance(value, bool):
            return value
        try:
            number = Decimal(str(value))
            return number if element.type == "decimal" else int(number)
        except ArithmeticError as error:
            raise Invalid("the replacement is no number.", path=element.key, remedy="Mend the rule.") from error
    if element.type == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    return str(value)


def replacement(rule: Rule) -> Any:
    """What a rule puts in the place of a whole complex element."""
    given = rule.replace_with
    return copy.deepcopy(given) if isinstance(given, dict) else None


def _kept(_: Rule, __: str, ___: Element, ____: Configuration) -> Change | None:
    """A method of complex elements reached a primitive by itself: their walk handles it."""
    return dropped


_BY_METHOD: dict[str, Callable[[Rule, str, Element, Configuration], Change | None]] = {
    "keep": _keep,
    "redact": _redact,
    "dateshift": _shift,
    "cryptohash": _hash,
    "pseudonym": _hash,
    "substitute": _substitute,
    "perturb": _perturb,
    "generalize": _generalize,
    "date": _date,
    "text": _text,
    "narrative": _narrative,
    "attachment": _kept,
    "age": _keep,
    "zip3": _zip3,
    "uri": _uri,
    "uid": _uid,
}
