/* What every note has done to it, token by token: cutting, counting letters, and looking up which rules may match where.
 * The same answers as the functions of the same name, ending in `_python`, of tokens.py, features.py and matching.py.
 * A string is read as it lies, whatever the width of its characters.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_states.c"

enum { BLANK, LETTER, DIGIT, SIGN };

static int kind_of(Py_UCS4 c)
{
    if (c < 128) {
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            return LETTER;
        if (c >= '0' && c <= '9')
            return DIGIT;
        if (c == '\n')
            return SIGN;
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31) ? BLANK : SIGN;
    }
    if (Py_UNICODE_ISDECIMAL(c))
        return DIGIT;
    if (Py_UNICODE_ISALNUM(c))
        return LETTER;
    return Py_UNICODE_ISSPACE(c) ? BLANK : SIGN;
}

/* Whether a token is a word with a capital: one large letter, then small ones. */
static int capital(PyObject *text, Py_ssize_t start, Py_ssize_t end)
{
    int small = 0;
    if (end - start < 2 || !Py_UNICODE_ISUPPER(PyUnicode_READ_CHAR(text, start)))
        return 0;
    for (Py_ssize_t at = start + 1; at < end; at++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(text, at);
        if (Py_UNICODE_ISUPPER(c) || Py_UNICODE_ISTITLE(c))
            return 0;
        small |= Py_UNICODE_ISLOWER(c);
    }
    return small != 0;
}

enum { HINTS = 8192 };

/* A number for a string that begins with `first`, ends with `last` and is `size` long: equal strings have equal ones. */
static Py_ssize_t hint(Py_UCS4 first, Py_UCS4 last, Py_ssize_t size)
{
    return (Py_ssize_t)(((size_t)first * 31 + (size_t)last * 257 + (size_t)size * 2111) % HINTS);
}

static Py_ssize_t hint_of(PyObject *word)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(word);
    return size ? hint(PyUnicode_READ_CHAR(word, 0), PyUnicode_READ_CHAR(word, size - 1), size) : 0;
}

/* Marks the hint of each key: what is not marked is no key. */
static int mark(PyObject *table, char *marks)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(table, &at, &key, &value)) {
        if (!PyUnicode_Check(key)) {
            PyErr_SetString(PyExc_TypeError, "a key is no string");
            return -1;
        }
        marks[hint_of(key)] = 1;
    }
    return 0;
}

PyDoc_STRVAR(hints_doc, "hints(table)\nMarks of the keys of a dictionary, by which `look` passes over words that it does not hold.");

static PyObject *hints(PyObject *self, PyObject *table)
{
    char marks[HINTS] = {0};
    (void)self;
    if (!PyDict_Check(table)) {
        PyErr_SetString(PyExc_TypeError, "this is no dictionary");
        return NULL;
    }
    return mark(table, marks) ? NULL : PyBytes_FromStringAndSize(marks, HINTS);
}

static int add(PyObject *list, Py_ssize_t number)
{
    PyObject *item = PyLong_FromSsize_t(number);
    int failed = !item || PyList_Append(list, item);
    Py_XDECREF(item);
    return failed ? -1 : 0;
}

/* Puts a new reference into a list of known room, or fails. */
static int put(PyObject *list, Py_ssize_t at, PyObject *item)
{
    if (!item)
        return -1;
    PyList_SET_ITEM(list, at, item);
    return 0;
}

PyDoc_STRVAR(cut_doc, "cut(text, lower)\nOf the tokens of `text`: words (cut out of `lower`, of the same length), starts, ends, and which have a capital.");

