"""The English pack."""

# ruff: noqa: E501, SIM905 (word lists read better on one line)
from __future__ import annotations

from bedrail.privacy.text import english_dates, english_ids, english_names, english_places
from bedrail.privacy.text.english_places import CODES, STATES
from bedrail.privacy.text.values import Pack
from bedrail.privacy.text.wordlists import compiled

_MEASURES = frozenset(
    "mg mcg g kg ml cc l units unit cm mm mmol meq bpm hours hour hrs minutes min seconds days day weeks week wks "
    "months month x times tabs tablets percent degrees ft feet lb lbs oz hz mmhg and or to".split()
)

_GRAMMAR = (
    "a an the this that these those he she it they we you i him her his its their our your my me us them who whom whose which what "
    "and or but nor so yet if because as than then while when where although though unless until since after before during "
    "of in on at by to from with without for via per into onto over under between among against through within near about around "
    "upon toward towards off out up down is are was were be been being am has have had having does did will would shall should "
    "can could may might must not no yes ok okay also again otherwise however therefore thus apparently still just only very "
    "too here there now today tomorrow yesterday tonight next last previous prior again once twice both each every all any some "
    "none other another same such more most less least hi hello hey dear yours sincerely regards respectfully thanks thank please "
    "w wo wt pt pts hx fx rx tx dx sx lic ext tel ph fax pg dob adm acct u ng iu ms vs re cc attn aka"
)
_TESTS = "hb hgb hct plt wbc rbc mcv mch mchc crp esr inr bnp tsh hba1c"
_ROLES = (
    "patient client resident clinician provider physician doctor nurse surgeon consultant attending fellow intern technician therapist "
    "pharmacist counselor caregiver referrer referring referred guarantor subscriber member participant subject visitor caller "
    "informant witness signer reviewer author relative parent wife husband spouse mother father son daughter sister brother niece "
    "nephew aunt uncle grandmother grandfather neighbor license licence device machine serial chair mailbox shelter entrance "
    "origin city town county state street address rounding driver recipient donor interpreter user username customer"
)
_THINGS = (
    "sign signs line lines score scale test tests syndrome disease catheter blade tube tap maneuver manoeuvre procedure criteria "
    "class grade stage classification index drain clamp forceps retractor cautery stitch suture incision position cells bodies "
    "nodes fracture palsy reflex triad phenomenon law formula equation stain culture agar solution dressing boot collar splint frame"
)

ENGLISH = Pack(
    language="en",
    rules=english_ids.IDS + english_dates.DATES + english_places.PLACES + english_names.NAMES,
    words="en_words.txt.gz",
    tagger="en_tagger.gz",
    measures=_MEASURES,
    bridge=compiled(rf"[ ,.\n]*(?i:{STATES}|{CODES})[ ,.\n]*"),
    initials=compiled(r"(?<![\w.'])(?:(?:[A-Z]\.[ ]?){1,2}(?:[ODLodl]')?|[ODod]')\Z"),
    thresholds={"NAME": 0.35, "GEO": 0.4, "DATE": 0.45, "AGE": 0.5, "ID": 0.4, "PHONE": 0.45, "NET": 0.5},
    idle=_MEASURES - {"unit"} | frozenset((_GRAMMAR + " " + _ROLES + " " + _TESTS).split()),
    things=frozenset(_THINGS.split()),
)
