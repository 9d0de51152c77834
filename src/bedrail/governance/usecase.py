"""The charter of a use case: its `usecase.toml`, read into frozen values and checked line by line.

What stands here answers GOV-1 of the control catalogue (intended use, owner, users, population, role in the decision,
tier) and FDA's criterion 4 for decision support that is no device (FD&C Act 520(o)(1)(E)): who uses it, for whom, and
what they fall back on is said before any model is.
"""

from __future__ import annotations

import math
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.toml_lines import Located, read_toml
from bedrail.core.toml_lines import Path as KeyPath
from bedrail.core.values import Mode, Pace, Tier, Value
from bedrail.data.consent import Purpose
from bedrail.data.consistency import RowsRule, convert_rules
from bedrail.data.minimum import RowRule
from bedrail.data.roles import DataRoles
from bedrail.models.contract import Contract, Feature

FILE = "usecase.toml"
SECTIONS = ("use_case", "decision", "data", "features", "monitoring", "model", "limits")

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]


class UseCase(Value, frozen=True, kw_only=True):
    """What, for whom, where, and who answers for it. `fallback` is what clinicians do when there is no decision."""

    id: Name
    title: Text
    intended_use: Text
    population: Text
    setting: str = ""
    out_of_scope: tuple[str, ...] = ()
    expected_benefit: str = ""
    fallback: Text
    tier: Tier
    owner: Text


class DecisionRules(Value, frozen=True, kw_only=True):
    """How an answer is used. `threshold` is the calibrated risk from which the suggestion is made.

    An interval of the risk wider than `max_interval_width` goes to review; an answer later than `budget_ms`
    milliseconds is a fallback.
    """

    mode: Mode
    threshold: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
    suggestion: Text
    max_interval_width: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 1.0
    budget_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 250


class Shares(Value, frozen=True, kw_only=True):
    """Shares of patients per part, ordered by first encounter; they add up to 1."""

    train: Share = 0.5
    calibration: Share = 0.15
    validation: Share = 0.15
    holdout: Positive = 0.2

    def as_dict(self) -> dict[str, float]:
        """The shares by part, in order of time."""
        return {
            "train": self.train,
            "calibration": self.calibration,
            "validation": self.validation,
            "holdout": self.holdout,
        }


class DataPlan(Value, frozen=True, kw_only=True):
    """Where the local data is and which column plays which part. Files are relative to the folder.

    `purpose` is what people are asked for (see `data/consent.py`), `waiver` the board's decision that stands for
    missing authorisations, `query` the file with the extraction query. `columns` are needed beside roles and features,
    `rows` are the only ones needed, `rules` what has to hold within a row (see `data/consistency.py`); `measured_at`
    names by feature the column that says when it was measured. What is of `holdout_sites` is holdout and nothing else.
    """

    source: Text
    prepare: str = ""
    subject: Text
    encounter: Text
    time: Text
    outcome: Text
    site: str = ""
    groups: tuple[Text, ...] = ()
    intersections: tuple[Annotated[tuple[Text, ...], msgspec.Meta(min_length=2)], ...] = ()
    shares: Shares = Shares()
    purpose: Purpose = "training"
    waiver: Annotated[str, msgspec.Meta(max_length=200)] = ""
    query: str = ""
    columns: tuple[Text, ...] = ()
    rows: tuple[RowRule, ...] = ()
    rules: tuple[RowsRule, ...] = ()
    holdout_sites: tuple[Text, ...] = ()
    measured_at: dict[str, str] = msgspec.field(default_factory=dict)


class Monitoring(Value, frozen=True, kw_only=True):
    """`window` decisions per look; the yearly false-alarm budget is shared by all monitors together."""

    window: Annotated[int, msgspec.Meta(ge=50, le=1_000_000)] = 500
    false_alarms_per_year: Annotated[float, msgspec.Meta(gt=0.0, le=52.0)] = 1.0
    looks_per_year: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 52


class ModelSource(Value, frozen=True, kw_only=True):
    """Where the model is when it is not trained here: `remote` is a vendor's, known only by its answers."""

    kind: Literal["trained", "imported", "remote"] = "trained"
    endpoint: str = ""
    vendor: str = ""
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 200


