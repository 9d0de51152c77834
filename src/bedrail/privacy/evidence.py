"""De-identification as evidence that a gate can ask for: what was done, what was measured, what nobody can measure.

A verdict is `missing`, not `pass`, for whatever must be known and was not told: nobody learns from a manifest alone how
much a detector overlooked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Finding, Value, Verdict, worst
from bedrail.privacy.values import Manifest, Span

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.data.roles import DataRoles
    from bedrail.privacy.tables import Treatment

CHECK = "data-deidentified"
_ORIGINS = "recall gap between origins of names (bedrail deid evaluate --origins)"

Method = Literal["inside", "safe-harbor", "expert", "limited"]

METHODS: dict[str, str] = {
    "inside": "for use in this house: minimum necessary columns and pseudonyms under a key kept apart; not for release",
    "safe-harbor": "Safe Harbor, 45 CFR 164.514(b)(2)",
    "expert": "Expert Determination, 45 CFR 164.514(b)(1)",
    "limited": "a limited data set, 45 CFR 164.514(e): PHI still, under a data use agreement",
}

STRUCTURED = frozenset(
    {"PHONE", "FAX", "EMAIL", "SSN", "MRN", "HEALTH_PLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "URL", "IP"}
)
"""Identifiers that have a form of their own: none may be left where a column is to hold categories."""


class Limits(Value, frozen=True, kw_only=True):
    """What the policy asks; see `governance.rules.DeidRule`."""

    max_leak_share: float = 0.03
    max_origin_gap: float = 0.05
    max_record_risk: float = 0.2


class Risks(Value, frozen=True, kw_only=True):
    """What `bedrail deid risk --json` said: rows, the largest risk of a record, and the expert's determination if any.

    `verdict` holds the measures against the expert's own terms; `reasons` say which were not kept.
    """

    rows: int
    highest: float
    verdict: str = ""
    reasons: str = ""
    expert: str = ""
    until: str = ""


class Measured(Value, frozen=True, kw_only=True):
    """What was measured or attested beside the manifest; None and "" where it was not.

    `leak` is (share of identifiers left, its upper 95 % bound, identifiers looked at); `origin_gap` of name recall;
    `risks` of the table, with the expert's terms; `rescan` how many structured identifiers a second look still found,
    of all kinds but those `untold`, whose surrogates look alike; `attested_by` the person who attests 45 CFR
    164.514(b)(2)(ii), no actual knowledge; `expert` who determined.
    """

    leak: tuple[float, float, int] | None = None
    origin_gap: float | None = None
    risks: Risks | None = None
    rescan: int | None = None
    untold: tuple[str, ...] = ()
    attested_by: str = ""
    expert: str = ""


class Scanner(Protocol):
    """Finds identifiers in a text."""

    def detect(self, text: str) -> list[Span]:
        """Spans of what looks like an identifier."""
        ...


def run_evidence(manifest: Manifest, method: Method, measured: Measured, limits: Limits) -> Evidence:
    """Whether the output of a run may be called de-identified by `method`; each finding is one condition of it."""
    findings = tuple(_run_findings(manifest, method, measured, limits))
    verdict = worst(tuple(finding.verdict for finding in findings))
    reasons = [finding.reason for finding in findings if finding.verdict is verdict]
    reason = METHODS[method] if verdict is Verdict.PASS else "; ".join(reasons)
    return Evidence(check=CHECK, verdict=verdict, reason=reason, findings=findings)


def _run_findings(manifest: Manifest, method: Method, measured: Measured, limits: Limits) -> Iterator[Finding]:
    done = [each.count for each in manifest.handled if each.place != "left standing"]
    told = f"{sum(done)} places treated by {len(done)} rules; {manifest.failed} records failed and were left out"
    if not manifest.records:
        told = f"the output holds no record: {told}"
    yield _finding("treatments", Verdict.PASS if manifest.records else Verdict.MISSING, told, n=manifest.records)
    if manifest.medium != "dicom":  # each output of which was read again and audited before it was written
        yield _rescan(measured)
    if manifest.medium == "text":
        yield _leak(measured, limits)
        yield _bounded("origins", measured.origin_gap, limits.max_origin_gap, _ORIGINS)
    if method == "safe-harbor":
        yield from _safe_harbor(manifest, measured)
    if method == "expert":
        yield _finding("expert", Verdict.PASS if measured.expert else Verdict.MISSING,
                       f"determined by {measured.expert}" if measured.expert else "no expert is named")  # fmt: skip
        if manifest.medium == "table":
            yield from _risks(measured.risks, limits)


def _rescan(measured: Measured) -> Finding:
    if measured.rescan is None:
        return _finding("rescan", Verdict.MISSING, "nobody looked through the output again")
    told = f"a second look found {measured.rescan} structured identifiers in the output"
    if measured.untold:
        told += f"; nothing is said about {', '.join(measured.untold)}, whose surrogates look alike"
    verdict = Verdict.FAIL if measured.rescan else Verdict.PASS
    return _finding("rescan", verdict, told, estimate=float(measured.rescan))


def _risks(risks: Risks | None, limits: Limits) -> Iterator[Finding]:
    highest = None if risks is None else risks.highest
    yield _bounded("risk", highest, limits.max_record_risk, "largest risk of any record")
    if risks is None or not risks.verdict:
        yield _finding("terms", Verdict.MISSING, "no expert's terms were held against it: deid risk --determination")
    else:
        yield _finding("terms", Verdict(risks.verdict), risks.reasons or "the measures keep the expert's terms")


def _safe_harbor(manifest: Manifest, measured: Measured) -> Iterator[Finding]:
    shifted = sum(each.count for each in manifest.handled if "shift" in each.action)
    if shifted:
        yield _finding("dates", Verdict.FAIL, f"{shifted} dates are shifted: dates still, 164.514(b)(2)(i)(C)")
    said = measured.attested_by
    yield _finding("actual-knowledge", Verdict.PASS if said else Verdict.MISSING,
                   f"attested by {said}, 164.514(b)(2)(ii)" if said else
                   "nobody attests that no actual knowledge is left, 164.514(b)(2)(ii)")  # fmt: skip


def _leak(measured: Measured, limits: Limits) -> Finding:
    if measured.leak is None:
        return _finding("leak", Verdict.MISSING, "nobody measured what is overlooked: bedrail deid evaluate")
    share, high, looked_at = measured.leak
    verdict = Verdict.PASS if high <= limits.max_leak_share else Verdict.FAIL
    return _finding(
        "leak", verdict,
        f"at most {high:.1%} of identifiers are left (95 %), of {looked_at} looked at; the limit is"
        f" {limits.max_leak_share:.1%}",
        estimate=share, high=high, n=looked_at,
    )  # fmt: skip


def _bounded(name: str, value: float | None, limit: float, what: str) -> Finding:
    if value is None:
        return _finding(name, Verdict.MISSING, f"{what}: not measured")
    verdict = Verdict.PASS if value <= limit else Verdict.FAIL
    return _finding(name, verdict, f"{what}: {value:.3f}; the limit is {limit:.3f}", estimate=value)


def _finding(
    name: str,
    verdict: Verdict,
    reason: str,
    *,
    estimate: float | None = None,
    high: float | None = None,
    n: int | None = None,
) -> Finding:
    return Finding(check=f"{CHECK}.{name}", verdict=verdict, reason=reason, estimate=estimate, high=high, n=n)


def admission_evidence(
    table: pd.DataFrame,
    roles: DataRoles,
    treatments: Sequence[Treatment],
    scanner: Scanner,
    sources: Sequence[tuple[str, Verdict, str]] = (),
) -> Evidence:
    """What admission did to a table, and whether its words still hold structured identifiers.

    `sources` are judgements of de-identification runs whose outputs the table was made from: (name, verdict, reason);
    one that failed fails the table, and with one that could not be told the table cannot be told either.
    """
    done = [
        _finding("treatments", Verdict.PASS, f"{each.column}: {each.action} ({each.rule})") for each in treatments
    ]  # fmt: skip
    left = [_column(table, str(name), scanner) for name in table.columns if table[name].dtype.kind not in "iufbmM"]
    dates = [str(name) for name in table.columns if table[name].dtype.kind == "M"]
    kept = (
        [_finding("dates", Verdict.PASS, f"{', '.join(dates)}: full dates stay, so this is not Safe Harbor")]
        if dates
        else []
    )
    given = [_finding("source", verdict, f"{name}: {reason}") for name, verdict, reason in sources]
    findings = (*done, *(each for each in left if each is not None), *kept, *given)
    verdict = worst(tuple(finding.verdict for finding in findings))
    reasons = [finding.reason for finding in findings if finding.verdict is verdict]
    reason = METHODS["inside"] if verdict is Verdict.PASS else "; ".join(reasons)
    assert roles.subject in table.columns
    return Evidence(check=CHECK, verdict=verdict, reason=reason, findings=findings)


def _column(table: pd.DataFrame, name: str, scanner: Scanner) -> Finding | None:
    """Each different word of a column is looked at once; pseudonyms are passed over."""
    words = [str(word) for word in table[name].dropna().unique()]
    looked = [word for word in words if not _is_pseudonym(word)]
    if not looked:
        return None
    found = sum(any(span.label in STRUCTURED for span in scanner.detect(word)) for word in looked)
    verdict = Verdict.FAIL if found else Verdict.PASS
    return Finding(
        check=f"{CHECK}.scan", group=name, verdict=verdict, estimate=found / len(looked), n=len(looked),
        reason=f"{name}: {found} of {len(looked)} different words look like structured identifiers",
    )  # fmt: skip


def _is_pseudonym(word: str) -> bool:
    return len(word) == 32 and set(word) <= set("0123456789abcdef")


def read_evaluation(said: Any) -> tuple[tuple[float, float, int], float | None]:
    """(leak as in `Measured`, origin gap) out of what `bedrail deid evaluate --json` prints; raises `Invalid`.

    The gap is the wider one of the corpus, where it names origins, and of the built-in probe, where that was asked.
    """
    try:
        full = said["full"]
        leak = (1.0 - float(full["rate"]), 1.0 - float(full["low"]), int(full["of"]))
        asked = [each.get("origins", {}).values() for each in (said, said.get("probe", {}))]
        rates = [[float(share["rate"]) for share in shares] for shares in asked]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Invalid(
            "this is no evaluation.", path="--evaluation", remedy="Give what bedrail deid evaluate --json prints."
        ) from None
    return leak, max((max(each) - min(each) for each in rates if len(each) > 1), default=None)


def read_risks(said: Any) -> Risks:
    """The figures out of what `bedrail deid risk --json` prints; raises `Invalid` for something else."""
    try:
        measures = said["measures"]
        risks, given = measures["risks"], said.get("determination")
        found = Risks(rows=int(risks["rows"]), highest=float(risks["prosecutor"]["highest"]))
        if given is None:
            return found
        terms = given["terms"]
        broken = [f"{each['name']} {each['reason']}" for each in given["held"] if each["verdict"] != "pass"]
        return msgspec.structs.replace(
            found,
            verdict=str(Verdict(given["verdict"])),
            reasons="; ".join(broken),
            expert=f"{terms['expert']}, {terms['credentials']}",
            until=date.fromisoformat(given["valid_until"]).isoformat(),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Invalid(
            "this is no risk report.", path="--risk", remedy="Give what bedrail deid risk --json prints."
        ) from None
