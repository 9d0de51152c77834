"""The Spanish pack: reports from Spain and Latin America. Rules see folded text: ñ is n, á is a."""

# ruff: noqa: E501 (a pattern reads better on one line)
from __future__ import annotations

import re

from bedrail.privacy.text import checksums, english_ids
from bedrail.privacy.text.values import DIGITS, MIXED, Pack, Rule
from bedrail.privacy.text.wordlists import compiled

_MONTH = r"(?i:ene(?:ro)?|feb(?:rero)?|mar(?:zo)?|abr(?:il)?|may(?:o)?|jun(?:io)?|jul(?:io)?|ago(?:sto)?|sep(?:t(?:iembre)?)?|setiembre|oct(?:ubre)?|nov(?:iembre)?|dic(?:iembre)?)(?![A-Za-z])\.?"
_MONTHS = frozenset(
    "enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre ene feb mar abr may jun jul ago sep sept oct nov dic".split()  # noqa: SIM905
)
_YEAR = r"(?:(?:1[89]|20)\d{2}|'?\d{2})(?!\d)"
_FREE = r"(?<![\w])(?<!\d[-/.,])"


def _day_first(text: str) -> bool:
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    return checksums.day(2000, numbers[1], numbers[0]) or checksums.day(2000, numbers[0], numbers[1])


def _year_first(text: str) -> bool:
    year, month, day = (int(part) for part in re.findall(r"\d+", text)[:3])
    return checksums.day(year, month, day)


DATES = (
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>\d{1,2}[ ]?[-/.][ ]?\d{1,2}[ ]?[-/.][ ]?" + _YEAR + r")(?![-/]\d|\.\d)"), 0.96, _day_first),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>(?:1[89]|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2})(?!\d)"), 0.95, _year_first),
    Rule("DATE", frozenset({DIGITS}), compiled(r"(?<![\w])(?P<x>(?:[12]\d|3[01]|0?[1-9])[º.]?[ ]?(?i:de[ ]|del[ ]|-|/)?[ ]?" + _MONTH + r"(?:[ ,]{0,2}(?i:de[ ]|del[ ]|de el ano |del ano |-|/)?[ ]?" + _YEAR + r")?)"), 0.96),
    Rule("DATE", _MONTHS, compiled(r"(?<![A-Za-z])(?P<x>" + _MONTH + r"[ ,]{1,2}(?i:de[ ]|del[ ]|de el ano |del ano )?(?:19|20)\d{2})(?!\d)"), 0.93),
    Rule("DATE", _MONTHS, compiled(r"(?i:(?<=en )|(?<=desde )|(?<=hasta )|(?<=de )|(?<=durante ))(?P<x>" + _MONTH + r")"), 0.7),
    Rule("DATE", frozenset({DIGITS}), compiled(_FREE + r"(?P<x>(?:0?[1-9]|1[0-2])/(?:19|20)\d{2})(?![\w]|/\d)"), 0.9),
    Rule("DATE", frozenset({"en", "ano", "desde", "del", "hasta", "anos"}), compiled(r"(?i:en el ano|en|ano|desde|desde el ano|del ano|del|hasta|anos)[ ](?P<x>(?:19|20)\d{2})(?![\w]|[-/.,]\d)"), 0.75),
    Rule("AGE90", frozenset({DIGITS}), compiled(r"(?<![\w.,/])(?P<x>9\d|1[01]\d)(?=[ ](?i:anos?)(?i:[ ]de edad)?(?![ ](?i:de (?!edad)|despues|antes)))"), 0.95),
    Rule("AGE90", frozenset({"edad"}), compiled(r"(?i:edad)[ ]?:?[ ]{0,3}(?P<x>9\d|1[01]\d)(?!\d)"), 0.95),
)  # fmt: skip

_WORD = r"(?!(?i:el|la|los|las|de|del|y|con|que|para|por|servicio|hospital|urologia|paciente|datos|medico|nombre|apellidos|domicilio|fecha|jefe|unidad|departamento)\b)"
_ONE = _WORD + r"(?:[A-Z]\.|M[aª]\.?|[A-Z][A-Za-z]+(?:[-'][A-Z][A-Za-z]+)*)"
_PART = r"(?:(?i:de la|de los|de las|del|de|la|el|y|van|von|da|dos|san|santa)[ ])?"
_FULL = _ONE + r"(?:[ ]{1,2}" + _PART + _ONE + r"){0,4}"
_SURNAMES = _PART + _ONE + r"(?:[ ]{1,2}" + _PART + _ONE + r"){0,3}"

