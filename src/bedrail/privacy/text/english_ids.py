"""English rules for numbers, codes and addresses of the net: formats that prove themselves, and words that announce them."""

# ruff: noqa: E501, SIM905 (patterns and word lists read better on one line)
from __future__ import annotations

import re

from bedrail.privacy.text import checksums
from bedrail.privacy.text.values import DIGITS, MIXED, Rule
from bedrail.privacy.text.wordlists import compiled

_ALONE = r"(?<![A-Za-z0-9])"
_END = r"(?![A-Za-z0-9])"

# What may stand between the word that announces a number and the number.
_LINK = (
    r"(?:[ ]?(?:[:;#=|>~,/\[\]()'\"*.\-]|\b(?i:no|nos|nr|num|numbers?|identifiers?|id|is|was|are|as|of|code|ref|reference|value|key|"
    r"ending|ends|in|on|file|with|the|card|listed|recorded|noted|given|verified|confirmed|patient|pt|his|her|their|assigned)\b\.?)"
    r"){0,9}[ ]{0,3}\n?[ ]{0,3}"
)
_FAR = _LINK + r"(?:\b[a-z]{1,14}\b[ ,:;#(]{1,3}){0,6}" + _LINK

# A number as people write one: letters in front, groups with - / . : or single spaces between groups of digits.
_NOT = r"(?!(?i:dob|age|sex|date|mrn|ssn|phone|fax|tel|name|years?|the|and|for|to|at|on|in|of|is|was|by|from|with|than|over|about|a)\b)"
_VALUE = (
    r"(?P<x>"
    + _NOT
    + r"(?:[A-Za-z]{1,5}[ ](?=[#-]?[A-Za-z]{0,3}\d))?(?=[A-Za-z#*_/.:+-]*\d)[#*]*[A-Za-z0-9*]+(?:[-_/.:+*]+[A-Za-z0-9*]+)*"
    r"(?:[ ](?=\d{2,6}(?![A-Za-z0-9/.:%]))\d{2,6}){0,4})"
)


def _count(text: str) -> int:
    return sum(map(str.isdigit, text))


def _short(text: str) -> bool:
    return _count(text) >= 2 and sum(c.isalnum() for c in text) >= 3


def _long(text: str) -> bool:
    return _count(text) >= 4 or (_count(text) >= 2 and sum(c.isalnum() for c in text) >= 6)


def _announced(label: str, words: str, triggers: str, near: float = 0.97, far: float = 0.9) -> tuple[Rule, Rule]:
    """A number right behind one of `words`, and one that a few plain words away looks like a number of its own."""
    starts = frozenset(triggers.split())
    head = _ALONE + r"(?i:" + words + r")(?![a-z])"
    return (
        Rule(label, starts, compiled(head + _FAR + _VALUE + _END), far, _long),
        Rule(label, starts, compiled(head + _LINK + _VALUE + _END), near, _short, follows=True),
    )


