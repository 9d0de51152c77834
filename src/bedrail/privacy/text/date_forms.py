"""The forms of dates in notes, as one pattern, and what may stand beside them."""

from __future__ import annotations

import re

from bedrail.privacy.text.months import MONTHS, WEEKDAYS, any_of

_MONTH, _WEEKDAY = any_of(MONTHS), any_of(WEEKDAYS)
FORMS = re.compile(
    rf"""
      (?<!\d)(?P<iso>(?P<y1>\d{{4}})(?P<s1>[-/.]\s?)(?P<m1>\d{{1,2}})(?P=s1)(?P<d1>\d{{1,2}}))(?!\d)
    | (?<!\d)(?P<compact>(?P<y2>(?:19|20)\d\d)(?P<m2>0[1-9]|1[0-2])(?P<d2>[0-2]\d|3[01]))(?=(?:\d\d){{0,3}}(?!\d))
    | (?<!\d)(?P<three>(?P<a3>\d{{1,2}})(?P<s3>\s?(?P<c3>[-/.])\s?)(?P<b3>\d{{1,2}})(?P<t3>\s?(?P=c3)\s?)
        (?P<y3>\d{{4}}|'?\d\d|\d))(?!\d)
    | (?<![^\W\d_])(?P<days>(?P<m4>{_MONTH})(?P<s4>\.?\s+)(?P<d4>\d{{1,2}})(?P<o4>st|nd|rd|th)?
        (?P<t4>\s?(?:-|–|to|and|through)\s?)(?P<e4>\d{{1,2}})(?P<p4>st|nd|rd|th)?(?:(?P<u4>\s*,?\s+)(?P<y4>\d{{4}}))?)(?!\d)
    | (?<![^\W\d_])(?P<mdy>(?P<m5>{_MONTH})(?P<s5>\.?[\s/-]*(?:the\s+)?)(?P<d5>\d{{1,2}})(?P<o5>st|nd|rd|th)?
        (?:(?P<t5>\s*,\s*|[\s/-]+(?:of\s+)?)(?P<y5>\d{{4}}|'\d\d|(?<=[-/])\d\d))?)(?![\d:])
    | (?<![^\W\d_])(?P<my>(?P<m6>{_MONTH})(?P<s6>\.?,?[\s/-]*(?:of\s+|del?\s+(?:año\s+)?)?)(?P<y6>\d{{4}}|'\d\d))(?!\d)
    | (?<!\d)(?P<dmy>(?P<d7>\d{{1,2}})(?P<o7>st|nd|rd|th|[º.])?(?P<s7>[\s/.-]*(?:day\s+of\s+|of\s+|del?\s+)?)
        (?P<m7>{_MONTH})(?![^\W\d_])(?:(?P<t7>\.?,?[\s/-]*(?:of\s+|del?\s+(?:año\s+)?)?)(?P<y7>\d{{4}}|'?\d\d))?)(?![\d:])
    | (?<!\d)(?P<ny>(?P<m8>\d{{1,2}})(?P<s8>\s?[-/.]\s?)(?P<y8>\d{{4}}))(?!\d)
    | (?<!\d)(?P<two>(?P<a9>\d{{1,2}})(?P<s9>\s?[-/.]\s?)(?P<b9>\d{{1,2}}))(?![\d:])
    | (?<![^\W\d_])(?P<weekday>{_WEEKDAY})(?![^\W\d_])
    | (?<![^\W\d_])(?P<month>{_MONTH})(?![^\W\d_])
    | (?<!\d)(?P<year>(?:1[89]|2[01])\d\d)(?!\d)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Tried from the fullest to the barest. Each form's name is its last group to close, hence `lastgroup`."""

BESIDE = re.compile(
    r"""
      T?\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?(?:\s*(?:hrs?|h|uhr))?  # a time of day
    | (?<=^)\d{2}(?:\d{2}){0,2}(?:\.\d+)?(?=$|[+\-Z])                    # of an HL7 time stamp
    | T\d{4}(?:\d\d)? | [+-]\d\d:?\d\d\b | \bZ\b | \b(?:UTC|GMT|[ECMP][SD]T|ME[SZ]Z?|CES?T)\b
    | \b(?:to|and|through|thru|until|till|from|on|of|the|at|in|by|between|since|circa|ca|approx|about|early|mid|late
      |end|beginning|dob|date|von|vom|bis|zum|und|am|im|den|der|seit|ab|de|del|al|a|el|la|y|desde|hasta|entre|en|los|año|years?|jahre?)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What may stand beside dates in a span and stays: a shift by whole days changes no time of day and no zone."""
