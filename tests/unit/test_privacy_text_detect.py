"""The English detector: structured identifiers survive nowhere, names are found whatever their origin, prose stays."""

from __future__ import annotations

import re

import pytest

from bedrail.core.errors import Corrupt, Invalid
from bedrail.privacy.text import Known, load
from bedrail.privacy.text.chain import marginals, marginals_numpy
from bedrail.privacy.text.gazetteers import gazetteer
from bedrail.privacy.text.origins import MOST, probe
from bedrail.privacy.text.tagger import Weights
from bedrail.privacy.text.values import Candidate
from bedrail.privacy.values import LABELS
from planted_identifiers import planted


def leaks(text: str, start: int, end: int, mode: str) -> bool:
    """Whether a letter or digit of text[start:end] is left uncovered."""
    covered = bytearray(len(text))
    for span in load(mode=mode).detect(text):
        covered[span.start : span.end] = b"\x01" * (span.end - span.start)
    return any(text[i].isalnum() and not covered[i] for i in range(start, end))


def masked(text: str, mode: str = "full", known: tuple[Known, ...] = ()) -> str:
    """The text with every covered letter and digit as an x."""
    out = list(text)
    for span in load(mode=mode).detect(text, known):
        for i in range(span.start, span.end):
            out[i] = "x" if text[i].isalnum() else text[i]
    return "".join(out)


@pytest.mark.parametrize("mode", ["rules", "full"])
def test_no_planted_identifier_survives(mode: str) -> None:
    """Three hundred identifiers of every category, in every form of announcement and casing, are wholly covered."""
    left = [(category, n) for n, (category, text, s, e) in enumerate(planted(300, 7)) if leaks(text, s, e, mode)]
    assert left == []


@pytest.mark.slow
def test_no_planted_identifier_of_ten_thousand_survives() -> None:
    """The same for ten thousand, by rules alone."""
    left = [(category, n) for n, (category, text, s, e) in enumerate(planted(10_000, 11)) if leaks(text, s, e, "rules")]
    assert left == []


def test_labels_are_those_of_the_format() -> None:
    """A number announced as something gets the label of that thing."""
    for category, text, start, _ in planted(120, 3):
        if category in {"SSN", "EMAIL", "IP", "MRN", "LICENSE", "BIOMETRIC", "PHOTO"} and text.islower() is False:
            labels = {s.label for s in load(mode="rules").detect(text) if s.start <= start < s.end or s.start == start}
            assert labels <= set(LABELS)
            assert category in labels or labels & {
                "UNIQUE_ID",
                "PHONE",
                "ACCOUNT",
                "DATE",
                "VEHICLE",
                "DEVICE",
                "HEALTH_PLAN",
            }


@pytest.mark.parametrize(
    "note",
    [
        "BP 120/80, HR 72, T 98.6, SpO2 97% on room air. Pain 4/10. Strength 5/5.",
        "Assessment: Parkinson's disease, stable. Continue Lasix 40 mg IV and Augmentin 875/125 b.i.d. for 10 days.",
        "Foley catheter in place. Glasgow Coma Scale 15. Babinski downgoing. Jackson-Pratt drain removed.",
        "PMID 22122471. SNOMED 44054006. ICD-10 I63.9. HER2 negative, CA-125 35, COVID-19 PCR negative, B12 340.",
        "platelets 250000, viral load 1200000 copies, heparin 5000 units, 4 x 6 mm nodule (series 3, image 45).",
        "Ethnicity: Not Hispanic or Latino. Race: Black or African American. A Latino male of 57.",
        "64 year old with 30 pack-year history, quit in 1998. Visit 3/12. Berg 45/56. L4-L5 disc narrowing.",
    ],
)
def test_clinical_prose_stays(note: str) -> None:
    """Eponyms, drugs, scores, doses, codes of publications and ages below ninety are no identifiers."""
    assert masked(note, "rules") == note


@pytest.mark.slow
def test_names_of_every_origin_are_found_equally_well() -> None:
    """Recall of the probe's thirteen origins differs by at most five points, and is high for all."""
    score, unlisted = probe(load())
    assert score.origin_gap is not None
    assert score.origin_gap <= MOST
    assert min(s.rate for s in score.origins.values()) > 0.9
    assert unlisted > 50