_ANNOUNCED = (
    *_announced(
        "MRN",
        r"mrns?|m\.?\s?r\.?\s?n\.?|mr(?=[ ]?#)|mr (?=no|num)|med(?:ical)?\.? ?rec(?:ord)?s?|(?:medical|hospital|clinic|health|patient|unit|unified|"
        r"electronic|master)? ?(?:record|chart) ?(?:no|num|#|id|file|ident|ref|key|index|:|/)|charts?|(?:hospital|clinic|unit|patient|pt|medical)"
        r" ?(?:no\.|num\w*|#|id\w*)|patient ?identif\w+|pid|empi|mpi|hn|urn|uhid|cpi|emrn?|ehr|indexed by",
        "mrn mrns m mr med medical hospital clinic health patient pt unit unified electronic master record chart charts pid "
        "empi mpi hn urn uhid cpi emr emrn ehr indexed",
    ),
    *_announced("SSN", r"ssns?|ss ?(?=#|no|num|n)|s\.s\.n?\.?|soc(?:ial)?\.? ?sec(?:urity)?\.?(?: (?:number|no|num|card))?|social|tax ?id|itin|tin",
                "ssn ssns ss s soc social tax itin tin"),
    *_announced(
        "HEALTH_PLAN",
        r"(?:medicare|medicaid|insurance|health ?plan|plan|payer|payor|policy|coverage|beneficiary|subscriber|member|membership|group|grp|"
        r"medi-?cal|tricare|hmo|ppo|mbi|hicn?|hic|champus|claim|enrollee|insured|certificate|rx ?(?:bin|pcn|grp|group|id)|bin|pcn|"
        r"aetna|cigna|humana|anthem|bcbs|blue ?cross|kaiser|uhc|united ?healthcare|prior auth\w*|auth(?:orization)?)",
        "medicare medicaid insurance health plan payer payor policy coverage beneficiary subscriber member membership group grp "
        "medi medical tricare hmo ppo mbi hicn hic champus claim enrollee insured certificate rx bin pcn aetna cigna humana anthem "
        "bcbs blue kaiser uhc united prior auth authorization",
    ),
    *_announced(
        "ACCOUNT",
        r"acc(?:oun)?ts?|acct|a/c|billing|guarantor|invoice|inv|statement|ledger|payment|bank|routing|aba|iban|swift|credit ?card|debit ?card|"
        r"card|visa|mastercard|amex|american express|discover|checking|savings|financial|receipt|transaction|txn|har|fin|bill",
        "acct accts account accounts a billing guarantor invoice inv statement ledger payment bank routing aba iban swift credit "
        "debit card visa mastercard amex american discover checking savings financial receipt transaction txn har fin bill",
    ),
    *_announced(
        "LICENSE",
        r"(?:driver'?s?'?|driving|dr|drivers'|state|medical|nursing|professional|pilot|commercial|operator'?s?|marriage|board|fishing|hunting|"
        r"pharmacy)? ?(?:licen[sc]es?|lic|licensure|certificates?|certification|cert)\b|(?<!/)dl|cdl|npi|dea|upin|caqh|clia|ncpdp|nabp|registration",
        "driver drivers driving dr state medical nursing professional pilot commercial operator operators marriage board fishing "
        "hunting pharmacy license licence licenses licences lic licensure certificate certificates certification cert dl cdl npi "
        "dea upin caqh clia ncpdp nabp registration",
    ),
    *_announced("VEHICLE", r"(?:licen[sc]e |vehicle |car |number |registration )?(?:plates?|tags?)|vin|vehicle ?(?:id\w*|no|number|#|reg\w*)|"
                r"lic(?:ense)?\.? ?pl(?:ate)?|rego|hull|tail ?(?:no|number)", "license licence lic vehicle car number registration plate plates tag vin rego hull tail"),
    *_announced(
        "DEVICE",
        r"serial(?: ?(?:no|num|number|#))?|ser|s/n|sn|udi(?:-pi|-di)?|device|implant|pacemaker|icd serial|generator|lead|lot|batch|model|pump|"
        r"stimulator|prosthesis|valve|stent|meter|glucometer|cgm|transmitter|imei|imsi|meid|mac(?: address)?|asset|ventilator|monitor",
        "serial ser s sn udi device implant pacemaker icd generator lead lot batch pump stimulator prosthesis valve stent meter "
        "glucometer cgm transmitter imei imsi meid mac asset ventilator monitor",
        near=0.92, far=0.6,
    ),
    *_announced(
        "BIOMETRIC",
        r"finger ?-?prints?|thumb ?prints?|palm(?: ?(?:prints?|vein|scan))?|iris|retinal?|voice ?-?prints?|voice|face|facial|biometrics?|hand ?geometry|"
        r"gait|vein|dna(?: profile)?|signature|earprint|speaker",
        "finger fingerprint fingerprints thumb thumbprint palm palmprint iris retina retinal voice voiceprint voiceprints face facial "
        "biometric biometrics hand gait vein dna signature earprint speaker",
        near=0.93, far=0.9,
    ),
    *_announced("PHOTO", r"photo(?:graph)?s?|pictures?|images?|headshot|selfie|video|recording|mugshot|portrait|pic",
                "photo photos photograph photographs picture pictures image images headshot selfie video recording mugshot portrait pic",
                near=0.9, far=0.6),
    *_announced(
        "UNIQUE_ID",
        r"(?:accession|acc|specimen|sample|case|encounter|visit|contact|csn|job|dictation|transcription|document|doc|order|requisition|req|"
        r"study|protocol|subject|participant|proband|family|pedigree|kindred|trial|enrollment|registry|donor|tissue|biobank|passport|"
        r"national|military|veteran|va|employee|staff|badge|student|school|inmate|prisoner|booking|alien|visa|green ?card|voter|referral|"
        r"confirmation|tracking|ticket|incident|report|police|docket|court|file|folder|locker|barcode|bar code|tracer|slide|block|"
        r"cassette|unit|bag|blood|wristband|band|bracelet|device|user|login|username|screen|session|message|msg|request|rx|prescription|"
        r"script|refill|appointment|appt|reservation|locator|key|identity|identification|i\.?d|nhs|chi|cpr|medical ?alert|reference|ref|code|"
        r"scan|exam|procedure|surgery|or|event|episode|admission|adm|discharge|service|transfer|transport|run|call|dispatch|cad|pcr)"
        r"(?: (?:identification|code|reference|ref|record|control|tracking|sequence|line|log|form))?"
        r"(?= ?(?:#|:|=|no\b|no\.|nos\b|nr\b|num|number|id\b|i\.d|identifier|identification|code|key|ref|reference|barcode|was|is|\())|csn|accession|passport|"
        r"specimen|encounter|requisition|badge|job|proband|wristband|barcode|docket",
        "accession acc specimen sample case encounter visit contact csn job dictation transcription document doc order requisition req study "
        "protocol subject participant proband family pedigree kindred trial enrollment registry donor tissue biobank passport national "
        "military veteran va employee staff badge student school inmate prisoner booking alien visa green voter referral confirmation "
        "tracking ticket incident report police docket court file folder locker barcode bar tracer slide block cassette unit bag blood "
        "wristband band bracelet user login username screen session message msg request rx prescription script refill appointment appt "
        "reservation locator key identity identification id i nhs chi cpr reference ref code scan exam procedure surgery event episode "
        "admission adm service transfer transport run call dispatch cad pcr",
        near=0.9, far=0.75,
    ),
    *_announced("PHONE", r"pager|page|beeper|bleep|ext(?:ension)?|x|tel(?:ephone)?|phone|cell|mobile|call(?:back)?|vocera|spok",
                "pager page beeper bleep ext extension x tel telephone phone cell mobile vocera", near=0.9, far=0.6),
    *_announced("FAX", r"fax|facsimile|e-?fax", "fax facsimile efax e", near=0.95, far=0.6),
)  # fmt: skip

