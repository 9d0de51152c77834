"""What a column's name says about it, in English, Spanish and German: ordered rules, the first that fits decides."""

from __future__ import annotations

import re
from functools import lru_cache

from bedrail.data.catalogue import HEALTH
from bedrail.data.sensitivity.rules import Said, rules, words_in
from bedrail.data.sensitivity.words import words_of

_STEMS = re.compile(
    r"(statin|pril|sartan|azole|cillin|mycin|cycline|glipt[io]n|glitazone|gliflozin|formin|glinide|zide|buride|amide|iride|bose|glitol"
    r"|semide|olol|dipine|parin|xaban|lukast|mab|tinib|vir|oxetine|azepam|zolam|barbital|codone|morphone|insulin)e?$"
)
"""Stems of generic drug names (WHO INN stem book), for tables with a column a drug."""

_ANALYTES = words_in(
    "sodium potassium creatinine glucose wbc rbc hgb hemoglobin hematocrit platelets plt albumin "
    "bilirubin alt ast alkp "
    "alk bun inr ptt pt lactate ph pao2 paco2 pco2 po2 hco3 chloride calcium magnesium phosphate troponin ferritin crp "
    "esr mcv mch mchc rdw mpv tsh ldl hdl triglycerides cholesterol urine chol fbs restecg oldpeak exang thal fio2 "
    "a1c a1cresult neut lymph mono eos baso amylase lipase ammonia protein uric ldh ggt ck egfr gfr"
)


@lru_cache(maxsize=8192)
def by_name(name: str) -> Said | None:
    """What the name says, or None. `name` is a column, or the last part of a path."""
    words = words_of(name)
    joined = " ".join(words)
    squashed = "".join(words)
    for pattern, said in rules("names.toml"):
        if pattern.search(joined):
            return said
    if any(word in _ANALYTES for word in words) or squashed in _ANALYTES:
        return Said(HEALTH, "laboratory", 0.75)
    if len(words) <= 2 and _STEMS.search(words[-1] if words else "") and len(squashed) > 6:
        return Said(HEALTH, "medication", 0.75)
    return None
