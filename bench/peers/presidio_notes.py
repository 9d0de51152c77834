"""Presidio, tuned, over lines of text from standard input; spans and CPU seconds to standard output. Runs in its own venv.

Tuned: US recognisers on, ORGANIZATION kept (default Presidio drops it, and hospitals with it), and patterns of our own
for record, account, plan, licence, device and fax numbers, ZIP codes and street addresses, with context words.
"""

# ruff: noqa: E501 (lists and dictionaries read better on one line)
import json
import sys
import time

from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngineProvider

model = sys.argv[1]
provider = NlpEngineProvider(
    nlp_configuration={
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": model}],
        "ner_model_configuration": {
            "model_to_presidio_entity_mapping": {
                "PERSON": "PERSON", "PER": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION",
                "ORG": "ORGANIZATION", "DATE": "DATE_TIME", "TIME": "DATE_TIME", "NORP": "NRP",
            },
            "labels_to_ignore": ["CARDINAL", "ORDINAL", "QUANTITY", "MONEY", "PERCENT", "PRODUCT", "EVENT", "LANGUAGE", "LAW", "WORK_OF_ART"],
        },
    }
)  # fmt: skip
nlp = provider.create_engine()
registry = RecognizerRegistry(supported_languages=["en"])
registry.load_predefined_recognizers(languages=["en"], nlp_engine=nlp)
OWN = {
    "NUMBER": (r"\b[A-Z]{0,4}-?\d[\dA-Z-]{4,}\b", ["mrn", "record", "account", "acct", "member", "policy", "license", "serial", "accession", "id", "npi", "dea"]),
    "FAX_PHONE": (r"(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]?\d{3}[-. ]\d{4}", ["fax", "phone", "tel", "call", "pager"]),
    "ZIP": (r"\b\d{5}(?:-\d{4})?\b", ["zip", "address"]),
    "STREET": (r"\b\d{1,5} [A-Z]\w+(?: [A-Z]\w+){0,3}(?: (?:Apt\.?|Suite) \w+)?", ["lives", "address", "at"]),
}  # fmt: skip
for entity, (pattern, context) in OWN.items():
    registry.add_recognizer(
        PatternRecognizer(supported_entity=entity, patterns=[Pattern(entity, pattern, 0.4)], context=context)
    )
analyzer = AnalyzerEngine(nlp_engine=nlp, registry=registry, supported_languages=["en"])
analyzer.analyze("Warm up with Ann Lee on 3/4/2020.", language="en")
texts = [json.loads(line) for line in sys.stdin]
start = time.process_time()
out = [[(r.start, r.end) for r in analyzer.analyze(t, language="en", score_threshold=0.3)] for t in texts]
spent = time.process_time() - start
json.dump({"seconds": spent, "spans": out}, sys.stdout)
