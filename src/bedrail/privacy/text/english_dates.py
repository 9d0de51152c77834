"""English rules for dates, as people write them, and for ages of ninety and over."""

# ruff: noqa: E501, SIM905 (patterns and word lists read better on one line)
from __future__ import annotations

import re

from bedrail.privacy.text import checksums
from bedrail.privacy.text.values import DIGITS, Rule
from bedrail.privacy.text.wordlists import compiled

_MONTHS = ("january february march april may june july august september october november december "
           "jan feb mar apr jun jul aug sep sept oct nov dec").split()  # fmt: skip
_MONTH = r"(?i:jan(?:uary|\.)?|feb(?:ruary|\.)?|mar(?:ch|\.)?|apr(?:il|\.)?|may|june?\.?|july?\.?|aug(?:ust|\.)?|sept?(?:ember|\.)?|oct(?:ober|\.)?|nov(?:ember|\.)?|dec(?:ember|\.)?)(?![A-Za-z])"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?!\d)(?:[ ]?(?i:st|nd|rd|th)\b)?"
_YEAR = r"(?:(?:1[89]|20)\d{2}|'?\d{2})(?!\d)"
_GAP = r"[ ]?[-,./ ]?[ ]{0,2}"
_WEEKDAY = r"(?:(?i:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?i:day)?\.?,?[ ])?"
_FREE = r"(?<![\w])(?<!\d[-/.])"
_AFTER = r"(?![\w]|[-/]\d|\.\d)"
_TIME = r"(?:T\d{2}:?\d{2}(?::?\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"


_SIGNS = compiled(r"[-/. ]+").split


def _numeric(text: str) -> bool:
    """Three numbers that are a day in one order or another."""
    parts = [int(p) for p in _SIGNS(text.partition("T")[0])]
    if len(parts) != 3:
        return False
    a, b, c = parts
    if a > 31:
        return checksums.day(a, b, c) or checksums.day(a, c, b)
    return checksums.day(2000, a, b) or checksums.day(2000, b, a)