NAMES = (
    Rule("NAME", frozenset({"dr", "dra", "drs", "dres", "doctor", "doctora", "don", "dona", "d", "dna", "sr", "sra", "srta", "senor", "senora", "senorita", "prof", "lic", "ldo", "lda"}),
         compiled(r"(?<![\w])(?i:drs?|dras?|dres|dr\(a\)|dr/a|doctora?|don|dona|dna|sra?|srta|senora?|senorita|profa?|lic|ld[oa]|(?-i:D))(?:\.|(?=[ :]))ª?:?[ ]{1,2}(?:(?i:don|dona|d\.|dna\.)[ ])?(?P<x>" + _FULL + r")"), 0.93),
    Rule("NAME", frozenset({"dres", "drs"}), compiled(r"(?i:dres|drs)\.?[ ](?P<x>" + _FULL + r")(?:,[ ](?P<x2>" + _FULL + r"))?[ ](?:y|e)[ ](?P<x3>" + _FULL + r")"), 0.9),
    Rule("NAME", frozenset({"nombre", "apellidos", "apellido", "medico", "paciente", "firmado", "fdo", "remitente", "contacto", "autor", "responsable", "cirujano", "ayudante", "enfermera", "enfermero", "facultativo", "correspondencia"}),
         compiled(r"(?<![\w])(?i:nombres?(?: y apellidos)?|apellidos?|medico(?: responsable)?|paciente|firmado|fdo\.?|remitente|contacto|autora?|responsable|cirujano|ayudante|enfermer[ao]|facultativo|(?:remitido|informado|atendido|emitido) por)[ ]?:[ ]{0,3}(?:(?i:dra?\.?|d\.|dna\.?|don|dona)[: ]{1,2})?(?P<x>" + _SURNAMES + r")"), 0.92),
    Rule("NAME", frozenset({"madre", "padre", "hijo", "hija", "hermano", "hermana", "esposa", "esposo", "marido", "mujer", "llamado", "llamada"}),
         compiled(r"(?i:madre|padre|hij[oa]|herman[oa]|espos[oa]|marido|mujer|llamad[oa]),?[ ](?:\()?(?P<x>" + _FULL + r")"), 0.75),
)  # fmt: skip

_ROAD = r"(?i:calle|c/|c\.|avda|avenida|avd|av|plaza|pza|plza|pl|paseo|p[ºo]|pso|carretera|ctra|camino|cno|ronda|rda|travesia|trav|via|glorieta|urbanizacion|urb|poligono|pasaje|rambla|cuesta|callejon|barrio|bda|costanilla|calzada|jiron|carrera|cra|transversal|colonia|col|apartado de correos|apdo)"
_CARE = r"(?i:hospital|hosp\.?|h\.|clinica|centro (?:de salud|medico|hospitalario|sanitario|de especialidades)|sanatorio|policlinica|policlinico|complejo (?:hospitalario|asistencial|universitario)|ambulatorio|consultorio|residencia|universidad|instituto|fundacion|fundacio|corporacio|corporacion|consorci|consorcio|geriatrico|mutua|parc|institut|facultad)"

