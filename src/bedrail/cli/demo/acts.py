"""The twelve acts, in order; each states what it shows, and stops the story when that is not so."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import click

from bedrail.cli.cases import prepared_table
from bedrail.cli.demo.bedside import bedside, rollback, vendor, watching
from bedrail.cli.demo.client import Ehr, request_of
from bedrail.cli.demo.proofs import tampered_copies
from bedrail.cli.demo.scene import CASE, Scene, expect_fallback, open_door, said
from bedrail.cli.demo.stage import Stage, free_port

SPLIT_AT = 252_466_032
"""Encounter ids rise with time: what lies below was past when the data was admitted, the rest streams in later."""

VENDOR_FROM = 185_000_000
TRIAL = 15
"""Seconds that an approval on trial lasts, or three times as long as this machine took for the stages before."""
PEOPLE = (
    ("dr-adams", "Dr. Adams", "clinical-lead"),
    ("sam", "Dr. Sam", "data-scientist", "clinical-lead"),
    ("priya", "Priya", "privacy-officer"),
    ("rob", "Rob", "release-engineer"),
    ("ada", "Ada", "auditor"),
    ("vera", "Vera", "vendor-manager"),
    ("dr-lee", "Dr. Lee", "clinician"),
)


def play(folder: Path, examples: Path) -> None:
    """Play all acts into `folder`; figures go to demo.json, papers to the home's reports."""
    home = folder / "home"
    with Stage(home) as stage:
        scene = _prepare(stage, folder, examples)
        for act in (
            _1_house, _2_use_case, _3_data, _4_candidates, _5_examine, _6_approve, _7_deploy, bedside, watching,
            vendor, rollback, _11_proof,
        ):  # fmt: skip
            act(scene)
        _12_curtain(scene)


def _prepare(stage: Stage, folder: Path, examples: Path) -> Scene:
    from bedrail.governance.usecase import load_charter

    click.secho(
        "Bedrail: from a candidate to the bedside and back, on 101,766 real encounters of 130 US hospitals.", bold=True
    )
    stage.say("Data: Strack et al. 2014, UCI 296, CC BY 4.0. Sites are simulated. Nothing here may be used for care.")
    charter = load_charter(examples / CASE)
    table, _ = prepared_table(examples / CASE, charter.data.source, charter.data.prepare)
    time_column = charter.data.time
    past = table[table[time_column] < SPLIT_AT]
    past[past[time_column] >= VENDOR_FROM].to_parquet(folder / "encounters.parquet")
    later = table[table[time_column] >= SPLIT_AT].reset_index(drop=True)
    stage.figures |= {"encounters": len(table), "past": len(past), "later": len(later)}
    return Scene(stage, folder, examples, charter, folder / "encounters.parquet", later, free_port(), Ehr(0, "", CASE))


def _1_house(scene: Scene) -> None:
    stage = scene.stage
    stage.act(1, "A home: store, keys, an owner, people with roles, the hospital's policy")
    stage.run("init", "--owner", "olivia", "--origin", "demo.hospital.example/bedrail")
    for person, name, *roles in PEOPLE:
        held = [word for role in roles for word in ("--role", role)]
        stage.run("people", "add", person, "--name", name, *held, person="olivia", lines=1)
    stage.run("policy", "adopt", str(scene.examples / "policies" / "hospital.toml"), person="olivia")


def _2_use_case(scene: Scene) -> None:
    stage = scene.stage
    stage.act(2, "A use case is opened; the gate is closed and says why, who can mend it and how")
    stage.run("use-case", "open", str(scene.examples / CASE), person="olivia")
    told = stage.run("gate", CASE, "--to", "pilot", "--format", "json", expect=1, lines=0)
    stage.run("gate", CASE, "--to", "pilot", expect=1, lines=12)
    stage.figures["reasons at first"] = len(json.loads(told.text)["reasons"])


def _3_data(scene: Scene) -> None:
    stage = scene.stage
    stage.act(
        3, "The data is admitted: pseudonyms, profile, quality, digest, split by patient and time, locked holdout"
    )
    arguments = ("--folder", str(scene.examples / CASE), "--before", str(SPLIT_AT))
    stage.run("data", "admit", CASE, *arguments, person="sam")


def _4_candidates(scene: Scene) -> None:
    stage = scene.stage
    stage.act(4, "Two candidates by recipe: an interpretable baseline and boosted trees")
    stage.run("train", CASE, "--recipe", "logistic", "--name", "baseline", person="sam", lines=4)
    stage.run("train", CASE, "--recipe", "boosting", "--name", "boosted", person="sam", lines=4)
    stage.run("candidates", CASE)


def _5_examine(scene: Scene) -> None:
    stage = scene.stage
    stage.act(5, "Evidence: the holdout is opened once, on record, and both candidates answer every check")
    told = stage.run("examine", CASE, person="sam", expect=1, lines=0)
    for line in told.text.splitlines():
        if not re.match(r" +\d+/\d+ ", line):
            stage.say(f"  {line[:150]}")
    required, failed = _required(scene), _failed(told.text)
    stage.check("nothing that the policy asks for failed; what cannot be told is missing", not failed & required)
    for name in sorted(failed - required):
        stage.say(f"Found, though the policy does not ask for it: {name}.")
    stage.say("The policy accepts `missing` here under conditions that the gate repeats.")


