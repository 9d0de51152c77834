"""The machine-learning bill of materials of a package: CycloneDX 1.6 JSON with a model card and data components.

What stands in it comes from the package and its signed evidence alone. Field names and allowed words are those of the
CycloneDX 1.6 schema (ECMA-424); a test holds the result against that schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bedrail.core.values import Evidence, Finding, Value
from bedrail.models.values import Package

Json = dict[str, Any]
FORMAT = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
_FAMILIES = {
    "linear": "logistic regression",
    "trees": "ensemble of decision trees",
    "ebm": "explainable boosting machine",
    "onnx": "as in the ONNX graph",
    "remote": "unknown: a supplier's, known by its answers only",
}


class Purpose(Value, frozen=True, kw_only=True):
    """What the use case's charter says the model is for."""

    title: str
    intended_use: str
    population: str
    owner: str
    out_of_scope: tuple[str, ...] = ()


class DataPart(Value, frozen=True, kw_only=True):
    """The admitted table behind a package: content digest, SHA-256 of the stored file, size and parts."""

    dataset: str
    sha256: str
    rows: int
    columns: int
    counts: dict[str, int]


def serial_number(digest: str) -> str:
    """A version 8 UUID (RFC 9562) made of a SHA-256: the same content has the same number."""
    d = digest
    return f"urn:uuid:{d[:8]}-{d[8:12]}-8{d[13:16]}-{'89ab'[int(d[16], 16) & 3]}{d[17:20]}-{d[20:32]}"


def model_bom(
    candidate: str,
    package: Package,
    purpose: Purpose,
    *,
    files: Mapping[str, str],
    evidence: Sequence[Evidence],
    data: DataPart | None,
    made_at: str,
    version: str,
) -> Json:
    """The bill of materials of one candidate; `files` are the package's SHA-256 digests by path, `made_at` is UTC."""
    ref, data_ref = f"model:{candidate}", f"data:{data.dataset}" if data else ""
    libraries = [_library(name, number) for name, number in sorted(package.lineage.libraries.items())]
    parts = [_file(path, digest) for path, digest in sorted(files.items())]
    tables = [_table(data, data_ref)] if data else []
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        **FORMAT,
        "serialNumber": serial_number(candidate),
        "metadata": {
            "timestamp": made_at,
            "tools": {"components": [{"type": "application", "name": "bedrail", "version": version}]},
            "component": {
                "type": "machine-learning-model",
                "bom-ref": ref,
                "name": package.name,
                "version": candidate[:12],
                "description": purpose.title,
                "hashes": [{"alg": "SHA-256", "content": candidate}],
                "modelCard": _card(package, purpose, evidence, data_ref),
                "properties": _properties(package),
            },
        },
        "components": [*parts, *tables, *libraries],
        "dependencies": [
            {"ref": ref, "dependsOn": [each["bom-ref"] for each in (*parts, *tables, *libraries)]},
            *({"ref": each["bom-ref"]} for each in (*parts, *tables, *libraries)),
        ],
    }


def _card(package: Package, purpose: Purpose, evidence: Sequence[Evidence], data_ref: str) -> Json:
    parameters: Json = {
        "approach": {"type": "supervised"},
        "task": "binary classification with a calibrated risk",
        "architectureFamily": _FAMILIES[package.kind],
        "modelArchitecture": package.lineage.recipe or package.kind,
        "inputs": [{"format": f"{f.name} ({f.unit or f.kind})"} for f in package.contract.features],
        "outputs": [{"format": "risk in [0, 1] with interval, conformal p-values, distance to the training patients"}],
    }
    if data_ref:
        parameters["datasets"] = [{"ref": data_ref}]
    overall = [f for each in evidence for f in each.findings if f.group == "overall" and f.estimate is not None]
    return {
        "modelParameters": parameters,
        "quantitativeAnalysis": {"performanceMetrics": [_metric(finding) for finding in overall]},
        "considerations": {
            "users": [purpose.population, f"answers for it: {purpose.owner}"],
            "useCases": [purpose.intended_use],
            "technicalLimitations": [
                *(f"not for: {each}" for each in purpose.out_of_scope),
                *(f"{each.check}: {each.verdict}: {each.reason}" for each in evidence if each.verdict != "pass"),
            ],
            "fairnessAssessments": [
                {"groupAtRisk": f.group, "harms": f"{f.check}: {f.verdict}: {f.reason}"}
                for each in evidence
                for f in each.findings
                if each.check in ("fairness", "subgroups") and f.verdict != "pass"
            ],
        },
    }


def _metric(finding: Finding) -> Json:
    metric: Json = {"type": finding.check, "value": f"{finding.estimate:.6g}", "slice": finding.group}
    if finding.low is not None and finding.high is not None:
        metric["confidenceInterval"] = {"lowerBound": f"{finding.low:.6g}", "upperBound": f"{finding.high:.6g}"}
    return metric


def _properties(package: Package) -> list[Json]:
    told = {
        "kind": package.kind,
        "origin": package.lineage.origin,
        "code": package.lineage.code,
        "source-sha256": package.lineage.source,
        "split": package.lineage.split,
        "seed": "" if package.lineage.seed is None else str(package.lineage.seed),
        **{f"parameter:{name}": str(value) for name, value in sorted(package.lineage.parameters.items())},
    }
    return [{"name": f"bedrail:{name}", "value": value} for name, value in told.items() if value]


def _file(path: str, digest: str) -> Json:
    hashes = [{"alg": "SHA-256", "content": digest}]
    return {"type": "file", "bom-ref": f"file:{path}", "name": path, "hashes": hashes}


def _library(name: str, version: str) -> Json:
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _table(data: DataPart, ref: str) -> Json:
    counts = ", ".join(f"{part} {count}" for part, count in sorted(data.counts.items()))
    return {
        "type": "data",
        "bom-ref": ref,
        "name": f"table {data.dataset[:12]}",
        "version": data.dataset,
        "hashes": [{"alg": "SHA-256", "content": data.sha256}],
        "data": [
            {
                "type": "dataset",
                "name": "admitted table",
                "classification": "confidential",
                "sensitiveData": ["health data of patients under pseudonyms"],
                "description": f"{data.rows} rows, {data.columns} columns; rows by part: {counts}",
            }
        ],
    }