PLACES = (
    Rule("GEO", frozenset("calle c avda avenida avd av plaza pza plza pl paseo p po pso carretera ctra camino cno ronda rda travesia trav via glorieta urbanizacion urb poligono pasaje rambla cuesta callejon barrio bda costanilla calzada jiron carrera cra transversal colonia col apartado apdo".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?P<x>" + _ROAD + r"\.?[ ]{0,2}(?:(?i:de la|de los|de las|del|de|la|el|los|las|y|e|san|santa|doctor|dr\.?|s/n|n)[ ]{1,2}){0,3}(?:[A-Z][\w.'-]*|\d{1,3})(?:[ ]{1,2}(?:(?i:de la|de los|de las|del|de|la|el|y|i|e|san|santa)[ ]){0,2}[A-Z][\w.'-]*){0,5}(?:[ ,]{1,3}(?i:s/n|n[ºo°.]{0,2}|num\.?|km\.?|numero)?[ .]{0,2}\d{1,4}(?:[-–/]\d{1,4})?(?:[ ,.-]{1,3}(?:\d{1,2}[ ]?[ºoaª°]?[ ]?[A-Za-z]{0,3}(?![a-z])|(?i:bajo|izq(?:da)?|dcha|esc(?:alera)?|piso|portal|puerta|bloque|planta|atico|bis)\.?(?:[ ]?[A-Z0-9]{1,2}(?![a-z]))?)){0,4})?)"), 0.9, lambda t: len(t) > 5),
    Rule("GEO", frozenset({"cp", "c", "codigo", "postal"}), compiled(r"(?<![\w])(?i:c\.?p\.?|codigo postal|d\.p\.)[ ]?:?[ ]{0,3}(?P<x>\d{5})(?!\d)(?:[ ,.-]{1,3}(?P<x2>[A-Z][A-Za-z]+(?:[ ](?:(?i:de la|de los|del|de|la|el)[ ])?[A-Z][A-Za-z]+){0,3}))?"), 0.96),
    Rule("GEO", frozenset({DIGITS}), compiled(r"(?<![\w.,/-])(?P<x>(?:0[1-9]|[1-4]\d|5[0-2])\d{3})[ ,.-]{1,3}(?P<x2>(?:(?i:la|el|los|las|l')[ ]?)?[A-Z][A-Za-z]+(?:[ -](?:(?i:de la|de los|del|de|la|el|i|y)[ ])?[A-Z][A-Za-z]+){0,3})"), 0.9),
    Rule("GEO", frozenset({"e"}), compiled(r"(?<![\w])(?P<x>E[ ]?-[ ]?\d{5})(?!\d)"), 0.95),
    Rule("GEO", frozenset({"localidad", "provincia", "municipio", "poblacion", "ciudad", "natural", "residente", "procedente", "vive", "nacido", "nacida", "domicilio", "lugar"}),
         compiled(r"(?i:localidad(?:/ ?provincia)?|provincia|municipio|poblacion|ciudad|natural de|residente en|procedente de|vive en|nacid[oa] en|lugar de nacimiento)[ ]?:?[ ]{0,3}(?P<x>(?:(?i:la|el|los|las)[ ])?[A-Z][A-Za-z]+(?:[ /-]{1,3}(?:(?i:de la|de los|del|de|la|el|i|y)[ ])?[A-Z][A-Za-z]+){0,4})"), 0.92),
    Rule("GEO", frozenset({"domicilio", "direccion"}), compiled(r"(?i:domicilio|direccion)[ ]?:[ ]{0,3}(?P<x>[^\n]{3,80}?)(?=\.?[ ]*\n|\.[ ]|$)"), 0.85),
    Rule("GEO", frozenset("hospital hosp h clinica centro sanatorio policlinica policlinico complejo ambulatorio consultorio residencia universidad instituto fundacion fundacio corporacio corporacion consorci consorcio geriatrico mutua parc institut facultad".split()),  # noqa: SIM905
         compiled(r"(?<![\w])(?P<x>" + _CARE + r"(?:[ ]{1,2}(?:(?:(?i:de la|de los|de las|del|de|la|el|y|i|d'|nuestra senora|virgen|san|santa|sant)[ ]){0,3}[\"']?[A-Z][\w'’-]*[\"']?|(?i:universitario|general|clinico|comarcal|infantil|militar|provincial|regional|central|nacional))){1,7})"), 0.85),
)  # fmt: skip

_LINK = r"[ ]?(?:[:.#=(nNºo°]|\b(?i:es|el|num|numero|de)\b\.?){0,5}[ ]{0,3}"
_VALUE = r"(?P<x>(?:[A-Za-z]{1,5}[- ]?)?\d[\w]*(?:[-/.][\w]+)*(?:[ ]\d{2,10}(?![\w/]|\.\d))*)"


def _two(text: str) -> bool:
    return sum(c.isdigit() for c in text) >= 2


def _national(text: str) -> bool:
    """DNI or NIE: the letter is the number modulo 23 (Real Decreto 1553/2005; Orden INT/2058/2008)."""
    plain = re.sub(r"[ .-]", "", text).upper()
    number = plain[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return number.isdigit() and plain[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _announced(label: str, words: str, triggers: str, value: str = _VALUE) -> Rule:
    return Rule(
        label,
        frozenset(triggers.split()),
        compiled(r"(?<![\w])(?i:" + words + r")(?![a-z])" + _LINK + value),
        0.95,
        _two,
    )


_TELEPHONE = (
    r"(?P<x>\+?[ ]?(?:\(?\+?\d{1,3}\)?[ .-]{0,2})?\(?\d{2,4}\)?(?:[ ./-]{0,2}\d{2,4}){2,4}(?:[ ]?/[ ]?\d{2,9})?)(?!\d)"
)

NUMBERS = (
    _announced("MRN", r"n\.?h\.?c|historia(?: clinica)?|num(?:ero)?\.? (?:de )?historia(?: clinica)?|cipa?|expediente|n[ºo°.] ?h(?:istoria|c)|hc|sip|nuhsa", "nhc n historia num numero cipa cip expediente hc no sip nuhsa"),
    _announced("HEALTH_PLAN", r"n\.?a\.?s\.?s|seguridad social|ss|n[ºo°.] ?(?:de )?(?:afiliacion|ss|seguridad social)|tarjeta sanitaria|afiliacion|poliza|asegurado|tsi|tis|mutualista|isapre|eps|imss", "nass n seguridad ss no tarjeta afiliacion poliza asegurado tsi tis mutualista isapre eps imss"),
    _announced("LICENSE", r"n[ºo°.]{0,2} ?col(?:egiado|egiada|eg)?\.?|colegiad[oa]|num(?:ero)?\.? (?:de )?colegiad[oa]|cedula profesional|matricula profesional|carn[e]t? de conducir|permiso de conducir", "no n col colegiado colegiada num numero cedula matricula carnet carne permiso ncol nocol"),
    _announced("UNIQUE_ID", r"episodio|contacto|num(?:ero)?\.? (?:de )?(?:episodio|contacto|peticion|muestra|biopsia)|peticion|muestra|biopsia|ensayo|protocolo|cama|habitacion|pasaporte|cedula|curp|rut|cuil|dui", "episodio contacto num numero peticion muestra biopsia ensayo protocolo pasaporte cedula curp rut cuil dui"),
    _announced("ACCOUNT", r"cuenta(?: bancaria)?|factura|tarjeta(?: de credito)?|ccc", "cuenta factura tarjeta ccc"),
    _announced("VEHICLE", r"matricula|bastidor|placa", "matricula bastidor placa", r"(?P<x>\d{4}[ -]?[A-Z]{3}|[A-Z]{1,3}[ -]?\d{3,4}[ -]?[A-Z]{0,3}|[A-HJ-NPR-Z0-9]{17})"),
    _announced("DEVICE", r"n[ºo°.]{0,2} ?(?:de )?serie|num(?:ero)?\.? (?:de )?(?:serie|lote)|lote|marcapasos", "no n num numero lote serie marcapasos"),
    Rule("UNIQUE_ID", frozenset({DIGITS, MIXED}), compiled(r"(?<![\w])(?P<x>(?:\d{1,2}\.?\d{3}\.?\d{3}|[XYZxyz][ -]?\d{7})[ -]?[A-Za-z])(?![\w])"), 0.95, _national),
    Rule("FAX", frozenset({"fax", "telefax"}), compiled(r"(?<![\w])(?i:(?:tele)?fax)\b[^\d\n+(]{0,10}" + _TELEPHONE), 0.96),
    Rule("PHONE", frozenset({"tel", "tfno", "tlf", "telefono", "telefonos", "movil", "telf", "tfn", "tlfno", "llamar", "busca", "celular", "contacto", "extension", "ext"}),
         compiled(r"(?<![\w])(?i:tel(?:efonos?|f)?|tfn?o?|tlf(?:no)?|movil|llamar(?: al)?|busca|celular|contacto|ext(?:ension)?)\b[^\d\n+(]{0,14}" + _TELEPHONE), 0.95),
    Rule("PHONE", frozenset({DIGITS}), compiled(r"(?<![\w.,/-])(?P<x>(?:(?:\+|00)?34[ .-]?)?[6789]\d{2}[ .-]?(?:\d{3}[ .-]?\d{3}|\d{2}[ .-]?\d{2}[ .-]?\d{2}))(?![\w]|[.,/]\d)"), 0.85),
    Rule("UNIQUE_ID", frozenset({DIGITS}), compiled(r"(?<![\w.,-])(?P<x>\d{6,12})(?![\w]|[.,]\d)(?![ ]?(?:%|(?i:mg|ml|ui|u|copias|leucocitos|plaquetas|hematies|celulas|/)))"), 0.7),
    Rule("UNIQUE_ID", frozenset({MIXED}), compiled(r"(?<![\w.,-])(?P<x>(?i:nhc|hc|id)[- ]?\d{3,})(?![\w])"), 0.9),
)  # fmt: skip

_UNIVERSAL = (
    english_ids.CODES,
    english_ids.ADDRESSED,
    english_ids.NETWORKS,
    *(
        rule
        for rule in english_ids.IDS
        if rule.label in {"URL", "IP", "PHOTO", "EMAIL"} or rule.check is checksums.iban
    ),
)

SPANISH = Pack(
    language="es",
    rules=_UNIVERSAL + NUMBERS + DATES + PLACES + NAMES,
    words="en_words.txt.gz",
    tagger="es_tagger.gz",
    thresholds={"NAME": 0.3, "GEO": 0.3, "DATE": 0.3, "AGE": 0.5, "ID": 0.3, "PHONE": 0.3, "NET": 0.4},
)