static PyObject *cut(PyObject *self, PyObject *args)
{
    PyObject *text, *lower, *words = NULL, *starts = NULL, *ends = NULL, *capitals = NULL;
    Py_ssize_t *bounds = NULL, size, count = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "UU", &text, &lower))
        return NULL;
    size = PyUnicode_GET_LENGTH(text);
    if (PyUnicode_GET_LENGTH(lower) != size) {
        PyErr_SetString(PyExc_ValueError, "the two texts are not of one length");
        return NULL;
    }
    bounds = PyMem_New(Py_ssize_t, 2 * (size_t)size + 2);
    if (!bounds)
        return PyErr_NoMemory();
    {
        int width = PyUnicode_KIND(text);
        const void *data = PyUnicode_DATA(text);
        for (Py_ssize_t at = 0; at < size;) {
            int kind = kind_of(PyUnicode_READ(width, data, at));
            Py_ssize_t start = at++;
            if (kind == BLANK)
                continue;
            if (kind != SIGN)
                while (at < size && kind_of(PyUnicode_READ(width, data, at)) == kind)
                    at++;
            bounds[2 * count] = start;
            bounds[2 * count + 1] = at;
            count++;
        }
    }
    words = PyList_New(count);
    starts = PyList_New(count);
    ends = PyList_New(count);
    capitals = PyList_New(0);
    if (!words || !starts || !ends || !capitals)
        goto failed;
    for (Py_ssize_t i = 0; i < count; i++)
        if (put(words, i, PyUnicode_Substring(lower, bounds[2 * i], bounds[2 * i + 1])) || put(starts, i, PyLong_FromSsize_t(bounds[2 * i]))
            || put(ends, i, PyLong_FromSsize_t(bounds[2 * i + 1])) || (capital(text, bounds[2 * i], bounds[2 * i + 1]) && add(capitals, i)))
            goto failed;
    PyMem_Free(bounds);
    return Py_BuildValue("NNNN", words, starts, ends, capitals);
failed:
    PyMem_Free(bounds);
    Py_XDECREF(words);
    Py_XDECREF(starts);
    Py_XDECREF(ends);
    Py_XDECREF(capitals);
    return NULL;
}

PyDoc_STRVAR(letters_doc, "letters(text, most)\nHow many of the first `most` characters are letters, and how many large ones.");

static PyObject *letters(PyObject *self, PyObject *args)
{
    PyObject *text;
    Py_ssize_t most, size, all = 0, large = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "Un", &text, &most))
        return NULL;
    size = PyUnicode_GET_LENGTH(text);
    size = size < most ? size : most;
    for (Py_ssize_t at = 0; at < size; at++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(text, at);
        all += Py_UNICODE_ISALPHA(c) != 0;
        large += Py_UNICODE_ISUPPER(c) != 0;
    }
    return Py_BuildValue("nn", all, large);
}

PyDoc_STRVAR(among_doc, "among(words, sought)\nThe places of those words that are keys of `sought`.");

static PyObject *among(PyObject *self, PyObject *args)
{
    PyObject *words, *sought, *out;
    char marks[HINTS] = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &words, &PyDict_Type, &sought) || mark(sought, marks))
        return NULL;
    out = PyList_New(0);
    for (Py_ssize_t i = 0; out && i < PyList_GET_SIZE(words); i++) {
        PyObject *word = PyList_GET_ITEM(words, i);
        int found = PyUnicode_Check(word) ? marks[hint_of(word)] : -1;
        if (found > 0)
            found = PyDict_Contains(sought, word);
        else if (found)
            PyErr_SetString(PyExc_TypeError, "a word is no string");
        if (found < 0 || (found && add(out, i)))
            Py_CLEAR(out);
    }
    return out;
}

struct state {
    PyObject *text, *words, *table, *out, *before;
    States *m;
    const char *always, *hints;
    Py_ssize_t chunk, after, tried;
};

/* Adds (index, entry, at, what may match) if anything may match there, or if it is `always` looked at. */
static int note(struct state *s, Py_ssize_t index, Py_ssize_t at, Py_ssize_t entry, int always)
{
    int32_t open = tell(s->m, s->text, at, (uint32_t)entry);
    PyObject *event, *parts[4];
    int failed;
    if (open < 0) {
        PyErr_NoMemory();
        return -1;
    }
    if (!open && !always)
        return 0;
    parts[0] = PyLong_FromSsize_t(index);
    parts[1] = PyLong_FromSsize_t(entry);
    parts[2] = PyLong_FromSsize_t(at);
    parts[3] = PyLong_FromLong(open);
    event = parts[0] && parts[1] && parts[2] && parts[3] ? PyTuple_Pack(4, parts[0], parts[1], parts[2], parts[3]) : NULL;
    for (int i = 0; i < 4; i++)
        Py_XDECREF(parts[i]);
    failed = !event || PyList_Append(s->out, event);
    Py_XDECREF(event);
    return failed ? -1 : 0;
}

/* The entry of a word, -1 when it has none, -2 on failure. */
static Py_ssize_t entry_of(const States *m, PyObject *table, PyObject *word)
{
    PyObject *found = PyDict_GetItemWithError(table, word);
    Py_ssize_t entry;
    if (!found)
        return PyErr_Occurred() ? -2 : -1;
    entry = PyLong_AsSsize_t(found);
    if (entry < 0 || entry >= (Py_ssize_t)m->entries) {
        PyErr_SetString(PyExc_ValueError, "there is no such entry");
        return -2;
    }
    return entry;
}

