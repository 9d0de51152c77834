"""Make `src/bedrail/privacy/fhir/r4_elements.txt` from the official JSON schema of FHIR R4 (hl7.org, CC0).

    .venv/bin/python tools/fhir_elements.py fhir.schema.json.gz > src/bedrail/privacy/fhir/r4_elements.txt

The schema does not say which primitive elements are required; that much is read off the models of fhir.resources (a
test
dependency). Resources that are not HL7's, which some copies of the schema carry, are left out.
"""

import gzip
import importlib
import json
import re
import sys

KINDS = {
    "D": "id:id meta:Meta implicitRules:uri language:code text:Narrative contained*:Resource extension*:Extension"
    " modifierExtension*:Extension",
    "R": "id:id meta:Meta implicitRules:uri language:code",
    "B": "id:string extension*:Extension modifierExtension*:Extension",
    "E": "id:string extension*:Extension",
}
PRIMITIVES = (  # noqa: SIM905
    "base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string time"
    " unsignedInt uri url uuid xhtml"
).split()
NOT_HL7 = re.compile(
    "(Project|ClientApplication|User|Login|JsonWebKey|Bot|AccessPolicy|BulkDataExport|SmartAppLaunch|DomainConfiguration"
    "|AsyncJob|Agent|Package|SmartHealthLink|Dicom|Enterprise|Cron|IdentityProvider|PasswordChange|ViewDefinition|ResourceList)"
)
MODELS: dict[str, type] = {}
EXTRAS = {
    "Reference": ("resource",), "Meta": ("compartment", "project", "account", "author"),
    "OperationOutcome": ("status", "resource"),
    "HealthcareService": ("offeredIn",), "ObservationDefinition": ("publisher",),
}  # fmt: skip
HEADER = """# FHIR R4 (4.0.1): every type with its elements, as in the official JSON schema (HL7, CC0-1.0).
# Made by tools/fhir_elements.py. Type @kind element[*][!]:type ...; * repeats, ! is required, [x] is a choice of types.
"""


def type_of(definition: dict, name: str, suffixes: dict[str, str]) -> str:
    """The datatype of one property of the schema."""
    inner = definition.get("items", definition)
    if "$ref" in inner:
        found = inner["$ref"].rsplit("/", 1)[1]
        return "Resource" if found == "ResourceList" else found
    if "enum" in inner:
        return "code"
    for suffix, kind in suffixes.items():  # a primitive of a choice, or a constraint written out
        if name.endswith(suffix):
            return kind
    return {"boolean": "boolean", "number": "decimal"}.get(inner.get("type", ""), "string")


def main(path: str) -> None:
    """Print the table."""
    with gzip.open(path) as file:
        definitions = json.load(file)["definitions"]
    find_models(definitions)
    names = [n for n in definitions if n[0].isupper() and not NOT_HL7.match(n)]
    suffixes = {p[0].upper() + p[1:]: p for p in sorted(PRIMITIVES, key=len, reverse=True)}
    suffixes = {**{"PositiveInt": "positiveInt", "UnsignedInt": "unsignedInt"}, **suffixes}
    sys.stdout.write(HEADER)
    for name in sorted(names):
        sys.stdout.write(line(name, definitions[name], suffixes) + "\n")


def line(name: str, definition: dict, suffixes: dict[str, str]) -> str:
    """One type."""
    properties = definition["properties"]
    kind = (
        "D" if "contained" in properties else "R" if "resourceType" in properties
        else "B" if "modifierExtension" in properties else "E"
    )  # fmt: skip
    common = {re.split(r"[*:]", part)[0] for part in KINDS[kind].split()}
    required = {*definition.get("required", ()), *required_primitives(name)}
    parts, choices = [], choice_names(name)
    for key, value in properties.items():
        if key.startswith("_") or key in common or key == "resourceType" or key in EXTRAS.get(name, ()):
            continue
        many = "*" if value.get("type") == "array" else ""
        must = "!" if key in required else ""
        if key in choices:
            stem = choices[key]
            part = f"{stem}[x]"
            found = type_of(value, key, suffixes)
            at = next((i for i, p in enumerate(parts) if p.startswith(part + ":")), None)
            if at is None:
                parts.append(f"{part}:{found}")
            else:
                parts[at] += f",{found}"
        else:
            parts.append(f"{key}{many}{must}:{type_of(value, key, suffixes)}")
    return f"{name} @{kind} " + " ".join(parts)


def choice_names(name: str) -> dict[str, str]:
    """JSON names such as valueQuantity, with the name of their choice, by the models of fhir.resources."""
    extras = {key: field.json_schema_extra or {} for key, field in fields_of(name)}
    found = {key: extra["one_of_many"] for key, extra in extras.items() if "one_of_many" in extra}
    if name in ("Extension", "ElementDefinition_Example"):
        found["valueMeta"] = "value"
    if name == "ElementDefinition":
        found.update({f"{stem}Meta": stem for stem in ("defaultValue", "pattern", "fixed")})
    return found


def fields_of(name: str) -> list[tuple[str, object]]:
    """The fields of the model of a type, by their JSON names; none for types that R4B has no more."""
    model = MODELS.get(name)
    return [(field.alias or key, field) for key, field in model.model_fields.items()] if model else []


def find_models(definitions: dict) -> None:
    """Fill `MODELS`: from each resource down, since the two name inner types differently."""
    waiting = [name for name in definitions if "_" not in name]
    for name in waiting:
        try:
            MODELS[name] = getattr(importlib.import_module("fhir.resources.R4B." + name.lower()), name)
        except (ImportError, AttributeError):
            continue
    for name in [n for n in waiting if n in MODELS]:
        follow(name, definitions)


def follow(name: str, definitions: dict) -> None:
    """The models of the types inside `name`."""
    fields = dict(fields_of(name))
    for key, value in definitions[name].get("properties", {}).items():
        inner = value.get("items", value).get("$ref", "").rsplit("/", 1)[-1]
        if "_" not in inner or inner in MODELS or key not in fields:
            continue
        found = re.search(r"(\w+)Type\b", str(fields[key].annotation))
        module = sys.modules[MODELS[name].__module__]
        if found and hasattr(module, found[1]):
            MODELS[inner] = getattr(module, found[1])
            follow(inner, definitions)


def required_primitives(name: str) -> list[str]:
    """Which primitive elements must be there, by the models of fhir.resources."""
    return [key for key, field in fields_of(name) if (field.json_schema_extra or {}).get("element_required")]


if __name__ == "__main__":
    main(sys.argv[1])
