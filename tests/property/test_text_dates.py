"""Dates in text move together: whatever their format, every interval of a patient is kept."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from itertools import combinations

import pytest

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.dates import Dates

EN = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
AB = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ES = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]
DE = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
TAGE = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"]


def th(day: int) -> str:
    return f"{day}{'th' if 10 <= day % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


ENGLISH = {
    "iso": lambda d: d.isoformat(),
    "slashed iso": lambda d: d.strftime("%Y/%m/%d"),
    "compact": lambda d: d.strftime("%Y%m%d"),
    "time stamp": lambda d: d.strftime("%Y%m%d") + "123045",
    "instant": lambda d: d.isoformat() + "T02:30:00-05:00",
    "m/d/y": lambda d: f"{d.month}/{d.day}/{d.year}",
    "mm/dd/yy": lambda d: d.strftime("%m/%d/%y"),
    "m-d-yyyy": lambda d: f"{d.month}-{d.day}-{d.year}",
    "m.d.yy": lambda d: f"{d.month}.{d.day}.{d.year % 100:02d}",
    "long": lambda d: f"{EN[d.month - 1]} {d.day}, {d.year}",
    "ordinal": lambda d: f"{EN[d.month - 1]} {th(d.day)}, {d.year}",
    "short": lambda d: f"{AB[d.month - 1]} {d.day}, {d.year}",
    "dotted": lambda d: f"{AB[d.month - 1]}. {d.day:02d}, {d.year}",
    "capitals": lambda d: f"{d.day:02d}-{AB[d.month - 1].upper()}-{d.year}",
    "day first": lambda d: f"{d.day} {EN[d.month - 1]} {d.year}",
    "of": lambda d: f"the {th(d.day)} of {EN[d.month - 1]}, {d.year}",
    "joined": lambda d: f"{d.day:02d}{AB[d.month - 1].upper()}{d.year}",
    "weekday": lambda d: f"{DAYS[d.weekday()]}, {EN[d.month - 1]} {d.day}, {d.year}",
    "at an hour": lambda d: f"{d.month}/{d.day}/{d.year} at 3:15 pm",
}
YEARLESS = {
    "m/d": lambda d: f"{d.month}/{d.day}",
    "month day": lambda d: f"{EN[d.month - 1]} {th(d.day)}",
    "d-mon": lambda d: f"{d.day}-{AB[d.month - 1]}",
    "3rd of May": lambda d: f"{th(d.day)} of {EN[d.month - 1]}",
}
GERMAN = {
    "d.m.y": lambda d: f"{d.day}.{d.month}.{d.year}",
    "dd.mm.yy": lambda d: d.strftime("%d.%m.%y"),
    "d. Monat": lambda d: f"{d.day}. {DE[d.month - 1]} {d.year}",
    "Wochentag": lambda d: f"{TAGE[d.weekday()]}, den {d.day}. {DE[d.month - 1]} {d.year}",
    "d/m/y": lambda d: f"{d.day}/{d.month}/{d.year}",
    "iso": lambda d: d.isoformat(),
}
SPANISH = {
    "d/m/y": lambda d: f"{d.day:02d}/{d.month:02d}/{d.year}",
    "d-m-yy": lambda d: f"{d.day:02d}-{d.month:02d}-{d.year % 100:02d}",
    "de": lambda d: f"{d.day} de {ES[d.month - 1]} de {d.year}",
    "del": lambda d: f"{d.day} de {ES[d.month - 1]} del {d.year}",
    "iso": lambda d: d.isoformat(),
}


def same(now: str | None, wanted: str) -> bool:
    """The same words, where "May" does not tell full words from short ones, nor 10/11 whether days are filled up."""
    return now is not None and _short(now) == _short(wanted)


def _short(text: str) -> str:
    text = re.sub(r"(?<!\d)0(?=\d(?!\d))", "", text)
    for full, short in zip(EN, AB, strict=True):
        text = text.replace(full, short)
    return text


def some_day(rng: random.Random) -> date:
    return date(1951, 1, 1) + timedelta(days=rng.randrange(365 * 98))


def checked(seed: int, forms: dict, language: str) -> None:
    """One patient: two notes of dates in all formats; each comes back as the day moved by one and the same shift."""
    rng = random.Random(seed)
    keyed = Keyed(HmacDigest(seed.to_bytes(32, "big")))
    days = keyed.shift_days("patient", keep_weekday=seed % 3 == 0)
    assert days % 7 == 0 or seed % 3
    for _ in range(2):
        names = rng.sample(sorted(forms), min(5, len(forms)))
        real = [some_day(rng) for _ in names]
        shifted = Dates([forms[n](d) for n, d in zip(names, real, strict=True)], days=days, language=language).shifted()
        for name, day, now in zip(names, real, shifted, strict=True):
            wanted = forms[name](day + timedelta(days=days))
            assert same(now, wanted), (name, day, days, now)


def run(count: int) -> None:
    for seed in range(1, count + 1):
        forms, language = ((ENGLISH, "en"), (GERMAN, "de"), (SPANISH, "es"))[seed % 3 if seed % 4 == 0 else 0]
        checked(seed, forms, language)


def test_every_date_of_a_patient_moves_by_the_same_days_in_every_format() -> None:
    """200 patients: the text of the moved day, in the format of the old one; so every interval is kept."""
    run(200)


@pytest.mark.slow
def test_every_date_of_ten_thousand_patients_moves_by_the_same_days() -> None:
    """The same for 10,000 patients."""
    run(10_000)


def test_days_without_a_year_keep_their_distance_from_whole_dates() -> None:
    """A day of the same stay, written without its year, stays as many days from admission."""
    for seed in range(1, 300):
        rng = random.Random(seed)
        days = Keyed(HmacDigest(seed.to_bytes(32, "big"))).shift_days("patient")
        admitted = some_day(rng)
        later = admitted + timedelta(days=rng.randrange(1, 100))
        name = rng.choice(sorted(YEARLESS))
        texts = [admitted.isoformat(), YEARLESS[name](later)]
        first, second = Dates(texts, days=days).shifted()
        assert first == (admitted + timedelta(days=days)).isoformat()
        wanted = YEARLESS[name](later + timedelta(days=days))
        assert same(second, wanted)


def test_months_and_years_alone_keep_their_distances() -> None:
    """Whole months among months, whole years among years."""
    for seed in range(1, 200):
        rng = random.Random(seed)
        days = Keyed(HmacDigest(seed.to_bytes(32, "big"))).shift_days("patient")
        months = [(rng.randrange(1950, 2049), rng.randrange(12)) for _ in range(4)]
        moved = Dates([f"{EN[m]} {y}" for y, m in months], days=days).shifted()
        numbers = [int(str(t).split()[1]) * 12 + EN.index(str(t).split()[0]) for t in moved]
        for one, other in combinations(range(4), 2):
            real = months[one][0] * 12 + months[one][1] - months[other][0] * 12 - months[other][1]
            assert numbers[one] - numbers[other] == real


def test_one_unmistakable_date_decides_the_order_of_the_note() -> None:
    """Beside 25/12/2020, 03/04/2021 is the third of April; beside 12/25/2020 it is the fourth of March."""
    assert Dates(["25/12/2020", "03/04/2021"], days=1).shifted() == ["26/12/2020", "04/04/2021"]
    assert Dates(["12/25/2020", "03/04/2021"], days=30).shifted() == ["01/24/2021", "04/03/2021"]
    assert Dates(["03/04/2021"], days=30, day_first=True).shifted() == ["03/05/2021"]


def test_what_is_no_date_or_tells_it_in_words_is_not_read() -> None:
    """Such a text is masked, not half moved."""
    texts = [
        "13/45/2020",
        "2/30/2021",
        "Christmas 2020",
        "the fifth of May",
        "spring",
        "",
        "week 3 of 2021",
        "x3/4/2021",
    ]
    assert Dates(texts, days=10).shifted() == [None] * len(texts)


def test_a_shift_out_of_the_calendar_is_not_written() -> None:
    """There is no year 0 and no year 10000."""
    assert Dates(["0001-01-02", "9999-12-30"], days=-30).shifted() == [None, "9999-11-30"]
    assert Dates(["9999-12-30"], days=30).shifted() == [None]


def test_ranges_move_at_both_ends() -> None:
    """A range of days may come to lie over the end of a month."""
    assert Dates(["March 3-5, 2021"], days=27).shifted() == ["March 30-April 1, 2021"]
    assert Dates(["19.3. bis zum 7.5.2029"], days=1, language="de").shifted() == ["20.3. bis zum 8.5.2029"]
