"""What moves the ground is in force on a running server: objections, findings, leavers and ended tokens.

What a server follows within a second is held here by polling until it is so; how quick it is, is measured in bench/.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.journeys import leaving
from bedrail.keys import new_token
from bedside_house import eventually
from small_home import CASE, Server, bedrail, copied, issue, opened, played, request_of, serving


def one_request(factory: pytest.TempPathFactory, home: Path) -> dict[str, Any]:
    """A request that is answered."""
    table = pd.read_parquet(played(factory) / "table.parquet").tail(50)
    with opened(home) as app:
        names = app.context.charter(CASE).contract().names
    return request_of(table.iloc[0], names)


def kind_of(server: Server, request: dict[str, Any], token: str = "") -> str:
    """The answer's kind, or its status where it is none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    status, body, _ = server.ask("POST", f"/api/v1/use-cases/{CASE}/decisions", request, headers)
    if status != 200:
        return str(status)
    return str(json.loads(body)["kind"])


@pytest.mark.slow
def test_what_moves_the_ground_is_in_force_on_a_running_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A leaver's token is dead, a rotated one ends, and an objection takes what serves out of sight, on record."""
    home = copied(tmp_path_factory, "ground")
    request = one_request(tmp_path_factory, home)
    with opened(home) as app:
        token = issue(app)
        secret, digest = new_token()
        leaving.issue_token(app.context, "rob", CASE, "other", digest, owner="sam")
    with serving(home, home.parent / "log", token=token) as server:
        assert eventually(lambda: kind_of(server, request) in {"answer", "review"}, 10)
        assert kind_of(server, request, secret) in {"answer", "review"}
        ran = bedrail("--as", "olivia", "people", "leave", "sam", "--reason", "end of contract", home=home)
        assert ran.code == 0, ran.err
        assert eventually(lambda: kind_of(server, request, secret) == "401", 10)
        assert kind_of(server, request) in {"answer", "review"}
        who, why = ("--as", "priya"), ("--role", "privacy-officer", "--to", "pilot", "--reason", "PIA is out of date")
        ran = bedrail(*who, "object", CASE, "--candidate", "baseline", *why, home=home)
        assert ran.code == 0, ran.err
        assert "is back in shadow: priya objects as privacy-officer" in ran.out
        assert eventually(lambda: kind_of(server, request) == "shadow", 10)
        ran = bedrail("gate", CASE, "--to", "pilot", "--candidate", "baseline", home=home)
        assert (ran.code, "priya objects" in ran.out) == (1, True)
    with opened(home) as app:
        deployment = app.context.use_case(CASE).deployment
        assert deployment is not None
        assert (deployment.stage, deployment.reason) == ("shadow", "priya objects as privacy-officer")
