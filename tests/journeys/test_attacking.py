"""Attacking one's own candidate, through the journey and the command."""

from __future__ import annotations

import json

import pytest

from bedrail.core.errors import Refused
from bedrail.core.values import Verdict
from bedrail.journeys import attacking
from bedrail.journeys.attacking import attack_candidate
from small_home import CASE, copied, opened, told

pytestmark = pytest.mark.slow


def test_an_attack_goes_on_where_it_stopped_and_leaves_signed_evidence(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after three shadows, the next run trains the other five; figures, verdicts and facts are there."""
    home = copied(tmp_path_factory, "attacked")
    steps: list[str] = []
    with opened(home) as app:
        keep = attacking._Work._keep

        def stopping(self: attacking._Work, index: object, number: int, scores: object) -> None:
            keep(self, index, number, scores)  # type: ignore[arg-type]
            if number == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(attacking._Work, "_keep", stopping)
        with pytest.raises(KeyboardInterrupt):
            attack_candidate(app.context, "sam", CASE, "baseline", shadows=8, attributes=("gender",), patients=1_200)
        trained: list[int] = []

        def counting(self: attacking._Work, index: object, number: int, scores: object) -> None:
            trained.append(number)
            keep(self, index, number, scores)  # type: ignore[arg-type]

        monkeypatch.setattr(attacking._Work, "_keep", counting)
        answers = attack_candidate(
            app.context,
            "sam",
            CASE,
            "baseline",
            shadows=8,
            attributes=("gender",),
            patients=1_200,
            progress=steps.append,
        )
        assert trained == [3, 4, 5, 6, 7]
        membership, attribute = answers
        assert membership.check == "membership-inference"
        assert membership.verdict is Verdict.PASS, membership.reason
        assert {f.check.partition(".")[2] for f in membership.findings} == {
            "tpr", "loss-tpr", "auroc", "without-the-model", "candidate-tpr",
        }  # fmt: skip
        assert attribute.verdict is Verdict.PASS, attribute.reason
        recorded = app.context.use_case(CASE).evidence
        assert {"membership-inference", "attribute-inference"} <= {one.check for one in recorded.values()}
        (note,) = (home / "attacks").iterdir()
        assert "patient" not in note.read_text()
        assert set(json.loads(note.read_text())["artifacts"]) == {str(n) for n in range(8)}
        with pytest.raises(Refused):
            attack_candidate(app.context, "dr-lee", CASE, "baseline", shadows=8)


def test_the_command_prints_evidence_and_refuses_what_is_no_attribute(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`bedrail attack --json` is the evidence; an unknown attribute exits 2 and names those there are."""
    home = copied(tmp_path_factory, "attack-command")
    common = ("--as", "sam", "attack", CASE, "--candidate", "spare", "--shadows", "8", "--patients", "900")
    ran = told(*common, "--attribute", "gender", "--json", home=home)
    answers = json.loads(ran.out)
    assert [one["check"] for one in answers] == ["membership-inference", "attribute-inference"]
    assert ran.code == (0 if all(one["verdict"] == "pass" for one in answers) else 1)
    wrong = told(*common, "--attribute", "shoe-size", home=home)
    assert wrong.code == 2
    assert "gender" in wrong.err