_PHONE = (
    r"(?<![\w.])(?<!\d[-/])(?P<x>(?:1[-. ]?)?\(?\d{3}\)?(?:[ ]?[-./][ ]?|[ ]{0,2})\d{3}(?:[ ]?[-.][ ]?|[ ])\d{4}"
    r"(?:[ ]?,?[ ]?(?:(?i:x|ext\.?|extension)[ .:]{0,2}\d{1,6}))?)(?![\w]|[-/]\d)"
)
_INTERNATIONAL = r"(?<=\+)(?P<x>[1-9]\d{0,2}[-. ]?(?:\(?\d{1,5}\)?[-. /]?){1,5}\d{2,5})(?![\w])"
_TOP = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|health|care|clinic|hospital|doctor|dental|med|io|co|ai|app|dev|me|us|uk|ca|au|de|fr|es|it|"
    r"nl|be|ch|at|pl|br|mx|in|cn|jp|kr|vn|ng|za|ph|ie|nz|se|no|dk|fi|pt|ru|tr|il|eu|tv|cc|name|pro|online|site|cloud|example|test|local)"
)
_IMAGE = r"(?:jpe?g|png|tiff?|gif|bmp|heic|heif|webp|dcm|dicom|raw|cr2|nef|svg|mp4|mov|avi|m4v|webm)"
_SOUND = r"(?:wav|mp3|m4a|ogg|flac|aac|wma)"
_PAPER = r"(?:pdf|docx?|xlsx?|csv|txt|rtf|xml|hl7|zip|eml|msg)"


