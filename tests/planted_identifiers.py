"""Identifiers of every category with a form of its own, planted in notes in every way in which they are announced."""

from __future__ import annotations

import random
import string

FORMS = {
    "SSN": ("%##-##-####", "%## ## ####", "%########"),
    "MRN": ("#######", "##-##-##", "MR########", "###-##-##", "E#######", "HC-#####-##"),
    "HEALTH_PLAN": ("???%########", "H####-###-##", "W%#######", "%##-##-####A"),
    "ACCOUNT": ("%#########", "V#########", "ACCT-######", "%### #### #### ####"),
    "LICENSE": ("MD-######", "RN######", "D#######", "?###-####-####"),
    "VEHICLE": ("???-####", "#???###", "??? ####"),
    "DEVICE": ("SN ?######", "PJN######", "##-######-###"),
    "BIOMETRIC": ("FP-########", "VP#######", "IRIS-##-####"),
    "UNIQUE_ID": ("S##-#####", "CT########", "%##########", "ABC-###-###"),
    "PHONE": ("(%##) %##-####", "%##-%##-####", "%##.%##.####", "+1 %## %## ####", "1-%##-%##-####"),
    "FAX": ("(%##) %##-####", "%##-%##-####"),
    "EMAIL": ("????##@example.org", "?.????@mail.example.net"),
    "URL": ("https://portal.????.org/pt/######", "www.????.com/~????", "mychart.????.net/visit/####"),
    "IP": ("10.#.#.#", "192.168.1.%", "2001:db8:%:%:%:%:%:%"),
    "DATE": ("0%/1#/20##", "%/%/1#", "20##-0%-1#", "March %, 20##", "1%-JUN-20##", "the %th of May"),
    "PHOTO": ("IMG_####.jpg", "DSC#####.JPG", "????_face_##.png"),
}
"""Category -> forms; # a digit, % one that is not zero, ? a capital letter."""

ANNOUNCED = {
    "SSN": ("SSN: {}", "SS# {}", "Social Security Number {}", "his social security number is {}"),
    "MRN": ("MRN: {}", "MRN {}", "Medical record number: {}", "MR# {}", "Chart # {}", "med rec no. {}"),
    "HEALTH_PLAN": ("Member ID: {}", "Subscriber ID {}", "Policy number {}", "Medicare # {}", "insurance ID {}"),
    "ACCOUNT": ("Account #: {}", "Acct {}", "account number {}", "Billing account: {}"),
    "LICENSE": ("License {}", "driver's license {}", "Lic # {}", "medical license number {}"),
    "VEHICLE": ("license plate {}", "Plate: {}", "vehicle plate {}", "plate number {}"),
    "DEVICE": ("serial number {}", "S/N {}", "Device serial: {}", "pacemaker, serial no. {}"),
    "BIOMETRIC": ("Fingerprint ID {}", "voiceprint {}", "iris scan template {}", "biometric ID: {}"),
    "UNIQUE_ID": ("Accession: {}", "Specimen {}", "Case number {}", "encounter # {}", "study ID {}"),
    "PHONE": ("Phone: {}", "call {}", "can be reached at {}", "cell {}", "Tel {}"),
    "FAX": ("Fax: {}", "faxed to {}", "fax {}"),
    "EMAIL": ("E-mail: {}", "write to {}", "<{}>", "{}"),
    "URL": ("see {}", "Portal: {}", "({})", "{}"),
    "IP": ("IP {}", "from {}", "Login IP: {}", "[{}]"),
    "DATE": ("seen on {}", "DOB: {}", "Date: {}", "admitted {}", "{}"),
    "PHOTO": ("Photo {}", "saved as {}", "{}", "image: {}"),
}
"""Category -> what stands around a value."""

_AROUND = (
    "{}",
    "Pt resting, VSS. {}. Will follow.",
    "- {}\n- BP 120/80, HR 72",
    "Plan: continue metoprolol 25 mg b.i.d.; {}; recheck in 2 weeks.",
    "REGISTRATION\n{}\nSex: F   Age: 54",
    "({})",
    "Assessment: stable.\r\n{}\r\nLabs: Na 138, K 4.1.",
)


def filled(form: str, rng: random.Random) -> str:
    """One value of a form."""
    out = []
    for char in form:
        if char == "#":
            out.append(rng.choice(string.digits))
        elif char == "%":
            out.append(rng.choice("123456789"))
        elif char == "?":
            out.append(rng.choice(string.ascii_uppercase))
        else:
            out.append(char)
    return "".join(out)


def planted(number: int, seed: int) -> list[tuple[str, str, int, int]]:
    """`number` of (category, text, start, end), every category, form and announcement in turn."""
    rng = random.Random(seed)
    ways = [(c, form, said) for c in FORMS for form in FORMS[c] for said in ANNOUNCED[c]]
    out = []
    for n in range(number):
        category, form, said = ways[n % len(ways)]
        value = filled(form, rng)
        around = rng.choice(_AROUND)
        inner = said.format(value)
        text = around.format(inner)
        start = text.index(inner) + inner.index(value)
        case = rng.random()
        if case < 0.1:
            text = text.upper()
        elif case < 0.2:
            text = text.lower()
        out.append((category, text, start, start + len(value)))
    return out
