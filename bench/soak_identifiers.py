"""Ten thousand planted patient identifiers: no byte of them in database, log, temporary files, replies or backups.

    python bench/soak_identifiers.py [--count 10000] [--seconds 0] [--seed 1]

A real server is given an identifier in every place that takes text: subject, encounter, site, groups, features, notes,
consent, addresses, headers and broken bodies. Then everything that it wrote or said is searched, the write-ahead log
while it is still in use, and a backup: plain, reversed, UTF-16, hex, base64, base32, and inside packed files. Exit code
1 when anything is found.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import planted as planting
from bedrail.core.events import PersonAdded
from bedside_house import USE_CASE, small_house, usual
from small_home import Server, bedrail, serving

DECIDE = f"/api/v1/use-cases/{USE_CASE}/decisions"


def send(server: Server, chance: random.Random, one: str, decision: str) -> bytes:
    """An identifier in some place; the reply."""
    on = f"/api/v1/decisions/{decision}"
    whole: dict[str, Any] = usual()
    kind = chance.randrange(12)
    if kind in (0, 1, 2):
        whole["subject"] = one
    elif kind == 3:
        whole |= {"subject": one, "encounter": one}
    elif kind == 4:
        whole["site"] = one
    elif kind == 5:
        whole["groups"] = {"gender": one}
    elif kind == 6:
        whole["features"]["insulin"] = one
    elif kind == 7:
        whole["features"][one] = one
    elif kind == 8:
        body = {"response": "overridden", "person": "dr-lee", "reason": "other", "note": f"seen {one} at home"}
        return server.ask("POST", f"{on}/responses", body)[1]
    elif kind == 9:
        body = {"subject": one, "opted_out": True}
        return server.ask("POST", f"/api/v1/use-cases/{USE_CASE}/consent", body)[1]
    elif kind == 10:
        return server.ask("GET", f"/api/v1/decisions/{one}?patient={one}", None, {"X-Patient": one})[1]
    else:
        return server.ask("POST", DECIDE, (json.dumps(whole)[:-1] + f', "{one}": {one}').encode())[1]
    return server.ask("POST", DECIDE, whole)[1]


def main() -> int:
    """Plant, search."""
    asked = options(__doc__, count=10_000)
    progress = Progress("identifiers", asked.count, asked.seconds)
    chance, planted = random.Random(asked.seed), planting.Planted(asked.seed)
    found: list[str] = []
    looked = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        temporary = folder / "tmp"
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        house = small_house(folder / "house")
        house.append(
            PersonAdded(person="olivia", name="Olivia", roles=("owner", "release-engineer", "security-officer"))
        )
        house.app.close()
        home = house.app.home
        with serving(home, folder / "log", token=house.token, use_case=USE_CASE) as server:
            decision = server.decide(usual())["decision"]
            while progress.done < asked.count and not progress.over:
                said = send(server, chance, planted.new(), decision)
                looked += len(said)
                found += [f"a reply: {each}" for each in planting.seen_in(said, planted)]
                progress.step()
            for path in ("/metrics", "/readyz", "/openapi.json", f"/api/v1/use-cases/{USE_CASE}/reviews"):
                found += [f"{path}: {each}" for each in planting.seen_in(server.ask("GET", path)[1], planted)]
            shutil.copytree(home, folder / "while-running")
        for arguments in (("doctor", "--json"), ("status", "--json"), ("ledger", "verify")):
            ran = bedrail(*arguments, home=home)
            (folder / f"said-{arguments[0]}").write_text(ran.out + ran.err)
        backup = bedrail("--as", "olivia", "backup", "--out", str(folder / "backup"), home=home)
        size, more = planting.search(folder, planted)
        looked, found = looked + size, found + more
    figures = {"planted": len(planted.tails), "bytes": looked, "backup": backup.code == 0}
    right = not found and progress.done > 0 and backup.code == 0
    return report("identifiers", right, **figures, found_count=len(found), found=found[:20])


if __name__ == "__main__":
    raise SystemExit(main())