def _file(kinds: str) -> re.Pattern[str]:
    return compiled(
        _ALONE + r"(?P<x>[A-Za-z0-9][\w()+~-]{0,100}(?:[./\\][\w()+~-]{1,100}){0,8}\.(?i:" + kinds + r"))" + _END
    )


def _code(text: str) -> bool:
    """Letters and digits mixed as in serial numbers and badges, not as in doses, genes and scores."""
    return _count(text) >= 5


def _plate(text: str) -> bool:
    return text[:3].upper() not in {"CPT", "ICD", "DSM", "NYHA", "GCS", "SNO", "CVE", "ISO", "TNM", "MRI"}


def _card(text: str) -> bool:
    return checksums.luhn(text)


def _social(text: str) -> bool:
    return _count(text) == 9 or "*" in text or "x" in text.lower()


def _ipv6(text: str) -> bool:
    parts = text.split(":")
    return 3 <= len(parts) <= 8 and (len(parts) == 8 or "::" in text) and sum(len(p) for p in parts) >= 3


def _grouped(text: str) -> bool:
    """Groups of digits with signs between that are neither a range of years nor one of values."""
    groups = re.split(r"[-./]", text)
    if len(groups) == 2:
        a, b = groups
        if len(a) == len(b) == 4 and a[:2] in {"19", "20"} and b[:2] in {"19", "20"}:
            return False
        if max(len(a), len(b)) <= 3:
            return False
        if "." in text or (len(a) == len(b) and int(a) < int(b) and a.endswith("0") and b.endswith("0")):
            return False
    return _count(text) >= 6


_UNITS = (
    r"(?![ ]?(?:%|(?i:mg|mcg|ug|g|kg|ml|cc|l|units?|iu|u|copies|cells|mmol|meq|k|cm|mm|bpm|mmhg|ng|pg|x10|/ ?(?:ul|ml|mm3|hpf|l|mm|cumm|dl)|per|"
    r"steps|kcal|cal|dollars|usd|people|patients|years?|days?|hours?|minutes?|seconds?|doses?|platelets)\b))"
)

_HASH = r"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})"

CODES = Rule(
    "UNIQUE_ID",
    frozenset({DIGITS, MIXED}),
    compiled(_ALONE + r"(?P<x>" + _HASH + r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})" + _END),
    0.95,
)
"""Whole UUIDs and hashes: pseudonyms, keys of records, or derived of an identifier (45 CFR 164.514(b)(2)(i)(R))."""

HASHED = Rule(
    "",
    frozenset({"commit", "checksum", "checksums", "changeset"}),
    compiled(
        r"(?i:commit|checksums?|changeset)(?: (?i:md-?5|sha-?\d{1,3}|id|is|of|the|file|files))*[ :=#(]{1,3}(?P<x>"
        + _HASH
        + r")"
        + _END
    ),
    0.97,
    before=compiled(
        r"(?s:(?:\A|(?=.{40}\Z))(?:(?!(?<![A-Za-z])(?i:mrns?|m\.?r\.?n|mr|ids?|identif|patient|pt|ssn|social|names?|acc(?:oun)?ts?|accession|"
        r"records?|charts?|medical|member|subscriber|insur|policy|plan|persons?|subjects?|participant|user|dob|birth|phone|e?-?mail|"
        r"numbers?|no\.|encounter|visit|case|pseudonym|hashed)).)*\Z)"
    ),
)
"""Protected: hashes of files and versions, behind a word that says so and no word for people's; others may be somebody's."""

