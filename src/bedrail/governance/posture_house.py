"""Posture checks on the house: who comes in and how, the ledger's witnesses, policies and what they let through."""

from __future__ import annotations

from collections.abc import Iterator

from bedrail.governance.posture import Posture, posture_check

TOKEN_DAYS = 366
POLICY_DAYS = 366
WITNESS_DAYS = 1


@posture_check("sign-in", "warning", "Must people prove who they are?", "bedrail accounts add PERSON")
def sign_in(posture: Posture) -> Iterator[str]:
    """Until then whoever can open the home is everybody."""
    if posture.house.believed:
        yield "nobody has an account: names given with --as are believed"


@posture_check(
    "second-factor",
    "warning",
    "Has everybody in a powerful role a second factor?",
    "Enrol one: the page /account.",
)
def second_factor(posture: Posture) -> Iterator[str]:
    """They can do nothing with a password alone, and will be locked out when it matters."""
    for person in posture.house.single_factor:
        yield f"{person} has a powerful role and no second factor"


@posture_check(
    "identity-provider",
    "warning",
    "Does every trusted identity provider answer?",
    "Ask whoever runs it; local accounts go on. One that is gone for good: bedrail accounts drop ISSUER --reason WHY.",
)
def identity_provider(posture: Posture) -> Iterator[str]:
    """People who only sign in there are shut out; asked by `bedrail doctor` and by running servers every minute."""
    for name, why in posture.house.providers_out:
        yield f"nobody can sign in through {name}: {why.rstrip('.')}"


@posture_check(
    "roles-apart", "warning", "Are making and guarding in different hands?", "bedrail people add PERSON --role ROLE"
)
def roles_apart(posture: Posture) -> Iterator[str]:
    """GOV-4."""
    for person in posture.house.both_hands:
        yield f"{person} builds models and guards privacy"


@posture_check("one-owner", "note", "Would an absent owner be missed?", "bedrail people add PERSON --role owner")
def one_owner(posture: Posture) -> Iterator[str]:
    """One person's absence should stop nothing."""
    if posture.house.owners < 2:
        yield "there is one owner only"


@posture_check("long-tokens", "warning", "Does every token end within a year?", "bedrail token rotate TOKEN")
def long_tokens(posture: Posture) -> Iterator[str]:
    """A token that never ends is a password that never changes."""
    for client, days in posture.house.long_lived:
        yield f"the token of {client} is good for {days} more days"


@posture_check(
    "ended-tokens", "note", "Do the systems hold tokens that work?", "bedrail token issue USE_CASE --client CLIENT"
)
def ended_tokens(posture: Posture) -> Iterator[str]:
    """Whoever still uses one gets nothing."""
    if posture.house.expired_tokens:
        yield f"{posture.house.expired_tokens} tokens have expired"


@posture_check(
    "witness", "warning", "Does somebody else watch the ledger?", "bedrail witness init elsewhere; adopt its policy."
)
def witness(posture: Posture) -> Iterator[str]:
    """Without one, whoever holds key and anchor can write another history."""
    if not posture.house.witnesses:
        yield "no witness cosigns this ledger"


@posture_check(
    "witness-late",
    "warning",
    "Did the witnesses' quorum cosign within a day?",
    "bedrail ledger witnesses tells who is out.",
)
def witness_late(posture: Posture) -> Iterator[str]:
    """What nobody else has seen can be rewritten unseen."""
    if posture.house.witnesses:
        days = posture.house.witnessed_days
        if days is None:
            yield "the witnesses' quorum has cosigned nothing yet"
        elif days > WITNESS_DAYS:
            yield f"the witnesses' quorum last cosigned {days:.1f} days ago"


@posture_check(
    "policy-age",
    "note",
    "Was the policy looked at within a year?",
    "Review it: bedrail policy show; bedrail policy adopt FILE",
)
def policy_age(posture: Posture) -> Iterator[str]:
    """Rules age as models do."""
    if posture.house.policy_days > POLICY_DAYS:
        yield f"the policy in force is {posture.house.policy_days:.0f} days old"


@posture_check(
    "approval-ended",
    "warning",
    "Is everything that serves still approved?",
    "Approve again, or bedrail halt USE_CASE --reason WHY",
)
def approval_ended(posture: Posture) -> Iterator[str]:
    """Answers have stopped; nobody decided that they should."""
    for each in posture.house.serving:
        if each.days_left < 0:
            yield f"{each.use_case} serves at {each.stage} on approvals that ended {-each.days_left:.1f} days ago"


@posture_check(
    "refused-package",
    "warning",
    "Are the packages that serve the admitted ones?",
    "Restore it from backup, or admit it again.",
)
def refused_package(posture: Posture) -> Iterator[str]:
    """The refusal is on record; find out who changed the bytes."""
    for each in posture.house.serving:
        if each.refused:
            yield f"the package that {each.use_case} serves was refused: {each.refused}"


@posture_check("abuse", "warning", "Has somebody settled every suspicion of abuse?", "bedrail abuse list")
def abuse(posture: Posture) -> Iterator[str]:
    """A token asked as honest use does not; a suspended one gives clinicians nothing meanwhile."""
    for use_case, detector, suspended in posture.house.suspected:
        yield f"{detector}: a token of {use_case} is suspected of abuse{' and suspended' * suspended}"


@posture_check("unsafe-start", "note", "Was a server ever started in spite of this?", "Start it without --unsafe-lab.")
def unsafe_start(posture: Posture) -> Iterator[str]:
    """It is on record."""
    if posture.house.unsafe_starts:
        yield f"servers were started with dangerous settings {posture.house.unsafe_starts} times"


@posture_check(
    "known-flaws",
    "note",
    "Have the libraries known flaws?",
    "bedrail sbom > sbom.cdx.json, and give it to your scanner; bedrail sbom --check",
)
def known_flaws(posture: Posture) -> Iterator[str]:  # noqa: ARG001 (this cannot be known here)
    """Nothing here may call home, so nothing here can know."""
    yield "this cannot be looked up without a network: no advisory data is on board"
