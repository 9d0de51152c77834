"""Messages of HL7 v2 that were joined without line ends, and words that only look so."""

from __future__ import annotations

import pytest

from bedrail.core.errors import Invalid
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.hl7 import Deidentifier, read_profile
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.sources import split_messages

KEYED = Keyed(HmacDigest(b"a key for tests of HL7 v2, 32 by"))
HEADER = "MSH|^~\\&|LAB|GH|EHR|GH|2021||ORU^R01|1|P|2.5.1"
OBSERVED = "OBX|1|TX|718-7^Hb^LN||calm"


@pytest.mark.parametrize(
    "glued",
    [
        *(HEADER + blank + HEADER for blank in ("", " ", "\t", "\xa0", "\ufeff", "|", "^MSH", "\r" + OBSERVED)),
        *(HEADER + HEADER.replace("|", mark).replace("\\&", "\\#") for mark in "|!%"),
        *(HEADER + f"\r{OBSERVED} {name}|^~\\&|A|B\r" for name in ("BHS", "FHS")), HEADER + "MSH|^~\\&amp;|A|B",
        *(f"{HEADER}\r{OBSERVED}{ahead}PID|{rest}\rNTE|1||x\r" for ahead in ("", "M", "||||||F", "||||||F|")
          for rest in (
              "1||M-9922^^^GH^MR||Mueller^Hans", "||M-9922||Mueller^Hans||19700203|M", "1|7|M-9922^^^^MR||Mueller^H"
          )),
        f"{HEADER}\r{OBSERVED}|PID|1||M-9922||Mueller^Hans", f"{HEADER}PID|1||M-9922||Mueller^Hans\r",
        HEADER.replace("^", "$") + "PID|1||M-9922$$$GH$MR||Mueller$Hans\r",
        *(f"{HEADER}\r{OBSERVED}||||||F{rest}\r" for rest in (
            "PV1|1|I|W^389^1", "NK1|1|Mueller^Anna|SPO", "OBX|2|NM|x||1", "OBR|2|A|B|x^y", "ORC|NW|1",
            "NTE|2|L|call Anna", "EVN|A01|20210305", "AL1|1||x^nuts",
            "DG1|1||I10", "GT1|1||Mueller^Anna",
            "IN1|1|a|b", "MRG|M-1^^^GH^MR", "|NTE|1||call Anna", "MRG|||P-1", "NK1||Mueller^Anna", "OBX||ED|||x")),
    ],
)  # fmt: skip
def test_what_was_joined_without_a_line_end_is_refused_and_nothing_of_it_shown(glued: str) -> None:
    """Whatever stands before the second header or segment, and whatever its separators are."""
    with pytest.raises(Invalid) as caught:
        Deidentifier(read_profile("safe-harbor"), KEYED, this_year=2026, words=None).message(glued.encode())
    assert caught.value.path.startswith("segment")
    assert "inside it" in str(caught.value)
    assert not any(name in str(caught.value) for name in ("Mueller", "9922", "Anna"))
    assert caught.value.remedy


@pytest.mark.parametrize("line", [
    "PID|1||4711^^^MSH||Quill^Ada", "PID|1||4711^^^MSH|^^^|Quill^Ada",
    "OBX|1|NM|LIPID|1|5.2|mmol/L|<5|H^High^HL70078|||F",
    "OBX|1|NM|PIN1|1|5.2|mmol/L|<5|H||F", "DG1|1||PID|PID|20210305|A", "ERR|PID^1^5", "OBX|1|TX|x||RAPID|1|2|H",
    "NTE|1|L|see MSH",
    "OBX|1|TX|x||see MSH|-|x|PID||||F", "OBX|2|ST|x^PID|1|PID||PID|||PID",
    "NTE|1||MSH (Mount Sinai), PID, PV1 and NTE|PID",
    'PV1|1|I|MSH|""|PID', "OBX|1|TX|x||TOTAL1|1|x", "NTE|1||CLIENTE|1|x", "EVN|A01|20210305|MSH", "OBX|1|TX|x||FORC|L|",
])  # fmt: skip
def test_words_that_end_like_a_segment_are_no_second_one(line: str) -> None:
    """A hospital called MSH, a test called LIPID, a diagnosis called PID."""
    for data in (f"{HEADER}\r{line}\r", HEADER.replace("|LAB|GH|", "|MSH|MSH|") + f"\r{line}\r"):
        made = Deidentifier(read_profile("safe-harbor"), KEYED, this_year=2026, words=None).message(data.encode())
        assert made.startswith(b"MSH|")


def test_files_that_begin_with_a_byte_order_mark_are_joined_with_line_ends() -> None:
    """Each is a message of its own; the marks go."""
    plain = f"{HEADER}\rPID|1||M-4711^^^GH^MR||Quill^Ada\r{OBSERVED}\r".encode()
    one = b"\xef\xbb\xbf" + plain
    assert list(split_messages(one * 3)) == [one] * 3
    made = Deidentifier(read_profile("safe-harbor"), KEYED, this_year=2026, words=None)
    outs = [made.message(each) for each in (*split_messages(one * 2), plain, one + one)]
    assert outs[0] == outs[1] == outs[2]
    assert outs[3] == outs[0] * 2
