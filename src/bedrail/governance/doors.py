"""What every door does: each HTTP route and each command with the action it asks for; one that is not here is shut.

A door is `public` (it says nothing that needs a role, or asks by itself), opened by a bearer token that is good for
something (`token:decide` ...), or by a person whose roles permit the action.
"""

from __future__ import annotations

from typing import Literal

from bedrail.core.values import Value
from bedrail.governance.permissions import ACTIONS, READS
from bedrail.governance.stages import MOVES, STATES, TABLE, VISIBLE, Goes

Key = Literal["public", "token", "session", "command"]
PUBLIC = "public"


class Permit(Value, frozen=True, kw_only=True):
    """What one door asks: `key` says by what it is opened, `action` what for.

    A token door's `token` is what the token must be good for; its `action` is asked of the person named in the request,
    where there is one (`person`). `why` says for a public door why it may be.
    """

    key: Key
    action: str
    token: str = ""
    person: bool = False
    why: str = ""


def _public(why: str) -> Permit:
    return Permit(key="public", action=PUBLIC, why=why)


def _token(good_for: str, action: str, *, person: bool = False) -> Permit:
    return Permit(key="token", action=action, token=good_for, person=person)


def _session(action: str) -> Permit:
    return Permit(key="session", action=action)


WAYS_IN = (
    *(("GET", path) for path in ("", "/invitation", "/local", "/returned", "/passkey.js")),
    *(("POST", path) for path in ("", "/code", "/passkey", "/passkey/answer", "/invitation", "/local", "/provider")),
)
OWN_ACCOUNT = (
    *(("GET", path) for path in ("", "/confirm")),
    *(("POST", path) for path in ("/app", "/app/confirm", "/passkey", "/passkey/confirm", "/recovery-codes")),
    *(("POST", path) for path in ("/remove", "/password", "/sessions/end", "/confirm", "/confirm/passkey")),
    *(("POST", path) for path in ("/confirm/passkey/answer", "/confirm/provider")),
)
"""Pages on which people act on their own account; whoever works here may."""

HTTP: dict[str, Permit] = {
    "GET /healthz": _public("says only that the process lives"),
    "GET /readyz": _public("says only whether it answers, and what it waits for"),
    "GET /metrics": _public("counts without patients, for the hospital's own monitoring"),
    "GET /log/checkpoint": _public("the signed size and root"),
    "GET /log/tile/0/{tile:path}": _public("hashes of entries, not one entry"),
    "GET /openapi.json": _public("the description of the API"),
    "GET /": _session("registry.read"),
    "GET /catalogue": _session("registry.read"),
    "GET /reports/{use_case}/{name}": _session("registry.read"),
    **{f"{method} /sign-in{path}": _public("asks who it is by itself") for method, path in WAYS_IN},
    "POST /sign-out": _public("ends nothing but one's own session"),
    **{f"{method} /account{path}": _session("registry.read") for method, path in OWN_ACCOUNT},
    "GET /emergency": _session("registry.read"),
    "POST /emergency": _session("break-glass.open"),
    "POST /emergency/end": _session("break-glass.open"),
    "POST /emergency/review": _session("break-glass.review"),
    "GET /emergency/{grant}": _session("access.read"),
    "POST /api/v1/use-cases/{use_case}/decisions": _token("decide", "decision.ask"),
    "POST /api/v1/decisions/{decision}/responses": _token("respond", "decision.respond", person=True),
    "POST /api/v1/decisions/{decision}/outcomes": _token("outcome", "outcome.observe"),
    "POST /api/v1/decisions/{decision}/card": _token("read", "decision.respond", person=True),
    "GET /api/v1/decisions/{decision}": _token("read", "decision.read"),
    "GET /api/v1/use-cases/{use_case}/reviews": _token("read", "decision.read"),
    "POST /api/v1/use-cases/{use_case}/consent": _token("consent", "consent.change"),
}
"""Each route as `METHOD /path`; HEAD goes with GET."""

_NO_HOME = "needs no home, or makes one"
_OUTSIDE = "verifies with public keys alone, also for outsiders and damaged homes"

_FILES = "works on the caller's own files, with the caller's own key"
_APART = "a witness is a house of its own, with its own folder and keys"

