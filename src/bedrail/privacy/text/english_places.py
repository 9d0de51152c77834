"""English rules for places below a state: streets, boxes, ZIP codes, towns before a state, counties, facilities, wards."""

# ruff: noqa: E501, SIM905 (patterns and word lists read better on one line)
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bedrail.privacy.text.values import DIGITS, Rule
from bedrail.privacy.text.wordlists import compiled

STATES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|"
    "Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|"
    "New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|"
    "Virginia|Washington|West Virginia|Wisconsin|Wyoming|District of Columbia|Puerto Rico|Guam"
)
CODES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|"
    "WV|WI|WY|DC|PR|GU|VI|AS|MP|AE|AP|AA|FM|MH|PW|ZZ"
)

SUFFIXES = (
    "alley ally aly annex anex anx arcade arc avenue ave aven avn av bayou bend bluff blf bluffs boulevard blvd boul branch brg bridge brook brooks burg burgs bypass byp camp canyon cape causeway cswy center centers circle cir "
    "circles cliff cliffs clf club common commons corner corners cors course court ct courts cts cove coves creek crescent cres crest crossing xing crossroad crossroads curve dale dam divide drive dr drives driveway estate est "
    "estates expressway expy extension extensions fall falls ferry field fields flat flats ford fords forest forge forges fork forks fort freeway fwy garden gardens gdns gateway glen glens green greens grove groves harbor "
    "harbors haven heights hts highway hwy hill hills hollow inlet island islands isle junction junctions key keys knoll knolls lake lakes land landing lane ln light lights loaf lock locks lodge loop mall manor manors meadow "
    "meadows mews mill mills mission motorway mount mountain mountains mt neck orchard oval overpass park parks parkway pkwy parkways pass passage path pike pine pines place pl plain plains plaza plz point pt points port ports "
    "prairie radial ramp ranch rapid rapids rest ridge rdg ridges river road rd roads route row rue run shoal shoals shore shores skyway spring springs spur spurs square sq squares station stravenue stream street st str streets "
    "summit terrace ter terr throughway trace track trafficway trail trl tunnel turnpike tpke underpass union unions valley valleys via viaduct view views village villages ville vista walk walks wall way ways well wells"
).split()  # fmt: skip
"""Street suffixes of USPS Publication 28, appendix C1, with common abbreviations."""

_SURE = (
    "avenue ave blvd boulevard circle cir court ct crescent cres drive dr driveway expressway expy freeway fwy highway hwy lane ln parkway pkwy place plaza plz road rd route street st str terrace ter trail turnpike tpke way square sq"
).split()  # fmt: skip

_UNIT = r"(?:[ ]?[,;]?[ ]?\n?[ ]?(?:(?i:apt|apartment|unit|suite|ste|floor|fl|bldg|building|rm|room|lot|trlr|flat|no|box|spc|space|ph|penthouse|level)\b\.?[ ]?(?:#[ ]?)?[A-Za-z]?-?\d{0,5}[A-Za-z]?(?![A-Za-z])|#[ ]?\w{1,6}|(?i:\d{1,2}(?:st|nd|rd|th) (?:floor|fl))))?"
_NUMBER = r"\d{1,6}(?:[-/]\d{1,4})?[A-Za-z]?"
_WAY = r"(?:[ ](?:[NSEW]{1,2}\.?|(?i:north|south|east|west|northeast|northwest|southeast|southwest)))?"
_WORD = r"(?:[A-Z][\w'.-]*|\d{1,3}(?:st|nd|rd|th|ST|ND|RD|TH))"
_ANY_WORD = r"(?:[A-Za-z][\w'.-]*|\d{1,3}(?:st|nd|rd|th))"
_NO = r"(?!(?i:ms|msec|sec|bpm|mmhg|meq|mmol|mg|mcg|ml|cc|units?|tabs?|tablets?|caps?|days?|weeks?|months?|years?|yrs?|hours?|hrs?|min|minutes|times|x|cm|mm|kg|lbs?|pounds|ft|feet|and|or|of|to|in|on|at|per|y|yo|pack|lead|view|g|percent|french|gauge|degrees?|"
_NO += r"liters?|patients?|doses?|puffs?|drops?|sets?|reps?|visits?|minute|vessel|point|step|bed|the|was|is|with|for|p|a|am|pm|people|steps|stairs|mile|miles|blocks?|beers?|drinks?|cigarettes|children|sons?|daughters?)\b)"


def _suffix(words: list[str]) -> str:
    return r"(?i:" + _by_letter(words) + r")(?![A-Za-z])\.?"


def _by_letter(words: Iterable[str]) -> str:
    """Alternatives by their first letter, so that most are passed over together; for words up to a word's end."""
    rest = defaultdict(list)
    for word in sorted(set(words), key=lambda each: (-len(each), each)):
        rest[word[0]].append(word[1:])
    return "|".join(first + "(?:" + "|".join(ends) + ")" for first, ends in rest.items())


