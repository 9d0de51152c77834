"""Whose record a resource is, and what is known of that person: the strongest help that free text can be given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bedrail.core.values import Value
from bedrail.privacy.fhir.naming import is_reference_to_patient
from bedrail.privacy.text.values import Known

_LEADING = ("subject", "patient", "beneficiary", "individual", "for", "candidate", "securityContext")
_DEEPEST = 24
MOST_STRANGERS = 100_000
"""Patients that are referred to but not in the input: so many are remembered at a time."""


class Person(Value, frozen=True, kw_only=True):
    """A patient: the value that their pseudonym and date offset are made of, and values that are theirs."""

    subject: str
    known: tuple[Known, ...] = ()


class People:
    """Every patient of the input by id and by full URL, and names of others (clinicians, relatives of nobody known)."""

    def __init__(self, subject_by: str = "id", beyond: People | None = None) -> None:
        """`subject_by` is `id`, `mrn` (the identifier of type MR), or the system of an identifier.

        `beyond` are the people of the whole input, for those of one Bundle.
        """
        self._by, self._beyond = subject_by, beyond
        self.patients: dict[str, Person] = {}
        self.others: dict[Known, None] = {}
        self._strangers: dict[str, Person] = {}

    def meet(self, resource: Mapping[str, Any], url: str = "") -> None:
        """Remember a Patient, RelatedPerson, Person or Practitioner; anything else is passed over."""
        kind = resource.get("resourceType")
        if kind == "Patient":
            person = Person(subject=self._subject(resource), known=tuple(values_of(resource)))
            for key in (resource.get("id"), url.removeprefix("urn:uuid:") if url else None):
                if isinstance(key, str) and key:
                    self._add(key, person)
            for value in _identifiers(resource):
                self.patients.setdefault("\n" + value, person)
        elif kind == "RelatedPerson":
            patient = subject_reference(resource)
            known = values_of(resource)
            if patient:
                self._add(patient, Person(subject="", known=tuple(known)))
            else:
                self.others.update(dict.fromkeys(known))
        elif kind in ("Practitioner", "Person"):
            self.others.update(dict.fromkeys(names_of(resource)))

    def _add(self, key: str, person: Person) -> None:
        before = self.patients.get(key)
        if before is not None:
            known = tuple(dict.fromkeys((*before.known, *person.known)))
            person = Person(subject=person.subject or before.subject, known=known)
        self.patients[key] = person

    def _subject(self, patient: Mapping[str, Any]) -> str:
        if self._by != "id":
            for each in _dicts(patient.get("identifier")):
                codings = [coding for kind in _dicts(each.get("type")) for coding in _dicts(kind.get("coding"))]
                if self._by == "mrn" and any(coding.get("code") == "MR" for coding in codings):
                    return str(each.get("value") or "")
                if each.get("system") == self._by:
                    return str(each.get("value") or "")
        return str(patient.get("id") or next(_identifiers(patient), ""))

    def of(self, resource: Mapping[str, Any], otherwise: Person | None) -> Person | None:
        """Whose record it is: by itself, by its reference, or as the surroundings say."""
        key = (
            str(resource.get("id") or next(_identifiers(resource), ""))
            if resource.get("resourceType") == "Patient"
            else ""
        )
        key = key or subject_reference(resource)
        if not key:
            return otherwise
        return self._found(key) or self._stranger(key)

    def knows(self, resource: Mapping[str, Any]) -> bool:
        """Whether a Patient is among them already."""
        key = resource.get("id")
        return isinstance(key, str) and key in self.patients

    def _found(self, key: str) -> Person | None:
        found = self.patients.get(key) or self.patients.get("\n" + key)
        return found or (self._beyond._found(key) if self._beyond is not None else None)

    def _stranger(self, key: str) -> Person:
        """Somebody who is referred to and not in the input: the same object each time."""
        if self._beyond is not None:
            return self._beyond._stranger(key)
        found = self._strangers.get(key)
        if found is None:
            if len(self._strangers) > MOST_STRANGERS:
                self._strangers.clear()
            found = self._strangers[key] = Person(subject=key)
        return found

    def names_of_others(self, most: int) -> Mapping[Known, None]:
        """Names of clinicians and others, unless there are too many to look for."""
        outer = self._beyond.others if self._beyond is not None else {}
        return {**self.others, **outer} if len(self.others) + len(outer) <= most else {}

    def everyone(self) -> tuple[Known, ...]:
        """What is known of all of them together: for what is nobody's by itself."""
        return tuple(dict.fromkeys((*(k for person in self.patients.values() for k in person.known), *self.others)))

    def only(self) -> Person | None:
        """The patient, when there is exactly one."""
        people = {id(person): person for person in self.patients.values() if person.subject}
        return next(iter(people.values())) if len({person.subject for person in people.values()}) == 1 else None


