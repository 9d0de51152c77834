"""Play an attacker against one's own candidate: who was in its training data, and what does it betray of patients?"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.events import Actor
from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.journeys.admission import Progress, quiet
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_dataset
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import load_model, record_evidence

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.attacks.attribute import Guessed
    from bedrail.checks.attacks.membership import MembershipAttack
    from bedrail.checks.requirements import Requirements
    from bedrail.governance.usecase import Charter
    from bedrail.models.predict import LoadedModel
    from bedrail.privacy.attacks import Shadows

MOST_PATIENTS = 20_000
MOST_ROWS = 6_000
MOST_LEVELS = 6


class _Kept(msgspec.Struct, frozen=True):
    """Where the scores of shadows rest, sealed: artifact digests by number."""

    artifacts: dict[int, str]


def attack_candidate(
    ctx: Context,
    person: str,
    use_case: str,
    candidate: str,
    *,
    shadows: int = 64,
    attributes: Sequence[str] | None = None,
    patients: int = MOST_PATIENTS,
    seed: int = 0,
    progress: Progress = quiet,
) -> tuple[Evidence, ...]:
    """Evidence `membership-inference` and `attribute-inference` about a candidate, signed and recorded.

    Trains `shadows` models by the candidate's own recipe on random halves of up to `patients` patients (train,
    validation and calibration parts, never the holdout); a stopped run goes on where it stopped. `attributes` are
    columns to guess (the charter's groups by default). A vendor's or imported model has no recipe: that part is
    missing. Raises `NotFound`, `Refused` and `Invalid` as examining does.
    """
    actor = ctx.require(person, "candidate.examine")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    found = find_candidate(view, candidate)
    if view.dataset is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    if found.dataset not in ("", view.dataset.dataset):
        remedy = f"Train it again on the present data: bedrail train {use_case}."
        raise Invalid(f"`{found.name}` was made from an earlier dataset.", path="candidate", remedy=remedy)
    names = _attributes(charter, attributes)
    model = load_model(ctx, found.candidate)
    why = f"attacking {found.name}"[:100]
    parts = ("train", "validation", "calibration")
    rows, labels = read_dataset(ctx, use_case, *parts, reader=actor, reason=why)
    requirements = next(numbers for tier, numbers in ctx.policy().requirements.items() if tier == view.tier)
    work = _Work(ctx, actor, view.dataset.dataset, found.candidate, charter, model, requirements, seed, progress)
    answers = (
        work.membership(rows, labels, shadows, patients),
        work.attributes(rows, labels, names),
    )
    dataset = view.dataset.dataset
    return record_evidence(ctx, actor, answers, use_case=use_case, candidate=found.candidate, dataset=dataset)


def _attributes(charter: Charter, named: Sequence[str] | None) -> tuple[str, ...]:
    roles = charter.roles()
    allowed = dict.fromkeys((*roles.groups, *(f.name for f in charter.features if f.kind == "categorical")))
    for name in named or ():
        if name not in allowed:
            raise Invalid(f"`{name}` is no group and no category of the use case.", path="--attribute",
                          remedy=f"Choose from: {', '.join(allowed)}.")  # fmt: skip
    return tuple(named) if named is not None else tuple(roles.groups)


class _Work:
    """One attack's surroundings, and its two questions."""

    def __init__(
        self,
        ctx: Context,
        actor: Actor,
        dataset: str,
        candidate: str,
        charter: Charter,
        model: LoadedModel,
        requirements: Requirements,
        seed: int,
        progress: Progress,
    ) -> None:
        self.ctx, self.actor, self.dataset, self.candidate = ctx, actor, dataset, candidate
        self.charter, self.model, self.requirements = charter, model, requirements
        self.seed, self.progress = seed, progress

    def membership(self, rows: pd.DataFrame, labels: pd.Series, shadows: int, patients: int) -> Evidence:
        """Train or fetch the shadows, attack each by the others and the candidate by all."""
        from bedrail.checks.attacks.membership import membership_evidence
        from bedrail.models.retrain import retrainable

        package = self.model.package
        if why := retrainable(package):
            return _unasked("membership-inference", f"{why} Shadow models need one.")
        import pandas as pd

        subject = self.charter.data.subject
        rng = np.random.default_rng([self.seed, 7])
        everybody = np.asarray(pd.unique(rows[subject]))
        drawn = everybody if len(everybody) <= patients else rng.permutation(everybody)[:patients]
        keep = rows[subject].isin(drawn).to_numpy()
        rows, labels = rows[keep].reset_index(drop=True), labels[keep].reset_index(drop=True)
        attack = self._attack(rows, labels, shadows, rng)
        return membership_evidence(attack, self.requirements, rng)

    def _attack(
        self, rows: pd.DataFrame, labels: pd.Series, shadows: int, rng: np.random.Generator
    ) -> MembershipAttack:
        import pandas as pd

        from bedrail.checks.attacks.membership import MembershipAttack, blind_auroc
        from bedrail.models.retrain import trainer
        from bedrail.privacy.attacks import (
            draw_memberships,
            likelihood_ratios,
            loss_scores,
            strongest_clip,
            train_shadows,
        )

        X = self.model.encoder.table(rows)
        y = rows[self.charter.data.outcome].to_numpy(dtype=np.float64)
        patient = pd.factorize(rows[self.charter.data.subject])[0].astype(np.int64)
        members = draw_memberships(int(patient.max()) + 1, shadows, rng)
        index = self._index(members)
        made: Shadows = train_shadows(
            trainer(self.model.package, X, y, patient),
            y,
            patient,
            members,
            known=self._known(index),
            keep=lambda number, scores: self._keep(index, number, scores),
            progress=lambda done, total: self.progress(f"shadow model {min(done + 1, total)} of {total}"),
            seed=self.seed * 1_000,
        )
        self.progress("attacking")
        clip = strongest_clip(made)
        own = likelihood_ratios(made, self.model.scores(X), clip=clip)
        trained = np.bincount(patient, weights=(labels == "train").to_numpy(), minlength=made.patients) > 0
        inside = trained[patient]
        blind = blind_auroc(np.column_stack([X, y]), inside, patient, self.seed)
        return MembershipAttack(
            ratios=np.stack([likelihood_ratios(made, left_out=t, clip=clip) for t in range(shadows)]),
            losses=np.stack([loss_scores(s, y, patient, made.patients) for s in made.scores]),
            members=members,
            candidate=(own[trained], own[~trained]) if blind is not None else None,
            blind=blind,
        )

    def attributes(self, rows: pd.DataFrame, labels: pd.Series, names: Sequence[str]) -> Evidence:
        """Guess each attribute of training patients and of others, with and without the model's answer."""
        from bedrail.checks.attacks.attribute import attribute_evidence

        if self.model.package.kind == "remote":
            return _unasked("attribute-inference", "A vendor's model is not asked some ten thousand made-up questions.")
        inputs = [f.name for f in self.charter.features]
        rng = np.random.default_rng([self.seed, 11])
        known, inside, outside = (
            _sample(rows[(labels == part).to_numpy()], rng) for part in ("validation", "train", "calibration")
        )
        guesses: dict[str, tuple[Guessed, Guessed]] = {}
        unasked: dict[str, str] = {}
        for name in names:
            self.progress(f"guessing {name}")
            counts = known[name].dropna().astype(str).value_counts()
            levels = [str(one) for one in counts.index[counts >= self.requirements.min_group]][:MOST_LEVELS]
            if len(levels) < 2:
                unasked[name] = "Fewer than two levels with enough patients to learn from."
                continue
            guesses[name] = (
                self._guess(name, levels, known, inside, inputs),
                self._guess(name, levels, known, outside, inputs),
            )
        return attribute_evidence(guesses, self.requirements, unasked)

    def _guess(
        self, name: str, levels: list[str], known: pd.DataFrame, attacked: pd.DataFrame, inputs: list[str]
    ) -> Guessed:
        import pandas as pd

        from bedrail.checks.attacks.attribute import Guessed
        from bedrail.privacy.attacks import guess_attribute

        known, attacked = (one[one[name].astype(str).isin(levels)] for one in (known, attacked))
        outcome = self.charter.data.outcome
        guess = guess_attribute(
            lambda frame: self.model.scores(self.model.encoder.table(frame)),
            name,
            known,
            known[outcome].to_numpy(dtype=np.float64),
            attacked,
            attacked[outcome].to_numpy(dtype=np.float64),
            inputs=inputs,
            levels=levels,
            seed=self.seed,
        )
        patient = pd.factorize(attacked[self.charter.data.subject])[0].astype(np.int64)
        return Guessed(guess.levels, guess.truth, guess.attack, guess.imputation, patient)

    def _index(self, members: np.ndarray) -> Path:
        """The note of which shadows are done; its name binds candidate, dataset, seed and who is in which shadow."""
        plan = hashlib.sha256(f"{self.candidate} {self.dataset} {self.seed}".encode() + np.packbits(members).tobytes())
        return self.ctx.home / "attacks" / f"{plan.hexdigest()[:32]}.json"

    def _known(self, index: Path) -> dict[int, np.ndarray]:
        if not index.is_file():
            return {}
        kept = msgspec.json.decode(index.read_bytes(), type=_Kept)
        return {n: np.load(io.BytesIO(self.ctx.get_sealed(digest))) for n, digest in kept.artifacts.items()}

    def _keep(self, index: Path, number: int, scores: np.ndarray) -> None:
        """Seal one shadow's scores under the dataset's key, and note where they are; digests only are in the note."""
        data = io.BytesIO()
        np.save(data, scores)
        digest = self.ctx.put_sealed(data.getvalue(), dataset=self.dataset, kind="shadow-scores")
        kept = msgspec.json.decode(index.read_bytes(), type=_Kept) if index.is_file() else _Kept({})
        index.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = index.with_suffix(".part")
        scratch.write_bytes(msgspec.json.encode(_Kept({**kept.artifacts, number: digest})))
        scratch.replace(index)


def _sample(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if len(rows) > MOST_ROWS:
        rows = rows.iloc[np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))]
    return rows.reset_index(drop=True)


def _unasked(check: str, reason: str) -> Evidence:
    finding = Finding(check=check, verdict=Verdict.MISSING, reason=reason)
    return Evidence(check=check, verdict=Verdict.MISSING, reason=reason, findings=(finding,))