class Charter(Value, frozen=True, kw_only=True):
    """A whole `usecase.toml`."""

    use_case: UseCase
    decision: DecisionRules
    data: DataPlan
    features: tuple[Feature, ...]
    monitoring: Monitoring = Monitoring()
    model: ModelSource = ModelSource()
    limits: Pace = Pace()

    def contract(self) -> Contract:
        """The inputs as the model's contract."""
        return Contract(features=self.features)

    def roles(self) -> DataRoles:
        """The parts that columns play in the data."""
        plan = self.data
        return DataRoles(
            subject=plan.subject,
            encounter=plan.encounter,
            time=plan.time,
            outcome=plan.outcome,
            site=plan.site,
            groups=plan.groups,
            intersections=plan.intersections,
        )


def load_charter(folder: Path) -> Charter:
    """The charter in `folder/usecase.toml`; raises `NotFound` without one, `Invalid` with `usecase.toml:LINE key`."""
    path = folder / FILE
    try:
        source = path.read_bytes()
    except OSError:
        raise NotFound(
            f"There is no readable {FILE} in {folder}.",
            path=str(path),
            remedy="Name the folder of the use case; `examples/readmission-30d` shows one.",
        ) from None
    return parse_charter(source)


def parse_charter(source: bytes | str, *, name: str = FILE) -> Charter:
    """The charter that `source` (TOML) states; raises nothing but `Invalid`, which names line, key and remedy."""
    toml = read_toml(source, name)
    toml.known_keys((), SECTIONS)
    charter = Charter(
        use_case=toml.convert(("use_case",), toml.table(("use_case",)), UseCase),
        decision=toml.convert(("decision",), toml.table(("decision",)), DecisionRules),
        data=_data(toml),
        features=_features(toml),
        monitoring=toml.convert(("monitoring",), toml.table(("monitoring",), required=False), Monitoring),
        model=_model(toml),
        limits=toml.convert(("limits",), toml.table(("limits",), required=False), Pace),
    )
    _texts(toml, charter)
    _tier_rules(toml, charter)
    _outcome_is_no_feature(toml, charter)
    return charter


def _data(toml: Located) -> DataPlan:
    at: KeyPath = ("data",)
    table = dict(toml.table(at))
    shares = toml.convert((*at, "shares"), toml.table((*at, "shares"), required=False), Shares)
    table.pop("shares", None)
    if table.pop("outcome_type", "binary") != "binary":
        raise toml.invalid(
            (*at, "outcome_type"),
            "Use cases are trained, served and watched for yes-or-no outcomes only.",
            "Leave it out, and examine other outcomes with `bedrail examine --outcome-type`.",
        )
    convert_rules(table.get("rules", []), name=f"{FILE} data.rules")
    plan = toml.convert(at, table, DataPlan)
    plan = msgspec.structs.replace(plan, shares=shares)
    total = sum(shares.as_dict().values())
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise toml.invalid((*at, "shares"), f"The shares add up to {total:g}.", "Make them add up to 1.")
    for key, given in (("source", plan.source), ("prepare", plan.prepare), ("query", plan.query)):
        if given and not _stays_inside(given):
            raise toml.invalid(
                (*at, key),
                f"`{key}` leads out of the use case's folder.",
                "Give a path below the folder, without `..`.",
            )
    _columns(toml, plan)
    if plan.holdout_sites and not plan.site:
        raise toml.invalid((*at, "holdout_sites"), "Sites are held out, and no column says the site.", "Add `site`.")
    return plan


def _stays_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\\" not in path and "\0" not in path


def _columns(toml: Located, plan: DataPlan) -> None:
    """One column plays one part, and an intersection is made of declared groups."""
    played: dict[str, str] = {}
    for part in ("subject", "encounter", "time", "outcome", "site"):
        column = getattr(plan, part)
        if column and column in played:
            message = f"Column `{column}` is both {played[column]} and {part}."
            raise toml.invalid(("data", part), message, "Name a column of its own for each part.")
        played[column] = part
    for index, group in enumerate(plan.groups):
        if group in plan.groups[:index]:
            raise toml.invalid(("data", "groups", index), f"Group `{group}` is listed twice.", "List it once.")
        if played.get(group) in ("subject", "encounter", "outcome"):
            message = f"Column `{group}` is the {played[group]} and cannot be a group."
            raise toml.invalid(("data", "groups", index), message, "Choose an attribute of the patient.")
    for index, crossed in enumerate(plan.intersections):
        at: KeyPath = ("data", "intersections", index)
        for column in crossed:
            if column not in plan.groups:
                raise toml.invalid(at, f"`{column}` is not among the groups.", f"Add it to `groups`: {plan.groups}.")
        if len(set(crossed)) != len(crossed):
            raise toml.invalid(at, "An intersection names a group twice.", "Cross different groups.")