ADDRESSED = Rule(
    "",
    frozenset({"ip", "ipv"}),
    compiled(
        r"(?<![\w])(?P<x>(?i:ip(?:v[46])?(?: addr(?:ess|\.)?)?))[ :#=]{1,3}(?=(?:\d{1,3}\.){3}\d|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:)"
    ),
    0.98,
)
"""Protected: what announces an address of a device, from rules that take it for a part of the number behind it."""

NETWORKS = Rule(
    "",
    frozenset({"lan", "wan"}),
    compiled(
        r"(?<![\w])(?P<x>[LW]AN)[ :=#]{1,3}(?:(?i:ip|addr(?:ess|\.)?|direccion|adresse)[ :=#]{1,3}){0,2}(?=(?:\d{1,3}\.){3}\d)"
    ),
    0.98,
)
"""Protected: the sort of a network, before its dotted address alone (elsewhere Lan and Wan are names of people)."""

_SPOKEN = "zero|oh|one|two|three|four|five|six|seven|eight|nine"

FORMATS = (
    Rule("MRN", frozenset({"mrn", "record", "chart"}),  # as it is dictated, a digit at a time
         compiled(r"(?i:mrn|record|chart)(?i:[ ]number)?(?:[ ](?i:is)|:)?[ ](?P<x>(?i:(?:" + _SPOKEN + r"|double|triple)[ ,-]{1,2}){3,}(?i:" + _SPOKEN + r"))(?![A-Za-z])"), 0.9),
    Rule(
        "",
        frozenset("platelets plt platelet wbc rbc count load copies cells glucose titer ck bnp ferritin troponin heparin insulin vitamin penicillin nystatin".split()),
        compiled(r"[A-Za-z]+(?:[ ](?i:count|level|load|of|was|is|at|to|d|g|units?|a|b))*[ :=<>~]{1,3}(?P<x>\d{4,8})(?![\w-]|[./]\d)"),
        0.89,
    ),
    # Protected: what is published about everyone, or counts nobody; scores out of ten are no dates.
    Rule("", frozenset("pain strength motor score scale gcs murmur severity apgar apgars rated grade power reflexes nodes visit".split()),
         compiled(r"(?<!(?i:last|next) )(?<!(?i:prior) )[A-Za-z]+\b[^.\n\d]{0,24}(?P<x>\d{1,2}/\d{1,2})(?![/\d])"), 0.9),
    Rule("", frozenset({"pmid", "pmcid", "pmc", "doi", "nct", "snomed", "sctid", "loinc", "rxnorm", "rxcui", "ndc", "cpt", "hcpcs", "icd", "drg", "isbn",
                        "issn", "umls", "cui", "atc", "omim", "cas", "grch", "chr", "nm", "rs", "version", "hpo", "mesh", "apc", "cvx"}),
         compiled(r"(?i:[a-z]+)[ -]?(?:\d{1,2}-?(?:cm|pcs)?(?=[ :]))?(?: ?(?:ct|code|codes|id|no\.?|number|#))*[ :=#(_-]{0,3}(?P<x>[A-Za-z]{0,2}\d[\w./-]*)"), 0.89),
    # Protected: the words of the census for ethnicity, which stand in every US Core patient.
    Rule("", frozenset({"hispanic"}), compiled(r"(?i:hispanic)(?: ?/ ?| (?i:or|and) )(?P<x>(?i:latin(?:[oax]|os|as|o/a))\b)"), 0.9),
    Rule("", frozenset({"latino", "latina", "latinx"}), compiled(r"(?P<x>[Ll]atin[oax])(?= (?:male|female|man|woman|boy|girl|ethnicity|descent|origin)\b)"), 0.9),
    ADDRESSED,
    NETWORKS,
    HASHED,
    CODES,
    Rule("SSN", frozenset({DIGITS}), compiled(r"(?<![\w.])(?<!\d[-/])(?P<x>\d{3}(?:-\d{2}-|[ ]\d{2}[ ]|\.\d{2}\.)\d{4})(?![\w]|-\d)"), 0.97),
    Rule("SSN", frozenset({"x", "xxx", "xx", "xxxxx", "*"}), compiled(r"(?<![\w*])(?:[Xx*]{3}-?[Xx*]{2}|[Xx*]{5})-?(?P<x>\d{4})(?!\d)"), 0.95),
    Rule("SSN", frozenset({"last", "final"}), compiled(r"(?i:last|final)[ -](?i:four|4)(?:[ ](?i:digits?|of|ssn|social|ss|security|number|his|her|the|is|are|#))*[ :=(]{0,3}(?P<x>\d{4})(?!\d)"), 0.9),
    Rule("PHONE", frozenset({DIGITS}), compiled(_PHONE), 0.96),
    Rule("PHONE", frozenset({DIGITS}), compiled(_INTERNATIONAL), 0.95, lambda t: 8 <= _count(t) <= 16),
    Rule("PHONE", frozenset({DIGITS}), compiled(r"(?<![\w.])(?<!\d[-/])(?P<x>[2-9]\d{2}-\d{4})(?![\w]|[-/]\d)"), 0.85),
    Rule("PHONE", frozenset({DIGITS}), compiled(r"(?<![\w.+-])(?P<x>1?[2-9]\d{2}[2-9]\d{6}(?:[ ]?,?[ ]?(?i:x|ext\.?|extension)[ .:]{0,2}\d{1,6})?)(?![\w]|[-./]\d)"), 0.8),
    Rule("FAX", frozenset({"fax", "facsimile", "efax", "f"}), compiled(r"(?i:fax|facsimile|efax|f(?=[:.]))[ ]?(?i:no\.?|number|num|#|line|to|at|is|machine)*[ :#.=()+]*" + _PHONE.replace(r"(?<![\w.])(?<!\d[-/])", "")), 0.97),
    Rule("URL", frozenset({"http", "https", "ftp", "www", "sftp"}), compiled(r"(?P<x>(?i:(?:https?|s?ftp)://|www\.)[^\s<>\"'|;,)\]}]+[\w/=&#-])"), 0.99),
    Rule("IP", frozenset({DIGITS}), compiled(r"(?<![\w.])(?P<x>\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)(?:/\d{1,2}|:\d{2,5})?"), 0.97, checksums.octets),
    Rule("IP", frozenset({DIGITS, MIXED}), compiled(r"(?<![\w:.])(?P<x>[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:])"), 0.97, _ipv6),
    Rule("DEVICE", frozenset({DIGITS, MIXED}), compiled(r"(?<![\w:-])(?P<x>[0-9A-Fa-f]{2}(?P<s>[:-])(?:[0-9A-Fa-f]{2}(?P=s)){4}[0-9A-Fa-f]{2})(?![\w:])"), 0.97),
    Rule("ACCOUNT", frozenset({DIGITS}), compiled(r"(?<![\w.])(?P<x>\d{4}(?P<s>[ -]?)\d{4}(?P=s)\d{4}(?P=s)\d{1,7})(?![\w]|-\d)"), 0.93),
    Rule("ACCOUNT", frozenset({DIGITS}), compiled(r"(?<![\w.])(?P<x>\d{4}[ -]?\d{6}[ -]?\d{4,5}|\d{13,19})(?![\w]|-\d)"), 0.9, _card),
    Rule("ACCOUNT", frozenset({MIXED}), compiled(r"(?P<x>[A-Za-z]{2}\d{2}(?:[ ]?[A-Za-z0-9]{4}){2,7}(?:[ ]?[A-Za-z0-9]{1,3})?)" + _END), 0.97, checksums.iban),
    Rule("VEHICLE", frozenset({MIXED, DIGITS}), compiled(_ALONE + r"(?P<x>(?=[A-Za-z]*\d)(?=\d*[A-Za-z])(?=(?:\d*[A-Za-z]){2})[A-HJ-NPR-Za-hj-npr-z0-9]{17})" + _END), 0.93),
    Rule("VEHICLE", frozenset({"vin"}), compiled(r"(?i:vin)(?: (?i:no|number|is|#))*[ .:#=()]{1,4}(?P<x>[A-HJ-NPR-Za-hj-npr-z0-9]{11,17})" + _END), 0.95, lambda t: len(t) == 17 or _count(t) > 2),
    Rule("HEALTH_PLAN", frozenset({DIGITS}), compiled(_ALONE + r"(?P<x>[1-9][AC-HJKMNP-RT-Yac-hjkmnp-rt-y][AC-HJKMNP-RT-Yac-hjkmnp-rt-y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2})" + _END), 0.95),
    Rule("UNIQUE_ID", frozenset({DIGITS}), compiled(r"(?<![\w.$€£<>~])(?<!\d[,/-])(?P<x>\d{6,20})(?![\w]|[.,]\d)" + _UNITS), 0.7),
    Rule("UNIQUE_ID", frozenset({DIGITS}), compiled(r"(?<![\w.])(?<!\d[,/-])(?P<x>\d{1,7}(?:-\d{1,8}){1,4})(?![\w]|[.,/]\d)" + _UNITS), 0.65, _grouped),
    Rule("UNIQUE_ID", frozenset({MIXED}), compiled(_ALONE + r"(?P<x>[A-Za-z]{1,6}[-_#]?\d[A-Za-z0-9]*(?:[-_/][A-Za-z0-9]+)*)" + _END), 0.7, _code),
    Rule("UNIQUE_ID", frozenset({DIGITS}), compiled(_ALONE + r"(?P<x>\d+[-_]?[A-Z][A-Z0-9]*(?:[-_][A-Z0-9]+)*)" + _END), 0.65, _code),
    Rule("VEHICLE", frozenset({MIXED}), compiled(_ALONE + r"(?P<x>[A-Z]{3}[- ]\d{4})" + _END), 0.7, _plate),
    *(Rule("PHOTO", frozenset({trigger}), pattern, 0.97) for trigger in (MIXED, DIGITS) for pattern in (_file(_IMAGE),)),
    *(Rule("UNIQUE_ID", frozenset({trigger}), pattern, 0.9) for trigger in (MIXED, DIGITS) for pattern in (_file(_PAPER), _file(_SOUND))),
)  # fmt: skip