/* Whether a sign may open a trigger: a stop only right before the word. */
static int opens(PyObject *word, int apart)
{
    Py_UCS4 c = PyUnicode_GET_LENGTH(word) == 1 ? PyUnicode_READ_CHAR(word, 0) : 0;
    return c == ',' || c == '(' || c == '[' || (c == '.' && !apart);
}

/* 1 when no rule begins with the word. */
static int of_word(struct state *s, Py_ssize_t index, Py_ssize_t start, PyObject *word)
{
    Py_ssize_t entry = s->hints[hint_of(word)] ? entry_of(s->m, s->table, word) : -1;
    if (entry < -1)
        return -1;
    return entry < 0 ? 1 : note(s, index, start, entry, s->always[entry]);
}

/* The same of a sign and the word behind it. */
static int of_both(struct state *s, Py_ssize_t index, Py_ssize_t start, PyObject *sign, PyObject *word)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(word);
    PyObject *both;
    int done;
    if (!size || !s->hints[hint(PyUnicode_READ_CHAR(sign, 0), PyUnicode_READ_CHAR(word, size - 1), size + 1)])
        return 1;
    both = PyUnicode_Concat(sign, word);
    if (!both)
        return -1;
    done = of_word(s, index, start, both);
    Py_DECREF(both);
    return done;
}

/* Entry 0 is that of digits, entry 1 that of letters with digits behind them. */
static int of_number(struct state *s, Py_ssize_t index, Py_ssize_t start)
{
    Py_ssize_t at = s->chunk, size = PyUnicode_GET_LENGTH(s->text);
    if (note(s, index, start, 0, 0))
        return -1;
    if (s->chunk >= start || s->tried == s->chunk)
        return 0;
    s->tried = s->chunk;
    while (at < size && !Py_UNICODE_ISALNUM(PyUnicode_READ_CHAR(s->text, at)))
        at++;
    return note(s, index, at, 1, 0);
}

static int of_token(struct state *s, Py_ssize_t index, Py_ssize_t start, Py_ssize_t end, PyObject *word)
{
    int done, apart = start > s->after;
    if (apart)
        s->chunk = start;
    s->after = end;
    done = of_word(s, index, start, word);
    if (done < 0)
        return -1;
    if (done && PyUnicode_GET_LENGTH(word) && Py_UNICODE_ISDIGIT(PyUnicode_READ_CHAR(word, 0)) && of_number(s, index, start))
        return -1;
    if (s->before && opens(s->before, apart) && of_both(s, index, start, s->before, word) < 0)
        return -1;
    s->before = word;
    return 0;
}

PyDoc_STRVAR(look_doc, "look(text, words, starts, ends, table, hints, states, always)\n"
                       "For every token that may begin a rule, (index, entry, at, what may match).");

static PyObject *look(PyObject *self, PyObject *args)
{
    PyObject *starts, *ends, *states;
    struct state s = {0};
    Py_buffer always, marks;
    Py_ssize_t count;
    int failed = 1;
    (void)self;
    if (!PyArg_ParseTuple(args, "UO!O!O!O!y*O!y*", &s.text, &PyList_Type, &s.words, &PyList_Type, &starts, &PyList_Type, &ends, &PyDict_Type,
                          &s.table, &marks, &StatesType, &states, &always))
        return NULL;
    s.m = (States *)states;
    count = PyList_GET_SIZE(s.words);
    if (always.len != (Py_ssize_t)s.m->entries || always.len < 2 || marks.len != HINTS || PyList_GET_SIZE(starts) != count
        || PyList_GET_SIZE(ends) != count) {
        PyErr_SetString(PyExc_ValueError, "the parts do not have the stated sizes");
        goto done;
    }
    s.always = always.buf;
    s.hints = marks.buf;
    s.after = 0;
    s.tried = -1;
    s.out = PyList_New(0);
    if (!s.out)
        goto done;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *word = PyList_GET_ITEM(s.words, i);
        Py_ssize_t start = PyLong_AsSsize_t(PyList_GET_ITEM(starts, i)), end = PyLong_AsSsize_t(PyList_GET_ITEM(ends, i));
        if (!PyUnicode_Check(word) || start < 0 || end < start || end > PyUnicode_GET_LENGTH(s.text)) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a token lies outside the text");
            goto done;
        }
        if (of_token(&s, i, start, end, word))
            goto done;
    }
    failed = 0;
