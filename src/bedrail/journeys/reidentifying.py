"""Whom does a pseudonym stand for? Asked with purpose and legal basis, approved by others, opened once, on record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from bedrail.core.custody import ProjectKeys
from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import (
    ReidentificationApproved,
    ReidentificationDenied,
    ReidentificationOpened,
    ReidentificationRequested,
)
from bedrail.core.ports import KeyedDigest
from bedrail.core.values import Value
from bedrail.governance.deidentification import APPROVERS, RequestView, require_approvable, require_open
from bedrail.journeys.context import Context
from bedrail.journeys.refusals import duties

MOST_PSEUDONYMS = 200
MOST_DAYS = 30
KINDS: tuple[str, ...] = ("subject", "uid", "note", "message", "facility", "file")
"""What candidates are tried as, unless other kinds are named."""

_HEX = re.compile(r"^[0-9a-f]{16,32}\Z")
"""Where a field is too short for 32, media write the first 16 or 20 digits: 64 bits still name one of a project's."""

_UID = re.compile(r"^2\.25\.(0|[1-9][0-9]{0,38})\Z")


class Found(Value, frozen=True, kw_only=True):
    """Whom a pseudonym stands for: it leaves memory only into a private file."""

    pseudonym: str
    kind: str
    identifier: str


def request(
    ctx: Context, person: str, project: str, pseudonyms: Iterable[str], *, purpose: str, basis: str, days: int = 7
) -> RequestView:
    """Ask who is behind these pseudonyms (32 hex digits, or UIDs 2.25...), for `days`; raises `Refused`, `Invalid`."""
    actor = ctx.require(person, "reidentification.request")
    ctx.registry.deidentification.project(project)
    asked = tuple(dict.fromkeys(normal(each) for each in pseudonyms))
    if not 1 <= len(asked) <= MOST_PSEUDONYMS:
        raise Invalid(
            f"name 1 to {MOST_PSEUDONYMS} pseudonyms.", path="--pseudonym", remedy="Ask again for further ones."
        )  # fmt: skip
    for text, path in ((purpose, "--purpose"), (basis, "--basis")):
        if len(text.strip()) < 10:
            raise Invalid("say it in a sentence.", path=path, remedy="What for, and on which legal basis; no names.")
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"a request stands 1 to {MOST_DAYS} days.", path="--days", remedy="Ask again when it is over.")
    made = ReidentificationRequested(
        basis=basis.strip(),
        expires=(ctx.clock.now() + timedelta(days=days)).isoformat(timespec="seconds"),
        project=project,
        pseudonyms=asked,
        purpose=purpose.strip(),
        request=ctx.ids.new(),
    )
    ctx.append(actor, "privacy", made)
    return ctx.registry.deidentification.requests[made.request]


def approve(ctx: Context, person: str, name: str) -> RequestView:
    """Approve a request of somebody else's, in a role that is still missing; raises `Refused`, `NotFound`."""
    actor = ctx.require(person, "reidentification.approve")
    found, known = ctx.registry.deidentification.request(name), ctx.registry.seen
    roles = ctx.registry.people[person].roles & frozenset(APPROVERS)
    with duties(ctx, person, "reidentification.approve"):
        role = require_approvable(found, person, roles, ctx.clock.now().timestamp())
    ctx.append(actor, "privacy", ReidentificationApproved(request=found.request, role=role), known=known)
    return ctx.registry.deidentification.requests[found.request]


def deny(ctx: Context, person: str, name: str, reason: str) -> None:
    """End a request: whoever may approve it denies it, whoever asked takes it back; raises `Refused`, `NotFound`."""
    found = ctx.refresh().deidentification.request(name)
    actor = ctx.require(person, "reidentification.request" if person == found.by else "reidentification.approve")
    if found.state(ctx.clock.now().timestamp()) in {"opened", "denied"}:
        raise Refused("the request is over already.", remedy="bedrail deid reidentify list")
    if not reason.strip():
        raise Invalid("say why.", path="--reason", remedy="In a sentence without names.")
    fact = ReidentificationDenied(reason=reason.strip(), request=found.request)
    ctx.append(actor, "privacy", fact, known=ctx.registry.seen)


def list_requests(ctx: Context, person: str) -> list[tuple[RequestView, str]]:
    """(request, state) of each; raises `Refused`."""
    ctx.require(person, "deid.read")
    now = ctx.clock.now().timestamp()
    return [(each, each.state(now)) for each in ctx.registry.deidentification.requests.values()]


def open_request(
    ctx: Context,
    keys: ProjectKeys,
    person: str,
    name: str,
    *,
    candidates: Iterable[str] | None = None,
    kinds: Sequence[str] = KINDS,
) -> tuple[Found, ...]:
    """The answer to an approved request, once: from the escrow, or by trying `candidates` (identifiers) as `kinds`.

    It is on record before it is returned; the caller writes it into a private file and shows it nowhere. Raises
    `Refused`, `NotFound` when there is neither an escrow nor candidates, `Unavailable`.
    """
    actor = ctx.require(person, "reidentification.request")
    found, known = ctx.registry.deidentification.request(name), ctx.registry.seen
    with duties(ctx, person, "reidentification.request"):
        require_open(found, person, ctx.clock.now().timestamp())
    ctx.registry.deidentification.project(found.project)
    if candidates is None:
        behind = keys.behind(found.project, found.pseudonyms)
        answer = tuple(
            Found(pseudonym=each, kind=behind[each][0], identifier=behind[each][1])
            for each in found.pseudonyms
            if each in behind
        )
    else:
        answer = tuple(_tried(keys.digest(found.project), found.pseudonyms, candidates, kinds))
    by = "escrow" if candidates is None else "candidates"
    ctx.append(
        actor, "privacy", ReidentificationOpened(by=by, found=len(answer), request=found.request), known=known
    )  # fmt: skip
    return answer


def normal(pseudonym: str) -> str:
    """The pseudonym as 32 hex digits (or the first 16 to 31 of them); raises `Invalid` for what is none."""
    text = pseudonym.strip().lower()
    if _HEX.match(text):
        return text
    uid = _UID.match(text)
    if uid is not None and int(uid[1]) < 2**128:
        return f"{int(uid[1]):032x}"
    raise Invalid(
        "this is no pseudonym.", path="--pseudonym", remedy="Give its 32 hex digits, or a UID that begins 2.25."
    )


def _tried(key: KeyedDigest, wanted: Sequence[str], candidates: Iterable[str], kinds: Sequence[str]) -> Iterator[Found]:
    left, lengths = set(wanted), {len(each) for each in wanted}
    for candidate in candidates:
        for kind in kinds:
            made = key.digest(kind, candidate)[:16].hex()  # as `Keyed.pseudonym`, which an escrow would keep
            for asked in [made[:length] for length in lengths if made[:length] in left]:
                left.discard(asked)
                yield Found(pseudonym=asked, kind=kind, identifier=candidate)
        if not left:
            return
