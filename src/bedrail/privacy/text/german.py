"""The German pack: letters between doctors in Germany, Austria and Switzerland. Rules see folded text: ü is u, ß is ss."""

# ruff: noqa: E501 (a pattern reads better on one line)
from __future__ import annotations

import re

from bedrail.privacy.text import checksums, english_ids
from bedrail.privacy.text.values import DIGITS, MIXED, Pack, Rule
from bedrail.privacy.text.wordlists import compiled

_ALWAYS = frozenset({".", ",", ":", "\n", "-", "(", "/"})
"""Signs of which some stand in every note: for patterns that begin with a name or a compound word."""

# --- dates -----------------------------------------------------------------------------------------------------------
_MONTH = r"(?i:janner|jan(?:uar)?|feb(?:ruar|er)?|marz|mar|mrz|apr(?:il)?|mai|juni?|juli?|aug(?:ust)?|sept?(?:ember)?|okt(?:ober)?|nov(?:ember)?|dez(?:ember)?)(?![A-Za-z])\.?"
_MONTHS = frozenset(
    [
        "janner",
        "januar",
        "jan",
        "februar",
        "feber",
        "feb",
        "marz",
        "mar",
        "mrz",
        "april",
        "apr",
        "mai",
        "juni",
        "jun",
        "juli",
        "jul",
        "august",
        "aug",
        "september",
        "sept",
        "sep",
        "oktober",
        "okt",
        "november",
        "nov",
        "dezember",
        "dez",
    ]
)
_YEAR = r"(?:(?:1[89]|20)\d{2}|'?\d{2})(?!\d)"
_FREE = r"(?<![\w])(?<!\d[-/.,])"
_FULL_FREE = r"(?<![\w])(?<!\d[.,])"
_UNIT = r"(?![ ]?(?:%|(?i:mg|ml|g|kg|cm|mm|m|kcal|uhr|i\.?e\.?|x|mmol|std|stunden|tage?|wochen|monate|jahre|ug|/min|mmhg)\b))"


def _day_first(text: str) -> bool:
    day, month = (int(part) for part in re.findall(r"\d+", text)[:2])
    return checksums.day(2000, month, day)


DATES = (
    Rule("DATE", frozenset({DIGITS}), compiled(_FULL_FREE + r"(?P<x>\d{1,2}[. ][ ]?\d{1,2}[. ]{1,2}" + _YEAR + r")(?!\.\d)"), 0.96, _day_first),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{1,2}[-/]\d{1,2}[-/]" + _YEAR + r")(?![-/.]\d)"), 0.93, _day_first),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{1,2}\.[ ]?\d{1,2}\.)(?!\d)" + _UNIT), 0.85, _day_first),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?i:(?<=am )|(?<=vom )|(?<=bis )|(?<=zum )|(?<=ab )|(?<=dem )|(?<=den )|(?<=seit ))(?P<x>\d{1,2}\.\d{1,2})(?![\d.,%])" + _UNIT), 0.8, _day_first),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{1,2}\.?(?=[ ]{0,2}(?:-|bis(?: zum)?|und|u\.|/)[ ]{0,2}\d{1,2}\.[ ]?(?:\d{1,2}\.|" + _MONTH + r")))"), 0.85),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{1,2}\.\d{1,2}(?=[ ]?(?:-|bis)[ ]?\d{1,2}\.\d{1,2}\.))"), 0.9, _day_first),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{2}(?=[ ]?-[ ]?\d{2}/\d{4}))"), 0.85),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>(?:0?[1-9]|1[0-2])[/.](?:19|20)\d{2})(?![\w]|[/.]\d)"), 0.9),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w])(?<!\d[/.,])" + r"(?P<x>(?:0?[1-9]|1[0-2])/[0-9]\d)(?![\w]|[/.,]\d)" + _UNIT), 0.6),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>(?:1[89]|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2})(?!\d)"), 0.95),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w])(?P<x>(?:[12]\d|3[01]|0?[1-9])\.?[ ]?" + _MONTH + r"(?:[ ]?" + _YEAR + r")?)"), 0.96),
    Rule("DATE", _MONTHS, compiled(r"(?<![A-Za-z])(?P<x>" + _MONTH + r"[ ,/\n]{0,2}'?(?:(?:19|20)\d{2}|\d{2}(?=[ ,.)\n])))(?!\d)"), 0.93),
    Rule("DATE", _MONTHS, compiled(r"(?i:(?<=im )|(?<=ende )|(?<=anfang )|(?<=mitte )|(?<=seit )|(?<=bis ))(?P<x>" + _MONTH + r")"), 0.8),
    Rule("DATE", _MONTHS, compiled(r"(?<![A-Za-z])(?P<x>" + _MONTH + r")(?=[ ]bis[ ])"), 0.8),
    # A year alone is no identifier in HIPAA; German practice (and the GDPR) removes it with the dates.
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>(?:19[2-9]|20\d)\d)(?![\w]|[-/.,]\d)" + _UNIT), 0.7),
    Rule("AGE90", frozenset({DIGITS}), compiled(r"(?<![\w.,/])(?P<x>9\d|1[01]\d)(?=[ -]?(?:(?i:jahrige[rnms]?|jahre alt|j\.? ?a\.|lebensjahr)|\.[ ]?Lebensjahr))"), 0.95),
)  # fmt: skip