_FACILITY = (
    r"(?:Hospitals?|HOSPITALS?|Hosp\.?|HOSP|Medical (?:Center|Centre|Group|Campus|Pavilion|Associates|Clinic|College)|MEDICAL CENTER|Med(?:ical)? Ctr|Med Center|Clinics?|CLINIC|Infirmary|Hospice(?: House| Care| Center)?|HOSPICE|"
    r"Health (?:Center|Centre|System|Services|Clinic|Partners|Department|Network|Care)|HEALTH CENTER|Healthcare|Health|Care (?:Center|Centre|Home|Facility)|Urgent Care(?: Center)?|Surgery (?:Center|Centre|Practice)|Surgical (?:Center|Centre|Pavilion|Associates)|"
    r"Cancer (?:Center|Centre|Institute)|Heart (?:Center|Institute|Hospital)|(?:Dialysis|Infusion|Imaging|Rehab(?:ilitation)?|Nursing|Birth|Eye|Wound|Trauma|Burn|Pain|Sleep|Stroke|Treatment|Recovery|Wellness|Diagnostic|Outpatient|Community|Radiology|"
    r"Endoscopy|Fertility|Memory|Spine|Transplant|Children's|Women's|Veterans)[ ](?:Center|Centre|Unit|Clinic|Institute|Hospital|Home|Facility|Pavilion|Care|Associates)|"
    r"Nursing (?:Home|Facility|and Rehab(?:ilitation)?)|Skilled Nursing(?: Facility)?|Rehab(?:ilitation)?(?: (?:Hospital|Center|Institute|Facility))?|Institute|Sanatorium|Sanitarium|Polyclinic|Pharmacy|PHARMACY|Laborator(?:y|ies)|Labs|Manor|Assisted Living|Senior Living|"
    r"Retirement (?:Home|Community|Village)|Convalescent (?:Home|Hospital)|Pavilion|VA(?:MC)?|Family (?:Practice|Medicine|Health)|Pediatrics|Internal Medicine|Cardiology Associates|Orthopedics|Dental|Elementary(?: School)?|(?:High|Middle|Primary|Grammar|Preparatory) School|School|"
    r"University|College|Academy|Kindergarten|Day ?care|Preschool|Shelter|Prison|Jail|Correctional (?:Facility|Center|Institution)|Penitentiary|Church|Temple|Mosque|Synagogue)(?![a-z])"
)
_CAPITAL = r"(?:(?:St|Mt|Ft|Saint|Mount)\.? )?(?!(?:Dr|Mr|Mrs|Ms|Drs|The|At|In|To|From|By|Seen|Transferred|Discharged|Discharge|Admitted|Follow|Sent|Home|Outside|Previous|Referred|Hospital|Our|This|Patient|Pt)\b)[A-Z][A-Za-z'&-]*"
_CREDENTIAL = r"(?:MD|PA|MA|MS|CT|DC)\b"
"""Codes of states that more often stand for something else behind a capital and a comma: they stay."""

