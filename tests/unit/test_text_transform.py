"""What becomes of identifiers in text."""

from __future__ import annotations

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.surrogates import Surrogates
from bedrail.privacy.text.transform import TextRules, deidentify_text, replaced, separate
from bedrail.privacy.text.values import Known
from bedrail.privacy.values import Span

ONE, OTHER = Keyed(HmacDigest(b"1" * 32)), Keyed(HmacDigest(b"2" * 32))


class Told:
    """A detector that finds what it was told: these tests are about what happens next."""

    def __init__(self, *parts: tuple[str, str]) -> None:
        self.parts = parts

    def detect(self, text: str, known: object = ()) -> list[Span]:
        """Each part where it first stands."""
        return [
            Span(start=text.index(words), end=text.index(words) + len(words), label=label, confidence=1.0)
            for label, words in self.parts
        ]


def surrogates(keyed: Keyed = ONE, subject: str = "p1", **more: object) -> Surrogates:
    return Surrogates(keyed, subject, **more)  # type: ignore[arg-type]


def test_all_ways_to_write_a_name_agree() -> None:
    """John Smith, SMITH, JOHN, Smith^John and J. Smith become one person."""
    of = surrogates().of
    first, last = str(of("NAME", "John Smith")).split()
    assert of("NAME", "SMITH, JOHN") == f"{last.upper()}, {first.upper()}"
    assert of("NAME", "Smith^John") == f"{last}^{first}"
    assert of("NAME", "Mr. Smith") == f"Mr. {last}"
    assert of("NAME", "J. Smith") == f"{first[0]}. {last}"
    assert of("NAME", "john smith") == f"{first} {last}".lower()
    assert {first, last}.isdisjoint({"John", "Smith"})


def test_projects_and_patients_have_names_of_their_own() -> None:
    """The same name becomes another one under another key, and for another patient."""
    names = {surrogates(key, patient).of("NAME", "John Smith") for key in (ONE, OTHER) for patient in ("p1", "p2")}
    assert len(names) == 4


def test_no_surrogate_is_an_original_of_the_note() -> None:
    """What another person of the note is truly called is nobody's surrogate there."""
    plain = surrogates().of("NAME", "John")
    assert surrogates(originals=[("NAME", "John"), ("NAME", str(plain))]).of("NAME", "John") != plain


def test_titles_degrees_particles_and_possessives_stay() -> None:
    """The sentence reads on: Dr., MD behind a comma, de la, 's."""
    of = surrogates().of
    assert str(of("NAME", "Dr. Theresa Williams, PA-C")).startswith("Dr. ")
    assert str(of("NAME", "Theresa Williams, PA-C")).endswith(", PA-C")
    assert " de la " in str(of("NAME", "Maria de la Cruz"))
    assert str(of("NAME", "Smith's")).endswith("'s")


def test_words_that_are_titles_only_behind_a_comma_are_names_elsewhere() -> None:
    """Do and Ma are degrees, and they are surnames."""
    assert "DO" not in str(surrogates().of("NAME", "DO, MINJUN"))
    assert "Ma" not in str(surrogates().of("NAME", "Ma Long")).split()


def test_numbers_keep_their_format_and_agree_over_formats() -> None:
    """The same record number in other groups becomes the same other number; letters stay letters."""
    of = surrogates().of
    made = str(of("MRN", "317-82-22"))
    assert made.replace("-", "") == of("MRN", "3178222")
    assert [c.isdigit() for c in made] == [c.isdigit() for c in "317-82-22"]
    assert str(of("MRN", "MR84769879")).startswith("MR")


def test_numbers_come_from_ranges_that_nobody_has() -> None:
    """SSN of area 9xx, phones of 555-01xx, example.org, documentation addresses."""
    of = surrogates().of
    ssn = str(of("SSN", "239-60-5518"))
    assert ssn[0] == "9"
    assert int(ssn[4:6]) < 50
    assert "555-01" in str(of("PHONE", "(206)140-1614"))
    assert str(of("EMAIL", "jo.smith7@gmail.com")).endswith("@example.org")
    assert str(of("URL", "https://portal.sanders.example/pt/123936")).startswith("https://example.org/")
    assert str(of("IP", "10.1.2.3")).startswith(("192.0.2.", "198.51.100.", "203.0.113."))
    assert str(of("IP", "fe80::1")).startswith("2001:db8:")