def _required(scene: Scene) -> set[str]:
    """The checks that the hospital's policy asks for, up to general use."""
    from bedrail.governance.policy import parse_policy

    policy = parse_policy((scene.examples / "policies" / "hospital.toml").read_bytes())
    rule = policy.stage(scene.charter.use_case.tier, "general")
    assert rule is not None
    return set(rule.checks)


def _failed(text: str) -> set[str]:
    """The checks that a printed examination says failed."""
    lines = (line.split() for line in text.splitlines() if line.startswith("  fail "))
    return {words[1].rstrip(":") for words in lines}


def _6_approve(scene: Scene) -> None:
    stage = scene.stage
    stage.act(6, "Approvals by distinct people, bound to digests, with an expiry; nobody approves their own work")
    stage.run(
        "approve", CASE, "--candidate", "baseline", "--role", "clinical-lead", "--to", "general", person="sam", expect=1
    )
    _approvals(stage, CASE, "baseline")
    stage.run("deploy", CASE, "--candidate", "baseline", "--to", "shadow", person="rob", lines=2)
    told = stage.run("gate", CASE, "--to", "pilot", "--candidate", "baseline", lines=12)
    stage.check("the gate is open, and says until when", "OPEN" in told.text and "until" in told.text)


def _approvals(stage: Stage, case: str, candidate: str, *more: str, to: str = "general") -> None:
    for person, role in (("dr-adams", "clinical-lead"), ("priya", "privacy-officer")):
        stage.run("approve", case, "--candidate", candidate, "--role", role, "--to", to, *more, person=person, lines=2)


def _climb(stage: Stage, candidate: str) -> None:
    move = ("deploy", CASE, "--candidate", candidate, "--to")
    stage.run(*move, "shadow", person="rob", lines=2)
    stage.run(*move, "pilot", "--sites", "north,east", person="rob", lines=2)
    stage.run(*move, "canary", "--share", "10%", person="rob", lines=2)
    stage.run(*move, "general", person="rob", lines=2)


def _7_deploy(scene: Scene) -> None:
    stage = scene.stage
    stage.act(7, "Shadow, pilot (some sites), canary (a share of patients), general; a skipped stage is refused")
    stage.run("deploy", CASE, "--candidate", "baseline", "--to", "general", person="rob", expect=1)
    began = time.monotonic()
    _climb(stage, "baseline")
    trial = max(TRIAL, round(3 * (time.monotonic() - began)))
    scene.ehr = open_door(scene, CASE)
    stage.say(f"The baseline serves everywhere. Its successor gets a trial approval of {trial} seconds.")
    _approvals(stage, CASE, "boosted", "--valid-for", f"{trial}s", to="pilot")
    over = time.monotonic() + trial
    move = ("deploy", CASE, "--candidate", "boosted", "--to")
    stage.run(*move, "shadow", person="rob", lines=2)
    stage.run(*move, "pilot", "--sites", "north,east,south,west", person="rob", lines=2)
    ask = request_of(scene.later.iloc[0], scene.charter)
    answer = scene.ehr.decide(ask)
    seen = {"answer", "review"}
    while answer.get("kind") not in seen and time.monotonic() < over:  # until the server has seen what was deployed
        time.sleep(0.2)
        answer = scene.ehr.decide(ask)
    stage.check(f"the trial answers: {said(answer)}", answer.get("kind") in seen)
    time.sleep(max(0.0, over - time.monotonic()) + 0.5)
    expect_fallback(stage, scene.ehr.decide(ask), "the approval ran out")
    stage.say("Renewal needs fresh evidence.")
    again = ("approve", CASE, "--candidate", "boosted", "--role", "clinical-lead", "--to", "pilot")
    stage.run(*again, person="dr-adams", expect=1, lines=3)
    stage.run("examine", CASE, "--candidate", "boosted", person="sam", expect=None, lines=3)
    _approvals(stage, CASE, "boosted")
    _climb(stage, "boosted")
    stage.run("status", CASE)


def _11_proof(scene: Scene) -> None:
    stage = scene.stage
    stage.act(
        11, "The whole path of one decision, run again; the ledger verified by outsiders; tampering found and named"
    )
    traced = stage.run("trace", scene.traced, person="ada", lines=60)
    stage.check("run again from its sealed inputs it gives the same bytes", "same bytes" in traced.text)
    stage.run("ledger", "verify", lines=3)
    bundle = scene.folder / "bundle"
    exported = stage.run("ledger", "export", str(bundle), person="ada", lines=2)
    words = exported.text.split()
    key = words[words.index("--key") + 1]
    tampered_copies(stage, scene.examples / "tampering" / "tamper.py", bundle, key)


def _12_curtain(scene: Scene) -> None:
    stage, reports = scene.stage, scene.stage.home / "reports" / CASE
    stage.act(12, "What happened")
    seconds = time.monotonic() - stage.started
    told = json.loads(stage.run("status", "--json", lines=0).text)
    stage.figures |= {"seconds": round(seconds, 1), "status": told}
    (scene.folder / "demo.json").write_text(json.dumps(stage.figures, indent=1))
    stage.run("status")
    for what, path in (
        ("committee page", reports / "boosted-committee.html"),
        ("appendix", reports / "boosted-appendix.html"),
        ("data quality", reports / "data-quality.html"),
        ("monitoring report", reports / "monitoring.html"),
        ("audit bundle", scene.folder / "bundle"),
        ("figures", scene.folder / "demo.json"),
    ):
        stage.check(f"{what}: {path}", path.exists())
    stage.say(f"Played in {seconds:.0f} seconds. Look around: bedrail --home {stage.home} serve")