def subject_reference(resource: Mapping[str, Any]) -> str:
    """The id (or uuid, or identifier) of the patient that a resource is about, or an empty string."""
    for name in _LEADING:
        value = resource.get(name)
        for each in value if isinstance(value, list) else (value,):
            found = _patient_in(each)
            if found:
                return found
    return _anywhere(resource, _DEEPEST) if resource.get("resourceType") in _BY_PARTS else ""


_BY_PARTS = frozenset(
    {"AuditEvent", "Provenance", "Appointment", "AppointmentResponse", "Linkage", "Basic", "Account", "MessageHeader"}
    | {"Parameters", "Schedule", "Group", "List", "Communication", "VerificationResult", "Person"}
)


def _patient_in(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    reference = value.get("reference")
    if isinstance(reference, str):
        if reference.startswith("urn:uuid:"):
            return reference[9:]
        return is_reference_to_patient(reference)
    identifier = value.get("identifier")
    if isinstance(identifier, dict) and value.get("type", "Patient") == "Patient":
        return str(identifier.get("value") or "")
    return ""


def _anywhere(value: Any, depth: int) -> str:
    """The first literal reference to a Patient inside."""
    if depth and isinstance(value, dict):
        reference = value.get("reference")
        found = is_reference_to_patient(reference) if isinstance(reference, str) else ""
        return found or next((f for f in (_anywhere(each, depth - 1) for each in value.values()) if f), "")
    if depth and isinstance(value, list):
        return next((f for f in (_anywhere(each, depth - 1) for each in value) if f), "")
    return ""


def values_of(person: Mapping[str, Any]) -> Iterator[Known]:
    """Names, identifiers, numbers to call, addresses and the birth date that a person's resource holds."""
    yield from names_of(person)
    for value in _identifiers(person):
        yield Known(label="MRN", text=value)
    for each in (person, *_dicts(person.get("contact"))):
        for telecom in _dicts(each.get("telecom")):
            label = {"email": "EMAIL", "fax": "FAX", "url": "URL"}.get(str(telecom.get("system")), "PHONE")
            yield from (Known(label=label, text=value) for value in _strings(telecom.get("value")))
        for address in _dicts(each.get("address")):
            for part in ("line", "city", "district", "postalCode", "text"):
                yield from (Known(label="GEO", text=value) for value in _strings(address.get(part)))
    yield from (Known(label="DATE", text=value) for value in _strings(person.get("birthDate")))


def names_of(person: Mapping[str, Any]) -> Iterator[Known]:
    """Every part of every name."""
    for each in (person, *_dicts(person.get("contact"))):
        for name in _dicts(each.get("name")):
            for part in ("family", "given", "text"):
                yield from (Known(label="NAME", text=value) for value in _strings(name.get(part)))


def _identifiers(person: Mapping[str, Any]) -> Iterator[str]:
    for each in _dicts(person.get("identifier")):
        yield from _strings(each.get("value"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _strings(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, str) and each.strip():
            yield each.strip()