_LOCAL = r"[A-Za-z0-9](?:[\w.+%~'&-]{0,63})"
SCANS = (
    Rule(
        "EMAIL",
        frozenset({"@"}),
        compiled(
            r"(?<![\w.+-])(?P<x>"
            + _LOCAL
            + r"[ ]?@[ ]?(?:\[\d{1,3}(?:\.\d{1,3}){3}\]|(?=[0-9.-]*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9-]*\.)*[A-Za-z0-9-]*[A-Za-z0-9]))"
        ),
        0.99,
        behind=14,
    ),
    Rule(
        "EMAIL",
        frozenset({"(at", "[at"}),
        compiled(
            r"(?<![\w.+-])(?P<x>"
            + _LOCAL
            + r"[ ]?[(\[][ ]?(?i:at)[ ]?[)\]][ ]?[\w-]+(?:[ ]?[(\[][ ]?(?i:dot)[ ]?[)\]][ ]?[\w-]+|\.[\w-]+)+)"
        ),
        0.97,
        behind=14,
    ),
    Rule(
        "EMAIL",
        frozenset({"dot"}),
        compiled(r"(?<![\w.+-])(?P<x>" + _LOCAL + r"(?: (?i:dot) [\w-]+)* (?i:at) [\w-]+(?: (?i:dot) [\w-]+)+)"),
        0.95,
        behind=14,
    ),
    Rule(
        "URL",
        frozenset("." + top for top in _TOP[3:-1].split("|")),
        compiled(
            r"(?<![\w@.-])(?P<x>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,6}(?:"
            + r"(?i:"
            + _TOP
            + r")"
            + r")(?![\w-])(?!\.\w)(?::\d{2,5})?(?:[/?#][^\s<>\"'|;,)\]}]*[\w/=&#-])?)"
        ),
        0.95,
        behind=14,
    ),
)

IDS = FORMATS + _ANNOUNCED + SCANS
