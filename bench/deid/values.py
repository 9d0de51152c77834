"""Invented values for training notes: people of many origins, dates, numbers and places, in many forms."""

# ruff: noqa: E501, SIM905 (word lists and tables read better on one line)

from __future__ import annotations

import datetime as dt
import random
import re
import string
import sys
import unicodedata
from functools import lru_cache
from pathlib import Path

from faker import Faker

sys.path.insert(0, str(Path(__file__).parent.parent))
from deid_words import faker_names, own_names
from spoken import spoken, spoken_date

from bedrail.privacy.text.english_places import CODES, STATES, SUFFIXES

LOCALES = {
    "anglo": "en_US en_GB en_IE en_NZ", "hispanic": "es_MX es_CO es_AR es_ES es_CL", "portuguese": "pt_BR pt_PT",
    "italian": "it_IT", "german": "de_DE de_AT de_CH", "french": "fr_FR fr_CA fr_QC", "dutch": "nl_NL nl_BE",
    "nordic": "sv_SE no_NO da_DK fi_FI is_IS", "turkish": "tr_TR az_AZ", "slavic": "pl_PL cs_CZ hr_HR ru_RU uk_UA bg_BG sk_SK sl_SI",
    "greek": "el_GR", "baltic": "hu_HU ro_RO lt_LT lv_LV et_EE", "indian": "en_IN en_PK ta_IN", "african": "yo_NG ha_NG ig_NG zu_ZA tw_GH sw en_NG en_KE",
    "vietnamese": "vi_VN", "indonesian": "id_ID", "filipino": "",
    "chinese": "", "korean": "", "japanese": "", "arabic": "ar_DZ fr_DZ", "jewish": "", "polynesian": "", "native": "", "persian": "", "haitian": "",
    "southeast_asian": "", "armenian": "hy_AM", "hmong": "", "ethiopian": "", "somali": "", "southern_african": "zu_ZA", "east_african": "", "tongan": "", "welsh": "",
}  # fmt: skip
MONTHS = "January February March April May June July August September October November December".split()
SHORT = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
HONOR = ["Mr.", "Mrs.", "Ms.", "Mr", "Mrs", "Ms", "Miss"]
RELATIONS = ("wife husband daughter son mother father sister brother niece nephew aunt uncle grandmother grandfather neighbor friend "
             "partner cousin granddaughter grandson daughter-in-law stepmother fiance mom dad").split()  # fmt: skip
DX = ("Parkinson's disease|Wilson's disease|Crohn's disease|Graves disease|Hodgkin lymphoma|Addison's disease|Bell's palsy|Alzheimer's dementia|Huntington's chorea|Sjogren's syndrome|Hashimoto thyroiditis|"
      "Paget's disease|hypertension|type 2 diabetes mellitus|COPD|CHF|atrial fibrillation|asthma|pneumonia|breast cancer|CKD stage 3|osteoarthritis|depression|bipolar disorder|Raynaud phenomenon|Marfan syndrome|Barrett's esophagus|"
      "Charcot-Marie-Tooth disease|Guillain-Barre syndrome|Cushing syndrome|Kawasaki disease|Ehlers-Danlos syndrome|Down syndrome|Turner syndrome|Meniere's disease|Behcet's disease|Lou Gehrig's disease|Lewy body dementia|Baker's cyst|"
      "Dupuytren contracture|Achilles tendinopathy|Colles fracture|Hirschsprung disease|Meckel's diverticulum|Wolff-Parkinson-White syndrome|Stevens-Johnson syndrome|Lyme disease|West Nile virus|Rocky Mountain spotted fever|"
      "Stokes-Adams attacks|Tay-Sachs carrier|Gaucher disease|von Willebrand disease|factor V Leiden|Peutz-Jeghers syndrome|Lynch syndrome|Gilbert's syndrome|Budd-Chiari syndrome|Takayasu arteritis|Wegener's granulomatosis|"
      "Hansen's disease|Pott's disease|Ludwig's angina|Fournier gangrene|Morton's neuroma|Osgood-Schlatter disease|Perthes disease|Tourette syndrome|Asperger syndrome|Rett syndrome|Kaposi sarcoma|Burkitt lymphoma|Ewing sarcoma|Wilms tumor|"
      "Merkel cell carcinoma|Bowen's disease|Conn's syndrome|Sheehan syndrome|Kallmann syndrome|Prader-Willi syndrome|DiGeorge syndrome|Horner syndrome|Brown-Sequard syndrome|Wernicke encephalopathy|GERD|hyperlipidemia|gout|anemia|migraine").split("|")  # fmt: skip
