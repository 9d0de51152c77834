"""Free text: find identifiers, then mask, generalise or replace them."""

from bedrail.privacy.text.detect import Detector, load
from bedrail.privacy.text.notes import deidentify
from bedrail.privacy.text.surrogates import Surrogates
from bedrail.privacy.text.transform import TextRules, deidentify_text
from bedrail.privacy.text.values import Known

__all__ = ["Detector", "Known", "Surrogates", "TextRules", "deidentify", "deidentify_text", "load"]