CLI: dict[str, str] = {
    "init": _NO_HOME,
    "demo": _NO_HOME,
    "policy lint": _NO_HOME,
    "access matrix": _NO_HOME,
    "access refused": "access.read",
    "ledger verify": _OUTSIDE,
    "sign-in": "asks who it is by itself",
    "sign-out": "ends nothing but one's own session",
    "whoami": "says who is signed in at this terminal",
    "accounts list": "account.manage",
    "accounts add": "account.manage",
    "accounts reset": "account.manage",
    "accounts reset-mfa": "account.manage",
    "accounts disable": "account.manage",
    "accounts enable": "account.manage",
    "accounts sessions": "account.manage",
    "accounts end": "session.end",
    "accounts rules": "sign-in.rule",
    "accounts trust": "sign-in.rule",
    "accounts drop": "sign-in.rule",
    "accounts providers": "registry.read",
    "accounts link": "account.manage",
    "accounts unlink": "account.manage",
    "people add": "person.add",
    "people leave": "person.leave",
    "people list": "registry.read",
    "policy show": "registry.read",
    "policy adopt": "policy.adopt",
    "token issue": "token.issue",
    "token rotate": "token.issue",
    "token hand-over": "token.issue",
    "token list": "registry.read",
    "token revoke": "token.revoke",
    "order give": "order.give",
    "order list": "registry.read",
    "order revoke": "order.revoke",
    "keys list": "keys.read",
    "keys holds": "keys.read",
    "keys health": "keys.check",
    "keys rotate kek": "keys.rotate",
    "keys move-pseudonyms": "keys.move-pseudonyms",
    "keys hold": "keys.hold",
    "keys lift-hold": "keys.hold",
    "keys shred": "keys.shred",
    "keys complete-disposal": "keys.complete-disposal",
    "keys check-certificate": _OUTSIDE,
    "access raci": "registry.read",
    "access review start": "access.review",
    "access review certify": "access.certify",
    "access review revoke": "access.certify",
    "access review status": "access.read",
    "access review close": "access.review",
    "break-glass": "break-glass.open",
    "break-glass end": "break-glass.open",
    "break-glass review": "break-glass.review",
    "break-glass list": "access.read",
    "findings open": "finding.file",
    "findings answer": "finding.answer",
    "findings return": "finding.file",
    "findings close": "finding.file",
    "findings list": "registry.read",
    "abuse look": "abuse.look",
    "abuse list": "registry.read",
    "abuse lift": "abuse.lift",
    "doctor": "registry.read",
    "threats": "registry.read",
    "use-case open": "use-case.open",
    "status": "registry.read",
    "deid verify": _NO_HOME,
    "deid evidence add": "deid.judge",
    "deid evidence show": "deid.read",
    "deid project add": "deid.project",
    "deid project list": "deid.read",
    "deid project retire": "deid.retire",
    "deid project check-certificate": _OUTSIDE,
    "deid reidentify request": "reidentification.request",
    "deid reidentify approve": "reidentification.approve",
    "deid reidentify deny": "asks by itself: whoever asked takes it back, whoever may approve denies it",
    "deid reidentify list": "deid.read",
    "deid reidentify open": "reidentification.request",
    "data admit": "data.admit",
    "data read": "data.read",
    "data check": "works on files alone, without a home",
    "data diff": "works on files alone, without a home",
    "data leaks": "data.read",
    "data versions": "registry.read",
    "data sheet": "data.read",
    "provenance show": "registry.read",
    "provenance decisions": "decision.read",
    "provenance people": "data.people",
    "provenance export": "registry.read",
    "catalogue scan": "catalogue.scan",
    "catalogue list": "registry.read",
    "catalogue show": "registry.read",
    "catalogue own": "catalogue.own",
    "catalogue confirm": "catalogue.confirm",
    "catalogue draw": "data.admit",
    "catalogue retire": "catalogue.retire",
    "catalogue export": "registry.read",
    "retention rules": _NO_HOME,
    "retention set": "retention.rule",
    "retention hold": "keys.hold",
    "retention release": "keys.hold",
    "retention due": "retention.read",
    "retention approve": "retention.approve",
    "retention run": "retention.run",
    "retention prove": "retention.prove",
    "retention check-certificate": _OUTSIDE,
    "consent set": "consent.change",
    "consent revoke": "consent.change",
    "consent import": "consent.change",
    "consent show": "consent.read",
    "consent export": "consent.read",
    "consent rules": "registry.read",
    "train": "candidate.train",
    "mitigate": "candidate.train",
    "import-model": "candidate.import",
    "candidates list": "registry.read",
    "candidates show": "registry.read",
    "candidates recipe": "registry.read",
    "candidates source": "candidate.examine",
    "reproduce": "candidate.examine",
    "candidates lineage": "registry.read",
    "candidates bom": "registry.read",
    "candidates export": "candidate.export",
    "candidates verify": _OUTSIDE,
    "examine": "candidate.examine",
    "explain decision": "decision.read",
    "explain row": "candidate.examine",
    "explain check": "candidate.examine",
    "attack": "candidate.examine",
    "probe": "candidate.examine",
    "scenarios new": "registry.read",
    "scenarios lint": "registry.read",
    "scenarios keep": "use-case.open",
    "scenarios run": "candidate.examine",
    "scenarios show": "registry.read",
    "card make": "card.make",
    "card show": "registry.read",
    "card edit-template": "registry.read",
    "card adopt": "card.write",
    "card lint": "registry.read",
    "card verify": "registry.read",
    "card changelog": "card.make",
    "represent": "candidate.examine",
    "label-choice": "candidate.examine",
    "validate external": _FILES,
    "validate candidate": "candidate.examine",
    "approve": "approval.give",
    "object": "approval.object",
    "gate": "gate.ask",
    "deploy": "deployment.move",
    "halt": "deployment.halt",
    "rollback": "deployment.roll-back",
    "serve": "server.run",
    "watch": "monitoring.look",
    "sentinels check": "monitoring.look",
    "trace": "decision.read",
    "ledger export": "ledger.export",
    "ledger witnesses": "registry.read",
    "ledger publish": "ledger.verify",
    "ledger anchor": "shows public notes, also of damaged homes; renewing asks by itself",
    "ledger monitor": _OUTSIDE,
    "ledger keys": "registry.read",
    "ledger add-key": "ledger.add-key",
    "ledger shard": "ledger.shard",
    "ledger prune": "ledger.prune",
    "ledger shards": "registry.read",
    "ledger search": "ledger.search",
    "ledger disclosures": "ledger.search-patient",
    "ledger events": "ledger.export",
    "ledger forward": "ledger.export",
    "ledger proof": "decision.read",
    "ledger pack": "decision.read",
    "witness init": _APART,
    "witness trust": _APART,
    "witness show": _APART,
    "witness serve": _APART,
    "backup": "backup.take",
    "restore": "backup.restore",
    "egress allow": "egress.change",
    "egress close": "egress.change",
    "egress list": "registry.read",
    "tls init": _NO_HOME,
    "tls revoke": _NO_HOME,
    "sbom": _NO_HOME,
    "deid dicom": _FILES,
    "deid evaluate": _FILES,
    "deid dicom-audit": _FILES,
    "deid fhir": _FILES,
    "deid hl7": _FILES,
    "deid table": _FILES,
    "deid risk": _FILES,
    "deid policy draft": _FILES,
    "deid policy lint": _FILES,
    "deid text": _FILES,
    "deid review": _FILES,
    "deid leak-rate": _FILES,
    "deid learn": _FILES,
}
"""Each command with its action; a sentence instead of an action says why the command is public."""


