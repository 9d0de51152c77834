"""English rules for names: titles before, credentials behind, labels and kinship words beside them."""

# ruff: noqa: E501 (a pattern reads better on one line)
from __future__ import annotations

import re

from bedrail.privacy.text.values import Rule
from bedrail.privacy.text.wordlists import compiled

_PARTICLE = r"(?:(?i:van|von|de|del|della|di|da|dos|das|la|le|el|al|bin|ibn|ben|abu|st|mac|mc|ter|ten|der|den|du|san|santa)\.?[ -](?:(?i:der|den|la|los|las)[ ])?)"
_NAME = r"(?:[A-Z][a-z]?'[A-Z][A-Za-z]+|[A-Z][A-Za-z]+(?:[-'][A-Z]?[A-Za-z]+)*|[A-Z]\.(?:[ ]?[A-Z]\.)?|[A-Z](?=[ ,]))"
_STOP = r"(?!(?i:patient|pt|the|and|or|is|was|has|md|do|rn|np|pa|phd|at|on|in|of|to|for|dob|mrn|date|age|sex|id|address|phone|fax|unknown|none|n/a|see|per|will|who|with|from|by|she|he|his|her|this|no|not|yes|name|provider|physician|doctor|same|self|pending|gender|male|female|history|hospital|clinic|ssn|email|note|report)\b)"
_FULL = (
    r"(?:" + _STOP + _PARTICLE + r"?" + _NAME + r")(?:,?[ ]" + _STOP + r"(?:" + _PARTICLE + r"?" + _NAME + r")){0,3}"
)
_MURMUR = r"(?!(?<=M[RS])\.[ ]{1,2}(?:Meds|Medications|Labs|Plan|Assessment|Impression|EF|LVEF|RVSP|Mild|Mod|Moderate|Severe|Trace|No|Normal|Continue|Start|Repeat|Consider|BP|HR|Echo|TTE|TEE|ECG|EKG|CXR|Aortic|Mitral|Tricuspid|Pulmonary)\b)"
"""Not mitral regurgitation or stenosis at the end of a sentence, which look like titles."""
_COMPLAINT = (
    r"(?:(?-i:SOB|AMS|CP|HA|UTI)|chest|abd|abdominal|cough|fever|pain|mvc|mva|dizziness|headache|nausea|syncope|weakness|shortness|knee|hip|back|neck|shoulder|ankle|wrist|foot|leg|arm|hand|ear|eye|throat|sore|rash|vomiting|diarrhea|dysuria|"
    r"palpitations|fatigue|swelling|bleeding|medication|follow|annual|wound|suicidal|anxiety|depression|left|right|bilateral|chronic|acute|worsening|fall(?=\.|\n|[ ](?:x|at|from|out|down|w/)))(?![A-Za-z])"
)
"""Behind "CC:" it is the chief complaint; else somebody who gets a copy."""
_LOW = r"[^\W\d_]+(?:[-'][^\W\d_]+)*"

_LABELS = (
    r"(?:patient|pt|client|resident|member|subscriber|insured|guarantor|attending|provider|physician|surgeon|assistant|nurse|author|dictated by|signed by|electronically signed by|reviewed by|referring|ordering|pcp|consultant|contact|next of kin|nok|guardian|spouse|mother|father|emergency contact|"
    r"responsible party|proband|subject|caller|informant|interpreter|witness|pharmacist|therapist|counselor|resident physician|transcribed by|transcriptionist|prescriber|pathologist|radiologist|anesthesiologist|technologist|tech|requested by|seen by|attn|attention|cc(?![ ]?[:=][ ]*"
    + _COMPLAINT
    + r")|from|to|dear|name|surname|last name|first name|"
    r"given name|family name|middle name|maiden name|alias|aka|preferred name|nickname)(?:'s)?(?: (?:name|full name|md|physician|provider|contact))?(?: ?\([a-z, ]+\))?"
)

_CREDENTIALS = r"(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|L\.?P\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|Ph\.?D\.?|PsyD|DDS|DMD|DPM|DPT|PT|OT|OTR|SLP|LCSW|LICSW|MSW|RPh|PharmD|APRN|ARNP|CRNA|CNM|CNA|FNP(?:-BC|-C)?|RT|RRT|FACS|FACC|FACP|MBBS|LMFT|LPC|EMT(?:-P)?|CGC|MS|OD|AuD|DC|DVM|RD|RDN|Esq)"

