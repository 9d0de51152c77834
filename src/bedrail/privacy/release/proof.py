"""The proof report: per column what was found, by which rule, what was done to how many cells, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from bedrail.core.values import Value
from bedrail.privacy.release.plan import Place
from bedrail.privacy.release.recoding import Solution
from bedrail.privacy.release.values import ColumnProof, Policy, Proof
from bedrail.privacy.release.work import LEFT, MASKED, OUT, SAME, SUPPRESSED, TableWork
from bedrail.privacy.values import Handled
from bedrail.privacy.zip3 import MORE_THAN, permitted

SAFE_HARBOR = "Safe Harbor, 45 CFR 164.514(b)(2)(i)"
EXPERT = "Expert Determination, 45 CFR 164.514(b)(1)"
ATTEST = (
    "45 CFR 164.514(b)(2)(ii): a person has to attest that they do not know how what is left could identify somebody."
)
NEEDS_EXPERT = "45 CFR 164.514(b)(1): an expert has to determine, and document, that the risk is very small."


def standard_of(policy: Policy) -> str:
    """Which way out of HIPAA a policy goes: Safe Harbor only when it is called so (no date is shifted under it)."""
    return SAFE_HARBOR if policy.safe_harbor else EXPERT


def proof_of(
    work: TableWork, handled: Sequence[Handled], left: Mapping[str, int], solution: Solution | None = None
) -> Proof:
    """The proof of a run from the counts in its manifest and the second look's; never a value."""
    policy = work.policy
    counts: dict[tuple[str, str], int] = {}
    for each in handled:
        counts[each.place, each.action] = counts.get((each.place, each.action), 0) + each.count
    columns = tuple(_column(place, counts, left.get(place.shown, 0)) for place in work.places)
    out = counts.get(("(rows)", OUT), 0)
    suppressed = counts.get(("(rows)", SUPPRESSED), 0)
    return Proof(
        policy=policy.name,
        standard=standard_of(policy),
        rows_in=out + suppressed,
        rows_out=out,
        columns=columns,
        notes=_notes(work, solution, sum(left.values())),
        profile=work.profile(),
        zip_list=_zip_list(policy) if any(place.column.treatment == "zip3" for place in work.places) else "",
    )


def _column(place: Place, counts: Mapping[tuple[str, str], int], left: int) -> ColumnProof:
    done = counts.get((place.shown, place.action), 0)
    masked = counts.get((place.shown, MASKED), 0)
    return ColumnProof(
        column=place.shown,
        role=place.column.part,
        why=place.column.why,
        rule=place.rule,
        action=place.action,
        cells=done + masked + counts.get((place.shown, SAME), 0),
        changed=masked if place.column.treatment == "keep" else done + masked,
        masked=masked + counts.get((place.shown, LEFT), 0),
        left=left,
    )


def _notes(work: TableWork, solution: Solution | None, left: int) -> tuple[str, ...]:
    policy = work.policy
    methods = {place.column.treatment for place in work.places}
    notes = [ATTEST if policy.safe_harbor else NEEDS_EXPERT]
    if "shift" in methods:
        notes.append("Shifted dates are not Safe Harbor: they need an expert or a data use agreement.")
    renamed = sum(place.shown != place.name for place in work.places)
    if renamed:
        notes.append(f"{renamed} column names held what could be an identifier, and are numbered instead.")
    if "mask" in methods and work.mode is None:
        notes.append("Free text was not read, and left empty.")
    elif "mask" in methods:
        notes.append("Free text is read by a detector that misses some: names in it most of all.")
    if solution is not None:
        sure = "the optimum, certified" if solution.certified else "a heuristic: others may lose less"
        notes.append(f"{solution.method}: {sure}; loss {solution.loss:.4f} ({solution.measure}).")
    undeclared = sum(not place.declared for place in work.places)
    if undeclared:
        notes.append(f"{undeclared} columns are not declared in the policy, and were left out.")
    if left:
        notes.append("The second look found cells that should not be there: do not release this table.")
    return tuple(notes)


def _zip_list(policy: Policy) -> str:
    prefixes = sorted(permitted(strict=policy.strict_zip))
    digest = sha256(" ".join(prefixes).encode()).hexdigest()
    of = "census of 2020 without the 17 of 2000" if policy.strict_zip else "census of 2020"
    return f"{len(prefixes)} prefixes of more than {MORE_THAN:,} people ({of}), SHA-256 {digest}"


class Page(Value, frozen=True, kw_only=True):
    """What the page of a proof shows beside it."""

    title: str
    made_at: str = ""


def proof_html(proof: Proof, page: Page, solution: Solution | None = None) -> str:
    """One self-contained page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bedrail.privacy.release"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("proof.html").render(proof=proof, page=page, solution=solution)
