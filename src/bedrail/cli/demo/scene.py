"""What the acts of the story hand to each other, and what several of them do."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrail.cli.demo.client import Ehr
from bedrail.cli.demo.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.governance.usecase import Charter

CASE, VENDOR = "readmission-30d", "readmission-30d-vendor"


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


def said(answer: dict[str, Any]) -> str:
    """The kind of an answer and, of a fallback, why."""
    return " ".join(str(answer[key]) for key in ("kind", "guard", "reason", "title", "detail") if key in answer)


def expect_fallback(stage: Stage, answer: dict[str, Any], what: str) -> None:
    told = f"{answer.get('message')} ({answer.get('guard')}: {answer.get('reason')})"
    stage.check(f"{what}: {told}", answer.get("kind") == "fallback" and bool(answer.get("decision")))


def open_door(scene: Scene, case: str) -> Ehr:
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
