"""Decision rights hold to the permissions, and the papers are drawn from both; as a program it renews the papers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid
from bedrail.governance.doors import HTTP
from bedrail.governance.matrix import matrix, matrix_html, matrix_page, opened_by, signs
from bedrail.governance.permissions import ACTIONS, ROLES, permitted
from bedrail.governance.policy import default_policy_text, parse_policy
from bedrail.governance.raci import STEPS, may_answer, raci_table, steps

DOCS = Path(__file__).resolve().parents[2] / "docs"
RACI = re.compile(r"(<!-- raci: .*? -->\n).*?(<!-- /raci -->)", re.DOTALL)
RENEW = "renew it: .venv/bin/python tests/spec/test_access_pages.py"


def renewed() -> str:
    """The page with the table as the code has it."""
    text = (DOCS / "access.md").read_text(encoding="utf-8")
    return RACI.sub(lambda found: f"{found[1]}{raci_table()}\n{found[2]}", text)


def test_the_pages_are_drawn_from_the_tables() -> None:
    """Matrix and decision rights on paper are those that the doors obey."""
    assert (DOCS / "access-matrix.md").read_text(encoding="utf-8") == matrix_page(), RENEW
    assert (DOCS / "access.md").read_text(encoding="utf-8") == renewed(), RENEW


@pytest.mark.parametrize("step", STEPS, ids=[step.name for step in STEPS])
def test_whoever_does_or_answers_for_a_step_may_and_nobody_else_does(step) -> None:
    """R and AR are exactly the roles that may; A holds the permission by which it answers; there is one A."""
    doing = {role for role, letter in step.letters.items() if letter in ("R", "AR")}
    assert doing == ACTIONS[step.does]
    answering = [role for role, letter in step.letters.items() if letter in ("A", "AR")]
    assert answering == [step.accountable]
    assert permitted(answering, step.answers)
    assert not permitted(answering, "candidate.train")
    assert set(step.letters) == set(ROLES)


def test_steps_are_named_once_and_stopping_is_in_more_hands_than_starting() -> None:
    """Names are keys of the policy; the kill switch has more R than any other step of a deployment."""
    assert len({step.name for step in STEPS}) == len(STEPS)
    by_name = {step.name: step for step in STEPS}
    assert len(ACTIONS[by_name["kill switch"].does]) > len(ACTIONS[by_name["deployment"].does])


POLICY = default_policy_text()


def with_rights(text: str) -> str:
    return POLICY + "\n" + text


def test_a_policy_adjusts_decision_rights_within_bounds() -> None:
    """It withholds permissions and names who answers; the table follows, and exactly one still answers."""
    policy = parse_policy(
        with_rights('[withhold]\n"deployment.roll-back" = ["clinical-lead"]\n[accountable]\n"kill switch" = "owner"\n')
    )
    assert policy.withheld == {"deployment.roll-back:clinical-lead"}
    adjusted = {step.name: step for step in steps(policy.accountable, policy.withheld)}
    assert adjusted["roll back"].letters["clinical-lead"] == "C"
    assert adjusted["kill switch"].letters["owner"] == "AR"
    assert adjusted["kill switch"].letters["clinical-lead"] == "R"
    for step in adjusted.values():
        assert sum(letter in ("A", "AR") for letter in step.letters.values()) == 1
        assert step.accountable in may_answer(step, policy.withheld)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[withhold]\n"deployment.teleport" = ["owner"]', "no action"),
        ('[withhold]\n"deployment.halt" = ["owner"]', "cannot be withheld"),
        ('[withhold]\n"person.leave" = ["owner", "security-officer"]', "Nobody would be left"),
        ('[withhold]\n"token.issue" = ["janitor"]', "no role"),
        ('[withhold]\n"token.issue" = "owner"', "no list"),
        ('[withhold]\n"token.issue" = ["security-officer"]', "may not act"),
        ('[accountable]\n"kill switch" = "auditor"', "cannot answer"),
        ('[accountable]\n"development" = "data-scientist"', "cannot answer"),
        ('[accountable]\n"lunch" = "owner"', "no step"),
        ('[on]\nobjection = "pray"', "on"),
        ('[access]\nuncertified = "shrug"', "access"),
    ],
)
def test_a_policy_that_gives_away_or_leaves_nobody_is_invalid(text: str, said: str) -> None:
    """Each slip is named with its line."""
    base = POLICY
    for table in ("[on]", "[access]"):
        if text.startswith(table):
            start = base.index(f"\n{table}\n")
            base = base[:start] + base[base.index("\n# ", start) :]
    with pytest.raises(Invalid, match=said) as error:
        parse_policy(base + "\n" + text + "\n")
    assert re.match(r"policy\.toml:\d+", error.value.path)


def test_the_printed_matrix_says_everything_the_tables_say() -> None:
    """Each door once, a sign for each role, and a page that needs nothing from elsewhere."""
    lines = matrix()
    assert {line.door for line in lines} >= set(HTTP)
    assert len({line.door for line in lines}) == len(lines)
    page = matrix_html(lines)
    for line in lines:
        assert len(signs(line)) == len(ROLES)
        assert page.count(f"<code>{line.door}</code>") == 1
        assert opened_by(line)
    assert "http://" not in page
    assert "<script" not in page


if __name__ == "__main__":
    (DOCS / "access-matrix.md").write_text(matrix_page(), encoding="utf-8")
    (DOCS / "access.md").write_text(renewed(), encoding="utf-8")
