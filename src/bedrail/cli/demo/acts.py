"""The twelve acts, in order; each states what it shows, and stops the story when that is not so."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.cases import prepared_table
from bedrail.cli.demo.client import Ehr, request_of, requests_of, stream
from bedrail.cli.demo.proofs import tampered_copies, vandalise
from bedrail.cli.demo.stage import Stage, free_port, stop

if TYPE_CHECKING:
    import subprocess

    import pandas as pd

    from bedrail.governance.usecase import Charter

CASE, VENDOR = "readmission-30d", "readmission-30d-vendor"
SPLIT_AT = 252_466_032
"""Encounter ids rise with time: what lies below was past when the data was admitted, the rest streams in later."""

VENDOR_FROM = 185_000_000
TRIAL = 15
PEOPLE = (
    ("dr-adams", "Dr. Adams", "clinical-lead"),
    ("sam", "Sam", "data-scientist"),
    ("priya", "Priya", "privacy-officer"),
    ("rob", "Rob", "release-engineer"),
    ("ada", "Ada", "auditor"),
    ("vera", "Vera", "vendor-manager"),
    ("dr-lee", "Dr. Lee", "clinician"),
)


@dataclass(slots=True)
class Scene:
    """What the acts hand to each other."""

    stage: Stage
    folder: Path
    examples: Path
    charter: Charter
    past: Path
    later: pd.DataFrame
    port: int
    ehr: Ehr
    at: int = 0
    traced: str = ""

    def next_rows(self, count: int) -> pd.DataFrame:
        """The next encounters of the stream."""
        rows = self.later.iloc[self.at : self.at + count]
        self.at += count
        return rows


def play(folder: Path, examples: Path) -> None:
    """Play all acts into `folder`; figures go to demo.json, papers to the home's reports."""
    home = folder / "home"
    with Stage(home) as stage:
        scene = _prepare(stage, folder, examples)
        for act in (
            _1_house, _2_use_case, _3_data, _4_candidates, _5_examine, _6_approve, _7_deploy, _8_bedside, _9_watching,
            _9b_vendor, _10_rollback, _11_proof,
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
    for person, name, role in PEOPLE:
        stage.run("people", "add", person, "--name", name, "--role", role, person="olivia", lines=1)
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
        if not line.startswith("  1") and "/10 " not in line:
            stage.say(f"  {line[:150]}")
    stage.check("nothing failed; what the data cannot tell is said to be missing", "  fail" not in told.text)
    stage.say("The policy accepts `missing` here under conditions that the gate repeats.")


def _6_approve(scene: Scene) -> None:
    stage = scene.stage
    stage.act(6, "Approvals by distinct people, bound to digests, with an expiry; nobody approves their own work")
    stage.run("approve", CASE, "--role", "clinical-lead", "--to", "general", person="sam", expect=1)
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
    _climb(stage, "baseline")
    stage.say(f"The baseline serves everywhere. Its successor gets a trial approval of {TRIAL} seconds.")
    _approvals(stage, CASE, "boosted", "--valid-for", f"{TRIAL}s", to="pilot")
    over = time.monotonic() + TRIAL
    move = ("deploy", CASE, "--candidate", "boosted", "--to")
    stage.run(*move, "shadow", person="rob", lines=2)
    stage.run(*move, "pilot", "--sites", "north,east,south,west", person="rob", lines=2)
    scene.ehr = _open_door(scene, CASE)
    ask = request_of(scene.later.iloc[0], scene.charter)
    answer = scene.ehr.decide(ask)
    stage.check(f"the trial answers: {_said(answer)}", answer.get("kind") in {"answer", "review"})
    time.sleep(max(0.0, over - time.monotonic()) + 0.5)
    _expect_fallback(stage, scene.ehr.decide(ask), "the approval ran out")
    stage.say("Renewal needs fresh evidence.")
    again = ("approve", CASE, "--candidate", "boosted", "--role", "clinical-lead", "--to", "pilot")
    stage.run(*again, person="dr-adams", expect=1, lines=3)
    stage.run("examine", CASE, "--candidate", "boosted", person="sam", expect=None, lines=3)
    _approvals(stage, CASE, "boosted")
    _climb(stage, "boosted")
    stage.run("status", CASE)


def _8_bedside(scene: Scene) -> None:
    stage = scene.stage
    stage.act(8, "The server answers real encounters; doubts become visible, recorded fallbacks")
    ehr = scene.ehr
    rows = scene.later.sort_values("number_inpatient").reset_index(drop=True)
    answer = ehr.decide(request_of(rows.iloc[len(rows) // 2], scene.charter))
    stage.check(
        f"a governed answer with calibrated risk, interval, reasons, receipt: {_said(answer)}",
        answer.get("kind") == "answer",
    )
    for line in answer["card"].splitlines()[:8]:
        stage.say(f"  | {line}")
    scene.traced = answer["decision"]
    done = ehr.respond(answer["decision"], "confirmed", "dr-lee", "agrees-with-assessment")
    stage.check("Dr. Lee confirms it", done < 300)
    second = ehr.decide(request_of(rows.iloc[len(rows) // 2 + 1], scene.charter))
    done = ehr.respond(
        second["decision"], "overridden", "dr-lee", "clinical-picture-differs", "family cares for him at home"
    )
    stage.check("Dr. Lee overrides another, with a reason", done < 300)
    held = next((a for _, row in rows.iloc[::-1].head(300).iterrows()
                 if (a := ehr.decide(request_of(row, scene.charter))).get("kind") == "review"), None)  # fmt: skip
    stage.check("an uncertain one is held for a reviewer", held is not None)
    _opted_out(scene, request_of(rows.iloc[1], scene.charter))
    broken = request_of(rows.iloc[0], scene.charter)
    broken["features"]["age"] = 430
    _expect_fallback(stage, ehr.decide(broken), "an age of 430 years")
    broken["features"]["age"] = {"value": 43, "unit": "furlong"}
    _expect_fallback(stage, ehr.decide(broken), "an age in furlongs")
    status, problem = ehr.ask("POST", f"/api/v1/use-cases/{CASE}/decisions", b'{"subject": ')
    stage.check(f"half a request gives status {status} with path and remedy", status == 400 and "remedy" in problem)
    stage.figures["first decision"] = scene.traced


def _opted_out(scene: Scene, request: dict[str, Any]) -> None:
    """A patient opts out of AI support, and is believed."""
    body = {"subject": request["subject"], "opted_out": True}
    scene.ehr.ask("POST", f"/api/v1/use-cases/{CASE}/consent", body)
    time.sleep(0.2)
    _expect_fallback(scene.stage, scene.ehr.decide(request), "a patient who opted out")


def _said(answer: dict[str, Any]) -> str:
    """The kind of an answer and, of a fallback, why."""
    return " ".join(str(answer[key]) for key in ("kind", "guard", "reason", "title", "detail") if key in answer)


def _expect_fallback(stage: Stage, answer: dict[str, Any], what: str) -> None:
    told = f"{answer.get('message')} ({answer.get('guard')}: {answer.get('reason')})"
    stage.check(f"{what}: {told}", answer.get("kind") == "fallback" and bool(answer.get("decision")))


def _open_door(scene: Scene, case: str) -> Ehr:
    stage = scene.stage
    token = stage.run("token", "issue", case, "--client", "ehr-discharge", "--json", person="rob", lines=0)
    if not any(process.poll() is None for process in stage.processes):
        stage.serve(scene.port)
    ehr = Ehr(scene.port, json.loads(token.text)["token"], case)
    for _ in range(100):
        if ehr.ask("GET", "/readyz")[0] == 200:
            break
        time.sleep(0.1)
    time.sleep(0.3)  # the token is in force within the refresh interval
    return ehr


def _watch(scene: Scene, *, alarm: bool) -> dict[str, Any]:
    ran = scene.stage.run("watch", CASE, "--json", expect=1 if alarm else 0, lines=0)
    looked: dict[str, Any] = json.loads(ran.text)
    shown = {raised["monitor"]: raised for raised in reversed(looked["alarms"])}
    for raised in shown.values():
        scene.stage.say(f"ALARM {raised['monitor']}: {raised['detail']}")
        scene.stage.say(f"  first cause: {raised['causes'][0] if raised['causes'] else 'unknown'}")
        scene.stage.say(f"  affected: {', '.join(raised['groups'][:6])}; action taken: {raised['action_taken']}")
    return looked


def _9_watching(scene: Scene) -> None:
    stage, ehr = scene.stage, scene.ehr
    stage.act(9, "Later encounters stream in with late outcomes; first nothing is wrong, then two things are")
    started = time.monotonic()
    rows = scene.next_rows(3000)
    kinds = stream(ehr, requests_of(rows, scene.charter), rows["readmitted_30d"].tolist())
    rate = len(rows) / (time.monotonic() - started)
    stage.say(f"3,000 encounters with outcomes at {rate:.0f} a second: {kinds}")
    looked = _watch(scene, alarm=False)
    stage.check(f"{looked['decisions']} decisions in {looked['windows']} windows: no alarm", not looked["alarms"])

    stage.say("The feed now sends the length of stay in hours, and calls it days.")
    rows = scene.next_rows(1500)
    wrong = rows.assign(time_in_hospital=rows["time_in_hospital"] * 24.0)
    stream(ehr, requests_of(wrong, scene.charter), rows["readmitted_30d"].tolist())
    looked = _watch(scene, alarm=True)
    causes = " ".join(cause for raised in looked["alarms"] for cause in raised["causes"][:2])
    stage.check("the alarm names the input as the likely cause", "time_in_hospital" in causes)
    moved = time.monotonic()
    probe = request_of(scene.later.iloc[0], scene.charter)
    while (kind := ehr.decide(probe).get("kind")) != "shadow" and time.monotonic() - moved < 5:
        time.sleep(0.01)
    effective = time.monotonic() - moved
    stage.check(
        f"the running server fell back to shadow by itself, {effective:.2f} s after", kind == "shadow" and effective < 1
    )
    stage.figures |= {"unit alarm": looked["alarms"][0]["monitor"], "retreat seconds": round(effective, 3)}

    stage.say("The feed is mended. Then patients of one group begin to come back more often.")
    seen = 0
    for _ in range(8):
        rows = scene.next_rows(1000)
        shifted = _more_often(rows, "AfricanAmerican")
        stream(ehr, requests_of(rows, scene.charter), shifted)
        seen += len(rows)
        ran = stage.run("watch", CASE, "--json", expect=None, lines=0)
        found = json.loads(ran.text)["alarms"]
        named = [a for a in found if any("AfricanAmerican" in group for group in a["groups"])]
        if named:
            stage.say(f"ALARM {named[0]['monitor']}: {named[0]['detail']}; action taken: {named[0]['action_taken']}")
            break
    stage.check(f"after {seen} encounters the alarm names the group", bool(named))
    stage.figures |= {"group alarm": named[0]["monitor"], "group alarm after": seen}


def _more_often(rows: pd.DataFrame, race: str) -> list[int]:
    """The outcomes, with every eighth patient of one group coming back who in truth did not."""
    outcome = rows["readmitted_30d"].to_numpy().copy()
    spared = ((rows["race"] == race) & (rows["readmitted_30d"] == 0)).to_numpy().nonzero()[0]
    outcome[spared[::8]] = 1
    values: list[int] = outcome.tolist()
    return values


def _9b_vendor(scene: Scene) -> None:
    stage = scene.stage
    stage.say("")
    stage.say("A vendor's model: a separate process, known only by its answers.")
    port = free_port()
    process = _vendor(scene, port, 1)
    stage.run("use-case", "open", str(scene.examples / VENDOR), person="olivia")
    stage.run("data", "admit", VENDOR, "--file", str(scene.past), person="sam", lines=1)
    endpoint = f"http://127.0.0.1:{port}/score"
    stage.run("import-model", VENDOR, "--endpoint", endpoint, "--name", "vendor", person="vera", lines=2)
    stage.run("examine", VENDOR, person="vera", expect=None, lines=0)
    stage.run("deploy", VENDOR, "--to", "shadow", person="rob", lines=2)
    stage.run("sentinels", "check", VENDOR, lines=2)
    ehr = _open_door(scene, VENDOR)
    ask = request_of(scene.later.iloc[0], scene.charter)
    stage.check("the vendor's model is asked in shadow", ehr.decide(ask).get("kind") == "shadow")
    stop(process)
    _expect_fallback(stage, ehr.decide(ask), "the vendor's process is down")
    _vendor(scene, port, 2)
    stage.say("The vendor came back with another model, and told nobody.")
    stage.run("sentinels", "check", VENDOR, expect=1, lines=2)
    closed = stage.run("gate", VENDOR, "--to", "pilot", "--format", "json", expect=1, lines=0)
    codes = {reason["code"] for reason in json.loads(closed.text)["reasons"]}
    stage.check(f"the gate closed by itself: {', '.join(sorted(codes))}", "model-changed" in codes)
    time.sleep(0.2)
    _expect_fallback(stage, ehr.decide(ask), "the vendor's deployment is halted")


def _vendor(scene: Scene, port: int, release: int) -> subprocess.Popen[bytes]:
    script = scene.examples / VENDOR / "vendor.py"
    command = [sys.executable, str(script), "--port", str(port), "--release", str(release)]
    return scene.stage.start(command, port, scene.folder / "vendor.log")


def _10_rollback(scene: Scene) -> None:
    stage = scene.stage
    stage.act(10, "Rollback in one step; swapped bytes are refused")
    before = time.monotonic()
    stage.run("rollback", CASE, "--reason", "alarms on the boosted version", person="rob")
    ask = request_of(scene.later.iloc[1], scene.charter)
    while scene.ehr.decide(ask).get("model", {}).get("name") != "baseline" and time.monotonic() - before < 5:
        time.sleep(0.01)
    answer = scene.ehr.decide(ask)
    stage.check("the earlier version answers again", answer.get("model", {}).get("name") == "baseline")
    stage.figures["rollback seconds"] = round(time.monotonic() - before, 2)
    _swapped_bytes(scene)


def _swapped_bytes(scene: Scene) -> None:
    stage = scene.stage
    told = json.loads(stage.run("candidates", CASE, "--json", lines=0).text)
    digest = next(row["candidate"] for row in told if row["name"] == "boosted")
    script = scene.examples / "tampering" / "tamper.py"
    stage.say("Somebody swaps bytes of the boosted model's file.")
    stage.say(f"  {vandalise(script, stage.home, 'model', digest)}")
    refused = stage.run("deploy", CASE, "--candidate", "boosted", "--to", "shadow", person="rob", expect=None, lines=6)
    stage.check("loading refuses it", refused.code != 0 and _bytes_refused(scene, digest))
    vandalise(script, stage.home, "mend", digest)


def _bytes_refused(scene: Scene, digest: str) -> bool:
    """Whether the package itself is refused, whatever else closes the gate."""
    from bedrail.app import open_home
    from bedrail.core.errors import Corrupt
    from bedrail.journeys.examination import load_model

    app = open_home(scene.stage.home)
    try:
        load_model(app.context, digest)
    except Corrupt:
        return True
    finally:
        app.close()
    return False


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
