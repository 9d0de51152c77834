"""Witness policies: which logs, which witnesses, and how many of these must have cosigned a checkpoint.

https://c2sp.org/tlog-policy: `log`, `witness`, `group` and `quorum` lines. Reading is strict, and an error names its
line. Names and URLs are opaque octets (kept as surrogates when they are no UTF-8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from bedrail.core.errors import Corrupt, Invalid
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import Checkpoint, key_hash, parse_checkpoint, parse_note, parse_vkey
from bedrail.ledger.cosignature import CosignerKey, Verifiers, cosigned_at, parse_cosigner_key
from bedrail.ledger.report import Difference, VerificationReport

NONE = "none"
MOST_LINES = 10_000
MOST_BYTES = 1_000_000

_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}\Z")


class LogKey(Value, frozen=True, kw_only=True):
    """A log that may have signed: its origin, Ed25519 public key (32 bytes), and where it is, if that was said."""

    origin: str
    public_key: bytes
    url: str = ""


class Witness(Value, frozen=True, kw_only=True):
    """A witness under its name in the policy; `url` is its submission prefix, empty when the policy does not say."""

    name: str
    key: CosignerKey
    url: str = ""


class Group(Value, frozen=True, kw_only=True):
    """So many (`threshold`) of these members, witnesses or groups."""

    name: str
    threshold: int
    members: tuple[str, ...]


class WitnessPolicy(Value, frozen=True, kw_only=True):
    """A parsed policy. `quorum` names a witness or a group, or is `none`."""

    logs: tuple[LogKey, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    def met_by(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses (by their names here) make the quorum."""
        if self.quorum == NONE:
            return True
        held = {witness.name for witness in self.witnesses if witness.name in cosigned}
        for group in self.groups:  # in order: members stand on earlier lines
            if sum(member in held for member in group.members) >= group.threshold:
                held.add(group.name)
        return self.quorum in held


class Witnessed(Value, frozen=True, kw_only=True):
    """What a policy says about one checkpoint: who cosigned it, when (POSIX seconds), and whether that is enough."""

    checkpoint: Checkpoint
    met: bool
    times: dict[str, int]


def parse_policy_file(data: bytes, path: str = "policy") -> WitnessPolicy:
    """The policy in these bytes; raises `Invalid` with `path:line` for the first line that is not allowed."""
    if len(data) > MOST_BYTES:
        raise Invalid("this is too long for a witness policy.", path=path, remedy="One line per log and witness.")
    reading = _Reading(path)
    lines = data.split(b"\n")
    if lines.pop():
        raise reading.wrong(len(lines) + 1, "the last line does not end", "End every line with a newline.")
    if len(lines) > MOST_LINES:
        raise reading.wrong(MOST_LINES, "too many lines", "One line per log and witness.")
    for number, line in enumerate(lines, 1):
        reading.line(number, line)
    if reading.quorum is None:
        raise reading.wrong(len(lines), "there is no quorum line", "Say `quorum NAME`, or `quorum none`.")
    return WitnessPolicy(
        logs=tuple(reading.logs),
        witnesses=tuple(reading.witnesses),
        groups=tuple(reading.groups),
        quorum=reading.quorum,
    )


def witnessed(note: bytes, policy: WitnessPolicy, verifiers: Verifiers, *, log: LogKey | None = None) -> Witnessed:
    """Who cosigned this checkpoint, and whether the quorum is met.

    It must be signed by one of the policy's logs (or by `log`, when the policy names none). Lines of unknown keys are
    passed over. Raises `Corrupt` when no such log signed it, or a line of a known key does not verify.
    """
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    known = policy.logs or (() if log is None else (log,))
    _require_log(note, known, verifiers)
    times: dict[str, int] = {}
    for witness in policy.witnesses:
        at = cosigned_at(parsed, witness.key, verifiers)
        if at is not None:
            times[witness.name] = at
    return Witnessed(checkpoint=checkpoint, met=policy.met_by(times), times=times)


def _require_log(note: bytes, logs: Collection[LogKey], verifiers: Verifiers) -> None:
    parsed = parse_note(note)
    origin = parse_checkpoint(parsed.text).origin
    for log in logs:
        if log.origin != origin:
            continue
        ours = key_hash(log.origin, log.public_key)
        for each in parsed.signatures:
            if each.name == log.origin and each.key_hash == ours:
                if verifiers["ed25519"](log.public_key, parsed.text.encode(), each.signature):
                    return
                raise Corrupt("The log's signature does not fit.", remedy="The checkpoint was changed after signing.")
    raise Corrupt("The checkpoint is not signed by a log of the policy.", remedy="Compare its origin and keys.")