def test_the_state_stays_and_the_zip_code_keeps_what_may_be_told() -> None:
    """Street, town and the end of the code change; the code of a small area begins with 000."""
    made = str(surrogates().of("GEO", "12 Main Street, Salem, OR 97301"))
    assert "Street" in made
    assert ", OR 973" in made
    assert "Salem" not in made
    assert not made.endswith("97301")
    assert str(surrogates().of("GEO", "03601")).startswith("000")


def test_a_state_found_by_itself_stays_and_no_name_that_is_a_state_does() -> None:
    """MA alone, or before its ZIP code, is no town; Virginia alone may be a woman."""
    made = surrogates()
    assert [made.of("GEO", "MA"), made.of("GEO", "TX,")] == ["MA", "TX,"]
    assert made.of("GEO", "MA 02139").startswith("MA 021")
    assert made.of("GEO", "Virginia") != "Virginia"


def test_old_ages_become_one_category() -> None:
    """90 and over are told as 90+; 89 stays."""
    of = surrogates().of
    assert [of("AGE90", text) for text in ("93", "101-year-old", "89", "ninety-four")] == [
        "90+",
        "90+-year-old",
        "89",
        "90+",
    ]


def test_masking_writes_the_label() -> None:
    """Nothing of the words is left."""
    text, spans = deidentify_text("Seen by Ann Lee.", Told(("NAME", "Ann Lee")), ONE, "p", "mask")
    assert text == "Seen by [NAME]."
    assert (spans[0].start, spans[0].end) == (8, 15)


def test_generalising_keeps_year_state_and_zip_area() -> None:
    """What Safe Harbor lets stand."""
    found = Told(("DATE", "March 5th, 2021"), ("GEO", "12 Oak St, Salem, OR 97301"), ("AGE90", "95"))
    text, _ = deidentify_text(
        "On March 5th, 2021 at 12 Oak St, Salem, OR 97301, aged 95.", found, ONE, "p", "generalise"
    )
    assert text == "On 2021 at [GEO] OR 973**, aged 90+."


def test_a_year_that_tells_an_age_over_89_is_not_kept() -> None:
    """A birth date in 1928 beside a note of 2021 leaves no year."""
    found = Told(("DATE", "2/3/1928"), ("DATE", "5/6/2021"))
    text, _ = deidentify_text("born 2/3/1928, seen 5/6/2021", found, ONE, "p", "generalise")
    assert text == "born [DATE], seen 2021"


def test_safe_harbor_with_surrogates_tells_years_alone() -> None:
    """Shifted dates are not Safe Harbor, so the profile leaves years."""
    rules = TextRules(profile="safe-harbor")
    text, _ = deidentify_text("seen 5/6/2021", Told(("DATE", "5/6/2021")), ONE, "p", rules)
    assert text == "seen 2021"


def test_a_limited_data_set_keeps_dates_ages_towns_and_zip_codes() -> None:
    """45 CFR 164.514(e)(2): streets and facilities go, names go."""
    words = "Ann Lee, 93, 5/6/2021, Salem, OR 97301, 12 Oak Street"
    found = Told(
        ("NAME", "Ann Lee"), ("AGE90", "93"), ("DATE", "5/6/2021"), ("GEO", "Salem, OR 97301"), ("GEO", "12 Oak Street")
    )
    text, _ = deidentify_text(words, found, ONE, "p", TextRules(method="mask", profile="limited"))
    assert text == "[NAME], 93, 5/6/2021, Salem, OR 97301, [GEO]"


def test_known_values_are_nobodys_surrogate() -> None:
    """What the structured record tells is kept out of the choices, also where it does not stand in the note."""
    plain, _ = deidentify_text("Ann", Told(("NAME", "Ann")), ONE, "p")
    text, _ = deidentify_text("Ann", Told(("NAME", "Ann")), ONE, "p", known=[Known(label="NAME", text=plain)])
    assert text not in ("Ann", plain)


def test_overlapping_spans_become_one() -> None:
    """Nothing between two spans that touch is left."""
    spans = separate(
        [
            Span(start=4, end=9, label="GEO", confidence=0.5),
            Span(start=0, end=6, label="NAME", confidence=0.9),
            Span(start=9, end=9, label="MRN", confidence=1.0),
        ]
    )
    assert [(s.start, s.end, s.label) for s in spans] == [(0, 9, "NAME")]
    assert replaced("abcdefghij", spans, ONE, "p", TextRules(method="mask")) == "[NAME]j"
