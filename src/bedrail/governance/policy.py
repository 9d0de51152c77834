"""The policy: TOML that says, per tier and stage, which evidence, approvals, limits and obligations open a gate.

Its digest is that of its bytes and rides on every fact that rests on it. Reading it is linting it: whatever is
unknown, contradictory or weaker at a later stage than at an earlier one is `Invalid`, with the line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import resources
from typing import Annotated

import msgspec

from bedrail.checks.requirements import Requirements, senseless
from bedrail.core.toml_lines import Located, Path, read_toml, suggest
from bedrail.core.values import TIERS, Tier, Value
from bedrail.data.quality_values import RULES as QUALITY_RULES
from bedrail.data.quality_values import Limits, QualityPolicy
from bedrail.governance.permissions import ACTIONS
from bedrail.governance.policy_rights import accountable, withheld
from bedrail.governance.rules import (
    CHECKS,
    DATA_QUALITY,
    MONITORS,
    AcceptMissing,
    AccessRule,
    Action,
    DeidRule,
    LedgerRule,
    OnRule,
    Policy,
    StageRule,
    TierRule,
    alternatives,
)
from bedrail.governance.stages import STAGES, Stage, before

__all__ = [
    "CHECKS",
    "DATA_QUALITY",
    "MONITORS",
    "AcceptMissing",
    "Action",
    "Policy",
    "StageRule",
    "TierRule",
    "alternatives",
    "default_policy",
    "default_policy_text",
    "parse_policy",
]

FILE = "policy.toml"
DEFAULT_FILE = "default_policy.toml"


_KEYS = (
    "name",
    "version",
    "description",
    "tiers",
    "requirements",
    "alarms",
    "on",
    "access",
    "quality",
    "deidentification",
    "ledger",
    "withhold",
    "accountable",
)


class _Head(Value, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    description: str = ""


class _Alarm(Value, frozen=True, kw_only=True):
    action: Action


def default_policy_text() -> str:
    """The policy that ships with Bedrail."""
    return resources.files("bedrail.governance").joinpath(DEFAULT_FILE).read_text(encoding="utf-8")


def default_policy() -> Policy:
    """The shipped policy, parsed."""
    return parse_policy(default_policy_text(), name=DEFAULT_FILE)


def parse_policy(source: bytes | str, *, name: str = FILE) -> Policy:
    """The policy that `source` (TOML) states; raises nothing but `Invalid`, which names line, key and remedy."""
    toml = read_toml(source, name)
    toml.known_keys((), _KEYS)
    given = {key: toml.data[key] for key in ("name", "version", "description") if key in toml.data}
    head = toml.convert((), given, _Head)
    toml.known_keys(("tiers",), TIERS)
    tiers: dict[Tier, TierRule] = {tier: _tier(toml, tier) for tier in TIERS if tier in toml.data["tiers"]}
    if not tiers:
        raise toml.invalid(("tiers",), "The policy has no tier.", f"Add [tiers.TIER] for one of: {', '.join(TIERS)}.")
    taken = withheld(toml)
    return Policy(
        name=head.name,
        version=head.version,
        description=head.description,
        digest=hashlib.sha256(source if isinstance(source, bytes) else source.encode()).hexdigest(),
        tiers=tiers,
        requirements=_requirements(toml),
        alarms=_alarms(toml, ("alarms",), whole=True),
        deidentification=toml.convert(
            ("deidentification",), toml.table(("deidentification",), required=False), DeidRule
        ),
        quality=_quality(toml),
        access=toml.convert(("access",), toml.table(("access",), required=False), AccessRule),
        ledger=toml.convert(("ledger",), toml.table(("ledger",), required=False), LedgerRule),
        withheld=taken,
        accountable=accountable(toml, taken),
    )


def _quality(toml: Located) -> QualityPolicy:
    """Levels of data-quality rules, and their limits."""
    table = dict(toml.table(("quality",), required=False))
    limits = toml.convert(("quality", "limits"), table.pop("limits", {}), Limits)
    for rule in table:
        if rule not in QUALITY_RULES:
            raise toml.invalid(("quality", rule), f"There is no quality rule {rule!r}.", suggest(rule, QUALITY_RULES))
    return msgspec.structs.replace(toml.convert(("quality",), {"levels": table}, QualityPolicy), limits=limits)


def _tier(toml: Located, tier: Tier) -> TierRule:
    at: Path = ("tiers", tier)
    table = dict(toml.table(at))
    stages_at: Path = (*at, "stages")
    raw_stages = toml.table(stages_at)
    toml.known_keys(stages_at, STAGES)
    stages: dict[Stage, StageRule] = {}
    for stage in STAGES:
        if stage in raw_stages:
            rule = toml.convert((*stages_at, stage), raw_stages[stage], StageRule)
            _lint_stage(toml, (*stages_at, stage), rule)
            stages[stage] = rule
    exceptions = table.pop("accept_missing", [])
    alarms = _alarms(toml, (*at, "alarms"), whole=False) if "alarms" in table else {}
    table.pop("alarms", None)
    table.pop("on", None)
    on = {**toml.table(("on",), required=False), **toml.table((*at, "on"), required=False)}
    rules = toml.convert(at, {**table, "stages": {}}, TierRule)
    rules = msgspec.structs.replace(
        rules,
        stages=stages,
        accept_missing=tuple(_exceptions(toml, (*at, "accept_missing"), exceptions)),
        alarms=alarms,
        on=toml.convert((*at, "on") if "on" in toml.table(at) else ("on",), on, OnRule),
    )
    _lint_climb(toml, stages_at, stages)
    return rules


def _lint_stage(toml: Located, at: Path, rule: StageRule) -> None:
    for index, check in enumerate(rule.checks):
        if check not in CHECKS:
            raise toml.invalid((*at, "checks", index), f"There is no check {check!r}.", suggest(check, CHECKS))
        if check in rule.checks[:index]:
            raise toml.invalid((*at, "checks", index), f"Check `{check}` is listed twice.", "List it once.")
    approvers = tuple(sorted(ACTIONS["approval.give"]))
    for index, approval in enumerate(rule.approvals):
        for role in alternatives(approval):
            if role not in approvers:
                message = f"The role {role!r} gives no approvals."
                raise toml.invalid((*at, "approvals", index), message, suggest(role, approvers))
    for index, obligation in enumerate(rule.obligations):
        if not obligation.strip():
            raise toml.invalid((*at, "obligations", index), "This obligation is blank.", "Say what must be done.")


def _lint_climb(toml: Located, at: Path, stages: dict[Stage, StageRule]) -> None:
    """Stages start with shadow, leave none out, and never ask less, visibly, than the one before."""
    for stage, rule in stages.items():
        earlier = before(stage)
        if earlier is None:
            if rule.min_decisions or rule.min_days:
                key = "min_decisions" if rule.min_decisions else "min_days"
                raise toml.invalid((*at, stage, key), "No stage comes before shadow.", f"Remove `{key}` here.")
            continue
        if earlier not in stages:
            raise toml.invalid(
                (*at, stage), f"{stage} is given without {earlier}.", f"Add [{'.'.join(map(str, at))}.{earlier}]."
            )
        lost = [check for check in stages[earlier].checks if check not in rule.checks]
        if lost:
            message = f"{stage} does not ask for `{lost[0]}`, which {earlier} asks for."
            raise toml.invalid((*at, stage, "checks"), message, f'Add "{lost[0]}" to its checks.')
        if len(rule.approvals) < len(stages[earlier].approvals):
            message = f"{stage} asks for fewer approvals than {earlier}."
            raise toml.invalid((*at, stage, "approvals"), message, "Ask for at least as many.")
    if not stages:
        raise toml.invalid(at, "The tier has no stages.", "Add at least the stage shadow.")


def _exceptions(toml: Located, at: Path, raw: object) -> Iterator[AcceptMissing]:
    if not isinstance(raw, list):
        raise toml.invalid(at, "Exceptions are a list of tables.", "Write each as [[...accept_missing]].")
    for index, table in enumerate(raw):
        found = toml.convert((*at, index), table, AcceptMissing)
        if found.check not in CHECKS:
            raise toml.invalid(
                (*at, index, "check"), f"There is no check {found.check!r}.", suggest(found.check, CHECKS)
            )
        yield found


def _alarms(toml: Located, at: Path, *, whole: bool) -> dict[str, Action]:
    """Monitor -> action. A name close to a known one is taken for a slip; other names are monitors of one's own."""
    alarms: dict[str, Action] = {}
    for monitor, raw in toml.table(at).items():
        near = get_close_matches(monitor, MONITORS, n=1, cutoff=0.75)
        if monitor not in MONITORS and near:
            raise toml.invalid((*at, monitor), f"There is no monitor {monitor!r}.", suggest(monitor, MONITORS))
        try:
            alarms[monitor] = msgspec.convert({"action": raw}, _Alarm).action
        except msgspec.ValidationError:
            message = f"{raw!r} is no action." if isinstance(raw, str) else "An action is a word."
            raise toml.invalid((*at, monitor), message, "Write one of: notify, retreat, halt.") from None
    if whole and "other" not in alarms:
        remedy = 'Add `other = "retreat"`: what to do on the alarm of a monitor that is not named.'
        raise toml.invalid(at, "`other` is missing.", remedy)
    return alarms


def _requirements(toml: Located) -> dict[Tier, Requirements]:
    toml.table(("requirements",), required=False)
    if "requirements" in toml.data:
        toml.known_keys(("requirements",), TIERS)
    found: dict[Tier, Requirements] = {}
    for tier in TIERS:
        at: Path = ("requirements", tier)
        table = toml.table(at, required=False)
        for key, raw in table.items():
            if key in Requirements.__struct_fields__:
                _lint_requirement(toml, (*at, key), key, raw)
        found[tier] = toml.convert(at, table, Requirements)
    return found


def _lint_requirement(toml: Located, at: Path, key: str, value: object) -> None:
    """Numbers outside any sense: probabilities beyond 0 to 1, negative limits, bounds that leave no room."""
    wrong = senseless(key, value)
    if wrong is not None:
        raise toml.invalid(at, *wrong)
    given = value if isinstance(value, list) else [value]
    numbers = [v for v in given if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if key == "draws" and any(v < 100 for v in numbers):
        raise toml.invalid(at, "Fewer than 100 draws say nothing about an interval.", "Write 1000.")