def _compact(text: str) -> bool:
    return 1880 <= int(text[:4]) <= 2099 and checksums.day(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _month_day(text: str) -> bool:
    a, b = (int(p) for p in _SIGNS(text))
    return checksums.day(2000, a, b) or checksums.day(2000, b, a)


def _old(text: str) -> bool:
    return 90 <= int(text) <= 130


_TENS = r"(?i:ninety|(?:one )?hundred(?: and)?|a hundred)(?:[- ](?i:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))?"
_OLD = r"(?P<x>9\d|1[0-2]\d)(?![\d/%]|[.,]\d)"
_YEARS = r"(?i:y[./ ]{0,2}o\.?|y\.?o\.?|years?|yrs?\.?|y(?=[ /MmFf])|[- ]?year)"

_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_NTHS = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
_TENTHS = "tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
_NTH = rf"(?i:(?:twenty|thirty)[- ](?:{_NTHS})|{_NTHS}|{_TENTHS})(?![A-Za-z])"
_BELOW_HUNDRED = rf"(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:{_ONES}))?|{_TEENS}|oh[- ](?:{_ONES})|{_ONES})"
_SPOKEN_YEAR = rf"(?i:,?[ ](?:(?:nineteen|twenty)[- ]{_BELOW_HUNDRED}|two thousand(?:[ ](?:and[ ])?{_BELOW_HUNDRED})?))(?![A-Za-z])"
_HOLIDAY = (r"(?:(?:Memorial|Labor|Labour|Veterans'?|Presidents'?|Columbus|Independence|Canada|MLK|Martin Luther King|Boxing|Mother's|Father's|Valentine's|New Year'?s|St\.? Patrick's|Groundhog|Christmas)[ ](?:Day|Eve)|Christmas|Thanksgiving|Halloween|"
            r"Easter(?:[ ](?:Sunday|Monday))?|Good Friday|Ash Wednesday|Palm Sunday|Hanukkah|Chanukah|Passover|Rosh Hashanah|Yom Kippur|Diwali|Eid(?: al-[A-Z][a-z]+)?|Juneteenth|Cinco de Mayo|(?:Lunar|Chinese) New Year|(?:Fourth|4th) of July)")  # fmt: skip

_SAID = (r"(?i:mon(?:day)?|tues?(?:day)?|weds?|wednesday|thu(?:rs)?(?:day)?|fri(?:day)?|saturday|sun(?:day)?|on|dated?|since|until|till|seen|visit|visited|admitted|adm|discharged|d/c|dc|by|from|starting|started|through|thru|before|after|for|of|dos|"
         r"due|appointment|appt|scheduled|as of|fell|exam|effective|due date|d2|next|last|today|tomorrow|yesterday|returns?|return|f/u|follow-?up|surgery|"
         r"collected|received|reported|drawn|signed|placed|removed|performed|done|updated|entered|written|filed|faxed|called|lmp|edd|edc|born|dob|died|death)")  # fmt: skip

DATES = (
    Rule("DATE", frozenset(_WEEKDAYS), compiled(r"(?<![A-Za-z])(?:(?i:mon|tues|wednes|thurs|fri|satur|sun)day),?[ ](?P<x>(?:the[ ])?(?:[12]\d|3[01]|[1-9])(?:st|nd|rd|th))(?![\w])"), 0.85),
    Rule("DATE", frozenset(w.lower() for w in re.findall(r"[A-Z][A-Za-z]+", _HOLIDAY)), compiled(r"(?<![\w'])(?P<x>(?:(?i:the)[ ])?" + _HOLIDAY + r"(?:[ ](?i:weekend|week|eve|day|morning|night))?(?:[ ](?:19|20)\d{2})?)(?![\w'])(?![ ](?i:dinner|tree|cactus|lily|hospital|medical|church|seals?))"), 0.85),
    Rule("DATE", frozenset(["twenty", "thirty", *_NTHS.split("|"), *_TENTHS.split("|")]),
         compiled(r"(?<![A-Za-z-])(?P<x>" + _NTH + r"[ ](?:day[ ])?of[ ]" + _MONTH + r"(?:" + _SPOKEN_YEAR + r"|,?[ ](?:19|20)\d{2}(?!\d))?)"), 0.9),
    Rule("DATE", frozenset(_MONTHS), compiled(r"(?<![A-Za-z0-9])(?P<x>" + _MONTH + r"[ ](?:the[ ])?(?:" + _NTH + r"(?:" + _SPOKEN_YEAR + r"|,?[ ](?:19|20)\d{2}(?!\d))|(?<!may )(?<!May )" + _NTH + r"|(?i:(?:twenty|thirty)[- ](?:" + _ONES + r")|" + _TEENS + "|" + _ONES + r"|twenty|thirty)" + _SPOKEN_YEAR + r"))"), 0.88),
    Rule("DATE", frozenset(_MONTHS), compiled(r"(?<![A-Za-z0-9])(?P<x>" + _MONTH + r"[ ]?[-./]?[ ]?(?:the[ ])?" + _DAY + r"(?![/:%\d])(?:[ ]?(?:-|to|through|and|&|/)[ ]?" + _DAY + r"(?![/:]))?(?:[ ]?[-,./']{0,2}[ ]{0,2}(?:of[ ])?" + _YEAR + r")?)(?![\d])"), 0.97),
    Rule("DATE", frozenset(_MONTHS), compiled(r"(?<![A-Za-z0-9])(?P<x>" + _MONTH + r"[ ]?[-,./']?[ ]?(?:of[ ])?(?:(?:1[89]|20)\d{2}|'\d{2}))(?![\w])"), 0.96),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w])(?<!\d[-/.])(?P<x>" + _DAY + r"(?:[ ]?(?:-|to|through|and|&)[ ]?" + _DAY + r")?[ ]?[-./]?[ ]?(?i:of[ ])?(?i:day of[ ])?" + _MONTH + r"(?:" + _GAP + r"(?:of[ ])?" + _YEAR + r")?)"), 0.96),
    Rule("DATE", frozenset({"the"}), compiled(r"(?P<x>(?i:the)[ ]" + _DAY + r"[ ](?i:day of|of)[ ]" + _MONTH + r")"), 0.96),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w])(?P<x>(?:1[89]|20)\d{2}[-/. ]" + _MONTH + r"[-/. ]" + _DAY + r")"), 0.96),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{1,2}(?P<s>[-/.])\d{1,2}(?P=s)(?:(?:1[89]|20)\d{2}|\d{2})" + _TIME + ")" + _AFTER), 0.95, _numeric),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{1,2}[ ]?/[ ]?\d{1,2}[ ]?/[ ]?(?:(?:1[89]|20)\d{2}|\d{2}))" + _AFTER), 0.95, _numeric),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>(?:1[89]|20)\d{2}(?P<s>[-/.])\d{1,2}(?P=s)\d{1,2}(?!\d)" + _TIME + r")(?!\d)"), 0.96, _numeric),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w.-])(?P<x>(?:18|19|20)\d{6})(?:T?\d{4,6})?(?![\w]|[-.]\d)"), 0.85, _compact),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>(?:0?[1-9]|1[0-2])/(?:(?:19|20)\d{2}))(?![\w]|/\d)"), 0.9),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w])(?<!\d[-/.])(?<![-/.])(?P<x>\d{4}-(?:0[1-9]|1[0-2]))(?![\w]|-\d)"), 0.75, lambda t: t[:2] in {"19", "20"}),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w/.-])(?P<x>(?:0?[1-9]|1[0-2])[/-](?:0?[1-9]|[12]\d|3[01]))(?![\w%]|[-/.]\d)(?![ ]?(?i:mg|ml|pain|strength|bilat|on the|units?|tabs?|tablets?|murmur|lpm|of|visits?|sessions?|cm|mm|inch))"), 0.8, _month_day,
         before=compiled(r"(?<![A-Za-z])" + _SAID + r"(?:[ ](?i:on|in|date|was|is|visit|seen|the))?[ :]{1,3}[(\[]?\Z")),
    Rule("DATE", frozenset({"in", "since", "last", "this", "early", "late", "mid", "until", "during", "next", "through"}),
         compiled(r"(?<![A-Za-z])(?i:in|since|last|this|early|late|mid|until|during|next|through)[ -](?i:early |late |mid-?)?(?P<x>(?i:january|february|march|april|(?<=since )may|(?<=last )may|(?<=in )may|june|july|august|september|october|november|december))(?![A-Za-z])(?![ ](?i:be|have|not|need))"), 0.8),
    Rule("AGE90", frozenset({DIGITS}), compiled(r"(?<![\w./-])(?<!\d[ ])" + _OLD + r"[]})]{0,2}[ ]?-?[ ]?" + _YEARS + r"(?:[- ]{0,2}(?i:s?[ -]?old|of age|f\b|m\b|female|male|woman|man|lady|gentleman|wf|wm|bf|bm))"), 0.97, _old),
    Rule("AGE90", frozenset({DIGITS}), compiled(r"(?<![\w./-])" + _OLD + r"[]})]{0,2}[ ]?-?(?i:y/?\.?o\b|y\.o\.|yo\b|yof\b|yom\b|y/o/?[fm]?\b|y[fm]\b|yrs?\b|years?[- ]old)"), 0.95, _old),
    Rule("AGE90", frozenset({DIGITS}), compiled(r"(?<![\w./-])" + _OLD + r"[ ]?(?i:f|m|yo|wf|wm|bf|bm)(?![\w°])(?!=)"), 0.85, _old),
    Rule("AGE90", frozenset({DIGITS}), compiled(r"(?<![\w./-])" + _OLD + r"[]})]{0,2}[ ]?(?i:years?)(?![A-Za-z])(?![ ](?i:ago|later|of (?!age)|experience|prior|after|since|follow))"), 0.75, _old),
    Rule("AGE90", frozenset({"age", "aged", "ages", "ag", "turned", "turning", "turns"}), compiled(r"(?<![A-Za-z])(?i:aged?|ages|turned|turning|turns)(?:[ ](?i:in years|yrs|years|at \w+|of|is|was|at|about|approximately|approx|group|now|currently|today|recorded|stated|on \w+|this \w+|the age of))*[ :=/(\[|~<>\-]{0,4}(?i:years[ :=]{0,3})?" + _OLD + r"(?![ ]?(?i:mg|ml|bpm|kg|lb|cm|mm|degrees))"), 0.95, _old),
    Rule("AGE90", frozenset({"age", "aged", "ages"}), compiled(r"(?<![A-Za-z])(?i:aged?|ages)\b[^.;\n\d]{0,30}[ :=(\[|]" + _OLD + r"(?![ ]?(?i:mg|ml|bpm|kg|lb|cm|mm|degrees|days|months|weeks))"), 0.8, _old),
    Rule("AGE90", frozenset({"patient", "individual", "person", "resident", "woman", "man", "lady", "gentleman", "veteran", "client", "mother", "father", "grandmother", "grandfather"}), compiled(r"(?i:[a-z]+),?[ ](?i:who is |is |was |now |currently |aged |an? |the |this )*[(\[]?" + _OLD + r"[)\]]?(?=[ ,;.]*(?i:years?|yrs?|y/?o|and|who|with|remains|lives|died|[.,;])(?![A-Za-z]))"), 0.7, _old),
    Rule("AGE90", frozenset({"ninety", "hundred", "one", "a", "nonagenarian", "centenarian", "supercentenarian"}), compiled(r"(?<![A-Za-z])(?:(?P<x>" + _TENS + r")[- ]?(?i:years?|yrs?)[- ](?i:old|of age)|(?P<x3>(?i:ninety(?:[- ](?:" + _ONES + r"))?))[ -]?(?i:yo\b|y/o|y\.o|yrs?\b|year)|(?P<x2>(?i:nonagenarian|(?:super)?centenarian)))"), 0.95),
    Rule("AGE90", frozenset({"ninety"}), compiled(r"(?P<x>(?i:ninety(?:[- ](?:" + _ONES + r"))?))(?![A-Za-z])(?![- ]?(?:%|(?i:percent|degrees?|point|over|beats?|days?|minutes?|mins?|seconds?|sec|hours?|mg|ml|pounds|kilos?|meters?|feet|" + _ONES + r"))\b)"), 0.75,
         before=compiled(r"(?<![A-Za-z])(?i:is|was|aged?|turned|turning|turns|now|almost|nearly)[ ]\Z")),
    Rule("AGE90", frozenset({"her", "his", "their", "mid", "early", "late"}), compiled(r"(?i:her|his|their|mid|early|late)[ -](?:(?i:early|mid|late)[ -]?)?(?P<x>(?i:nineties|90'?s|hundreds))(?![A-Za-z])"), 0.9),
)  # fmt: skip
