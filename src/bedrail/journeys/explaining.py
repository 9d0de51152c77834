"""Why a model said what it said: of a decision, of a row, and whether such reasons can be trusted at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bedrail.core.errors import Invalid, NotFound, Refused, Unavailable
from bedrail.core.events import DataRead
from bedrail.core.values import Evidence
from bedrail.decisions.values import AnswerRecord, decision_record
from bedrail.governance.access import require_site
from bedrail.journeys.admission import Progress, quiet
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_part
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import load_model, record_evidence
from bedrail.journeys.tracing import sealed_record
from bedrail.models.explain.account import Account, account
from bedrail.models.explain.surrogate import Surrogate, distil
from bedrail.models.feature import Raw

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.explanations.asking import Explained
    from bedrail.governance.usecase import Charter
    from bedrail.models.predict import LoadedModel

MOST_ROWS = 1_000
MOST_TAUGHT = 4_000
REMOTE_ROWS = 400
"""A vendor's model is asked few questions: each is a call over the network, and may be counted as abuse."""


class _Note(msgspec.Struct, frozen=True):
    """Where a candidate's surrogate rests, sealed under its dataset's key, and which inputs go together."""

    surrogate: str
    close: tuple[tuple[str, str], ...]


def explain_decision(ctx: Context, person: str, decision: str, *, actionable: Sequence[str] | None = None) -> Account:
    """Why a decision said what it said, from its sealed inputs and the model that answered.

    Opening the record is itself a fact. Raises `NotFound`, `Refused` for a role that may not read decisions or for a
    record that was destroyed, and `Invalid` for a fallback: there was no answer to explain.
    """
    actor = ctx.require(person, "decision.read")
    row = ctx.views.decision(decision)
    if row is None:
        raise NotFound(f"no decision `{decision[:40]}`.", path="decision", remedy="bedrail status shows where to look.")
    require_site(ctx.registry, person, row.site)
    taken = DataRead(
        use_case=row.use_case, kind="decision", count=1, reason="explanation", decision=decision, subject=row.subject
    )
    ctx.append(actor, "oversight", taken)
    plaintext = sealed_record(ctx, row)
    if plaintext is None:
        raise Refused("nothing is left to explain: the record was destroyed, or there never was one.")
    record = decision_record(plaintext)
    if not isinstance(record, AnswerRecord):
        raise Invalid(
            "this decision is a fallback: no model answered.", path="decision", remedy="bedrail trace DECISION"
        )
    model = load_model(ctx, record.candidate)
    return _account(ctx, model, record.candidate, record.inputs, record.terms.threshold, actionable)


def explain_row(
    ctx: Context,
    person: str,
    use_case: str,
    candidate: str,
    values: Mapping[str, Raw],
    *,
    actionable: Sequence[str] | None = None,
) -> Account:
    """Why a candidate says what it says of one row of inputs in contract units; nothing is stored.

    Raises `NotFound`, `Refused`, and `Invalid` (path `features.NAME`) for inputs that the contract does not allow.
    """
    ctx.require(person, "candidate.examine")
    found = find_candidate(ctx.use_case(use_case), candidate)
    model = load_model(ctx, found.candidate)
    return _account(ctx, model, found.candidate, values, ctx.charter(use_case).decision.threshold, actionable)


def _account(
    ctx: Context,
    model: LoadedModel,
    candidate: str,
    values: Mapping[str, Raw],
    threshold: float,
    actionable: Sequence[str] | None,
) -> Account:
    for name in actionable or ():
        model.package.contract.feature(name)
    note = _noted(ctx, candidate)
    surrogate = None
    if note is not None and note.surrogate:
        # Where the dataset's key was destroyed the surrogate went with it: then there are no reasons any more.
        with suppress(NotFound):
            surrogate = msgspec.json.decode(ctx.get_sealed(note.surrogate), type=Surrogate)
    close = note.close if note is not None else ()
    return account(model, values, threshold=threshold, surrogate=surrogate, actionable=actionable, close=close)


def check_explanations(
    ctx: Context,
    person: str,
    use_case: str,
    candidate: str,
    *,
    directions: Mapping[str, int] | None = None,
    seed: int = 0,
    progress: Progress = quiet,
) -> Evidence:
    """Evidence `explanations` about a candidate, on validation rows; signed and recorded.

    For a model without exact reasons a surrogate is taught on rows of training and measured on others; it is kept, and
    `explain_decision` shows its reasons with its fidelity. `directions` (feature to 1 or -1) force it to rise or fall.
    """
    actor = ctx.require(person, "candidate.examine")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    found = find_candidate(view, candidate)
    if view.dataset is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    from bedrail.checks.explanations.asking import close_pairs, explanation_evidence

    model = load_model(ctx, found.candidate)
    why = f"explanations of {found.name}"[:100]
    rng = np.random.default_rng([seed, 13])
    train = read_part(ctx, use_case, "train", reader=actor, reason=why)
    rows = read_part(ctx, use_case, "validation", reader=actor, reason=why)
    rows = _sample(rows, REMOTE_ROWS if model.package.kind == "remote" else MOST_ROWS, rng)
    surrogate = None
    if model.base is None:
        progress("teaching a surrogate")
        taught = _sample(train, REMOTE_ROWS if model.package.kind == "remote" else MOST_TAUGHT, rng)
        X = model.encoder.table(taught)
        surrogate = distil(model.package.contract, X, model.scores(X), rng, directions=directions)  # type: ignore[arg-type]
    elif directions:
        raise Invalid("this model explains itself: no surrogate is taught.", path="--direction", remedy="Leave it out.")
    progress("asking the model, its explanations and LIME")
    explained = _explained(charter, model, train, rows, surrogate, seed)
    requirements = next(numbers for tier, numbers in ctx.policy().requirements.items() if tier == view.tier)
    answer = explanation_evidence(explained, requirements, rng)
    close = tuple((a, b) for a, b, _ in close_pairs(model.package.contract, explained.X))
    _note(ctx, found.candidate, view.dataset.dataset, surrogate, close)
    dataset = view.dataset.dataset
    return record_evidence(ctx, actor, (answer,), use_case=use_case, candidate=found.candidate, dataset=dataset)[0]