# --- places ----------------------------------------------------------------------------------------------------------
_CITY = r"(?:(?:Bad|Sankt|St\.|Gross|Klein|Alt|Neu|Ober|Unter)[ ])?[A-Z][a-z]+(?:-[A-Z][a-z]+)*(?:[ ](?:am|an der|im|in der|bei|ob der|a\.|a\.d\.|i\.|/)[ ]?[A-Z][a-z]+)?"
_CAPS = r"[A-Z]{3,}(?:[ -][A-Z]{3,})?"
_ROAD = r"(?i:str\.|strasse|str|gasse|weg|allee|platz|ring|damm|ufer|chaussee|steig|stieg|pfad|promenade|zeile|graben|markt|kamp|brucke|hof|tor|wall|berg|siedlung|lande?)"
_HOUSE = r"[ .]{0,2}\d{1,4}(?:[ ]?[a-z](?![a-z]))?(?:[ ]?[-/][ ]?\d{1,3}[a-z]?)?"
_CLINIC = r"(?:[A-Z][\w.-]*?-?)?(?<![a-z] )(?i:klinikum|kliniken|klinik|krankenhaus|spital|hospital|krankenanstalten?|sanatorium|pflegeheim|seniorenheim|altenheim|universitat|medizinische hochschule|hochschule|universitatsklinik\w*|lkh|kh|herzzentrum|kreiskrankenhaus|reha[ -]zentrum|rehabilitationszentrum)(?:s|es)?"
_OWN = r"(?:[ -]\n?(?:(?:der|des|am|an der|im|in|zu|zum|zur|von|Sankt|St\.|Bad|\"?[A-Z][\w.'-]+\"?)(?![\w])))"
_NOT_OWN = r"(?![ ](?:fur|mit|und|oder|wurde|war|ist|auf|erfolgte|bei|Innere|Chirurgie)\b)"

_CITIES = frozenset(
    "aachen augsburg bamberg basel bayreuth berlin bern bielefeld bochum bonn bottrop braunschweig bregenz bremen bremerhaven celle chemnitz "  # noqa: SIM905
    "coburg cottbus crailsheim darmstadt dessau dornbirn dortmund dresden duisburg dusseldorf eisenach eisenstadt emden erfurt erlangen essen "
    "esslingen feldkirch flensburg frankfurt freiburg freising fulda furth gelsenkirchen genf gera giessen goppingen gorlitz goslar gottingen "
    "graz greifswald gutersloh hagen halle hamburg hameln hamm hanau hannover heidelberg heidenheim heilbronn herford herne hildesheim ingolstadt "
    "innsbruck jena kaiserslautern karlsruhe kassel kempten kiel klagenfurt koblenz koln konstanz krefeld landshut lausanne leipzig leoben "
    "leverkusen lindau linz lubeck ludwigsburg ludwigshafen luneburg luzern magdeburg mainz mannheim marburg minden monchengladbach mulheim "
    "munchen munster naumburg neubrandenburg neuss neuwied nordhausen nurnberg oberhausen offenbach offenburg oldenburg osnabruck paderborn "
    "passau pforzheim plauen potsdam ratingen ravensburg recklinghausen regensburg remscheid reutlingen rosenheim rostock saarbrucken salzburg "
    "salzgitter schwerin siegen solingen speyer stralsund straubing stuttgart trier tubingen ulm villach weiden weimar wels wetzlar wien "
    "wiesbaden wilhelmshaven winterthur wismar witten wolfsburg wolfsberg worms wuppertal wurzburg zurich zwickau belgrad budapest istanbul "
    "mailand moskau paris prag rom warschau zagreb".split()
)
"""The larger towns of Germany, Austria and Switzerland, and some capitals beside them, folded and in small letters."""


