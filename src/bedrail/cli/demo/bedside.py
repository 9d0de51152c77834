"""The acts at the bedside and after: answers, doubts, alarms, a vendor's model, rollback."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from bedrail.cli.demo.client import request_of, requests_of, stream
from bedrail.cli.demo.proofs import vandalise
from bedrail.cli.demo.scene import CASE, VENDOR, Scene, expect_fallback, open_door, said
from bedrail.cli.demo.stage import free_port, stop

if TYPE_CHECKING:
    import subprocess

    import pandas as pd


def _once_followed(scene: Scene, request: dict[str, Any]) -> dict[str, Any]:
    """The first answer at the new stage: a server looks twenty times a second, and this may come sooner.

    Until then this patient may be outside the canary's share, or inside it.
    """
    for _ in range(100):
        answer = scene.ehr.decide(request)
        if answer.get("stage") == "general":
            break
        time.sleep(0.05)
    return answer


def bedside(scene: Scene) -> None:
    stage = scene.stage
    stage.act(8, "The server answers real encounters; doubts become visible, recorded fallbacks")
    ehr = scene.ehr
    rows = scene.later.sort_values("number_inpatient").reset_index(drop=True)
    answer = _once_followed(scene, request_of(rows.iloc[len(rows) // 2], scene.charter))
    stage.check(
        f"a governed answer with calibrated risk, interval, reasons, receipt: {said(answer)}",
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
    expect_fallback(stage, ehr.decide(broken), "an age of 430 years")
    broken["features"]["age"] = {"value": 43, "unit": "furlong"}
    expect_fallback(stage, ehr.decide(broken), "an age in furlongs")
    status, problem = ehr.ask("POST", f"/api/v1/use-cases/{CASE}/decisions", b'{"subject": ')
    stage.check(f"half a request gives status {status} with path and remedy", status == 400 and "remedy" in problem)
    stage.figures["first decision"] = scene.traced


def _opted_out(scene: Scene, request: dict[str, Any]) -> None:
    """A patient opts out of AI support, and is believed."""
    body = {"subject": request["subject"], "opted_out": True}
    scene.ehr.ask("POST", f"/api/v1/use-cases/{CASE}/consent", body)
    time.sleep(0.2)
    expect_fallback(scene.stage, scene.ehr.decide(request), "a patient who opted out")


def _watch(scene: Scene, *, alarm: bool) -> dict[str, Any]:
    ran = scene.stage.run("watch", CASE, "--json", expect=1 if alarm else 0, lines=0)
    looked: dict[str, Any] = json.loads(ran.text)
    shown = {raised["monitor"]: raised for raised in reversed(looked["alarms"])}
    for raised in shown.values():
        scene.stage.say(f"ALARM {raised['monitor']}: {raised['detail']}")
        scene.stage.say(f"  first cause: {raised['causes'][0] if raised['causes'] else 'unknown'}")
        scene.stage.say(f"  affected: {', '.join(raised['groups'][:6])}; action taken: {raised['action_taken']}")
    return looked


def watching(scene: Scene) -> None:
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


def vendor(scene: Scene) -> None:
    stage = scene.stage
    stage.say("")
    stage.say("A vendor's model: a separate process, known only by its answers.")
    port = free_port()
    process = _vendor(scene, port, 1)
    stage.run("use-case", "open", str(scene.examples / VENDOR), person="olivia")
    stage.run("data", "admit", VENDOR, "--file", str(scene.past), person="sam", lines=1)
    place, endpoint = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}/score"
    stage.run("import-model", VENDOR, "--endpoint", endpoint, "--name", "vendor", person="vera", expect=1, lines=2)
    stage.run("egress", "allow", place, "--network", "loopback", "--reason", "trial of the vendor", person="olivia")
    stage.run("import-model", VENDOR, "--endpoint", endpoint, "--name", "vendor", person="vera", lines=2)
    stage.run("examine", VENDOR, person="vera", expect=None, lines=0)
    stage.run("deploy", VENDOR, "--to", "shadow", person="rob", lines=2)
    stage.run("sentinels", "check", VENDOR, lines=2)
    ehr = open_door(scene, VENDOR)
    ask = request_of(scene.later.iloc[0], scene.charter)
    stage.check("the vendor's model is asked in shadow", ehr.decide(ask).get("kind") == "shadow")
    stop(process)
    expect_fallback(stage, ehr.decide(ask), "the vendor's process is down")
    stage.run("sentinels", "check", VENDOR, expect=3, lines=2)
    still = json.loads(stage.run("status", VENDOR, "--json", lines=0).text)[0]
    stage.check("an outage is not a changed model: nothing is halted", still["stage"] == "shadow")
    _vendor(scene, port, 2)
    stage.say("The vendor came back with another model, and told nobody.")
    stage.run("sentinels", "check", VENDOR, expect=1, lines=2)
    closed = stage.run("gate", VENDOR, "--to", "pilot", "--format", "json", expect=1, lines=0)
    codes = {reason["code"] for reason in json.loads(closed.text)["reasons"]}
    stage.check(f"the gate closed by itself: {', '.join(sorted(codes))}", "model-changed" in codes)
    time.sleep(0.2)
    expect_fallback(stage, ehr.decide(ask), "the vendor's deployment is halted")


def _vendor(scene: Scene, port: int, release: int) -> subprocess.Popen[bytes]:
    script = scene.examples / VENDOR / "vendor.py"
    command = [sys.executable, str(script), "--port", str(port), "--release", str(release)]
    return scene.stage.start(command, port, scene.folder / "vendor.log")


def rollback(scene: Scene) -> None:
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