def _sample(rows: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    if len(rows) > most:
        rows = rows.iloc[np.sort(rng.choice(len(rows), most, replace=False))]
    return rows.reset_index(drop=True)


def _explained(
    charter: Charter,
    model: LoadedModel,
    train: pd.DataFrame,
    rows: pd.DataFrame,
    surrogate: Surrogate | None,
    seed: int,
) -> Explained:
    import pandas as pd

    from bedrail.checks.explanations.asking import Explained

    contract = model.package.contract
    X = model.encoder.table(rows)
    shares, base, scale = _shares(model, surrogate)
    randomised, untrained = _randomised(charter, model, train, surrogate, seed)

    def blank(name: str) -> np.ndarray | None:
        feature = contract.feature(name)
        if feature.missing == "refuse":
            return None
        nothing = np.nan if feature.kind == "numeric" else None
        return model.encoder.table(rows.assign(**{name: pd.Series([nothing] * len(rows), index=rows.index)}))

    answers = model.scores(X)
    return Explained(
        contract=contract,
        X=X,
        patient=pd.factorize(rows[charter.data.subject])[0].astype(np.int64),
        ask=model.scores,
        parts=shares,
        base=base,
        scale=scale,
        exact=surrogate is None,
        randomised=randomised,
        untrained=untrained,
        blank=blank,
        answers=answers,
        groups={name: rows[name].fillna("missing").to_numpy() for name in charter.roles().groups},
        cut=_raw_cut(model, answers, charter.decision.threshold),
        said=None if surrogate is None else surrogate.scoring().scores(X),
    )


def _raw_cut(model: LoadedModel, answers: np.ndarray, threshold: float) -> float:
    """The raw score from which the calibrated risk reaches the threshold, as far as these answers show it."""
    above = answers[model.package.calibration.apply_many(answers) >= threshold]
    return float(above.min()) if len(above) else 1.0


def _shares(model: LoadedModel, surrogate: Surrogate | None) -> tuple[Callable[[np.ndarray], np.ndarray], float, str]:
    """Rows to shares per feature, what they count from, and their scale."""
    if surrogate is None:
        assert model.base is not None

        def own(X: np.ndarray) -> np.ndarray:
            parts = model.contributions(X)
            assert parts is not None
            return parts

        return own, model.base, model.scale
    scoring = surrogate.scoring()
    assert scoring.base is not None
    return _by_feature(model, scoring.parts), scoring.base, scoring.scale


def _by_feature(
    model: LoadedModel, parts: Callable[[np.ndarray], np.ndarray | None]
) -> Callable[[np.ndarray], np.ndarray]:
    starts = np.array([start for start, _ in model.package.contract.spans], dtype=np.intp)

    def summed(X: np.ndarray) -> np.ndarray:
        columns = parts(X)
        assert columns is not None
        return np.asarray(np.add.reduceat(columns, starts, axis=-1))

    return summed


def _randomised(
    charter: Charter, model: LoadedModel, train: pd.DataFrame, surrogate: Surrogate | None, seed: int
) -> tuple[Callable[[np.ndarray], np.ndarray] | None, str]:
    """Shares of the recipe on shuffled labels, or of a surrogate taught by shuffled answers; or why there are none."""
    from bedrail.models.retrain import retrain, retrainable

    rng = np.random.default_rng([seed, 17])
    train = _sample(train, MOST_TAUGHT, rng)
    X = model.encoder.table(train)
    if surrogate is not None:
        if model.package.kind == "remote":
            return None, "A vendor's model cannot be trained on shuffled labels, nor asked that often."
        shuffled = distil(model.package.contract, X, rng.permutation(model.scores(X)), rng, forms=(surrogate.form,))
        return _by_feature(model, shuffled.scoring().parts), ""
    if why := retrainable(model.package):
        return None, why
    import pandas as pd

    labels = rng.permutation(train[charter.data.outcome].to_numpy(dtype=np.float64))
    patient = pd.factorize(train[charter.data.subject])[0].astype(np.int64)
    try:
        other = retrain(model.package, X, labels, patient, seed)
    except Unavailable as error:
        return None, error.message
    return _by_feature(model, other.parts), ""


def _noted(ctx: Context, candidate: str) -> _Note | None:
    path = ctx.home / "explanations" / f"{candidate[:32]}.json"
    return msgspec.json.decode(path.read_bytes(), type=_Note) if path.is_file() else None


def _note(
    ctx: Context, candidate: str, dataset: str, surrogate: Surrogate | None, close: tuple[tuple[str, str], ...]
) -> None:
    """Keep the surrogate sealed (its leaves are means over patients), and a note of its digest."""
    digest = ""
    if surrogate is not None:
        digest = ctx.put_sealed(msgspec.json.encode(surrogate), dataset=dataset, kind="surrogate")
    path = ctx.home / "explanations" / f"{candidate[:32]}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    scratch.write_bytes(msgspec.json.encode(_Note(digest, close)))
    scratch.replace(path)
