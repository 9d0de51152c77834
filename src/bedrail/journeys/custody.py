"""Keeping the keys: the inventory, rotation while the house goes on, the custodian of pseudonyms, legal holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bedrail.core.custody import EpochKeys, SecretCustody, owner_of
from bedrail.core.errors import BedrailError, Invalid, NotFound, Refused, Unavailable
from bedrail.core.events import HoldLifted, HoldPlaced, KeyRotated, PseudonymKeyMoved, decode
from bedrail.core.ports import DataKeys, KeyProvider
from bedrail.core.values import Value
from bedrail.journeys.context import Context

BATCH = 8_000
"""Data keys wrapped anew in one commit: the write lock is held for some 40 ms at a time, besides the sync."""

SETTLE_SECONDS = 2.0
"""Whoever sealed under the former key just before the change has written by then."""

MOST_ROUNDS = 50

FILE = "file"
_PSEUDONYM = frozenset("0123456789abcdef")

Told = Callable[[int, int], None]
"""(done, of so many)."""


def untold(_: int, __: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """The keys of one home, as ports. `pause` waits for so many seconds."""

    epochs: EpochKeys
    rows: DataKeys
    pseudonym: SecretCustody
    providers: Callable[[], list[str]]
    provider: Callable[[str], KeyProvider]
    pause: Callable[[float], None]


class KeyLine(Value, frozen=True, kw_only=True):
    """One line of the inventory (ASVS 5.0, 11.1.1 and 11.1.2): no key material, only what it is and who answers."""

    key: str
    purpose: str
    provider: str
    algorithm: str
    version: str
    created: str
    age_days: int | None
    custodian: str
    state: str
    holds: int


class Rotated(Value, frozen=True, kw_only=True):
    """What a rotation did; `resumed` when it finished an earlier one that was cut short."""

    epoch: str
    provider: str
    version: str
    keys: int
    resumed: bool


class Health(Value, frozen=True, kw_only=True):
    """Whether a provider wraps and unwraps just now."""

    provider: str
    kind: str
    state: str
    what: str


def inventory(ctx: Context, desk: KeyDesk, person: str) -> list[KeyLine]:
    """Every key of the home; no provider is asked. Raises `Refused`."""
    ctx.require(person, "keys.read")
    now, opened = ctx.clock.now(), _opened_at(ctx)
    lines = [
        _line(key, purpose, FILE, algorithm, "", opened, now, custodian=custodian)
        for key, purpose, algorithm, custodian in (
            ("ledger", "signs checkpoints of the ledger", "Ed25519", "security-officer"),
            ("ledger-mldsa", "signs published checkpoints a second time", "ML-DSA-44", "security-officer"),
            ("evidence", "signs evidence, packages and certificates", "Ed25519", "security-officer"),
        )
        if key != "ledger-mldsa" or (ctx.home / "keys" / "ledger-mldsa.key").exists()
    ]
    held = desk.pseudonym.custody()
    where, version, moved = (held.provider, held.version, held.moved) if held else (FILE, "", opened)
    lines.append(
        _line("pseudonym", "pseudonyms of patients", where, "HMAC-SHA-256", version, moved, now,
              custodian="pseudonym-custodian")
    )  # fmt: skip
    return lines + _project_lines(ctx, now) + _epoch_lines(desk, now, opened)


def _project_lines(ctx: Context, now: datetime) -> list[KeyLine]:
    """The keys of de-identification projects, as the record has them; one that is forgotten is no key any more."""
    lines = []
    for view in ctx.registry.deidentification.projects.values():
        if view.certificate:
            continue
        state = "in use" if not view.retired else "retired: to be destroyed"
        lines.append(
            _line(f"project {view.project}", "surrogates and pseudonyms of a de-identification project", view.provider,
                  "HMAC-SHA-256", "", view.at, now, custodian="pseudonym-custodian", state=state, holds=view.runs)
        )  # fmt: skip
        if view.escrow:
            lines.append(
                _line(f"escrow {view.project}", "opens who is behind the project's pseudonyms", view.escrow,
                      "HPKE X25519, AES-256-GCM", "", view.at, now, custodian="pseudonym-custodian", state=state)
            )  # fmt: skip
    return lines


def _epoch_lines(desk: KeyDesk, now: datetime, opened: str) -> list[KeyLine]:
    counts, newest = desk.rows.count_keys(), desk.epochs.newest()
    listed = {epoch.name: epoch for epoch in desk.epochs.listed()}
    lines = []
    for name in [*desk.epochs.former(), newest]:
        epoch = listed.get(name)
        provider, version, created = (epoch.provider, epoch.version, epoch.created) if epoch else (FILE, "", opened)
        state = (
            "in use" if name == newest else "still holds keys: finish the rotation" if counts.get(name) else "former"
        )
        lines.append(
            _line(name, "wraps data keys", provider, "AES-256-GCM", version, created, now, state=state,
                  holds=counts.get(name, 0), custodian="key-custodian")
        )  # fmt: skip
    lost = sum(count for name, count in counts.items() if name not in {*desk.epochs.former(), newest})
    if lost:
        lines.append(
            _line("?", "wraps data keys", "", "AES-256-GCM", "", "", now, state="destroyed: these data keys are lost",
                  holds=lost, custodian="key-custodian")
        )  # fmt: skip
    return lines


def _line(
    key: str,
    purpose: str,
    provider: str,
    algorithm: str,
    version: str,
    created: str,
    now: datetime,
    *,
    custodian: str,
    state: str = "in use",
    holds: int = 0,
) -> KeyLine:
    age = (now - datetime.fromisoformat(created)).days if created else None
    return KeyLine(
        key=key,
        purpose=purpose,
        provider=provider,
        algorithm=algorithm,
        version=version,
        created=created[:19],
        age_days=age,
        custodian=custodian,
        state=state,
        holds=holds,
    )


def _opened_at(ctx: Context) -> str:
    """When the home, and with it its first keys, was made."""
    return next((decode(data).at for _, data in ctx.tape.registry_entries(0)), "")


def check_providers(ctx: Context, desk: KeyDesk, person: str) -> list[Health]:
    """Ask each provider to wrap and unwrap something; raises `Refused`, `Invalid` for a wrong keys.toml."""
    ctx.require(person, "keys.check")
    return [_health(desk, name) for name in desk.providers()]


def _health(desk: KeyDesk, name: str) -> Health:
    kind = ""
    try:
        provider = desk.provider(name)
        kind = provider.kind
        provider.health()
    except NotFound as error:
        makes = f"bedrail keys rotate kek --to {name}, or bedrail keys move-pseudonyms --to {name}"
        what = f"{error.message} A first key is made by: {makes}"
        return Health(provider=name, kind=kind, state="no key yet", what=what)
    except BedrailError as error:
        return Health(provider=name, kind=kind, state="out", what=str(error))
    return Health(provider=name, kind=kind, state="ok", what="")


def rotate_kek(ctx: Context, desk: KeyDesk, person: str, *, to: str = "", told: Told = untold) -> Rotated:
    """Wrap every data key under a new epoch key while everything goes on; records are not touched.

    `to` names another provider. A rotation that was cut short is finished, and no other begun, unless `to` asks for
    one. The former epoch keys stay, and with them what backups hold, until a disposal. Raises `Refused` for the
    provider that keeps the key of pseudonyms, `Unavailable` when the provider is out.
    """
    actor = ctx.require(person, "keys.rotate")
    held = desk.pseudonym.custody()
    if held is not None and to == held.provider:
        raise Refused(f"`{to}` keeps the key of pseudonyms.", remedy="Name a provider of its own for the data keys.")
    if to in ctx.registry.deidentification.providers():
        raise Refused(f"`{to}` keeps keys of pseudonyms.", remedy="Name a provider of its own for the data keys.")
    newest = {epoch.name: epoch for epoch in desk.epochs.listed()}.get(desk.epochs.newest())
    unfinished = newest is not None and any(name != newest.name for name in desk.rows.count_keys())
    if newest is not None and unfinished and to in {"", newest.provider}:
        epoch, resumed = newest, True
    else:
        provider = to or (newest.provider if newest else FILE)
        epoch, resumed = desk.epochs.make(provider, ctx.clock.now().isoformat(timespec="seconds"), renew=True), False
    moved = rewrap_all(desk, told)
    fact = KeyRotated(epoch=epoch.name, keys=moved, provider=epoch.provider, version=epoch.version)
    ctx.append(actor, "security", fact)
    return Rotated(
        epoch=epoch.name, provider=epoch.provider, version=epoch.version, keys=moved, resumed=resumed
    )  # fmt: skip


def rewrap_all(desk: KeyDesk, told: Told = untold) -> int:
    """Bring every data key under the newest epoch, in batches that are each durable; returns how many there were.

    Rotations by two processes at once do each key once. Raises `Corrupt` for a data key that does not open.
    """
    to, counts = desk.epochs.newest(), desk.rows.count_keys()
    total, done, after = sum(count for name, count in counts.items() if name != to), 0, ("", "")
    told(0, total)
    while page := desk.rows.keys_outside(to, after, BATCH):
        done += desk.rows.rewrap_keys(desk.epochs.rewrapped(page, to))
        after = (page[-1].subject, page[-1].key_id)
        told(min(done, total), total)
    return done


def retire_former(desk: KeyDesk) -> list[str]:
    """Take no more data keys under any former epoch; returns their names, none of which wraps anything any more.

    Other processes may still be writing a data key that they wrapped just before: it is waited for. Raises
    `Unavailable` when one goes on using a former key.
    """
    former = desk.epochs.former()
    desk.pause(SETTLE_SECONDS)
    for name in former:
        for _ in range(MOST_ROUNDS):
            rewrap_all(desk)
            if desk.rows.retire_kek(name):
                break
        else:
            raise Unavailable(
                "Some process still wraps data keys under the former key.", remedy="Restart the servers, then repeat."
            )
    return former


def move_pseudonyms(ctx: Context, desk: KeyDesk, person: str, to: str) -> str:
    """Hand the key of pseudonyms to another provider; it stays the same key. Returns the version that wraps it.

    It is never rotated: facts hold pseudonyms for good, and under another key the same patient would be a stranger.
    Raises `Refused` for the provider that keeps the data keys: the two must not be opened by one custodian.
    """
    actor = ctx.require(person, "keys.move-pseudonyms")
    if to in {epoch.provider for epoch in desk.epochs.listed()} | {FILE}:
        raise Refused(
            f"`{to}` keeps the data keys.", remedy="Name a provider of its own for pseudonyms in keys.toml, and use it."
        )
    held = desk.pseudonym.move(to, ctx.clock.now().isoformat(timespec="seconds"))
    ctx.append(actor, "security", PseudonymKeyMoved(provider=held.provider, version=held.version))
    return held.version


def place_hold(ctx: Context, person: str, *, subject: str = "", dataset: str = "", reason: str) -> None:
    """Nothing of this subject (pseudonym) or dataset may be disposed of; raises `Refused`, `Invalid`."""
    actor = ctx.require(person, "keys.hold")
    check_target(ctx, subject, dataset)
    ctx.append(actor, "privacy", HoldPlaced(dataset=dataset, reason=_reason(reason), subject=subject))


def lift_hold(ctx: Context, person: str, *, subject: str = "", dataset: str = "", reason: str) -> None:
    """End a hold; raises `NotFound` when there is none."""
    actor = ctx.require(person, "keys.hold")
    if (subject, dataset) not in ctx.registry.custody.holds:
        raise NotFound("no hold stands there.", path="--subject or --dataset", remedy="bedrail keys holds")
    ctx.append(actor, "privacy", HoldLifted(dataset=dataset, reason=_reason(reason), subject=subject))


def standing(ctx: Context, person: str) -> list[dict[str, str]]:
    """What is held, and which disposals wait for their completion; raises `Refused`."""
    ctx.require(person, "keys.read")
    custody = ctx.registry.custody
    rows = [("held", subject, dataset, reason) for (subject, dataset), reason in custody.holds.items()]
    rows += [("disposal not complete", each.subject, each.dataset, each.reason) for each in custody.ordered.values()]
    return [dict(zip(("state", "subject", "dataset", "reason"), row, strict=True)) for row in rows]


def find_pseudonym(ctx: Context, person: str, identifier: str) -> str:
    """The pseudonym of a patient's identifier, which is neither kept nor recorded; raises `Refused`."""
    ctx.require(person, "pseudonym.find")
    return ctx.pseudonyms.pseudonym(identifier)


def check_target(ctx: Context, subject: str, dataset: str) -> str:
    """Whose data keys are meant; raises `Invalid` unless it is one pseudonym, or one dataset that was admitted."""
    if bool(subject) == bool(dataset):
        raise Invalid("name one subject or one dataset.", path="--subject, --dataset", remedy="One of the two.")
    if subject:
        if len(subject) != 32 or not _PSEUDONYM.issuperset(subject):
            raise Invalid(
                "this is no pseudonym.",
                path="--subject",
                remedy="Give its 32 hex digits, or `-` and type the identifier, which is not kept.",
            )
        return subject
    if not any(dataset in case.datasets for case in ctx.registry.use_cases.values()):
        raise NotFound(
            "there is no such dataset.", path="--dataset", remedy="Give the whole digest of an admitted one."
        )
    return owner_of(dataset)


def _reason(reason: str) -> str:
    if not reason.strip():
        raise Invalid("say why.", path="--reason", remedy='Such as --reason "erasure asked for"; no names.')
    return reason.strip()