TOOLS = ("Foley catheter|Apgar scores 8 and 9|Glasgow Coma Scale 15|Hickman line|Swan-Ganz catheter|Jackson-Pratt drain|Bovie cautery|Trendelenburg position|Braden score 18|Babinski downgoing|McBurney's point tenderness|Murphy's sign|"
         "Tinel's and Phalen's signs|Kerley B lines|Lachman test|Penrose drain|Hemovac drain|Romberg negative|Rinne and Weber tests|Kernig and Brudzinski signs|Homans sign|Holter monitor|Doppler study|Gleason score 7|Mallampati class II|"
         "Ranson criteria|Wells score 3|CHADS2 score|Child-Pugh class B|Karnofsky 80|Rankin scale 2|Salter-Harris II fracture|Schirmer test|Snellen chart|Epley maneuver|Dix-Hallpike test|Valsalva maneuver|Mohs surgery|Roux-en-Y bypass|"
         "Whipple procedure|Nissen fundoplication|Bair Hugger|Steri-Strips|Kirschner wire|Mini-Cog|Montreal Cognitive Assessment|Barthel index|Coombs test|Gram stain|Pap smear|Mantoux test|Allen test|Spurling test|Hawkins and Neer signs|"
         "Finkelstein test|McMurray test|Thomas test|Trendelenburg gait|Mayo stand|Mayfield headholder|Tenckhoff catheter|Shiley 6.0|Miller 2 blade|Ambu bag").split("|")  # fmt: skip
DRUGS = ("metoprolol 25 mg b.i.d.|Lasix 40 mg IV|warfarin 5 mg|Lantus 22 units qhs|Augmentin 875/125|lisinopril 10 mg|Coumadin 2.5 mg|Tylenol 650 mg q6h p.r.n.|heparin 5000 units|Zofran 4 mg|metformin 1000 mg BID|Eliquis 5 mg|"
         "Plavix 75 mg daily|Norco 5-325|Percocet 5/325|Zosyn 3.375 g IV|vancomycin 1250 mg|Synthroid 88 mcg|Advair 250/50|Humira 40 mg|Xarelto 20 mg|amlodipine 5 mg|atorvastatin 80 mg|gabapentin 300 mg t.i.d.|Keppra 500 mg|"
         "sertraline 50 mg|Seroquel 25 mg at bedtime|prednisone taper 40-30-20-10|albuterol MDI 2 puffs|Flonase|Cipro 500|Bactrim DS|Entresto 24/26|Jardiance 10 mg|Ozempic 0.5 mg weekly|Novolog 70/30|folic acid 1 mg|vitamin D 50,000 IU weekly").split("|")  # fmt: skip
LABS = ("Na 138, K 4.1, Cr 1.2|WBC 11.4, Hgb 9.8, plt 212|INR 2.3|troponin 0.04|A1c 7.2%|BNP 412|pH 7.32/44/88|EF 45-50%|lactate 2.1|TSH 2.4|LDL 98, HDL 44|AST 34 ALT 41|Hct 31.2|platelets 250,000|ferritin 1200|CRP 14|ESR 55|"
        "D-dimer 1.2|glucose 186|creatinine 0.9|BUN 22|UA negative|bilirubin 1.4|PSA 4.4|viral load 12000 copies|CD4 412|vitamin B12 340|HbA1c 8.1|K 5.6|Mg 1.8, Phos 3.3").split("|")  # fmt: skip
CC = "chest pain|shortness of breath|abdominal pain|headache|fever|cough|back pain|dizziness|fall|weakness|nausea and vomiting|rash|syncope|palpitations|knee pain|sore throat|fatigue|medication refill|wound check|suicidal ideation".split(
    "|"
)
PROC = "colonoscopy|laparoscopic cholecystectomy|total knee arthroplasty|CABG x3|cardiac catheterization|appendectomy|hip ORIF|C-section|cataract extraction|EGD with biopsy|TURP|thyroidectomy|lumbar puncture|central line placement".split(
    "|"
)
INS = "Aetna|Cigna|Humana|Blue Cross|BCBS|UnitedHealthcare|Medicare|Medicaid|Kaiser|Tricare|Anthem|Molina".split("|")
CARS = "Honda Civic|Ford F-150|Toyota Camry|Chevy Malibu|motorcycle|pickup truck|Jeep|van".split("|")
DEVICES = "pacemaker|ICD|loop recorder|cochlear implant|insulin pump|knee prosthesis|neurostimulator|port|hearing aid|LVAD".split(
    "|"
)
SAINTS = "Mary|Joseph|Vincent|Francis|Elizabeth|Anthony|Anne|James|Peter|Michael|Clare|Jude|Mark|Rita|Charles|Agnes|Raphael".split(
    "|"
)
HEADS = "Mercy|Riverside|Good Samaritan|Lakeview|Providence|Sacred Heart|Holy Family|Northside|Eastern|Summit|Valley|Memorial|Methodist|Presbyterian|Lutheran|Trinity|Unity|Harbor|Hillcrest|Oakwood|Parkview|Sunrise|Regional|Highland|Evergreen|Cascade|Bethesda|Mount Sinai|Shepherd|Wellspring|Union|County|Grace|Hope|Liberty|Heritage|Silver Lake|Stonebridge|Fairfield|Maple Grove|Desert|Gulf Coast|Blue Ridge|Tri-County|North Shore|South Bay".split(
    "|"
)
KINDS = ("Hospital|Medical Center|General Hospital|Clinic|Regional Medical Center|Health Center|Community Hospital|Rehabilitation Hospital|Nursing Home|Family Practice|Urgent Care|Surgery Center|Cancer Center|Hospice|Children's Hospital|"
         "Women's Clinic|Dialysis Center|Imaging|Heart Institute|Orthopedics|Pediatrics|Internal Medicine|Assisted Living|Rehab|Manor|Care Center|Health System|Eye Clinic|Skilled Nursing|Behavioral Health|Wellness Center|VA Medical Center|"
         "Veterans Hospital|Medical Group|Pavilion|Birthing Center|Sanatorium|Outpatient Center|Pain Clinic|Specialty Hospital|Psychiatric Hospital|Retirement Community|Health Department|ER|Trauma Center|Med Center|Medical Ctr|Hosp|Infirmary").split("|")  # fmt: skip