def test_known_values_are_found_however_written() -> None:
    """What the structured record tells is found in other casing, order and spacing."""
    known = (Known(label="NAME", text="Ann Bee Seedorf"), Known(label="MRN", text="12-34-5"))
    assert "seedorf" not in masked("seen by SEEDORF,ann b", "rules", known).lower()
    assert masked("no 12 34 5 today", "rules", known) == "no xx xx x today"


def test_what_was_found_once_is_found_again() -> None:
    """A surname after a title is masked where it stands alone, and an announced number where it is not announced."""
    out = masked("Seen by Dr. Zaplethal. Number MRN 8812734.\nZaplethal will call. 8812734 confirmed.")
    assert "Zaplethal" not in out
    assert "8812734" not in out


def test_all_capitals_and_no_capitals_are_read_too() -> None:
    """Casing takes neither names nor dates away."""
    note = "Patient Name: Ifeoma Brzezinski\nSeen on March 3rd, 2020 by Dr. Villanueva at Lakeview Hospital."
    for text in (note.upper(), note.lower()):
        out = masked(text).lower()
        assert not any(word in out for word in ("ifeoma", "brzezinski", "march", "villanueva", "lakeview"))


def test_offsets_are_of_the_text_as_it_came() -> None:
    """Zero-width signs, combining accents, odd spaces and wide digits move no span."""
    text = "Patient: Jose\u0301 Mu\u200bn\u0303oz\u00a0\u00a0MRN: \uff11\uff12\uff13\uff14\uff15\uff16\uff17 ok"
    for span in load().detect(text):
        assert 0 <= span.start < span.end <= len(text)
    out = masked(text, "rules")
    assert "\uff11" not in out
    assert out.endswith("xx ok")
    assert "Jose" not in out


def test_ages_of_ninety_are_told_from_younger_ones() -> None:
    """89 stays, 90 goes, in every way of saying it."""
    for said in (
        "{}-year-old woman",
        "{} y/o male",
        "Age: {}",
        "aged {}",
        "{} yo F",
        "a {} year old",
        "died at age {}.",
    ):
        assert masked("This is a note. " + said.format(94), "rules") != "This is a note. " + said.format(94)
        assert masked("This is a note. " + said.format(89), "rules") == "This is a note. " + said.format(89)


def test_the_kernel_and_numpy_agree() -> None:
    """Posteriors of the compiled and the plain algorithm are the same, and sum to one."""
    import numpy as np

    rng = np.random.default_rng(4)
    for n in (1, 2, 50):
        scores, links = (rng.normal(0, 4, s).astype(np.float32) for s in ((n, 8), (8, 8)))
        ours = marginals(scores, links)
        assert np.allclose(ours, marginals_numpy(scores, links), atol=1e-5)
        assert np.allclose(ours.sum(axis=1), 1, atol=1e-5)


def test_unknown_language_and_mode_are_invalid() -> None:
    """Both are named with what there is."""
    with pytest.raises(Invalid, match="language"):
        load("xx")
    with pytest.raises(Invalid, match="mode"):
        load("en", "quick")  # type: ignore[arg-type]


def test_a_damaged_model_is_corrupt() -> None:
    """Anything that is no model file is said to be damaged; nothing of it runs."""
    import gzip

    for data in (b"", b"x", gzip.compress(b"{}\n"), gzip.compress(b'{"labels":["O"],"attributes":9}\nabc')):
        with pytest.raises(Corrupt):
            Weights(data)


def test_word_lists_hold_what_they_should() -> None:
    """Names, drugs and eponyms are in their classes, and loading twice gives the same object."""
    lists = gazetteer("en_words.txt.gz")
    assert lists.of["okonkwo"] & lists.bits("last")
    assert lists.of["metoprolol"] & lists.bits("drug", "clinical", "word")
    assert lists.of["babinski"] & lists.bits("eponym")
    assert gazetteer("en_words.txt.gz") is lists


