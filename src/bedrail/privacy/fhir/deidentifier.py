"""One de-identifier for many resources: rules compiled once, people known, codes and offsets the same throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bedrail.core.errors import Invalid
from bedrail.privacy.fhir.configuration import Configuration, read_profile
from bedrail.privacy.fhir.naming import Naming
from bedrail.privacy.fhir.plan import Book, visit_resource
from bedrail.privacy.fhir.subjects import People
from bedrail.privacy.fhir.visit import Visit, Words
from bedrail.privacy.keyed import Keyed


class Deidentifier:
    """Resources in, resources out; the same for every file of an export. Not shared between threads."""

    def __init__(
        self,
        rules: Configuration,
        keyed: Keyed,
        *,
        this_year: int,
        words: Words | None = None,
        hashed: Callable[[str], str] | None = None,
        people: People | None = None,
        subject_by: str = "id",
        scope: str = "",
    ) -> None:
        """`this_year` is the year that ages over 89 are told by; `words` cleans free text (without it, text is
        removed).

        `people` are the patients of the whole input (a Bundle's own are found in it). `hashed` gives the code where a
        configuration brings a cryptoHashKey of its own.
        """
        self.rules, self._keyed, self._subject_by = rules, keyed, subject_by
        self._book = Book(rules)
        self._everyone = people or People(subject_by)
        naming = Naming(keyed, hashed, own=rules.own)
        self._visit = Visit(rules, keyed, naming, words, people=self._everyone, this_year=this_year, scope=scope)

    def resource(self, resource: Any) -> dict[str, Any]:
        """A resource or Bundle, de-identified. Raises `Invalid` with the place for what is no R4; the input stays as
        it is.
        """
        if type(resource) is not dict or type(resource.get("resourceType")) is not str:
            raise Invalid("no FHIR resource.", path="resourceType", remedy="One resource or Bundle in JSON a record.")
        visit = self._visit
        visit.people, visit.around = self._everyone, None
        kind = resource["resourceType"]
        if kind in ("Bundle", "Parameters") or (kind == "Patient" and not self._everyone.knows(resource)):
            visit.people = self._met(resource)
            visit.around = visit.people.only() if visit.people is not self._everyone else None
        try:
            made = visit_resource(self._book, resource, visit)
        except RecursionError:
            raise Invalid("nested too deep.", path=resource["resourceType"], remedy="Take it apart.") from None
        return made if made is not None else {"resourceType": resource["resourceType"]}

    def _met(self, resource: Mapping[str, Any]) -> People:
        """The people inside a Bundle, Parameters or Patient, beside everyone known already."""
        inside = list(_inner(resource))
        if not inside:
            return self._everyone
        people = People(self._subject_by, self._everyone)
        for each, url in inside:
            people.meet(each, url)
        return people

    def counts(self) -> list[tuple[str, str, str, int]]:
        """(place, action, rule, how often) since the last call; places are paths of elements, never values."""
        return self._book.taken_counts()


def _inner(resource: Mapping[str, Any], depth: int = 8) -> Iterable[tuple[Mapping[str, Any], str]]:
    """Patients and other people in a resource, with the URLs that stand for them."""
    kind = resource.get("resourceType")
    if kind in ("Patient", "RelatedPerson", "Practitioner", "Person"):
        yield resource, ""
    entries = resource.get("entry") if kind == "Bundle" else resource.get("parameter") if kind == "Parameters" else None
    for entry in entries if isinstance(entries, list) and depth else ():
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            url = entry.get("fullUrl")
            for each, inner_url in _inner(entry["resource"], depth - 1):
                yield each, inner_url or (url if isinstance(url, str) else "")


def deidentify(
    resources: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    keyed: Keyed,
    *,
    this_year: int,
    profile: str | Configuration = "safe-harbor",
    words: Words | None = None,
    subject_by: str = "id",
) -> Any:
    """One resource (or Bundle) gives one; several give a list, as one person's records belong together across them.

    `profile` is a shipped one or a `Configuration` (`read_configuration`). Raises `Invalid` with the place.
    """
    rules = read_profile(profile) if isinstance(profile, str) else profile
    many = [resources] if isinstance(resources, Mapping) else list(resources)
    people = People(subject_by)
    for each in many:
        for inner, url in _inner(each):
            people.meet(inner, url)
    made = Deidentifier(rules, keyed, this_year=this_year, words=words, people=people, subject_by=subject_by)
    done = [made.resource(each) for each in many]
    return done[0] if isinstance(resources, Mapping) else done