def command_permit(command: str) -> Permit | None:
    """The permit of a command such as `token issue`; None for one that was not tagged."""
    said = CLI.get(command)
    if said is None:
        return None
    return Permit(key="command", action=said) if said in ACTIONS else _public(said)


ONLY: dict[str, tuple[str, ...]] = {
    "approval.give": ("in a role held, never own work, one place per person",),
    "approval.object": ("in a role held",),
    "access.certify": ("never own access",),
    "break-glass.open": ("60 minutes, after the last one was reviewed",),
    "break-glass.review": ("never own",),
    "decision.read": ("own sites",),
    "decision.respond": ("own sites",),
    "deployment.move": ("gate open",),
    "deployment.roll-back": ("gate open",),
    "finding.answer": ("own finding, or owner",),
    "finding.file": ("never own answer",),
    "order.revoke": ("own order, or an officer",),
}
"""What else must hold beside the role."""


def states_for(action: str) -> tuple[str, ...]:
    """The deployment states in which the action has something to act on; all, where the state does not matter."""
    moves = {
        "deployment.halt": ("halt",),
        "deployment.roll-back": ("roll back",),
        "deployment.move": tuple(move for move in MOVES if move.startswith("to ")),
    }
    if action in moves:
        return tuple(state for state in STATES if any(isinstance(TABLE[state, move], Goes) for move in MOVES
                                                      if move in moves[action]))  # fmt: skip
    if action == "decision.respond":
        return tuple(state for state in STATES if state in VISIBLE)
    return STATES


def is_read(action: str) -> bool:
    """Whether it changes nothing."""
    return action in READS or action == PUBLIC