def _town(text: str) -> bool:
    return text.lower() in _CITIES


PLACES = (
    Rule("GEO", frozenset({"in", "aus", "nach", "bei", "patho", "krankenhaus", "klinikum", "klinik", "kh", ","}), compiled(r"(?:(?i:in|aus|nach|bei|patho|krankenhaus|klinikum|klinik|kh)[ ]|,[ ]?)(?P<x>[A-Z][a-z]+)(?![a-z])"), 0.85, _town),
    Rule("GEO", frozenset({DIGITS}), compiled(r"(?<![\w.,/])(?P<x>\d{4,5})[ -]{1,3}(?P<x2>" + _CITY + r"|" + _CAPS + r")(?![a-z])"), 0.93, lambda t: not t.isdigit() or len(t) in (4, 5)),
    Rule("GEO", frozenset({"d", "a", "ch"}), compiled(r"(?<![\w])(?P<x>(?:D|A|CH)[ ]?-[ ]?\d{4,5})[ -]{1,3}(?P<x2>" + _CITY + r"|" + _CAPS + r")"), 0.95),
    Rule("GEO", frozenset({"wohnhaft", "wohnt", "lebt", "aus", "geburtig", "wohnort", "geburtsort", "ort"}), compiled(r"(?i:wohnhaft in|wohnt in|lebt in|geburtig aus|wohnort|geburtsort|ort)[ :]{1,3}(?P<x>" + _CITY + r")"), 0.85),
    Rule("GEO", frozenset({"station", "stat", "stationen", "bettenstation"}), compiled(r"(?i:station|stat\.|bettenstation)[ :]{1,2}(?P<x>(?:[A-Z]{0,3}[ -]?\d{1,4}[ ]?[A-Za-z]?(?![A-Za-z])|[A-Z]\d?(?![a-z])))(?:[ ](?P<x2>Sud|Nord|West|Ost))?"), 0.8),
)  # fmt: skip

