"""What is packed into a note as base64 or hexadecimal is found as a whole; numbers and long words are not."""

from __future__ import annotations

import base64

import pytest

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text import deidentify_text, load
from bedrail.privacy.text.packed import packed_in

SAID = "SSN 123-45-6789, Rosalind Okonkwo"


@pytest.mark.parametrize("note", ["see {} now.", "{}", "data:text/plain;base64,{}", "Seen.\n{}\nStable."])
def test_packed_text_goes_as_a_whole(note: str) -> None:
    """In base64 of UTF-8 and UTF-16, with either alphabet, and in hexadecimal."""
    raw, wide = SAID.encode(), SAID.encode("utf-16-le")
    forms = [base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.b64encode(wide), raw.hex().encode()]
    keyed = Keyed(HmacDigest(b"k" * 32))
    for form in [each.decode() for each in forms]:
        made, _ = deidentify_text(note.format(form), load("en", "rules"), keyed, "p", "mask")
        assert form[:16] not in made
        assert form[-8:] not in made


def test_a_wrapped_file_goes_with_all_its_lines() -> None:
    """The last, shorter line too, and not what stands behind it."""
    text = "Attached:\n" + base64.encodebytes(bytes(range(256)) * 3).decode() + "Regards of the ward\n"
    (found,) = packed_in(text)
    assert text[: found.start] == "Attached:\n"
    assert text[found.end :] == "\nRegards of the ward\n"


def test_words_numbers_and_sequences_are_not_packed() -> None:
    """Long words, card numbers, SNOMED codes, nucleotides, digests in hexadecimal, ruled lines."""
    plain = (
        "pneumonoultramicroscopicsilicovolcanoconiosis and/or hyperparathyroidism/hypoparathyroidism "
        "900000000000207008 3554257252477856 ACGTTGCAACGTTGCAACGTTGCAACGTTGCA "
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
        "-------------------------------- ________________________________ Esophagogastroduodenoscopy"
    )
    assert packed_in(plain) == []
