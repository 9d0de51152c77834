"""Every kind of identifier under another value of its kind: one object for one text of one subject."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.ages import age_category
from bedrail.privacy.text.dates import Dates
from bedrail.privacy.text.numbers import Numbers
from bedrail.privacy.text.people import People, folded, parts_of
from bedrail.privacy.text.places import Places

_DIGITS = re.compile(r"\d+")


class Surrogates:
    """Consistent within a subject, whatever the medium; unlinkable between projects.

    Give it all identifiers of one text at once (`originals`: label and words of each, the structured record's values
    too), so that no surrogate is itself an identifier of the text. FHIR, HL7 v2 and DICOM use it for names, numbers and
    places: the same words of one subject become the same words in every medium. Dates take no part in the promise that
    no surrogate is another original: they move together, and one may come to lie where another was.
    """

    __slots__ = ("_day_first", "_days", "_language", "_numbers", "_people", "_places")

    def __init__(
        self,
        keyed: Keyed,
        subject: str,
        *,
        language: str = "en",
        originals: Iterable[tuple[str, str]] = (),
        keep_weekday: bool = False,
        keep_zip3: bool = True,
        day_first: bool | None = None,
    ) -> None:
        """`subject` is the patient: whoever gives the same one gets the same surrogates and the same date shift."""
        names: list[str] = []
        words: set[str] = set()
        codes: set[str] = set()
        for label, text in originals:
            if label == "NAME":
                names += parts_of(text)
            if label in ("NAME", "GEO"):
                words.update(folded(part) for part in text.replace("-", " ").split())
            elif label != "DATE":
                codes.add(folded(text))
        words.update(folded(name) for name in names)
        self._language = language
        self._people = People(keyed, subject, language, words)
        if len(names) > 1:
            self._people.prepare(names)
        self._places = Places(keyed, subject, language, words, keep_zip3=keep_zip3)
        self._numbers = Numbers(keyed, subject, self._people, codes)
        self._days = keyed.shift_days(subject, keep_weekday=keep_weekday)
        self._day_first = day_first

    def of(self, label: str, text: str) -> str | None:
        """The surrogate of one identifier; None where there is none to find (an unreadable date or age).

        `label` is one of `privacy.values.LABELS`. Dates of one text belong together: give them to `dates`.
        """
        if label == "NAME":
            name = self._people.name(text)  # no surrogate has digits: those that stand there are the original's
            return _DIGITS.sub(lambda m: self._numbers.code(m.group(), "name"), name)
        if label == "GEO":
            return self._places.place(text)
        if label == "DATE":
            return self.dates([text])[0]
        if label == "AGE90":
            return age_category(text)
        return self._number(label, text)

    def dates(self, texts: list[str]) -> list[str | None]:
        """The dates of a text in their order, moved by the subject's shift, each in its format."""
        return Dates(texts, days=self._days, language=self._language, day_first=self._day_first).shifted()

    def _number(self, label: str, text: str) -> str:
        if label == "SSN":
            return self._numbers.ssn(text)
        if label in ("PHONE", "FAX"):
            return self._numbers.phone(text)
        if label == "EMAIL":
            return self._numbers.email(text)
        if label == "URL":
            return self._numbers.url(text)
        if label == "IP":
            return self._numbers.address(text)
        return self._numbers.code(text)
