"""What this installation is made of: a CycloneDX 1.6 bill of materials of the installed distributions.

Names, versions and licences are the distributions' own metadata; hashes are those that the lock files pin, and that of
each RECORD, by which `altered_files` holds every installed file against what was installed.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.models.bom import FORMAT, serial_number

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


class Part(Value, frozen=True, kw_only=True):
    """One installed distribution; `locked` are the SHA-256 of the files that the locks allow for this version."""

    name: str
    version: str
    licence: str
    expression: bool
    record: str
    needs: tuple[str, ...]
    locked: tuple[str, ...]
    pinned: str


def installed(locks: Iterable[Path] = ()) -> list[Part]:
    """The distributions on the path, sorted by name, each beside what the lock files say of it."""
    pins = _pins(locks)
    found: dict[str, Part] = {}
    for each in distributions():
        name = _normal(each.metadata["Name"] or "")
        if name and name not in found:
            version, hashes = pins.get(name, ("", ()))
            licence, expression = _licence(each)
            found[name] = Part(
                name=name,
                version=each.version,
                licence=licence,
                expression=expression,
                record=hashlib.sha256((each.read_text("RECORD") or "").encode()).hexdigest(),
                needs=_needs(each),
                locked=hashes if version == each.version else (),
                pinned=version,
            )
    return [found[name] for name in sorted(found)]


def software_bom(parts: list[Part], *, made_at: str) -> dict[str, Any]:
    """The bill of materials as CycloneDX 1.6 JSON; the same installation has the same serial number."""
    here = {part.name: _purl(part) for part in parts}
    content = hashlib.sha256("\n".join(f"{p.name}=={p.version} {p.record}" for p in parts).encode()).hexdigest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        **FORMAT,
        "serialNumber": serial_number(content),
        "metadata": {
            "timestamp": made_at,
            "component": {"type": "application", "bom-ref": "installation", "name": "bedrail installation"},
            "properties": [
                {"name": "bedrail:python", "value": platform.python_version()},
                {"name": "bedrail:platform", "value": platform.platform()},
            ],
        },
        "components": [_component(part) for part in parts],
        "dependencies": [
            {"ref": "installation", "dependsOn": sorted(here.values())},
            *(
                {"ref": here[part.name], "dependsOn": sorted({here[need] for need in part.needs if need in here})}
                for part in parts
            ),
        ],
    }


def altered_files() -> Iterator[str]:
    """Installed files that are gone or whose bytes are not those their distribution's RECORD names (PEP 376, 627)."""
    for each in distributions():
        for file in each.files or ():
            if file.hash is None or file.hash.mode != "sha256":
                continue
            path = Path(str(each.locate_file(file)))
            if not path.is_file():
                yield f"{each.metadata['Name']}: {file} (missing)"
            elif _recorded(path) != file.hash.value:
                yield f"{each.metadata['Name']}: {file}"


def _recorded(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _component(part: Part) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(part),
        "name": part.name,
        "version": part.version,
        "purl": _purl(part),
        "properties": [
            {"name": "bedrail:record-sha256", "value": part.record},
            {"name": "bedrail:lock", "value": _lock_state(part)},
            *({"name": "bedrail:lock-sha256", "value": digest} for digest in part.locked),
        ],
    }
    if part.licence:
        said = {"expression": part.licence} if part.expression else {"license": {"name": part.licence}}
        component["licenses"] = [said]
    return component


def _lock_state(part: Part) -> str:
    if not part.pinned:
        return "not in the lock"
    return "as locked" if part.pinned == part.version else f"the lock says {part.pinned}"


def _purl(part: Part) -> str:
    return f"pkg:pypi/{part.name}@{part.version}"


def _normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _needs(each: Distribution) -> tuple[str, ...]:
    """Requirements that no extra asks for."""
    plain = [line for line in each.requires or () if "extra ==" not in line.replace("extra==", "extra ==")]
    return tuple(sorted({_normal(found[0]) for line in plain if (found := _NAME.match(line))}))


def _licence(each: Distribution) -> tuple[str, bool]:
    def said(field: str) -> list[str]:
        return [str(value) for value in each.metadata.get_all(field) or ()]

    if expression := said("License-Expression"):
        return expression[0], True
    classified = [c.rpartition(" :: ")[2] for c in said("Classifier") if c.startswith("License ::")]
    first_line, *_ = [*"".join(said("License")).splitlines(), ""]
    return (" AND ".join(classified) or first_line)[:200], False


def _pins(locks: Iterable[Path]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """(version, allowed SHA-256) by name from `pip` lock files with hashes."""
    pins: dict[str, tuple[str, tuple[str, ...]]] = {}
    for lock in locks:
        try:
            lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        except (OSError, UnicodeDecodeError):
            raise Invalid("this lock cannot be read.", path=str(lock), remedy="Name a requirements lock.") from None
        for line in lines:
            if found := _PIN.match(line):
                pins[_normal(found[1])] = (found[2], tuple(_HASH.findall(line)))
    return pins