CITY_TAILS = "ville|ton|burg|ford|field|port|haven|wood|dale|view|land|borough|bury|side|mouth|chester|stad|ham|bridge|mere|holm|by|wick|shire|fort|furt|town".split(
    "|"
)
CITY_HEADS = "North|South|East|West|New|Lake|Port|Fort|Mount|Saint|San|Santa|El|Los|Glen|Cedar|Oak|Pine|Green|Silver|Clear|Red|White|Black|Spring|River|Stone|Fair|High|Grand|Little|Upper|Lower|Old".split(
    "|"
)
CITY_LAST = "Falls|Springs|Hills|Heights|Beach|Park|Grove|Valley|Bay|Creek|Junction|City|Harbor|Rapids|Point|Island|Village|Center|Hollow|Ridge|Crossing|Shores|Lake|Bluffs|Gap|Landing|Prairie|Mills".split(
    "|"
)
STREET_WORDS = "Oak|Maple|Pine|Cedar|Elm|Main|Washington|Lake|Hill|Park|Walnut|Spring|North|Ridge|Church|Willow|Mill|Sunset|Railroad|Jefferson|Center|Highland|Forest|River|Meadow|Broad|Chestnut|Franklin|Cherry|Lincoln|Dogwood|Hickory|Magnolia|Birch|Sycamore|Juniper|Aspen|Laurel|Fox Run|Deer Path|Martin Luther King|Old Mill|Country Club|Twin Lakes".split(
    "|"
)
FOREIGN = "Calle {}|Rue {}|Via {}|Avenida {}|Rua {}|{}straße|Camino {}|Paseo {}|{}gasse|Piazza {}|Avenue de {}|Calle de la {}|ul. {}|{}vägen|{}laan|{}straat".split(
    "|"
)


def fold(text: str) -> str:
    """Without accents."""
    plain = unicodedata.normalize(
        "NFKD", text.replace("ł", "l").replace("Ł", "L").replace("ı", "i").replace("đ", "d").replace("ß", "ss")
    )
    return "".join(c for c in plain if not unicodedata.combining(c))


@lru_cache(maxsize=1)
def origins() -> dict[str, tuple[list[str], list[str]]]:
    """Origin -> first and last names."""
    shipped, own = faker_names(), own_names()
    out = {}
    for origin, locales in LOCALES.items():
        first, last = set(own.get(origin, {}).get("first", ())), set(own.get(origin, {}).get("last", ()))
        for locale in locales.split():
            first |= shipped.get(locale, {}).get("first", set())
            last |= shipped.get(locale, {}).get("last", set())
        out[origin] = (sorted(n for n in first if n[0].isupper()), sorted(n for n in last if n[0].isupper()))
    return {k: v for k, v in out.items() if v[0] and v[1]}


_FAKER = Faker("en_US")
PERSONS = {"pt", "dr", "dr2", "rel", "rn", "who", "who2"}