PLACES = (
    Rule("GEO", frozenset({DIGITS}), compiled(r"(?<![\w.$/-])(?P<x>" + _NUMBER + _WAY + r"(?:[ ]" + _NO + _WORD + r"){1,4}?[ ]" + _suffix(SUFFIXES) + r"(?:[ ](?:NE|NW|SE|SW|N|S|E|W)\b\.?)?" + _UNIT + r")"), 0.93),
    Rule("GEO", frozenset({DIGITS}), compiled(r"(?<![\w.$/-])(?P<x>\d{1,6}[A-Za-z]?" + _WAY + r"(?:[ ]" + _NO + _ANY_WORD + r"){1,3}?[ ]" + _suffix(_SURE) + _UNIT + r")"), 0.85),
    Rule("GEO", frozenset({DIGITS}), compiled(r"(?<![\w.$/-])(?P<x>\d{1,6}[ ](?!via[ ](?!d|[A-Z][a-z]))(?i:rue|calle|via|avenida|avda|rua|strada|strasse|camino|paseo|plaza|piazza|viale|corso|boulevard|chemin|avenue|ul|ulica|broadway|highway|hwy|route|state route|county road|cr|fm|rr)\.?(?:[ ](?i:de|del|la|las|los|di|da|do|des|du)){0,2}(?:[ ][A-Z0-9][\w'.-]*){0,3}" + _UNIT + r")"), 0.85),
    Rule("GEO", frozenset({DIGITS}), compiled(r"(?<![\w.$/-])(?P<x>\d{1,4}[A-Za-z]?(?:[ ]" + _NO + r"[A-Z][a-z'-]+){1,3}[ ](?:Close|Rise|Croft|Fold|Gate|Wynd|Brae|Chase|Quay|Parade|Paddock|Copse)(?![A-Za-z]))"), 0.85),
    Rule("GEO", frozenset({"po", "p", "post", "pobox", "psc", "unit", "rr", "hc", "cmr", "apo", "fpo"}),
         compiled(r"(?<![A-Za-z0-9])(?P<x>(?i:p\.?[ ]?o\.?[ ]?box|post office box|pobox|psc|unit|cmr|rr|hc)[ ]?#?[ ]?\d{1,6}(?:,?[ ](?i:box)[ ]\d{1,5})?)(?![A-Za-z0-9])(?![ ]?(?i:mg|of|prbc|insulin))"), 0.85, lambda t: not t.lower().startswith(("unit", "rr", "hc")) or "box" in t.lower()),
    Rule("GEO", frozenset({w.lower() for w in CODES.split("|")}), compiled(r"(?<![A-Za-z0-9])(?i:" + CODES + r")\.?,?[ ]{1,3}(?P<x>\d{5}(?:-?\d{4})?)(?![\w])"), 0.95),
    Rule("GEO", frozenset({w.split()[-1].lower() for w in STATES.split("|")}), compiled(r"(?<![A-Za-z0-9])(?i:" + "|".join(sorted({s.split()[-1] for s in STATES.split("|")})) + r"),?[ ]{1,3}(?P<x>\d{5}(?:-?\d{4})?)(?![\w])"), 0.95),
    Rule("GEO", frozenset({"zip", "zipcode", "postal", "postcode", "plz"}), compiled(r"(?<![A-Za-z])(?i:zip|zipcode|postal|postcode|plz)(?:[ -]?(?i:code|cd|\+4))?(?:[ ](?i:is|of|area|prefix))?[ :=#(]{0,4}(?P<x>\d{3,5}(?:-\d{4})?|[A-Z]\d[A-Z][ ]?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2})(?![\w])"), 0.96),
    Rule("GEO", frozenset({"room", "rm", "bed", "ward", "bay", "suite", "ste", "apt", "apartment"}), compiled(r"(?<![A-Za-z])(?i:apt|apartment|ste|suite)\.?[ ]?#?[ ]?(?P<x>\d{1,5}[A-Za-z]?)(?![\w])"), 0.75),
    Rule("GEO", frozenset({"latitude", "lat", "longitude", "lon", "long", "gps", "coordinates", "geo"}), compiled(r"(?i:latitude|lat|longitude|long?|gps|coordinates|geo)(?:[ ](?i:is|of|location|fix|position))?[ :=(]{1,3}(?P<x>-?\d{1,3}\.\d{3,9})(?:°?[ ]?[NSEW]?[,; ]{1,3}(?P<x2>-?\d{1,3}\.\d{3,9}))?"), 0.95),
    Rule("GEO", frozenset("," + w.split()[0].lower() for w in (STATES + "|" + CODES).split("|")), compiled(r"(?<![\w])(?P<x>" + _CAPITAL + r"(?:[ -](?:de |del |la |of |on )?[A-Z][A-Za-z'.-]+){0,3}(?=,[ ]?(?!(?:OR|IN|ME)[ ][A-Z]{2}|GU\b)(?:" + STATES + "|" + CODES + r")(?![A-Za-z])(?!\.[A-Z]))(?:,[ ]?(?!" + _CREDENTIAL + r")(?:" + STATES + "|" + CODES + r")(?![A-Za-z]))?)"), 0.8, behind=9, capital=True),
    Rule("GEO", frozenset({"county", "parish", "borough", "township"}), compiled(r"(?<![\w])(?P<x>" + _CAPITAL + r"(?:[ -][A-Z][A-Za-z'.-]+){0,2} (?:County|COUNTY|Parish|Borough|Township)|(?:County|Parish|Borough|Township) of [A-Z][A-Za-z'.-]+(?: [A-Z][A-Za-z'.-]+)?)(?![A-Za-z])"), 0.9, behind=7, capital=True),
    Rule("GEO", frozenset("hospital hospitals hosp medical med clinic clinics infirmary hospice health healthcare care surgery surgical cancer heart nursing skilled rehab rehabilitation institute sanatorium polyclinic pharmacy laboratory laboratories labs manor living "
                          "home pavilion va vamc center centre unit facility practice elementary school university college academy daycare preschool shelter prison jail correctional church temple mosque synagogue".split()),
         compiled(r"(?<![\w])(?P<x>(?:" + _CAPITAL + r"(?: (?:of|de|and|&) (?:the )?|[ -])){1,5}?" + _FACILITY + r"(?: (?:of|at) (?:the )?[A-Z][A-Za-z'.-]+(?: [A-Z][A-Za-z'.-]+){0,2})?)"), 0.8, behind=10, capital=True),
)  # fmt: skip