SCANS = (
    *english_ids.SCANS,
    Rule("GEO", _ALWAYS, compiled(r"(?<![\w-])(?P<x>(?:(?:[A-Z][\w.-]+|Am|An der|Auf dem|Im|In der|Zum|Zur|Alte[rn]?|Obere|Untere)[ -]){0,2}[A-Z][A-Za-z]*-?(?:(?<=[a-z])|(?<=-)|(?<=[ ]))" + _ROAD + _HOUSE + r")(?![\d])"), 0.93),
    Rule("GEO", _ALWAYS, compiled(r"(?<![\w-])(?P<x>(?:[A-Z][\w-]+(?:er|sche)?[ ]){1,2}(?:Str\.|Strasse|Gasse|Weg|Allee|Platz|Ring|Damm|Ufer|Markt)" + _HOUSE + r")"), 0.93),
    Rule("GEO", _ALWAYS, compiled(r"(?m:^)[ ]*(?P<x>[A-Z][\w.-]+(?:[ ][A-Z][\w.-]+){0,2}[ ]\d{1,4}[ ]?[a-z]?)(?=[ ]*,?\n[ ]*(?:(?:D|A|CH)[- ])?\d{4,5}[ ]+[A-Z])"), 0.9),
    Rule("GEO", _ALWAYS, compiled(r"(?m:^)[ ]*(?P<x>" + _CITY + r"),[ ]*(?:den|am)?[ ]*(?=\d{1,2}\.)"), 0.85),
    Rule("GEO", _ALWAYS, compiled(r"(?<![\w-])(?P<x>(?:(?:[A-Z][\w.-]+)[ -]){0,3}" + _CLINIC + r"(?![a-z])" + _NOT_OWN + r"(?:" + _OWN + r"){0,5})"), 0.8, lambda t: " " in t or "-" in t or len(t) > 14),
    Rule("NAME", _ALWAYS, compiled(r"(?<![\w-])(?P<x>[A-Z][a-z]+(?:-[A-Z][a-z]+)?,?[ ](?:(?:von|van|de|der|zu)[ ]){0,2}[A-Z][a-z]+(?:-[A-Z][a-z]+)?)[ ]?,?[ ]?\(?(?:(?i:geb(?:oren)?\b|geburtsdatum)|\*[ ]?\d)"), 0.93),
    Rule("GEO", frozenset({"klinik"}), compiled(r"(?P<x>Klinik fur [A-Z][\w-]+(?:,? (?:und )?[A-Z][\w-]+){0,3} (?:des|der|am|im) [A-Z][\w-]+(?: [A-Z][\w-]+){0,2})"), 0.8),
    Rule("GEO", frozenset({"praxis", "ordination"}), compiled(r"(?P<x>(?:Praxis|Ordination) (?:Dr\.? )?(?:med\.? )?[A-Z][a-z]+(?: [A-Z][a-z]+)?)"), 0.8),
    Rule("GEO", _ALWAYS, compiled(r"(?m:^)[ ]*(?P<x>(?:Am|An der|Auf der|Auf dem|Im|In der|Zum|Zur)[ ][A-Z][a-z]+)(?=[ ]*,?\n[ ]*(?:(?:D|A|CH)[- ])?\d{4,5}[ ]+[A-Z])"), 0.9),
    Rule("NAME", _ALWAYS, compiled(r"(?m:^)[ ]*(?P<x>[A-Z][a-z]+(?:-[A-Z][a-z]+)?(?:[ ][A-Z]\.)?[ ](?:(?:von|van|de|zu)[ ])?[A-Z][A-Za-z]+(?:-[A-Z][a-z]+)?)[ ]*\n[^\n]{3,40}\n[ ]*(?:(?:D|A|CH)[- ])?\d{4,5}[ ]+[A-Z]"), 0.9),
    Rule("NAME", _ALWAYS, compiled(r"(?m:^)[ ]*(?P<x>[A-Z][a-z]+(?:-[A-Z][a-z]+)?[ ](?:(?:von|van|de|zu)[ ])?[A-Z][A-Za-z]+(?:-[A-Z][a-z]+)?),?[ ]{1,3}(?=\d{1,2}\.[ ]?\d{1,2}\.[ ]?\d{2,4})"), 0.85),
    Rule("NAME", frozenset({"md", "phd", "mba", "msc", "pharmd"}), compiled(r"(?<![\w-])(?P<x>[A-Z][a-z]+(?:-[A-Z][a-z]+)?[ ](?:[A-Z]\.[ ])?[A-Z][a-z]+(?:-[A-Z][a-z]+)?),?[ ](?:MD|PhD|MBA|MSc)\b"), 0.85),
    Rule("NAME", _ALWAYS, compiled(r"(?<![\w-])(?P<x>[A-Z]\.[ ]?(?:[A-Z]\.[ ]?)?[A-Z][a-z]{2,}(?:-[A-Z][a-z]+)?)(?![\w])"), 0.6),
    Rule("NAME", frozenset({"facharzt", "facharztin", "oberarzt", "oberarztin", "assistenzarzt", "assistenzarztin", "chefarzt", "chefarztin", "arzt", "arztin", "stationsarzt", "stationsarztin"}),
         compiled(r"(?<![\w-])(?P<x>[A-Z][a-z]+(?:-[A-Z][a-z]+)?[ ](?:(?:von|van|de|der|zu)[ ]){0,2}[A-Z][a-z]+(?:-[A-Z][a-z]+)?)[ ]*[,\n(][ ]*(?:(?i:fa|oa|ass)\b\.?|(?i:leitende[r]?[ ])?(?i:fach|ober|assistenz|chef|stations)?(?i:arzt))"), 0.85),
)  # fmt: skip

