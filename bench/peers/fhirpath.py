"""Rules asked one by one of fhirpathpy: finding alone, nothing is changed. Run by bench/deid_fhir.py.

    python fhirpath.py BUNDLE.json CONFIG.json ROUNDS

Prints resources a second of CPU time: with all rules that apply to a resource, and with those alone that name its type
(nodesByType left out, to the peer's advantage).
"""

import json
import re
import sys
import time

from fhirpathpy import compile as compile_path
from fhirpathpy.models import models


def asked(path):
    """A rule's path as FHIRPath proper."""
    found = re.fullmatch(r"nodesByType\('(\w+)'\)(?:\.(\w+))?", path)
    if found:
        return f"descendants().ofType({found[1]})" + (f".`{found[2]}`" if found[2] else "")
    return re.sub(r"\.(text|div|class|value|as|is|contains|in)\b", r".`\1`", path.split(" as ")[0])


def main():
    """Time both."""
    with open(sys.argv[1]) as file:
        resources = [entry["resource"] for entry in json.load(file)["entry"]]
    with open(sys.argv[2]) as file:
        rules = [rule["path"] for rule in json.load(file)["fhirPathRules"]]
    rounds = int(sys.argv[3])
    compiled = {}
    for path in rules:
        try:
            compiled[path] = compile_path(asked(path), models["r4"])
        except Exception as error:  # what it cannot read, it is not asked
            print("left out:", path, type(error).__name__, file=sys.stderr)
    figures = {}
    for name, typed in (("all rules", True), ("rules that name the type", False)):
        chosen = {
            kind: [
                compiled[p]
                for p in compiled
                if p.startswith((kind + ".", "Resource.")) or (typed and p.startswith("nodes"))
            ]
            for kind in {resource["resourceType"] for resource in resources}
        }
        count = len(resources) if not typed else 24
        began, done = time.process_time(), 0
        for _ in range(rounds if not typed else 1):
            for resource in resources[:: max(1, len(resources) // count)]:
                done += 1
                for path in chosen[resource["resourceType"]]:
                    path(resource)
        figures[name] = done / (time.process_time() - began)
    print(json.dumps(figures))


main()