def _features(toml: Located) -> tuple[Feature, ...]:
    raw = toml.data.get("features")
    if not isinstance(raw, list) or not raw:
        remedy = "Declare each input of the model as [[features]] with name, kind and label."
        raise toml.invalid(("features",), "The use case declares no features.", remedy)
    features: list[Feature] = []
    for index, table in enumerate(raw):
        at: KeyPath = ("features", index)
        feature = toml.convert(at, table, Feature)
        for problem in Contract(features=(feature,)).lint():
            key = problem.path.rpartition(".")[2]
            raise toml.invalid((*at, key), _sentence(problem.message), problem.remedy)
        features.append(feature)
    seen: dict[str, int] = {}
    for index, feature in enumerate(features):
        for column in dict.fromkeys((feature.name, *feature.columns)):
            if column in seen:
                message = f"`{column}` is declared twice, first in line {toml.line(('features', seen[column]))}."
                raise toml.invalid(("features", index, "name"), message, "Rename or remove one of them.")
            seen[column] = index
    return tuple(features)


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]


def _model(toml: Located) -> ModelSource:
    model = toml.convert(("model",), toml.table(("model",), required=False), ModelSource)
    if model.kind == "remote" and not _is_http(model.endpoint):
        raise toml.invalid(
            ("model", "endpoint"),
            "A remote model needs the http(s) address that scores.",
            'Write `endpoint = "https://vendor.example/score"`, without user name or password in it.',
        )
    if model.kind != "remote" and model.endpoint:
        raise toml.invalid(
            ("model", "endpoint"), f"A model of kind `{model.kind}` has no endpoint.", 'Set `kind = "remote"`.'
        )
    return model


def _is_http(endpoint: str) -> bool:
    """Credentials do not belong into a file kept in git."""
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None


_BLANK = re.compile(r"\s*")


def _texts(toml: Located, charter: Charter) -> None:
    """What people must be able to read may not be blank."""
    for key in ("title", "intended_use", "population", "fallback", "owner"):
        if _BLANK.fullmatch(getattr(charter.use_case, key)):
            raise toml.invalid(("use_case", key), f"`{key}` is blank.", "Say it in a sentence.")
    if _BLANK.fullmatch(charter.decision.suggestion):
        raise toml.invalid(("decision", "suggestion"), "`suggestion` is blank.", "Say what to offer the patient.")


def _tier_rules(toml: Located, charter: Charter) -> None:
    """A high-tier answer is never merely shown: someone confirms it or a reviewer holds it.

    Human in the loop by tier: confirm or override from medium on, confirm for every action at high (own tiering table,
    after IMDRF N12 and 45 CFR 92.210(c), which asks to mitigate, not merely to inform).
    """
    if charter.use_case.tier == "high" and charter.decision.mode == "inform":
        raise toml.invalid(
            ("decision", "mode"),
            "A high-tier use case may not merely inform.",
            'Write `mode = "confirm"` or `mode = "review"`.',
        )


def _outcome_is_no_feature(toml: Located, charter: Charter) -> None:
    """A model that is fed the outcome, or the patient's number, has learnt nothing."""
    forbidden = {charter.data.outcome: "outcome", charter.data.subject: "subject", charter.data.encounter: "encounter"}
    for index, feature in enumerate(charter.features):
        if feature.name in forbidden:
            message = f"`{feature.name}` is the {forbidden[feature.name]} column and may not be a feature."
            raise toml.invalid(("features", index, "name"), message, "Remove it from the features.")


def charter_problem(source: bytes | str, *, name: str = FILE) -> Invalid | None:
    """What is wrong with a charter first, or None: for editors and pre-commit hooks."""
    try:
        parse_charter(source, name=name)
    except Invalid as problem:
        return problem
    return None
