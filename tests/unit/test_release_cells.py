"""Single cells under Safe Harbor at their borders: ZIP codes, ages, dates; and files that are not as they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bedrail.cli import cli
from bedrail.core.errors import Invalid
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.release import deidentify_csv
from bedrail.privacy.release.cells import guarded, is_interval, top_coded, year_only
from bedrail.privacy.release.dates import day_of, shifted
from bedrail.privacy.release.work import read_rows
from bedrail.privacy.sources import Chunk
from bedrail.privacy.text import load
from bedrail.privacy.treating import Tally
from bedrail.privacy.zip3 import CENSUS_2000, permitted, population, zip3

KEY = HmacDigest(b"of the cells' tests: 32 bytes ok")


def test_every_prefix_of_the_thousand_stands_or_falls_by_its_people() -> None:
    """More than 20,000 people by the census of 2020, and not among the seventeen of 2000; unknown prefixes never."""
    assert len(CENSUS_2000) == 17
    for number in range(1000):
        prefix = f"{number:03}"
        stands = population().get(prefix, 0) > 20_000 and prefix not in CENSUS_2000
        assert zip3(f"{prefix}45") == (prefix if stands else "000")
        assert (prefix in permitted(strict=False)) == (population().get(prefix, 0) > 20_000)


@pytest.mark.parametrize(
    "cell, expected",
    [("02139", "021"), ("2139", "021"), ("02139-1234", "021"), ("021391234", "021"),
     ("21391234", "021"), ("2139.0", "021"),
     ("03601", "000"), ("036", "000"), ("021", "021"), ("021**", "021"), ("", ""), ("AB1 2CD", "000"),
     ("09012", "000")],
)  # fmt: skip
def test_zip_codes_as_spreadsheets_leave_them(cell: str, expected: str) -> None:
    """Leading zeros lost, nine digits, prefixes already."""
    assert zip3(cell) == expected


@pytest.mark.parametrize(
    "cell, expected",
    [("89", "89"), ("90", "90+"), ("89.9", "89.9"), ("104", "90+"), ("90+", "90+"), ("94 years", "90+"),
     ("3 months", "3 months"),
     (">89", "90+"), ("89+", "90+"), ("old", ""), ("", ""), ("-1", ""), ("617-555-1234", "")],
)  # fmt: skip
def test_ages_at_the_border(cell: str, expected: str) -> None:
    """89 stands, 90 does not; what is no age does not stand either."""
    assert top_coded(90)(cell)[0] == expected


@pytest.mark.parametrize(
    "cell, expected",
    [("2020-02-29", "2020"), ("02/29/2020", "2020"), ("20200229", "2020"), ("29 Feb 2020", "2020"),
     ("Feb 29, 2020", "2020"),
     ("2020-02-29T10:11:12Z", "2020"), ("2020", "2020"), ("2020-Q2", "2020"), ("1936-12-31", "1936 or earlier"),
     ("1937-01-01", "1937"), ("1936 or earlier", "1936 or earlier"), ("2020-13-45", ""), ("next week", ""),
     ("3/4/20", "")],
)  # fmt: skip
def test_dates_become_years_and_none_that_tells_an_old_age(cell: str, expected: str) -> None:
    """Ninety years before the year of today everything is one group."""
    assert year_only(2026, 90)(cell)[0] == expected


@pytest.mark.parametrize(
    "cell, expected",
    [("2020-02-27", "2020-03-01"), ("2/27/2020", "3/1/2020"), ("27.02.2020 08:15", "01.03.2020 08:15"),
     ("20200227103000", "20200301103000"), ("Feb 27, 2020", "Mar 1, 2020"), ("31/12/2019", "03/01/2020")],
)  # fmt: skip
def test_a_moved_date_keeps_its_form(cell: str, expected: str) -> None:
    """And its time of day."""
    assert shifted(cell, 3) == expected
    assert day_of(expected) is not None


def test_a_kept_interval_stands_and_what_only_looks_like_one_does_not() -> None:
    """[75-100) and 100-200 are no telephone and no identifier; a day of a month, a band of ages over 90 may be."""
    make = guarded(load("en", "rules"), load("en", "rules"))
    for cell in (
        "[70-80)",
        "[90-100)",
        "70-79",
        "(60-70]",
        "100-200",
        "[200-300)",
        "1.5-2.5",
        "70–79",
        "0-4",
        "10 to 49",
    ):
        assert make(cell) == (cell, False), cell
    for cell in ("555-1234", "617-555-0199", "123-45-6789", "1234-5678"):
        assert make(cell)[1], cell
    assert not any(
        is_interval(cell)
        for cell in ("3-12", "200-100", "[70-80", "70-80)", "[91-95)", "92 - 101", "1990-2010", "01-99")
    )


def test_a_bad_row_stops_the_run_or_is_left_out_as_asked(tmp_path: Path) -> None:
    """With its line and a remedy, whatever is wrong: fields, encoding, quotes; nothing of it is repeated."""
    path = tmp_path / "in.csv"
    rows = [f"{n},F,{40 + n % 9}" for n in range(50)]
    rows[20] = "20,F"
    rows[30] = '30,"F",4\n5'
    data = ("pid,sex,age\n" + "\r\n".join(rows[:25]) + "\n" + "\n".join(rows[25:]) + "\n").encode()
    data = data.replace(b"40,F", b"\xff\xfe40,F")
    path.write_bytes(data)
    with pytest.raises(Invalid) as stopped:
        deidentify_csv(path, tmp_path / "out.csv", None, KEY, newest=2026, mode=None)
    assert "22" in stopped.value.path
    assert stopped.value.remedy
    assert not (tmp_path / "out.csv").exists()
    done = deidentify_csv(path, tmp_path / "out.csv", None, KEY, newest=2026, mode=None, on_error="skip")
    assert done.run.manifest.failed == 3
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 48


@pytest.mark.parametrize(
    "data, said",
    [(b"a,b,a\n1,2,3\n", "columns 1 and 3 have the same name"), (b"", "empty"),
     ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
     (b"a,b\r1,2\r3,4\r", "CR alone")],
)  # fmt: skip
def test_a_table_that_is_none_is_refused_in_words(tmp_path: Path, data: bytes, said: str) -> None:
    """Twins, nothing, another encoding, other line ends."""
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    with pytest.raises(Invalid, match=said):
        deidentify_csv(path, tmp_path / "out.csv", None, KEY, newest=2026, mode=None)


def test_the_commands_do_what_they_say(tmp_path: Path) -> None:
    """table, policy draft, policy lint and risk from the command line; no value on the screen or in the papers."""
    path = tmp_path / "Zqxname.csv"
    lines = [f"{100 + n},Zqxname{n},{30 + n % 3},F,I10" for n in range(30)]
    path.write_text("patient_id,name,age,sex,dx\n" + "\n".join(lines) + "\n")
    run = CliRunner()
    out = tmp_path / "out.csv"
    done = run.invoke(
        cli, ["deid", "table", str(path), "--policy", "safe-harbor", "--out", str(out), "--text", "rules"]
    )
    assert done.exit_code == 0, done.output
    papers = "".join(each.read_text() for each in tmp_path.iterdir() if each != path)
    assert "Zqxname" not in done.output + papers  # the name of the input neither
    assert "164.514(b)(2)(i)(A)" in (tmp_path / "out.csv.proof.html").read_text()
    policy = tmp_path / "p.toml"
    assert run.invoke(cli, ["deid", "policy", "draft", str(path), "--out", str(policy)]).exit_code == 0
    assert run.invoke(cli, ["deid", "policy", "lint", str(policy)]).exit_code == 0
    safe = ["deid", "table", str(path), "--policy", str(policy), "--out", str(tmp_path / "k.csv")]
    assert run.invoke(cli, safe).exit_code == 0
    risk = ["deid", "risk", str(tmp_path / "k.csv"), "--knows", "age,sex", "--html", str(tmp_path / "r.html")]
    assert run.invoke(cli, [*risk, "--most-risk", "0.2"]).exit_code == 0
    raw = ["deid", "risk", str(path), "--knows", "name,age", "--sensitive", "dx", "--subsets", "--json"]
    assert run.invoke(cli, [*raw, "--most-risk", "0.2"]).exit_code == 1


def test_a_row_behind_a_carriage_return_alone_is_a_row_like_others() -> None:
    """Also in a piece of the file where another row is bad: nothing is lost unsaid, and what is no row is told."""
    tally = Tally("skip")
    chunk = Chunk(number=0, first=2, data=b"1,44,F\r2,55,M\n3,33\n4,34,F\n5,35,F\rx\n")
    assert [row[0] for row in read_rows(chunk, 3, ",", tally)] == ["1", "2", "4"]
    assert [each.number for each in tally.failures] == [3, 5]