# --- names -----------------------------------------------------------------------------------------------------------
_TITLE = r"(?:(?i:univ\.?-?|ao\.?|o\.|apl\.)[ -]?)?(?i:prof(?:essor(?:in)?)?\.?|universitatsprofessor(?:in)?|ddr\.?|dr\.?(?:in|a)\.?|dra\.?|prim(?:ar)?\.?|ass\.?|mult\.?|univ(?:ers)?\.?|ao\.?|drs?\.?|doz\.?|priv\.?-?doz\.?|pd|med\.?|dent\.?|rer\.?|nat\.?|phil\.?|h\.?c\.?|habil\.?|dipl\.?-?\w*\.?|mag\.?|mba|msc|oa|oa\.|oberarzt(?:in)?|chefarzt(?:in)?|assistenzarzt(?:in)?|stationsarzt(?:in)?|kollegen?|kollegin)"
_WORD = (
    r"(?!(?i:der|die|das|und|in|im|am|zu|zur|zum|mit|bei|fur|von|vom|aus|auf|ist|war|hat|wurde|wird|kollegen?|kollegin|kolleginnen|damen|herren|patient(?:in)?|professor|doktor|frau|herrn?|"
    r"mutter|vater|tochter|sohn|eltern|station|klinik|arzt|arztin|oberarzt|med|sehr|diagnosen?|anamnese|befund|therapie|verlauf|aufnahme|labor|kind)\b)"
)
_PART = r"(?:(?i:von|van|de|zu|zur(?= [A-Z])|di|el|al|ben|dos|da)[ ](?:(?i:der|den|dem)[ ])?)?"
_ONE = _WORD + r"(?:[A-Z][a-z]*\.|[A-Z]{3,},[ ][A-Z][a-z]+|[A-Z][A-Za-z]+(?:[-'][A-Z][A-Za-z]+)*)"
_FULL = _PART + _ONE + r"(?:[ ]{1,2}" + _PART + _ONE + r"){0,2}"
_HEADS = frozenset(
    "herr herrn hr frau fr ddr dra prim primar ass mult universitatsprofessor ao liebe lieber werter werte dr drs doktor prof professor professorin oa doz pd oberarzt oberarztin chefarzt chefarztin assistenzarzt "  # noqa: SIM905
    "assistenzarztin stationsarzt stationsarztin schwester pfleger patienten geschrieben durchgefuhrt untersuchung freigegeben orthoptistin arzt arztin kollege kollegen kollegin sohn tochter ehemann ehefrau gatte gattin bruder "
    "mutter vater familie patient patientin pat hausarzt hausarztin zuweiser einweiser operateur assistenz untersucher gez name nachname vorname "
    "familienname patientenname univ mag dipl konsil diktiert unterschrift visum".split()
)