AMOUNTS = (
    "Leads thresholds 0.6 V @ 0.4 ms. Battery 6.2 yrs.",
    "Total sleep time 342 min, AHI 22.4/h, nadir 81%. CPAP titrated to 9 cm H2O.",
    "Buprenorphine 8/2 daily. SVE 2/50/-3 at 36w2d.",
    "Urine culture: 10^5 CFU/mL. The lesion measures 1.2 x 0.8 x 0.6 cm.",
    "Oxygen at 2 L/min, FiO2 0.28, pH 7.39. Home glucose is 105-165 mg/dL.",
    "RR 18, HR 92, creatinine 1.4 mg/dL, eGFR 48. QTc 428 ms. No acute ST changes.",
    "Examination includes Murphy sign; the result is negative.",
    "HISTORY OF FEVER, RIGORS, OR CHILLS. NO COUGH.",
)


@pytest.mark.parametrize("text", AMOUNTS)
def test_amounts_scores_and_signs_stay(text: str) -> None:
    """Measurements, ratios, doses, eponyms and words of grammar are nobody's identifier."""
    assert masked(text) == text


def test_laboratory_shorthand_is_nobodys_name() -> None:
    """Hb alone in a field, or before its reading, is haemoglobin; behind a title it may be somebody."""
    found = load("en", "full")
    for text in ("Hb", "low Hb", "Hb 12.3 g/dL", "Hb low, Hct 30", "Hgb"):
        assert not found.detect(text), text
    assert found.detect("Dr. Hb Smith")


def test_words_around_a_name_or_number_stay() -> None:
    """Role words and words that announce a number are no part of it; the name and the number are covered."""
    text = "Clinician Maria Kowalczyk, lic CA-204518, near the entrance of Mercy Hospital and Thomas Okafor."
    out = masked(text)
    assert out.startswith("Clinician xxxxx xxxxxxxxx, lic ")
    assert "entrance of xxxxx xxxxxxxx and xxxxxx xxxxxx." in out


def test_an_address_of_mail_needs_a_letter_behind_its_sign() -> None:
    """`V @ 0.4` is a voltage; `v@a.org`, `v @ a.org` and `v@[192.0.2.1]` are addresses."""
    for address in ("v@a.org", "v @ a.org", "v@[192.0.2.1]", "v@3com.com"):
        assert "v" not in masked(f"Mail {address} today", "rules").replace("Mail", "").replace("today", "")
    assert masked("0.6 V @ 0.4 ms", "rules") == "0.6 V @ 0.4 ms"


def test_only_the_address_behind_ip_goes() -> None:
    """Whatever stands before, a phone, a contact, a serial number; what is no address but a number goes as ever."""
    for before in ("", "Phone ", "Fax ", "Contact: ", "Serial no. ", "from "):
        for word in ("IP", "ip", "IP address", "IPv4", "IP:"):
            for mode in ("rules", "full"):
                assert masked(f"{before}{word} 10.2.3.4", mode) == f"{before}{word} xx.x.x.x"
    assert masked("Contact: IP 2001:db8::1") == "Contact: IP xxxx:xxx::x"
    assert masked("Phone IP 617-555-0123").endswith("xxx-xxx-xxxx")


def test_the_state_behind_a_town_goes_with_it_but_credentials_do_not() -> None:
    """`Laurel Crossing, CO` is one place; behind `Lee, MD` and `Chest, CT` nothing of the kind is taken for a state."""
    town, *_ = load("en", "rules").detect("She lives in Laurel Crossing, CO and works.")
    assert (town.start, town.end, town.label) == (13, 32, "GEO")
    for text in ("Reviewed by Ann Lee, MD today.", "Plain Chest, CT of the head."):
        assert {"MD", "CT"} & set(re.findall(r"[A-Z]{2}", masked(text, "rules")))


def test_initials_right_before_a_name_go_with_it() -> None:
    """A. B., O' and d' right before a name found without them are covered with it; the letter of a vitamin is not."""
    detector = load("en", "rules")
    for text, start in (
        ("Seen by K. Shoreham.", 8),
        ("By A. B. Okafor.", 3),
        ("By G. O'Rothfen.", 3),
        ("By d'Arvane.", 3),
    ):
        at = max(text.rfind(" "), text.rfind("'")) + 1
        name = Candidate(at, len(text) - 1, "NAME", 0.7, "tagger")
        assert [(c.start, c.end) for c in detector._initials(text, [name])] == [(start, len(text) - 1)]
    assert detector._initials("Vitamin D Smith", [Candidate(10, 15, "NAME", 0.7, "tagger")]) == []
