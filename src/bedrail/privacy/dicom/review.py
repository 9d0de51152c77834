"""A folder of outputs, audited from disk: against the table, and against the originals when they are given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.privacy.dicom.audit import beside_pixels, leftovers
from bedrail.privacy.dicom.encoding import text_of
from bedrail.privacy.dicom.folder import DicomFiles
from bedrail.privacy.dicom.instance import quiet_pydicom, read
from bedrail.privacy.dicom.prose import found_in, pattern_of
from bedrail.privacy.dicom.table import rules_of
from bedrail.privacy.dicom.values import Leftover, Profile
from bedrail.privacy.dicom.walk import Walk
from bedrail.privacy.keyed import Keyed

_WORD = re.compile(r"[^\W_]{2,}")
_UID = re.compile(rb"[0-9]+(?:\.[0-9]+){4,}")


class Found(Value, frozen=True, kw_only=True):
    """Something left in file `number` of the folder."""

    number: int
    place: str
    problem: str


class Audited(Value, frozen=True, kw_only=True):
    """How many files were looked at, and all that is left in them."""

    files: int
    leftovers: tuple[Found, ...]


class _NoKey:
    """In the place of a key where nothing is written: what it gives is thrown away."""

    def digest(self, kind: str, value: str) -> bytes:  # noqa: ARG002
        """Nothing."""
        return bytes(32)


class Originals:
    """The identifying values and UIDs of all originals together, to be found in one pass over an output."""

    def __init__(self, folder: Path, profile: Profile) -> None:
        """What `profile` takes out of all DICOM files of the folder; those that cannot be read are left out."""
        self.uids: set[bytes] = set()
        self._by_word: dict[str, list[str]] = {}
        known: set[str] = set()
        for path in DicomFiles(folder).paths():
            try:
                dataset = read(path.read_bytes())
            except Invalid:
                continue
            walk = Walk(rules_of(profile), Keyed(_NoKey()), dataset)
            walk.run(dataset)
            known |= {value for value in walk.known if value in walk.names or any(sign.isdigit() for sign in value)}
            self.uids |= {uid.encode("ascii", "replace") for uid in walk.replaced_uids() if len(uid) > 8}
        long = {value for value in known if len(value) > 4}
        even = {value for value in long if len(set(value)) == 1}
        self._even = {value for value in even if value.isdigit() and value[0] != "0"}
        """Numbers such as 11111111, which chance writes into pixels; zeros are nobody's, and in any file."""
        for value in long - even:
            words = _WORD.findall(value.lower())
            if words:
                self._by_word.setdefault(max(words, key=len), []).append(value)

    def left_in(self, out: bytes) -> Iterable[Leftover]:
        """What of them an output still holds."""
        if not self.uids.isdisjoint(_UID.findall(out)):
            yield Leftover(place="file", problem="holds a UID of an original")
        words = set(_WORD.findall(text_of(out).lower()))
        near = [value for word in words & self._by_word.keys() for value in self._by_word[word]]
        even = found_in(self._even, out)
        if _holds(out, near) or (even and _holds(beside_pixels(out), even)):
            yield Leftover(place="file", problem="holds a value of an original")


def _holds(data: bytes, values: Iterable[str]) -> bool:
    pattern = pattern_of(found_in(values, data))
    return pattern is not None and pattern.search(text_of(data)) is not None


def audit_folder(folder: Path, profile: Profile, originals: Path | None = None) -> Audited:
    """Open every DICOM file of `folder` anew and list what is left in it, by file number; empty when all is well.

    `profile` is the one that the files were made with. Raises `Invalid` when there is no DICOM file.
    """
    found: list[Found] = []
    files = DicomFiles(folder)
    with quiet_pydicom():
        before = Originals(originals, profile) if originals is not None else None
        for number, path in files.numbered():
            data = path.read_bytes()
            try:
                left = leftovers(data, profile)
            except Exception as error:  # noqa: BLE001 (bytes that pydicom cannot read; its message may quote them)
                left = [Leftover(place="file", problem=f"cannot be read ({type(error).__name__})")]
            if before is not None:
                left += before.left_in(data)
            found += [Found(number=number, place=each.place, problem=each.problem) for each in left]
    return Audited(files=len(files.paths()), leftovers=tuple(found))