NAMES = (
    Rule("NAME", _HEADS, compiled(r"(?<![\w])(?:(?i:herrn?|frau|hr|fr|liebe[r]?)|" + _TITLE + r")(?![A-Za-z])\.?[ \n]{1,2}(?:" + _TITLE + r"[ \n]{1,2}){0,5}(?:med\.?[ ])?(?P<x>" + _FULL + r")"), 0.93),
    Rule("NAME", _HEADS, compiled(r"(?<![\w])(?i:drs?|prof)\b\.(?:[ ]?(?:(?i:med|dent|rer|nat|phil|h\.?c|habil|univ)\b\.?|" + _TITLE + r")){0,5}[ ]{0,2}(?P<x>" + _FULL + r")"), 0.93),
    Rule("NAME", _HEADS, compiled(r"(?<![\w])(?i:(?:patienten|nach|vor|familien)?name|operateur(?:in)?|assistenz|untersucher(?:in)?|hausarzt(?:in)?|zuweiser(?:in)?|einweiser|gez\.?|konsil|diktiert|visum|patient(?:in|en)?)[ ]?[:.]?[ ]{1,3}(?:" + _TITLE + r"[ ]){0,4}(?P<x>" + _ONE + r"(?:,?[ ]" + _ONE + r"){1,2})"), 0.8),
    Rule("NAME", _HEADS, compiled(r"(?<![\w])(?i:(?:patienten|nach|vor|familien)?name|operateur(?:in)?|untersucher(?:in)?|gez)\.?[ ]?:[ ]{0,3}(?P<x>" + _FULL + r")"), 0.85),
    Rule("NAME", _HEADS, compiled(r"(?<![\w])(?i:(?:geschrieben|freigegeben|durchgefuhrt|untersuchung)[ ](?:von|durch)|orthoptist(?:in)?|(?:dikt\.?[ ])?arzt(?:in)?)[ ]?:?[ ]{1,3}(?:" + _TITLE + r"[ ]){0,4}(?P<x>" + _FULL + r")"), 0.8),
    Rule("NAME", frozenset({"drs", "dres"}), compiled(r"(?<![\w])(?i:drs|dres)\b\.?[ ](?P<x>" + _ONE + r")(?:,[ ](?P<x2>" + _ONE + r"))?[ ](?:und|u\.|&|/)[ ](?P<x3>" + _ONE + r")"), 0.93),
    Rule("NAME", _HEADS, compiled(r"(?<![\w])(?i:schwester|pfleger|sohn|tochter|ehemann|ehefrau|gatte|gattin|bruder|mutter|vater|familie)[ ](?P<x>" + _FULL + r")"), 0.75),
    Rule("NAME", frozenset({"grussen", "gruss", "grusse", "hochachtungsvoll", "mfg", "unterschrift"}),
         compiled(r"(?i:grussen?|gruss|hochachtungsvoll|mfg|unterschrift)[^\n]{0,40}\n\s*" + r"(?:(?:" + _TITLE + r"[. ]{0,2}){0,6}(?P<x>" + _FULL + r")[^\n]{0,60}\n?\s*)"
                    + "".join(r"(?:(?:[^\n]{0,80}\n\s*)??(?:" + _TITLE + r"[. ]{0,2}){1,6}(?P<x" + str(n) + r">" + _FULL + r")[^\n]{0,60})?" for n in (2, 3, 4))), 0.8),
)  # fmt: skip

# --- numbers ---------------------------------------------------------------------------------------------------------
_LINE = r"(?P<x>[+(]{0,2}\d[\d ()/.–-]{3,22}\d(?:-?DW)?)(?![\d])"
_NUMBER = r"[ ]?(?:[:.#=(]|\b(?i:nr|nummer|no|lautet|ist|war)\b\.?){0,4}[ ]{0,3}"
_VALUE = r"(?P<x>[A-Za-z]{0,4}[-/ ]?\d[\w]*(?:[-/.][\w]+)*)"


def _telephone(text: str) -> bool:
    return 5 <= sum(c.isdigit() for c in text) <= 18


def _two(text: str) -> bool:
    return sum(c.isdigit() for c in text) >= 2


