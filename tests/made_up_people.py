"""One person's made-up identifiers, one of each kind, for planting: the same seed gives the same person."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

FAMILIES = (
    "Vandermeulen",
    "Okonkwo",
    "Szczepanski",
    "Rautavaara",
    "Quispe",
    "Featherstonehaugh",
    "Nakagawa",
    "Dlamini",
)
GIVEN = ("Rosalind", "Thaddeus", "Ngozi", "Wilhelmina", "Yevgeny", "Marisol", "Percival", "Anneliese")


@dataclass(frozen=True)
class Person:
    """Identifiers by kind; `told` says each one as a note would; `bare` are those that the record itself holds."""

    values: dict[str, str]
    told: dict[str, str]

    @property
    def bare(self) -> dict[str, str]:
        """What the structured record knows of the person."""
        return {kind: self.values[kind] for kind in ("family", "given", "mrn", "phone", "email", "ssn", "street")}


def person(seed: int) -> Person:
    """A person nobody is."""
    r = random.Random(seed)

    def digits(count: int) -> str:
        return str(r.randint(1, 9)) + "".join(r.choices(string.digits, k=count - 1))

    family, given = r.choice(FAMILIES), r.choice(GIVEN)
    values = {
        "family": family,
        "given": given,
        "street": f"{r.randint(100, 9999)} {r.choice(('Larkspur', 'Bellweather', 'Juniper'))} Lane",
        "mrn": digits(8),
        "ssn": f"{r.randint(101, 665)}-{r.randint(11, 98)}-{r.randint(1001, 9998)}",
        "phone": f"({r.randint(201, 989)}) 555-{r.randint(1000, 9999)}",
        "fax": f"{r.randint(201, 989)}-555-{r.randint(1000, 9999)}",
        "email": f"{given.lower()}.{digits(3)}@mail.example.org",
        "url": f"https://www.example.org/people/{family.lower()}{digits(4)}",
        "ip": f"10.{r.randint(11, 250)}.{r.randint(11, 250)}.{r.randint(11, 250)}",
        "account": digits(10),
        "plan": "W" + digits(9),
        "license": "D" + digits(7),
        "vehicle": "1HGCM826" + str(r.randint(0, 9)) + "3A" + digits(6),
        "device": "SN-" + digits(7),
        "biometric": "FP-" + digits(8),
        "photo": f"IMG_{digits(6)}.jpg",
        "unique": "ENC" + digits(7),
        "zip": f"{r.choice((48103, 60614, 10027))}-{digits(4)}",
        "age": f"{r.randint(91, 104)} years old",
        "birth": f"{r.randint(1940, 2009)}-{r.randint(1, 12):02}-{r.randint(2, 28):02}",
    }
    told = {
        "family": f"Patient {given} {family} was seen.",
        "given": f"{given} tolerated the procedure.",
        "street": f"Lives at {values['street']}.",
        "mrn": f"MRN: {values['mrn']}",
        "ssn": f"SSN {values['ssn']}",
        "phone": f"Phone: {values['phone']}",
        "fax": f"Fax: {values['fax']}",
        "email": f"E-mail {values['email']}",
        "url": f"See {values['url']} for photos.",
        "ip": f"Logged in from {values['ip']}.",
        "account": f"Account number: {values['account']}",
        "plan": f"Member ID: {values['plan']}",
        "license": f"Driver's license {values['license']}",
        "vehicle": f"VIN {values['vehicle']}",
        "device": f"Pacemaker serial number {values['device']}",
        "biometric": f"Fingerprint ID: {values['biometric']}",
        "photo": f"Photo: {values['photo']}",
        "unique": f"Encounter # {values['unique']}",
        "zip": f"Her address is {values['street']}, Ann Arbor, MI {values['zip']}.",
        "age": f"Mother is {values['age']}.",
        "birth": f"DOB: {values['birth']}",
    }
    return Person(values, told)


def leaks(everything: str, planted: Person) -> list[str]:
    """The kinds of identifiers that can still be read, however they are cased, and numbers however they are spaced."""
    text = everything.casefold()
    found = [kind for kind, value in planted.values.items() if value.casefold() in text]
    for kind in ("ssn", "phone", "fax"):
        figures = "".join(sign for sign in planted.values[kind] if sign.isdigit())
        if figures in text:
            found.append(kind)
    return found
