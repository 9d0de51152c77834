"""Guarding the decision API on a whole home: honest patients raise no flag, planted attacks do; what flags do."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from bedrail.app import App
from bedrail.core.errors import Refused
from bedrail.core.events import AbuseLooked, AbuseSuspected, DataRead, NoticeGiven, decode
from bedrail.core.values import NO_DECISION
from bedrail.governance.usecase import load_charter
from bedrail.journeys import guarding, leaving, upkeep
from bedrail.monitoring.abuse import BLOCK
from bedrail.web.problems import of_failure
from bedrail.web.server import Standing
from small_home import CASE, EXAMPLE, POLICY, copied, issue, opened, played, request_of, told

pytestmark = pytest.mark.slow

FEATURES = load_charter(EXAMPLE).features
NAMES = tuple(feature.name for feature in FEATURES)


def ask(app: App, token: str, requests: list[dict[str, Any]]) -> None:
    """These requests, as the server answers them, several at a time."""

    async def run() -> None:
        standing = Standing(app)
        await standing.bedside.serving.settle()
        bodies = [msgspec.json.encode(request) for request in requests]
        for start in range(0, len(bodies), 50):
            await asyncio.gather(*(standing.bedside.decide(token, CASE, body) for body in bodies[start : start + 50]))
        await standing.group.close()
        standing.bedside.close()

    asyncio.run(run())


def honest(folder: Path, n: int) -> list[dict[str, Any]]:
    """The latest encounters, in order."""
    table = pd.read_parquet(folder / "table.parquet").tail(n)
    return [request_of(row, NAMES) for row in json.loads(table.to_json(orient="records"))]


def planted(n: int) -> list[dict[str, Any]]:
    """Inputs drawn evenly from all that the contract accepts, each under another patient's name."""
    rng, made = np.random.default_rng(5), []
    for number in range(n):
        features: dict[str, Any] = {}
        for feature in FEATURES:
            if feature.kind == "categorical":
                features[feature.name] = str(rng.choice(feature.levels))
            else:
                features[feature.name] = float(rng.integers(int(feature.low), int(feature.high) + 1))
        made.append({"subject": f"made-up-{number}", "site": "north", "features": features})
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was asked by an honest system and by somebody who copies the model."""
    folder, home = played(tmp_path_factory), copied(tmp_path_factory, "guarded")
    with opened(home) as app:
        upkeep.add_person(app.context, "olivia", "seth", "Seth", ("security-officer",))
        ask(app, issue(app), honest(folder, BLOCK + 150))
        ask(app, issue(app), planted(BLOCK + 20))
    return home


def facts(app: App, kind: type) -> list[Any]:
    """The facts of this kind on record."""
    return [fact for _, data in app.context.tape.entries() if isinstance(fact := decode(data).fact, kind)]


def test_the_copier_is_flagged_and_the_ward_is_not(home: Path, tmp_path: Path) -> None:
    """A flag for spacing on one token, officers told, on record without a word about patients; no flag twice."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    ran = told("--as", "rob", "abuse", "look", CASE, "--json", home=copy)
    looked = json.loads(ran.out)
    assert (ran.code, looked["calibrated"], looked["tokens"]) == (1, True, 2), ran.err
    with opened(copy) as app:
        flagged = facts(app, AbuseSuspected)
        tokens = {flag.token for flag in flagged}
        assert "spacing" in {flag.detector for flag in flagged}
        assert len(tokens) == 1
        planted_token = list(app.context.refresh().tokens.values())[-1].token
        assert tokens == {planted_token}
        assert {fact.token for fact in facts(app, AbuseLooked)} >= tokens
        notices = [notice for notice in facts(app, NoticeGiven) if notice.kind == "abuse"]
        assert {notice.about for notice in notices} == {flag.flag for flag in flagged}
        assert notices[0].to == ("kim", "priya", "seth")
        assert (copy / "outbox" / f"{notices[0].notice}.json").exists()
        assert any(read.reason == "looking for abuse" for read in facts(app, DataRead))
        said = b"".join(msgspec.json.encode(flag) for flag in flagged)
        assert b"made-up" not in said
    again = json.loads(told("--as", "rob", "abuse", "look", CASE, "--json", home=copy).out)
    assert again["blocks"] == 0
    with opened(copy) as app:
        assert len(facts(app, AbuseSuspected)) == len(flagged)
    assert "suspected of abuse" in told("doctor", home=copy).out
    listed = json.loads(told("abuse", "list", "--json", home=copy).out)["flags"]
    assert [flag["flag"] for flag in listed] == [flag.flag for flag in flagged]
    lifted = told("--as", "seth", "abuse", "lift", flagged[0].flag, "--reason", "announced by the vendor", home=copy)
    assert lifted.code == 0, lifted.err
    assert flagged[0].flag not in told("abuse", "list", home=copy).out
    assert flagged[0].flag in told("abuse", "list", "--all", "--json", home=copy).out
    assert '"abuse"' in told("status", "--json", home=copy).out


def test_a_policy_may_suspend_the_token_until_an_officer_lifts_it(home: Path, tmp_path: Path) -> None:
    """No rotation around it; a security officer alone lifts it, on record; then nothing old counts."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    with opened(copy) as app:
        upkeep.adopt_policy(app.context, "olivia", POLICY + '\n[on]\nabuse = "suspend-token"\n')
        looked = guarding.look_for_abuse(app.context, "seth", CASE)
        assert {each.taken for each in looked.suspicions} == {"suspend-token"}
        token = looked.suspicions[0].token
        standing = Standing(app)
        standing.bedside.serving.refresh()
        shut = next(view for view in standing.bedside.registry.tokens.values() if view.token == token)
        assert shut.suspended
        with pytest.raises(Refused, match="suspended"):
            leaving.rotate_token(app.context, "seth", token, "0" * 64, overlap=timedelta(0))
        for person in ("rob", "priya", "olivia"):
            with pytest.raises(Refused):
                guarding.lift(app.context, person, shut.suspended, "it was a drill of ours")
        for suspicion in looked.suspicions:
            guarding.lift(app.context, "seth", suspicion.flag, "it was a drill of ours")
        opened_again = next(view for view in app.context.refresh().tokens.values() if view.token == token)
        assert not opened_again.suspended
        assert guarding.look_for_abuse(app.context, "seth", CASE).suspicions == ()
        standing.bedside.close()


def test_a_suspended_token_gets_the_fallback_sentence(home: Path, tmp_path: Path) -> None:
    """What the caller sees of it."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    with opened(copy) as app:
        secret = issue(app)
        view = list(app.context.refresh().tokens.values())[-1]
        flag = AbuseSuspected(
            flag="f1", use_case=CASE, token=view.token, detector="sweep", decisions=9, found="9", limit="5",
            first="a", last="b", taken="suspend-token",
        )  # fmt: skip
        app.context.append(guarding.SYSTEM, "security", flag)
        standing = Standing(app)
        standing.bedside.serving.refresh()
        with pytest.raises(Refused) as refused:
            standing.bedside.admit(secret, CASE)
        status, body = of_failure(refused.value)
        assert (status, json.loads(body)["message"]) == (403, NO_DECISION)
        assert "bedrail abuse lift f1" in json.loads(body)["remedy"]
        standing.bedside.close()