class Values:
    """The values of one note: a key gives the same person, date or number each time."""

    def __init__(self, rng: random.Random) -> None:
        self.r = rng
        self.kept: dict[str, str] = {}
        self.people: dict[str, tuple[str, str, str]] = {}
        self.days: dict[str, dt.date] = {}
        self.base = dt.date(1996, 1, 1) + dt.timedelta(days=rng.randrange(365 * 31))
        self.form = rng.choice(
            [
                "mdy",
                "mdy",
                "mdy2",
                "mdy2",
                "iso",
                "long",
                "abbr",
                "dmy",
                "dash",
                "dot",
                "eu",
                "dmyl",
                "mdyl2",
                "abbr2",
                "iso2",
                "mdyp",
            ]
        )
        _FAKER.seed_instance(rng.randrange(1 << 30))

    def num(self, pattern: str) -> str:
        """# any digit, % not zero, ? capital letter, ^ hex digit."""
        r = self.r
        return "".join(r.choice("0123456789") if c == "#" else r.choice("123456789") if c == "%" else r.choice(string.ascii_uppercase) if c == "?"
                       else r.choice("0123456789abcdef") if c == "^" else c for c in pattern)  # fmt: skip

    def any(self, *patterns: str) -> str:
        """One of the patterns, filled."""
        return self.num(self.r.choice(patterns))

    def invented(self) -> str:
        """A name from no list: syllables of names put together anew."""
        r = self.r
        source = origins()[r.choice(list(origins()))][r.random() < 0.7]
        a, b = r.choice(source), r.choice(source)
        made = (a[: max(2, len(a) * 3 // 5)] + b[len(b) // 2 :]).replace(" ", "")
        return made.capitalize()

    def person(self, who: str) -> tuple[str, str, str]:
        """(first, middle initial, last)."""
        if who not in self.people:
            r = self.r
            firsts, lasts = origins()[r.choice(list(origins()))]
            first, last = r.choice(firsts), r.choice(lasts)
            if r.random() < 0.12:
                first = self.invented()
            if r.random() < 0.18:
                last = self.invented()
            x = r.random()
            if x < 0.04:
                last = f"{last}-{r.choice(lasts)}"
            elif x < 0.07:
                last = f"{last} {r.choice(lasts)}"
            elif x < 0.09:
                last = (
                    r.choice(
                        [
                            "van ",
                            "de ",
                            "de la ",
                            "von ",
                            "del ",
                            "al-",
                            "El ",
                            "O'",
                            "Mc",
                            "St. ",
                            "Ben ",
                            "bin ",
                            "D'",
                        ]
                    )
                    + last
                )
            elif x < 0.11:
                first = f"{first} {r.choice(firsts)}"
            elif x < 0.13:
                first = f"{first}-{r.choice(firsts)}"
            if r.random() < 0.7:
                first, last = fold(first), fold(last)
            self.people[who] = (first, r.choice(string.ascii_uppercase), last)
        return self.people[who]

    def name(self, who: str, form: str) -> str:
        """One person in one form."""
        f, m, s = self.person(who)
        r = self.r
        if form == "":
            form = r.choice(["full"] * 9 + ["fm", "fim", "last2", "fmid"])
        if form == "last" and r.random() < 0.05:
            form = "full"
        return {
            "full": f"{f} {s}", "last": s, "last2": f"{f} {s}", "first": f, "lf": f"{s}, {f}", "lfm": f"{s}, {f} {m}{r.choice(['', '.'])}", "LF": f"{s}, {f}".upper(), "LF2": f"{s},{f}".upper(),
            "FULL": f"{f} {s}".upper(), "LAST": s.upper(), "fm": f"{f} {m}. {s}", "fim": f"{f} {m} {s}", "fmid": f"{f} {r.choice(origins()['anglo'][0])} {s}", "fi": f"{f[0]}. {s}", "fl": f"{f} {s[0]}{r.choice(['.', ''])}",
            "ini": f"{f[0]}{m}{s[0]}".upper() if r.random() < 0.6 else f"{f[0]}{s[0]}".upper(), "low": f"{f} {s}".lower(),
        }[form]  # fmt: skip

    def date(self, key: str, form: str) -> str:
        """One date in one form; `form` "" is the note's own."""
        if key not in self.days:
            r = self.r
            if key == "dob":
                day = dt.date(self.base.year - r.randint(0, 99), r.randint(1, 12), r.randint(1, 28))
            else:
                day = self.base + dt.timedelta(days=0 if key == "date" else r.randint(-900, 60))
            self.days[key] = day
        d, r = self.days[key], self.r
        m, n, y = d.month, d.day, d.year
        ordinal = f"{n}{'th' if 10 <= n % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"
        return {
            "mdy": f"{m:02d}/{n:02d}/{y}", "mdyp": f"{m}/{n}/{y}", "mdy2": f"{m}/{n}/{y % 100:02d}", "mdyl2": f"{m:02d}/{n:02d}/{y % 100:02d}", "iso": d.isoformat(), "iso2": f"{y}/{m:02d}/{n:02d}", "long": f"{MONTHS[m - 1]} {n}, {y}",
            "abbr": f"{SHORT[m - 1]} {n}, {y}", "abbr2": f"{SHORT[m - 1]}. {n}, {y}", "dmy": f"{n:02d}-{SHORT[m - 1].upper()}-{y}", "dash": f"{m:02d}-{n:02d}-{y}", "dot": f"{m}.{n}.{y % 100:02d}", "eu": f"{n:02d}.{m:02d}.{y}",
            "dmyl": f"{n} {MONTHS[m - 1]} {y}", "md": r.choice([f"{m}/{n}", f"{m:02d}/{n:02d}", f"{SHORT[m - 1]} {n}", f"{m}-{n}", f"{MONTHS[m - 1]} {n}"]), "md2": f"{m}/{n}", "mD": r.choice([f"{MONTHS[m - 1]} {ordinal}", f"{MONTHS[m - 1]} {n}", f"{ordinal} of {MONTHS[m - 1]}"]),
            "mdy8": f"{m:02d}{n:02d}{y}", "hol": self.holiday(), "wk": self.weekday(d, ordinal), "wk2": self.weekday(d, ordinal), "words": spoken_date(d, MONTHS[m - 1], r),
            "my": r.choice([f"{MONTHS[m - 1]} {y}", f"{m}/{y}", f"{SHORT[m - 1]} {y}", f"{MONTHS[m - 1]} of {y}", f"{m:02d}/{y % 100:02d}"]), "Dth": f"{ordinal} of {MONTHS[m - 1]}",
        }[form or (self.form if r.random() < 0.8 else r.choice(["mdy", "mdy2", "iso", "long", "abbr", "dmy", "dmyl"]))]  # fmt: skip

    def holiday(self) -> str:
        """A day that has a name."""
        r = self.r
        return r.choice(HOLIDAYS) + r.choice(["", "", "", " weekend", f" {self.base.year}"])

    def weekday(self, day: dt.date, ordinal: str) -> str:
        """A day of the week with its day of the month."""
        r = self.r
        week = day.strftime(r.choice(["%A", "%A", "%a"]))
        month, n = SHORT[day.month - 1], day.day
        return r.choice([f"{week} the {ordinal}", f"{week} {day.month}/{n}", f"{week}, {month} {n}", f"{week} {month} {n}", f"{week} {MONTHS[day.month - 1]} {ordinal}"])  # fmt: skip

    def phone(self) -> str:
        """A telephone number."""
        a, e, x = self.num("%##"), self.num("%##"), self.num("####")
        return self.r.choice([f"({a}) {e}-{x}", f"{a}-{e}-{x}", f"{a}.{e}.{x}", f"{a} {e} {x}", f"+1 {a} {e} {x}", f"1-{a}-{e}-{x}", f"({a}){e}-{x}", f"{e}-{x}", f"{a}{e}{x}", f"+1-{a}-{e}-{x}", f"{a}/{e}-{x}", f"({a}) {e} {x}",
                              f"{a}-{e}-{x} ext {self.num('###')}", f"+44 20 7{self.num('###')} {x}", f"+{self.num('%#')} {self.num('##')} {self.num('###')} {x}"])  # fmt: skip

    def street(self) -> str:
        """A street address."""
        r, n = self.r, self.any("%", "%#", "%##", "%###", "%####")
        word = r.choice(
            [
                r.choice(STREET_WORDS),
                r.choice(STREET_WORDS),
                _FAKER.last_name(),
                self.person(f"x{r.random()}")[2],
                _FAKER.first_name(),
                f"{r.choice(STREET_WORDS)} {r.choice(STREET_WORDS)}",
                r.choice(["1st", "2nd", "3rd", "45th", "112th", "Fifth"]),
            ]
        )
        if r.random() < 0.1:
            way = r.choice(FOREIGN).format(word)
        else:
            suffix = (
                r.choice(
                    [
                        "St",
                        "Street",
                        "Ave",
                        "Avenue",
                        "Rd",
                        "Road",
                        "Dr",
                        "Drive",
                        "Ln",
                        "Lane",
                        "Blvd",
                        "Ct",
                        "Court",
                        "Way",
                        "Place",
                    ]
                )
                if r.random() < 0.5
                else r.choice(SUFFIXES).capitalize()
            )
            way = f"{r.choice(['', '', '', 'N. ', 'South ', 'W ', 'NE '])}{word} {suffix}"
        unit = r.choice(
            [
                "",
                "",
                "",
                "",
                f" Apt. {self.num('###')}",
                f", Apt {self.num('%?')}",
                f" Suite {self.num('###')}",
                f" #{self.num('%#')}",
                f", Unit {self.num('%')}",
            ]
        )
        return f"{n} {way}{unit}"

    def city(self) -> str:
        """A town, real or invented."""
        r = self.r
        x = r.random()
        if x < 0.25:
            return _FAKER.city()
        if x < 0.5:
            return r.choice(CITIES())
        if x < 0.65:
            return self.person(f"x{r.random()}")[2].replace(" ", "") + r.choice(CITY_TAILS)
        if x < 0.8:
            return f"{r.choice(CITY_HEADS)} {self.person(f'x{r.random()}')[r.choice([0, 2])]}"
        return f"{r.choice([self.person(f'x{r.random()}')[2], r.choice(STREET_WORDS), self.invented()])} {r.choice(CITY_LAST)}"

    def facility(self) -> str:
        """A place of care."""
        r = self.r
        head = r.choice(
            [
                r.choice(HEADS),
                r.choice(HEADS),
                f"{r.choice(['St.', 'Saint', 'St'])} {r.choice(SAINTS)}{r.choice(['', chr(39) + 's'])}",
                self.city(),
                self.person(f"x{r.random()}")[2],
                f"{self.person(f'x{r.random()}')[2]} {r.choice(['Memorial', 'Family', 'Community', 'County'])}",
            ]
        )
        kind = r.choice(KINDS)
        return f"{kind} of {self.city()}" if r.random() < 0.06 else f"{head} {kind}"

    def get(self, key: str) -> str:
        """The value for a slot."""
        base, _, form = key.partition(".")
        if base in PERSONS:
            return self.name(base, form)
        if base in {"date", "date2", "dob"}:
            return self.date(base, form)
        if key not in self.kept:
            self.kept[key] = MAKERS[base](self)
        return " ".join(map(spoken, re.findall(r"\d", self.kept[key]))) or "one" if form == "words" else self.kept[key]


HOLIDAYS = ("Christmas|Christmas Eve|Christmas Day|Thanksgiving|Easter|Easter Sunday|Memorial Day|Labor Day|New Year's Eve|New Year's Day|the Fourth of July|July 4th|Independence Day|Halloween|Valentine's Day|"
            "Mother's Day|Father's Day|MLK Day|Veterans Day|Presidents Day|Columbus Day|Good Friday|Ash Wednesday|Hanukkah|Passover|Yom Kippur|Eid|Diwali|Lunar New Year|Cinco de Mayo|St. Patrick's Day|Juneteenth|Boxing Day").split("|")  # fmt: skip
HOBBIES = ("{} Curling Club|{} Bowling League|{} Community Garden|{} Senior Center|{} YMCA|{} Rotary Club|{} Public Library|{} Bridge Club|{} Golf Club|the {} choir|{} Farmers Market").split("|")  # fmt: skip
SHELTERS = ("Harbor House|Hope House|{} House|{} Shelter|Haven for {}|{} Lodge|Sunrise House|{} Recovery Center|{} Place|Casa {}|Oxford House {}").split("|")  # fmt: skip
UK_ENDS = "Close|Road|Street|Lane|Avenue|Crescent|Gardens|Rise|Mews|Grove|Terrace|Drive|Way|Court|Gate|Row|Croft|Green|Walk|Hill".split(
    "|"
)
UK_TOWNS = "Bradford|Leeds|Sheffield|Leicester|Coventry|Swansea|Cardiff|Glasgow|Dundee|Norwich|Exeter|Bolton|Wigan|Luton|Derby|Hull|Preston|Slough|Belfast|Galway|Cork|Leamington Spa|Ashby-de-la-Zouch".split(
    "|"
)


def _uk_address(v: Values) -> str:
    street = f"{v.any('%', '%#', '%##')} {v.r.choice([v.r.choice(STREET_WORDS), v.person(f'x{v.r.random()}')[2], v.invented()])} {v.r.choice(UK_ENDS)}"
    return f"{street}, {v.r.choice(UK_TOWNS)} {v.any('??% %??', '??%# %??', '?% %??', '?%# %??')}"


def _user(v: Values) -> str:
    f, _, s = v.person("pt")
    name = re.sub(
        r"[^a-z]", "", fold(v.r.choice([f"{f[0]}{s}", f"{f}{s[0]}", f"{s}{f[0]}", f"{f}_{s}", f"{f}"])).lower()
    )
    return (name or "user") + v.any("%", "%#", "19##", "###")


@lru_cache(maxsize=1)
def CITIES() -> list[str]:  # noqa: N802
    """Large towns of the United States, from memory of any atlas."""
    return ("New York|Los Angeles|Chicago|Houston|Phoenix|Philadelphia|San Antonio|San Diego|Dallas|Austin|Jacksonville|Columbus|Charlotte|Indianapolis|Seattle|Denver|Boston|Nashville|Detroit|Portland|Las Vegas|Memphis|Louisville|Baltimore|"
            "Milwaukee|Albuquerque|Tucson|Fresno|Sacramento|Mesa|Atlanta|Omaha|Raleigh|Miami|Oakland|Minneapolis|Tulsa|Tampa|Arlington|New Orleans|Wichita|Bakersfield|Aurora|Anaheim|Honolulu|Riverside|Lexington|Stockton|Saint Paul|Cincinnati|"
            "Pittsburgh|Greensboro|Lincoln|Anchorage|Plano|Orlando|Irvine|Newark|Durham|Toledo|Fort Wayne|Laredo|Buffalo|Madison|Lubbock|Chandler|Reno|Boise|Richmond|Baton Rouge|Spokane|Des Moines|Tacoma|Salem|Dayton|Hartford|Savannah|Topeka|"
            "Erie|Flint|Provo|Lima|Peoria|Macon|Athens|Dover|Troy|Utica|Camden|Trenton|Worcester|Akron|Mobile|London|Paris|Toronto|Manila|Hanoi|Lagos|Karachi|Mumbai|Guadalajara|Havana|Kyiv|Seoul|Tehran|Cairo").split("|")  # fmt: skip


def _email(v: Values) -> str:
    f, _, s = v.person(v.r.choice(["pt", "rel", "dr"]))
    local = (
        re.sub(r"[^a-z0-9._-]", "", fold(v.r.choice([f"{f}.{s}", f"{f}{s}", f"{f[0]}{s}", f"{s}_{f}", f"{f}"])).lower())
        or "x"
    )
    return (
        local
        + v.r.choice(["", v.num("##")])
        + "@"
        + v.r.choice(
            [
                "gmail.com",
                "yahoo.com",
                "example.org",
                "hotmail.com",
                "mail.example.net",
                "aol.com",
                "outlook.com",
                "hospital.example.edu",
            ]
        )
    )


def _url(v: Values) -> str:
    return (
        v.r.choice(["https://", "http://", "www.", ""])
        + f"{v.r.choice(['portal', 'mychart', 'my', 'patient'])}.{_FAKER.domain_name()}"
        + v.any("/pt/######", "/visit?id=####", "", "/u/????", "/~" + v.person("pt")[2].lower().replace(" ", ""))
    )


def _ip(v: Values) -> str:
    return v.r.choice([_FAKER.ipv4(), _FAKER.ipv4_private(), _FAKER.ipv6()])


def _photo(v: Values) -> str:
    last = fold(v.person("pt")[2]).lower().replace(" ", "")
    return v.r.choice(
        [
            v.num("IMG_####.jpg"),
            f"{last}_face_{v.num('##')}.png",
            v.num("DSC#####.JPG"),
            v.num("IMG-########-WA####.jpeg"),
            f"wound_{v.num('########')}.tif",
            f"{last}{v.num('%')}.heic",
            v.num("P#######.jpg"),
        ]
    )


MAKERS = {
    "phone": Values.phone, "phone2": Values.phone, "fax": Values.phone, "pager": lambda v: v.any("#####", "####", "###-####", "#-####"), "ext": lambda v: v.any("####", "#####", "###"),
    "ukaddr": _uk_address, "streetname": lambda v: f"{v.r.choice(STREET_WORDS)} {v.r.choice(['Avenue', 'Street', 'Ave', 'Road', 'Boulevard', 'Lane', 'Drive'])}{v.r.choice(['', '', ' South', ' North', ' NE'])}", "user": _user,
    "shelter": lambda v: v.r.choice(SHELTERS).format(v.city()), "hobby": lambda v: v.r.choice(HOBBIES).format(v.city()), "age90w": lambda v: v.r.choice([spoken(v.r.randint(90, 99)), spoken(v.r.randint(91, 99)), "a hundred and " + spoken(v.r.randint(1, 6))]),
    "email": _email, "url": _url, "ip": _ip, "photo": _photo, "street": Values.street, "addr": lambda v: f"{v.street()}, {v.get('city')}, {v.get('st')} {v.get('zip')}", "street2": lambda v: f"{v.r.choice(STREET_WORDS)} and {_FAKER.last_name()} {v.r.choice(['St', 'Streets', 'Ave'])}",
    "city": Values.city, "city2": Values.city, "zip": lambda v: v.any("#####", "#####", "#####-####"), "county": lambda v: v.r.choice([v.person(f"x{v.r.random()}")[2], v.r.choice(CITIES())]) + " County", "pobox": lambda v: v.any("PO Box ###", "P.O. Box ####", "Box ##"),
    "fac": Values.facility, "facab": lambda v: v.any("??H", "??MC", "??GH", "???", "?CH", "VA"), "emp": lambda v: v.r.choice([_FAKER.company(), _FAKER.company(), f"{v.person(f'x{v.r.random()}')[2]} {v.r.choice(['Industries', 'Trucking', 'Construction', 'Bakery', 'Foods', 'Motors', 'Law Firm', 'Plumbing', 'Farms', 'Hardware', 'Steel', 'Insurance', 'Realty'])}", "Walmart", "Home Depot", "Amazon", "FedEx"]),
    "school": lambda v: v.r.choice([v.person(f"x{v.r.random()}")[2], v.city(), v.r.choice(STREET_WORDS)]) + v.r.choice([" Elementary", " High School", " Middle School", " University", " State University", " College", " Academy", " Elementary School", " Preschool"]),
    "church": lambda v: v.r.choice([f"St. {v.r.choice(SAINTS)} Church", f"First Baptist Church of {v.city()}", f"{v.city()} Methodist Church", "Temple Beth El"]), "pharm": lambda v: v.r.choice([f"Walgreens on {v.r.choice(STREET_WORDS)} St", f"{v.person(f'x{v.r.random()}')[2]} Pharmacy", f"CVS {v.city()}"]),
    "ssn": lambda v: v.any("%##-##-####", "%##-##-####", "%########", "%## ## ####", "XXX-XX-####", "***-**-####"), "ssn4": lambda v: v.num("####"),
    "mrn": lambda v: v.any("#######", "######", "##-##-##", "MR########", "########", "###-##-##", "?#######", "?-#######", "HC-#####-##", "##########", "M######", "MRN####", "####-####", "?? ######", "#####", "00######", "?##-###-###"),
    "acct": lambda v: v.any("%#########", "?########", "ACCT-######", "#### #### #### ####", "A-#######", "#######-##", "BA-#####-###", "INV-######", "########", "#####-####"), "card": lambda v: v.any("4### #### #### ####", "5###-####-####-####", "37## ###### #####"),
    "plan": lambda v: v.any("???%########", "H####-###-##", "W%#######", "XYZ#########", "##########", "?########", "??-#######-##", "########A", "U-#####-##", "###-##-####A", "%##?####"), "group": lambda v: v.any("#####-##", "######", "G#####", "00##", "???###"),
    "mbi": lambda v: v.any("%?##-?#%-??##", "%?#%?#%??##"), "npi": lambda v: v.num("1#########"), "dea": lambda v: v.num("?%#######"), "lic": lambda v: v.any("MD-######", "RN######", "?####-#####-#####", "D#######", "MD#####", "PT-####", "PSY #####", "36-######", "A#####"),
    "dl": lambda v: v.any("?#######", "?###-####-####", "#########", "??######?", "##-###-####"), "plate": lambda v: v.any("???-####", "#???###", "??? ###", "###-???", "??# #??", "?##-###", "???####", "## ????"), "vin": lambda v: "".join(v.r.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(16)) + v.num("#"),
    "dev": lambda v: v.any("SN ?######", "???######?", "##-######-###", "PJN######", "?########", "########", "??-####-??", "A###-#####", "#???####"), "lot": lambda v: v.any("?#####", "##??###", "#####", "??####"), "udi": lambda v: v.num("(01)008########0(21)?######"),
    "bio": lambda v: v.any("FP-########", "IRIS-????-####", "VP#######", "BIO-#####", "RET-??-####", "F########", "VX-####-??"), "acc": lambda v: v.any("S##-#####", "CT########", "%##########", "##-???-####", "A########", "SP-##-####", "##S-######", "MR-##-#####"),
    "enc": lambda v: v.any("%########", "CSN ########", "ENC%######", "V#######", "##########", "E-######", "#######"), "study": lambda v: v.any("ABC-###-###", "SUBJ-####", "??##-####", "P-###", "???-##-####", "00#-###"), "job": lambda v: v.any("######", "#######", "D######"),
    "pass": lambda v: v.any("?########", "#####", "######", "?#####", "##-####"), "intid": lambda v: v.any("#####", "######", "??####"), "ini2": lambda v: v.any("??", "???").lower(), "age90": lambda v: str(v.r.randint(90, 106)),
    "age": lambda v: str(v.r.randint(1, 89)), "year": lambda v: str(v.r.randint(1968, 2025)), "state": lambda v: v.r.choice(STATES.split("|")), "st": lambda v: v.r.choice(CODES.split("|")[:51]), "country": lambda v: v.r.choice("Mexico Vietnam Nigeria India Poland Canada Haiti China Germany Iran Ukraine Ghana Peru".split()),
    "time": lambda v: v.r.choice([f"{v.r.randint(0, 23):02d}:{v.r.randint(0, 59):02d}", f"{v.r.randint(1, 12)}:{v.r.randint(0, 59):02d} {v.r.choice(['am', 'pm', 'AM', 'PM'])}", f"{v.r.randint(0, 23):02d}{v.r.randint(0, 59):02d}"]),
    "hon": lambda v: v.r.choice(HONOR), "sex": lambda v: v.r.choice(["male", "female", "man", "woman"]), "MF": lambda v: v.r.choice("MF"), "she": lambda v: v.r.choice(["she", "he"]), "She": lambda v: v.r.choice(["She", "He"]), "her": lambda v: v.r.choice(["her", "his"]), "Her": lambda v: v.r.choice(["Her", "His"]), "rel": lambda v: v.r.choice(RELATIONS),
    "dx": lambda v: v.r.choice(DX), "dx2": lambda v: v.r.choice(DX), "tool": lambda v: v.r.choice(TOOLS), "drug": lambda v: v.r.choice(DRUGS), "drug2": lambda v: v.r.choice(DRUGS), "lab": lambda v: v.r.choice(LABS), "lab2": lambda v: v.r.choice(LABS), "cc": lambda v: v.r.choice(CC), "proc": lambda v: v.r.choice(PROC),
    "ins": lambda v: v.r.choice(INS), "car": lambda v: v.r.choice(CARS), "devname": lambda v: v.r.choice(DEVICES), "room": lambda v: v.any("###", "%", "%##?"), "bp": lambda v: f"{v.r.randint(90, 190)}/{v.r.randint(45, 110)}", "hr": lambda v: str(v.r.randint(48, 140)), "temp": lambda v: f"{v.r.uniform(96, 104):.1f}",
    "rr": lambda v: str(v.r.randint(10, 34)), "sat": lambda v: str(v.r.randint(84, 100)), "wt": lambda v: str(v.r.randint(3, 260)), "ht": lambda v: str(v.r.randint(45, 200)), "bmi": lambda v: f"{v.r.uniform(16, 50):.1f}", "n": lambda v: str(v.r.randint(1, 12)), "n2": lambda v: str(v.r.randint(2, 60)), "d10": lambda v: str(v.r.randint(0, 10)),
    "d5": lambda v: str(v.r.randint(1, 5)), "a1c": lambda v: f"{v.r.uniform(5, 13):.1f}", "qtc": lambda v: str(v.r.randint(380, 520)), "pmid": lambda v: v.num("%#######"), "icdcode": lambda v: v.any("?##.#", "?##", "?##.##"), "race": lambda v: v.r.choice(["White", "Black", "Asian", "Hispanic", "Other", "Native American", "Pacific Islander"]),
    "marital": lambda v: v.r.choice(["Married", "Single", "Widowed", "Divorced"]), "lang": lambda v: v.r.choice("English Spanish Vietnamese Tagalog Mandarin Arabic Russian Korean Somali Polish French Portuguese".split()), "religion": lambda v: v.r.choice(["Catholic", "Baptist", "Jewish", "Muslim", "Hindu", "None", "Lutheran"]),
}  # fmt: skip

LABELS = {
    "phone": "PHONE", "phone2": "PHONE", "pager": "PHONE", "ext": "PHONE", "fax": "FAX", "email": "EMAIL", "url": "URL", "ip": "IP", "photo": "PHOTO", "street": "GEO", "addr": "GEO", "street2": "GEO", "city": "GEO", "city2": "GEO", "zip": "GEO", "county": "GEO", "pobox": "GEO", "fac": "GEO", "facab": "GEO",
    "church": "GEO", "pharm": "GEO", "emp": "NAME", "school": "NAME", "ssn": "SSN", "ssn4": "SSN", "mrn": "MRN", "acct": "ACCOUNT", "card": "ACCOUNT", "plan": "HEALTH_PLAN", "group": "HEALTH_PLAN", "mbi": "HEALTH_PLAN", "npi": "LICENSE", "dea": "LICENSE", "lic": "LICENSE", "dl": "LICENSE", "plate": "VEHICLE",
    "vin": "VEHICLE", "dev": "DEVICE", "lot": "DEVICE", "udi": "DEVICE", "bio": "BIOMETRIC", "acc": "UNIQUE_ID", "enc": "UNIQUE_ID", "study": "UNIQUE_ID", "job": "UNIQUE_ID", "pass": "UNIQUE_ID", "intid": "UNIQUE_ID", "ini2": "NAME", "age90": "AGE90", "age90w": "AGE90", "ukaddr": "GEO", "streetname": "GEO", "shelter": "GEO", "hobby": "GEO", "user": "UNIQUE_ID", "date": "DATE", "date2": "DATE", "dob": "DATE",
    **dict.fromkeys(PERSONS, "NAME"),
}  # fmt: skip