done:
    PyBuffer_Release(&always);
    PyBuffer_Release(&marks);
    if (failed)
        Py_CLEAR(s.out);
    return s.out;
}

PyDoc_STRVAR(reach_doc, "reach(text, starts, first, last, entry, states)\n"
                        "Every place, of the tokens `first` up to `last`, from which `entry` is not ruled out.");

static PyObject *reach(PyObject *self, PyObject *args)
{
    PyObject *text, *starts, *states, *out;
    States *m;
    Py_ssize_t first, last, entry;
    (void)self;
    if (!PyArg_ParseTuple(args, "UO!nnnO!", &text, &PyList_Type, &starts, &first, &last, &entry, &StatesType, &states))
        return NULL;
    m = (States *)states;
    if (entry < 0 || entry >= (Py_ssize_t)m->entries || first < 0 || last > PyList_GET_SIZE(starts)) {
        PyErr_SetString(PyExc_ValueError, "the parts do not have the stated sizes");
        return NULL;
    }
    out = PyList_New(0);
    for (Py_ssize_t i = first; out && i < last; i++) {
        Py_ssize_t at = PyLong_AsSsize_t(PyList_GET_ITEM(starts, i));
        int32_t open;
        if (at < 0 || at > PyUnicode_GET_LENGTH(text)) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a token lies outside the text");
            Py_CLEAR(out);
            break;
        }
        open = tell(m, text, at, (uint32_t)entry);
        if (open < 0)
            PyErr_NoMemory();
        if (open < 0 || (open && add(out, at)))
            Py_CLEAR(out);
    }
    return out;
}

/* A rule as `confirm` gets it, in the order of its tuple; nothing of it is owned. */
struct rule {
    Py_ssize_t number;
    int follows, capital, settles;
    PyObject *match, *groups, *before, *check, *label, *confidence;
};

enum { PARTS = 10 };

static int unpacked(PyObject *given, struct rule *r)
{
    if (!PyTuple_Check(given) || PyTuple_GET_SIZE(given) != PARTS || !PyTuple_Check(PyTuple_GET_ITEM(given, 5))) {
        PyErr_SetString(PyExc_TypeError, "a rule is no tuple of ten");
        return -1;
    }
    r->number = PyLong_AsSsize_t(PyTuple_GET_ITEM(given, 0));
    r->follows = PyTuple_GET_ITEM(given, 1) == Py_True;
    r->capital = PyTuple_GET_ITEM(given, 2) == Py_True;
    r->settles = PyTuple_GET_ITEM(given, 3) == Py_True;
    r->match = PyTuple_GET_ITEM(given, 4);
    r->groups = PyTuple_GET_ITEM(given, 5);
    r->before = PyTuple_GET_ITEM(given, 6);
    r->check = PyTuple_GET_ITEM(given, 7);
    r->label = PyTuple_GET_ITEM(given, 8);
    r->confidence = PyTuple_GET_ITEM(given, 9);
    return r->number == -1 && PyErr_Occurred() ? -1 : 0;
}

/* Whether what must stand before a match does; -1 on failure. */
static int led(const struct rule *r, PyObject *matched, PyObject *text)
{
    PyObject *start, *found;
    Py_ssize_t at;
    if (r->before == Py_None)
        return 1;
    start = PyObject_CallMethod(matched, "start", NULL);
    if (!start)
        return -1;
    at = PyLong_AsSsize_t(start);
    Py_DECREF(start);
    if (at < 0)
        return -1;
    found = PyObject_CallMethod(r->before, "search", "Onn", text, at > 40 ? at - 40 : 0, at);
    Py_XDECREF(found);
    return found ? found != Py_None : -1;
}

/* Whether the check of a rule accepts a stretch of the text; -1 on failure. */
static int accepted(const struct rule *r, PyObject *text, Py_ssize_t start, Py_ssize_t end)
{
    PyObject *written, *said;
    int yes;
    if (start < 0 || start >= end) /* the group took nothing */
        return PyErr_Occurred() ? -1 : 0;
    if (r->check == Py_None)
        return 1;
    written = PyUnicode_Substring(text, start, end);
    if (!written)
        return -1;
    said = PyObject_CallOneArg(r->check, written);
    Py_DECREF(written);
    if (!said)
        return -1;
    yes = PyObject_IsTrue(said);
    Py_DECREF(said);
    return yes;
}