_KIN = "wife|husband|daughter|son|mother|father|sister|brother|niece|nephew|aunt|uncle|grandmother|grandfather|granddaughter|grandson|cousin|spouse|partner|fiance|fiancee|girlfriend|boyfriend|stepmother|stepfather|mom|dad|neighbor|roommate|caregiver|guardian"

NAMES = (
    Rule("NAME", frozenset({"dr", "drs", "doctor", "prof", "professor", "mr", "mrs", "ms", "miss", "mister", "mx", "sr", "sra", "rev", "reverend", "sister", "father", "rabbi", "imam", "judge", "officer", "detective", "attorney", "sgt", "lt", "capt", "captain", "col", "maj"}),
         compiled(r"(?<![\w])(?i:drs?|doctor|prof|professor|mr|mrs|ms|miss|mister|mx|sra?|rev|reverend|rabbi|imam|judge|officer|detective|attorney|sgt|lt|capt|captain|col|maj)\b(?<![0-9] ms)" + _MURMUR + r"\.?[ ]{1,2}(?:(?i:dr|prof)\.?[ ])?(?P<x>" + _FULL + r")"), 0.93),
    Rule("NAME", frozenset({"dr", "mr", "mrs", "ms"}), compiled(r"(?<![\w])(?i:dr|mrs|ms|mr)\b(?<![0-9] ms)" + _MURMUR + r"\.?[ ]{1,2}(?P<x>" + _STOP + _LOW + r")"), 0.85),
    Rule("NAME", frozenset(re.findall(r"[a-z]+", _LABELS)), compiled(r"(?<![\w])(?=[^:=\n]{2,90}[:=])(?i:" + _LABELS + r")[ ]?[:=][ ]{0,3}(?:(?i:dr|mr|mrs|ms)\.?[ ])?(?P<x>" + _FULL + r")"), 0.9),
    Rule("NAME", frozenset(_KIN.split("|")), compiled(r"(?<![\w])(?i:" + _KIN + r"),?[ ](?P<x>" + _STOP + r"[A-Z][a-z]{2,}(?:-[A-Z][a-z]+)?(?:[ ][A-Z][a-z]{2,}(?:-[A-Z][a-z]+)?)?)(?![\w:])(?! (?:disease|syndrome))"), 0.72),
    Rule("NAME", frozenset({"-"}), compiled(r"-{1,3}[ ]?(?:(?i:dr)\.?[ ])?(?P<x>[A-Z][A-Za-z]{2,}(?:[ ][A-Z][A-Za-z]+)?)(?=[ ]*(?:,? ?(?:RN|MD|M\.D\.|NP|PA|PA-C|DO|LPN|PT|RPh)\b|\n|\Z))"), 0.72,
         before=compiled(r"[.!?)\n][ ]{0,2}\Z")),
    Rule("NAME", frozenset({"named", "name", "called", "alias"}), compiled(r"(?<![\w])(?i:named|(?:my|his|her) name is|goes by|a\.?k\.?a\.?|alias)[ ](?P<x>" + _FULL + r")"), 0.85),
    Rule("NAME", frozenset({"md", "m", "do", "rn", "r", "lpn", "np", "pa", "phd", "psyd", "dds", "dmd", "dpm", "dpt", "pt", "ot", "otr", "slp", "lcsw", "licsw", "msw", "rph", "pharmd", "aprn", "arnp", "crna", "cnm", "cna", "fnp", "rt", "rrt", "mbbs", "lmft", "lpc", "emt", "od", "rd", "facs"}),
         compiled(r"(?<![\w])(?P<x>(?:[A-Z][A-Za-z'-]+|[A-Z]\.)(?:[ ](?:[a-z]{2,3}[ ])?(?:[A-Z][A-Za-z'-]+|[A-Z]\.)){0,3}),?[ ]" + _CREDENTIALS + r"(?![A-Za-z])"), 0.75, behind=9, capital=True),
)  # fmt: skip