def with_quorum(
    report: VerificationReport, notes: Mapping[int, bytes], policy: WitnessPolicy, verifiers: Verifiers, log: LogKey
) -> VerificationReport:
    """The report, with a difference unless some of these cosigned checkpoints (by size) has the policy's quorum.

    It must lie within what was verified; that it belongs to that history is told by giving the notes to verification.
    """
    what = "no checkpoint was cosigned" if not notes else "no checkpoint has the quorum"
    for size in sorted(notes, reverse=True):
        try:
            found = witnessed(notes[size], policy, verifiers, log=log)
        except Corrupt as error:
            what = f"the checkpoint of {size} entries: {error.message}"
            continue
        if found.met and found.checkpoint.size <= report.size:
            return report
    if policy.quorum == NONE:
        return report
    return report.with_differences([Difference(kind="quorum", where="witnesses", what=what)])


class _Reading:
    """The lines read so far."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.logs: list[LogKey] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._names: set[str] = set()
        self._placed: set[str] = set()
        self._keys: set[bytes] = set()

    def wrong(self, number: int, what: str, remedy: str) -> Invalid:
        return Invalid(f"{what}.", path=f"{self.path}:{number}", remedy=remedy)

    def line(self, number: int, line: bytes) -> None:
        if _FORBIDDEN.search(line):
            raise self.wrong(number, "a control character", "Allowed are tab, space and printable characters.")
        words = re.split(r"[ \t]+", line.decode(errors="surrogateescape").strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            return
        kinds: Mapping[str, Callable[[int, list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if words[0] not in kinds:
            raise self.wrong(number, "an unknown kind of line", f"Known are: {', '.join(kinds)}.")
        kinds[words[0]](number, words[1:])

    def _log(self, number: int, words: list[str]) -> None:
        if len(words) not in (1, 2):
            raise self.wrong(number, "a log line has a key and perhaps a URL", "log VKEY [URL]")
        try:
            origin, key = parse_vkey(words[0])
        except Corrupt as error:
            raise self.wrong(number, "this is no log's key", error.message) from None
        self._new_key(number, key, "log")
        self.logs.append(LogKey(origin=origin, public_key=key, url=words[1] if len(words) == 2 else ""))

    def _witness(self, number: int, words: list[str]) -> None:
        if len(words) not in (2, 3):
            raise self.wrong(number, "a witness line has a name, a key and perhaps a URL", "witness NAME VKEY [URL]")
        self._new_name(number, words[0])
        try:
            key = parse_cosigner_key(words[1])
        except Corrupt as error:
            raise self.wrong(number, "this is no witness's key", error.message) from None
        self._new_key(number, key.public_key, "witness")
        self.witnesses.append(Witness(name=words[0], key=key, url=words[2] if len(words) == 3 else ""))

    def _group(self, number: int, words: list[str]) -> None:
        if len(words) < 3:
            raise self.wrong(number, "a group has a name, a threshold and members", "group NAME all|any|K MEMBER...")
        name, asked, *members = words
        for member in members:
            if member not in self._names:
                raise self.wrong(number, f"`{_shown(member)}` is not defined on a line before", "Define it first.")
            if member in self._placed:
                raise self.wrong(number, f"`{_shown(member)}` is in a group already", "Name each member once.")
            self._placed.add(member)
        if asked not in ("all", "any") and not _NUMBER.match(asked):
            raise self.wrong(number, "the threshold is neither all, any nor a number", "Write 1, 2, ... in decimal.")
        threshold = {"all": len(members), "any": 1}.get(asked) or int(asked)
        if threshold > len(members):
            raise self.wrong(number, f"{threshold} of {len(members)} members cannot be met", "Lower the threshold.")
        self._new_name(number, name)
        self.groups.append(Group(name=name, threshold=threshold, members=tuple(members)))

    def _quorum(self, number: int, words: list[str]) -> None:
        if len(words) != 1:
            raise self.wrong(number, "a quorum line has one name", "quorum NAME")
        if self.quorum is not None:
            raise self.wrong(number, "there is a second quorum line", "Say it once.")
        if words[0] != NONE and words[0] not in self._names:
            raise self.wrong(number, f"`{_shown(words[0])}` is not defined on a line before", "Define it first.")
        self.quorum = words[0]

    def _new_name(self, number: int, name: str) -> None:
        if name == NONE or name in self._names:
            raise self.wrong(number, f"the name `{_shown(name)}` is taken", "Choose another one.")
        self._names.add(name)

    def _new_key(self, number: int, key: bytes, kind: str) -> None:
        marked = kind.encode() + key
        if marked in self._keys:
            raise self.wrong(number, f"a second {kind} with this key", "Name each key once.")
        self._keys.add(marked)


def _shown(name: str) -> str:
    return name.encode(errors="surrogateescape").decode(errors="replace")[:80]