/* Adds a candidate for one group of a match, if it took anything that is accepted: 1, else 0, or -1 on failure. */
static int took(const struct rule *r, PyObject *matched, PyObject *group, PyObject *text, PyObject *make, PyObject *source, PyObject *found)
{
    static PyObject *name;
    PyObject *span, *made;
    int yes = -1;
    if (!name && !(name = PyUnicode_InternFromString("span")))
        return -1;
    span = PyObject_CallMethodOneArg(matched, name, group);
    if (!span)
        return -1;
    if (PyTuple_Check(span) && PyTuple_GET_SIZE(span) == 2) {
        PyObject *start = PyTuple_GET_ITEM(span, 0), *end = PyTuple_GET_ITEM(span, 1);
        PyObject *parts[5] = {start, end, r->label, r->confidence, source};
        yes = accepted(r, text, PyLong_AsSsize_t(start), PyLong_AsSsize_t(end));
        if (yes > 0) {
            made = PyObject_Vectorcall(make, parts, 5, NULL);
            if (!made || PyList_Append(found, made))
                yes = -1;
            Py_XDECREF(made);
        }
    } else
        PyErr_SetString(PyExc_TypeError, "a span is no pair");
    Py_DECREF(span);
    return yes;
}

/* Whether a match left any candidate; -1 on failure. */
static int taken(const struct rule *r, PyObject *matched, PyObject *text, PyObject *make, PyObject *source, PyObject *found)
{
    int any = 0, yes = led(r, matched, text);
    for (Py_ssize_t i = 0; yes > 0 && i < PyTuple_GET_SIZE(r->groups); i++) {
        int one = took(r, matched, PyTuple_GET_ITEM(r->groups, i), text, make, source, found);
        if (one < 0)
            return -1;
        any |= one;
    }
    return yes < 0 ? -1 : any;
}

PyDoc_STRVAR(confirm_doc, "confirm(rules, text, at, make, source, found)\n"
                          "Adds what the rules find at one place, one after the other, until one that settles it did: its end, else 0.");

static PyObject *confirm(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *rules, *text, *at, *make, *source, *found;
    Py_ssize_t last = -2, place;
    (void)self;
    if (count != 6 || !PyTuple_Check(args[0]) || !PyUnicode_Check(args[1]) || !PyLong_Check(args[2]) || !PyList_Check(args[5])) {
        PyErr_SetString(PyExc_TypeError, "rules, text, at, make, source, found");
        return NULL;
    }
    rules = args[0];
    text = args[1];
    at = args[2];
    make = args[3];
    source = args[4];
    found = args[5];
    place = PyLong_AsSsize_t(at);
    if (place < 0 || place > PyUnicode_GET_LENGTH(text)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "the place lies outside the text");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(rules); i++) {
        struct rule r;
        PyObject *matched, *asked[2] = {text, at}, *end = NULL;
        int yes;
        if (unpacked(PyTuple_GET_ITEM(rules, i), &r))
            return NULL;
        if ((r.follows && last != r.number - 1)
            || (r.capital && !(place < PyUnicode_GET_LENGTH(text) && Py_UNICODE_ISUPPER(PyUnicode_READ_CHAR(text, place)))))
            continue;
        matched = PyObject_Vectorcall(r.match, asked, 2, NULL);
        if (!matched)
            return NULL;
        yes = matched == Py_None ? 0 : taken(&r, matched, text, make, source, found);
        if (matched != Py_None)
            last = r.number;
        if (yes > 0 && r.settles)
            end = PyObject_CallMethod(matched, "end", NULL);
        Py_DECREF(matched);
        if (yes < 0 || (yes > 0 && r.settles))
            return end;
    }
    return PyLong_FromLong(0);
}

static PyMethodDef methods[] = {{"cut", cut, METH_VARARGS, cut_doc},
                                {"hints", hints, METH_O, hints_doc},
                                {"among", among, METH_VARARGS, among_doc},
                                {"confirm", (PyCFunction)(void (*)(void))confirm, METH_FASTCALL, confirm_doc},
                                {"letters", letters, METH_VARARGS, letters_doc},
                                {"look", look, METH_VARARGS, look_doc},
                                {"reach", reach, METH_VARARGS, reach_doc},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_scan", "Compiled tokens and look-ahead for bedrail.privacy.text.", -1, methods, NULL,
                                    NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__scan(void)
{
    PyObject *made;
    if (PyType_Ready(&StatesType))
        return NULL;
    made = PyModule_Create(&module);
    if (made && PyModule_AddObjectRef(made, "States", (PyObject *)&StatesType))
        Py_CLEAR(made);
    return made;
}