NUMBERS = (
    Rule("PHONE", frozenset("tel telefon telefonnummer telefonnr telnr fon handy mobil mobiltelefon durchwahl nummer rufnummer ruf funk pieper dw erreichbar telefonisch".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?i:tel(?:efon)?(?:nummer|nr)?|fon|handy|mobil(?:telefon)?|durchwahl|ruf(?:nummer)?|nummer|funk|pieper|dw|erreichbar|telefonisch)\b[^\d\n+(]{0,16}" + _LINE), 0.95, _telephone),
    Rule("FAX", frozenset("fax telefax faxnummer faxnr".split()), compiled(r"(?<![\w])(?i:(?:tele)?fax(?:nummer|nr)?)\b[^\d\n+(]{0,12}" + _LINE), 0.96, _telephone),  # noqa: SIM905
    Rule("PHONE", frozenset({DIGITS}), compiled(r"(?<![\w.,])(?P<x>\(?0\d{2,5}\)?[ ]?[-/ ][ ]?\d{3,9}(?:[- ]\d{1,6}){0,3})(?![\w]|[.,]\d)"), 0.85, _telephone),
    Rule("MRN", frozenset("patientennummer patientennr patnr patienten patient pat pid pnr kartei karteinummer aktenzeichen akte krankenblatt krankenblattnummer".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?i:pat(?:ienten)?\.?-?[ ]?(?:nr|nummer|id|zahl)|pid|pnr|kartei(?:nummer|nr)?|akten?(?:zeichen|nr)?|krankenblatt(?:nummer|nr)?)\b\.?" + _NUMBER + _VALUE), 0.93, _two),
    Rule("HEALTH_PLAN", frozenset("versicherungsnummer versichertennummer versicherten versicherung vers kassennummer kasse svnr sv svnummer krankenkasse kvnr mitgliedsnummer ahv".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?i:vers(?:icher(?:ungs|ten))?\.?-?(?:nummer|nr)|sv-?(?:nr|nummer)|kassen?-?(?:nummer|nr)|kvnr|mitglieds(?:nummer|nr)|ahv(?:-nr)?)\b\.?" + _NUMBER + r"(?P<x>[A-Z]?\d[\d ./-]{4,16}\d)"), 0.93),
    Rule("ACCOUNT", frozenset("konto kontonummer kontonr ktonr kto rechnung rechnungsnummer rechnungsnr iban".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?i:konto(?:nummer|nr)?|kto\.?-?(?:nr)?|rechnungs?(?:nummer|nr)?)\b\.?" + _NUMBER + _VALUE), 0.85, lambda t: sum(c.isdigit() for c in t) >= 4),
    Rule("LICENSE", frozenset("lanr arztnummer fuhrerschein personalausweis ausweis reisepass bsnr".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?i:lanr|bsnr|arzt-?(?:nummer|nr)|fuhrerschein(?:nummer|nr)?|(?:personal)?ausweis(?:nummer|nr)?|reisepass(?:nummer|nr)?)\b\.?" + _NUMBER + _VALUE), 0.93, _two),
    Rule("VEHICLE", frozenset({"kennzeichen", "kfz", "fahrgestellnummer", "fin", "pkw"}), compiled(r"(?i:(?:kfz-?)?kennzeichen|kfz|pkw|fahrgestellnummer)[ :]{1,3}(?P<x>[A-Z]{1,3}[- ][A-Z]{1,2}[ -]?\d{1,4}[EH]?|[A-HJ-NPR-Z0-9]{17})"), 0.93),
    Rule("DEVICE", frozenset("seriennummer seriennr serien sn lot charge chargennummer geratenummer".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?i:serien-?(?:nummer|nr)|sn|lot|chargen?-?(?:nummer|nr)?|gerate-?(?:nummer|nr))\b\.?" + _NUMBER + _VALUE), 0.85, _two),
    Rule("UNIQUE_ID", frozenset("fallnummer fallnr fall fallzahl aufnahmenummer aufnahmezahl aufnahme e enr histo histologie histonr histologienr einsendenummer eingangsnummer eingang auftragsnummer auftrag auftragsnr befundnummer befund befundnr journalnummer journal journalnr probennummer probe studiennummer studie id ident zl gz pathologie labornummer labornr zahl".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?i:fall-?[ ]?(?:nummer|nr|zahl)|aufnahme-?(?:nummer|nr|zahl)|e-?\.?[ ]?nr|histo(?:logie)?-?[ ]?(?:nummer|nr)|einsende-?(?:nummer|nr)|eingangs-?(?:nummer|nr)|auftrags-?(?:nummer|nr)|befund-?[ ]?(?:nummer|nr)|journal-?(?:nummer|nr)|proben?-?(?:nummer|nr)|studien-?(?:nummer|nr|id)|labor-?(?:nummer|nr)|id(?:ent)?|zl|gz)\b\.?" + _NUMBER + _VALUE), 0.9, _two),
    Rule("UNIQUE_ID", frozenset({DIGITS}), compiled(r"(?<![\w.,-])(?P<x>\d{6,12}(?:/\d{2,4})?)(?![\w]|[.,]\d)" + _UNIT), 0.75),
    Rule("UNIQUE_ID", frozenset({MIXED}), compiled(r"(?<![\w.,-])(?P<x>[A-Z]{1,4}[-/.]?\d{4,}(?:[-/.]\d{1,6}){0,3})(?![\w])"), 0.75),
)  # fmt: skip

_UNIVERSAL = (
    english_ids.CODES,
    english_ids.ADDRESSED,
    english_ids.NETWORKS,
    *(rule for rule in english_ids.FORMATS if rule.label in {"URL", "IP", "PHOTO"} or rule.check is checksums.iban),
)

GERMAN = Pack(language="de", rules=_UNIVERSAL + NUMBERS + DATES + PLACES + NAMES, scans=SCANS)
