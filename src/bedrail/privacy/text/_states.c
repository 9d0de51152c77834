/* The states of the deterministic automaton, made where a text first leads: what states.py does in Python, for _scan.c.
 * Nothing here but the outermost functions touches a Python object, so nothing can come in between while a state is made.
 */
#include <stdlib.h>

#include "_kept.c"

enum { UNMADE = 65535, FIVE = 5, TO = FIVE, PART, ARROW };
enum { SILENT, NEXT, BEFORE }; /* as in automaton.py */
enum { FULL = -1, FAILED = -2 };

/* The parts of a graph, in the order in which they are given: see Graph in automaton.py. */
enum { SETS, LEAD_AT, LEAD_SET, LEAD_TO, SKIP_AT, SKIP_KIND, SKIP_SET, SKIP_TO, PART_OF, PATTERN_OF, ENTRY_AT, STARTS, GIVEN };
static const size_t item_sizes[GIVEN] = {FIVE * 4, 4, 2, 4, 4, 1, 2, 4, 2, 2, 4, 4};

typedef struct {
    PyObject_HEAD
    Py_buffer given[GIVEN];
    size_t lengths[GIVEN];
    const uint32_t *sets, *lead_at, *lead_to, *skip_at, *skip_to, *entry_at, *starts;
    const uint16_t *lead_set, *skip_set, *part_of, *pattern_of;
    const unsigned char *skip_kind;
    unsigned char columns[129];
    uint32_t width, parts, entries, most;
    uint16_t *firsts, *sizes; /* the first of the parts of each pattern that has several, and how many */
    uint32_t groups;
    struct kept arrows;   /* five words of columns, the state behind them, its part */
    struct kept closed;  /* how many arrows, the arrows, the parts that end */
    struct kept made;    /* a deterministic state: as in `closed` */
    struct kept opens;   /* patterns that may match */
    uint32_t *led;       /* by state, its number in `closed` */
    uint16_t *moves;     /* by state made and column, the state behind, or UNMADE */
    unsigned char *stops; /* by state made, whether nothing more is learned behind it */
    uint32_t *open;      /* by state made, its number in `opens` */
    size_t rows;         /* of moves, stops, open */
    int32_t *begins;     /* by entry and column before (the last: none), the state to begin with, or -1 */
    /* what is needed while one is made */
    uint32_t *bits, *waiting, *order, *seen, *leading, *stamps, *sequence;
    unsigned char *queued, *sure, *live;
    size_t leading_room, stamps_room, sequence_room;
    uint32_t round, leads;
} States;

static int ascending(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return one < other ? -1 : one > other;
}

static void sort(uint32_t *what, size_t size)
{
    if (size > 32) {
        qsort(what, size, sizeof *what, ascending);
        return;
    }
    for (size_t i = 1; i < size; i++) {
        uint32_t here = what[i];
        size_t at = i;
        for (; at && what[at - 1] > here; at--)
            what[at] = what[at - 1];
        what[at] = here;
    }
}

/* Takes a state into the closure that is being made, or adds columns to what leads into it. */
static void take(States *m, uint32_t state, const uint32_t *bits, uint32_t *count, uint32_t *depth)
{
    uint32_t *had = m->bits + (size_t)FIVE * state;
    int more = 0;
    if (m->seen[state] != m->round) {
        m->seen[state] = m->round;
        m->order[(*count)++] = state;
        memcpy(had, bits, FIVE * sizeof *had);
        more = 1;
    } else
        for (int i = 0; i < FIVE; i++) {
            more |= (bits[i] & ~had[i]) != 0;
            had[i] |= bits[i];
        }
    if (more && !m->queued[state]) {
        m->queued[state] = 1;
        m->waiting[(*depth)++] = state;
    }
}

/* All arrows that lead on from a state by silent ones, and the parts that end there: a number in `closed`, or NEVER. */
static uint32_t closure(States *m, uint32_t start, uint32_t before)
{
    uint32_t all[FIVE], bits[FIVE], count = 0, depth = 0;
    size_t size = 1, arrows;
    memset(all, 0xff, sizeof all);
    m->round++;
    take(m, start, all, &count, &depth);
    while (depth) {
        uint32_t state = m->waiting[--depth];
        const uint32_t *had = m->bits + (size_t)FIVE * state;
        m->queued[state] = 0;
        for (uint32_t i = m->skip_at[state]; i < m->skip_at[state + 1]; i++) {
            const uint32_t *allowed = m->sets + (size_t)FIVE * m->skip_set[i];
            if (m->skip_kind[i] == BEFORE && before < m->width && !(allowed[before >> 5] >> (before & 31) & 1))
                continue;
            for (int w = 0; w < FIVE; w++)
                bits[w] = m->skip_kind[i] == BEFORE ? had[w] : had[w] & allowed[w];
            take(m, m->skip_to[i], bits, &count, &depth);
        }
    }
    for (uint32_t n = 0; n < count; n++) {
        uint32_t state = m->order[n];
        const uint32_t *had = m->bits + (size_t)FIVE * state;
        if (larger(&m->sequence, &m->sequence_room, size + m->lead_at[state + 1] - m->lead_at[state] + m->parts, 0, sizeof *m->sequence))
            return NEVER;
        for (uint32_t i = m->lead_at[state]; i < m->lead_at[state + 1]; i++) {
            const uint32_t *set = m->sets + (size_t)FIVE * m->lead_set[i];
            uint32_t to = m->lead_to[i], number;
            uint32_t arrow[ARROW] = {had[0] & set[0], had[1] & set[1], had[2] & set[2], had[3] & set[3], had[4] & set[4], to, m->part_of[to] % m->parts};
            if (!(arrow[0] | arrow[1] | arrow[2] | arrow[3] | arrow[4]))
                continue;
            number = keep(&m->arrows, arrow, ARROW);
            if (number == NEVER)
                return NEVER;
            m->sequence[size++] = number;
        }
    }
    sort(m->sequence + 1, size - 1);
    arrows = 1;
    for (size_t i = 1; i < size; i++)
        if (arrows == 1 || m->sequence[i] != m->sequence[arrows - 1])
            m->sequence[arrows++] = m->sequence[i];
    m->sequence[0] = (uint32_t)arrows - 1;
    size = arrows;
    for (uint32_t n = 0; n < count; n++) {
        uint32_t part = m->part_of[m->order[n]];
        if (part >= m->parts) /* one state of a part is its end */
            m->sequence[size++] = part - m->parts;
    }
    sort(m->sequence + arrows, size - arrows);
    return keep(&m->closed, m->sequence, size);
}

/* Adds a closure to what leads on from the state that is being made. */
static int join(States *m, uint32_t number)
{
    const uint32_t *each, *arrows, *end;
    size_t had = m->stamps_room;
    if (larger(&m->stamps, &m->stamps_room, m->arrows.count, 0, sizeof *m->stamps))
        return FAILED;
    memset(m->stamps + had, 0, (m->stamps_room - had) * sizeof *m->stamps);
    if (larger(&m->leading, &m->leading_room, m->arrows.count, 0, sizeof *m->leading))
        return FAILED;
    each = m->closed.items + m->closed.starts[number];
    end = m->closed.items + m->closed.starts[number + 1];
    arrows = each + 1 + *each;
    for (each++; each < arrows; each++)
        if (m->stamps[*each] != m->round) {
            m->stamps[*each] = m->round;
            m->leading[m->leads++] = *each;
        }
    for (; each < end; each++)
        m->sure[*each] = 1;
    return 0;
}

static uint32_t part_behind(const States *m, uint32_t arrow)
{
    return m->arrows.items[(size_t)arrow * ARROW + PART];
}

/* Of a pattern of which one part can match no more, no part is asked. */
static void leave_lost(States *m)
{
    for (uint32_t i = 0; i < m->groups; i++) {
        uint32_t open = 0, first = m->firsts[i], size = m->sizes[i];
        for (uint32_t part = first; part < first + size; part++)
            open += m->live[part] | m->sure[part];
        if (open && open < size) {
            memset(m->live + first, 0, size);
            memset(m->sure + first, 0, size);
        }
    }
}

/* Room for one state more. */
static int more_rows(States *m)
{
    size_t least = m->made.count + 1u, had = m->rows, rows = had;
    if (larger(&m->stops, &rows, least, 0, sizeof *m->stops) || (rows = had, larger(&m->open, &rows, least, 0, sizeof *m->open))
        || (rows = had, larger(&m->moves, &rows, least, 0, m->width * sizeof *m->moves)))
        return -1;
    memset(m->moves + had * m->width, 0xff, (rows - had) * m->width * sizeof *m->moves);
    m->rows = rows;
    return 0;
}

/* The patterns of the parts that are open, a number in `opens`. */
static uint32_t opened(States *m)
{
    size_t size = 0;
    for (uint32_t part = 0; part < m->parts; part++)
        if ((m->live[part] | m->sure[part]) && (!size || m->sequence[size - 1] != m->pattern_of[part]))
            m->sequence[size++] = m->pattern_of[part];
    return keep(&m->opens, m->sequence, size);
}

/* The state of what was joined since `m->leads` was 0, made if need be. Of a part that may have matched nothing is asked. */
static int32_t settle(States *m)
{
    uint32_t number;
    size_t size = 1, count = m->made.count;
    if (count >= UNMADE)
        return FULL;
    memset(m->live, 0, m->parts);
    for (uint32_t i = 0; i < m->leads; i++)
        m->live[part_behind(m, m->leading[i])] = 1;
    leave_lost(m);
    if (larger(&m->sequence, &m->sequence_room, 2 + m->leads + m->parts, 0, sizeof *m->sequence) || more_rows(m))
        return FAILED;
    for (uint32_t i = 0; i < m->leads; i++) {
        uint32_t part = part_behind(m, m->leading[i]);
        m->sequence[size] = m->leading[i];
        size += m->live[part] & !m->sure[part];
    }
    sort(m->sequence + 1, size - 1);
    m->sequence[0] = (uint32_t)size - 1;
    for (uint32_t part = 0; part < m->parts; part++) {
        m->sequence[size] = part;
        size += m->sure[part];
    }
    number = keep(&m->made, m->sequence, size);
    if (number == NEVER)
        return FAILED;
    if (number == count) {
        m->stops[number] = !m->sequence[0];
        m->open[number] = opened(m); /* NEVER for want of memory: then nobody is told that nothing may match */
    }
    return (int32_t)number;
}

/* The state behind one more character, made if need be: FULL when there are too many. */
static int32_t step(States *m, uint32_t state, uint32_t column)
{
    uint32_t first, arrows, mark;
    int32_t after;
    if (m->made.count >= m->most)
        return FULL;
    first = m->made.starts[state];
    arrows = m->made.items[first];
    for (uint32_t i = first + 1; i <= first + arrows; i++) { /* closures first: each has a round of its own */
        const uint32_t *arrow = m->arrows.items + (size_t)m->made.items[i] * ARROW;
        uint32_t to = arrow[TO];
        if ((arrow[column >> 5] >> (column & 31) & 1) && m->led[to] == NEVER) {
            m->led[to] = closure(m, to, m->width);
            if (m->led[to] == NEVER)
                return FAILED;
        }
    }
    m->leads = 0;
    m->round++;
    mark = m->round;
    memset(m->sure, 0, m->parts);
    for (uint32_t i = first + 1 + arrows; i < m->made.starts[state + 1]; i++)
        m->sure[m->made.items[i]] = 1;
    for (uint32_t i = first + 1; i <= first + arrows; i++) {
        const uint32_t *arrow = m->arrows.items + (size_t)m->made.items[i] * ARROW;
        uint32_t to = arrow[TO];
        if (!(arrow[column >> 5] >> (column & 31) & 1) || m->seen[to] == mark)
            continue;
        m->seen[to] = mark;
        if (join(m, m->led[to]))
            return FAILED;
    }
    after = settle(m);
    if (after >= 0)
        m->moves[(size_t)state * m->width + column] = (uint16_t)after;
    return after;
}

/* The state to begin an entry with behind a character of a column. */
static int32_t begin(States *m, uint32_t entry, uint32_t before)
{
    int32_t *at = m->begins + (size_t)entry * (m->width + 1) + before;
    uint32_t first = m->entry_at[entry], count = m->entry_at[entry + 1] - first, *closures;
    if (*at >= 0)
        return *at;
    closures = PyMem_RawMalloc((count + 1) * sizeof *closures);
    if (!closures)
        return FAILED;
    for (uint32_t i = 0; i < count; i++)
        if ((closures[i] = closure(m, m->starts[first + i], before)) == NEVER) {
            PyMem_RawFree(closures);
            return FAILED;
        }
    m->leads = 0;
    m->round++;
    memset(m->sure, 0, m->parts);
    for (uint32_t i = 0; i < count; i++)
        if (join(m, closures[i])) {
            PyMem_RawFree(closures);
            return FAILED;
        }
    PyMem_RawFree(closures);
    return *at = settle(m);
}

static uint32_t column_of(const States *m, Py_UCS4 c)
{
    return m->columns[c < 128 ? c : 128];
}

/* The state in which nothing more is learned, or in which the text ends, or behind which there are too many. */
static int32_t walk(States *m, PyObject *text, Py_ssize_t at, int32_t state)
{
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    for (; at < size && !m->stops[state]; at++) {
        uint32_t column = column_of(m, PyUnicode_READ(kind, data, at));
        int32_t after = m->moves[(size_t)state * m->width + column];
        if (after == UNMADE) {
            after = step(m, (uint32_t)state, column);
            if (after < 0)
                return after == FULL ? state : FAILED;
        }
        state = after;
    }
    return state;
}

/* All patterns of an entry, where no state can be made to begin with. */
static uint32_t whole(States *m, uint32_t entry)
{
    memset(m->live, 0, m->parts);
    memset(m->sure, 0, m->parts);
    for (uint32_t i = m->entry_at[entry]; i < m->entry_at[entry + 1]; i++)
        m->live[m->part_of[m->starts[i]] % m->parts] = 1;
    return opened(m);
}

/* What may match from a place, a number in `opens` (0: nothing), or FAILED. */
static int32_t tell(States *m, PyObject *text, Py_ssize_t at, uint32_t entry)
{
    uint32_t before = at ? column_of(m, PyUnicode_READ_CHAR(text, at - 1)) : m->width;
    int32_t state = begin(m, entry, before);
    uint32_t open;
    if (state >= 0)
        state = walk(m, text, at, state);
    if (state == FAILED)
        return FAILED;
    open = state == FULL ? whole(m, entry) : m->open[state];
    return open == NEVER ? FAILED : (int32_t)open;
}

static void states_free(States *m)
{
    for (int i = 0; i < GIVEN; i++)
        if (m->given[i].obj)
            PyBuffer_Release(&m->given[i]);
    kept_free(&m->arrows);
    kept_free(&m->closed);
    kept_free(&m->made);
    kept_free(&m->opens);
    void *mine[] = {m->led, m->moves, m->stops, m->open, m->begins, m->bits, m->waiting, m->order, m->seen, m->leading, m->stamps,
                    m->sequence, m->queued, m->sure, m->live, m->firsts, m->sizes};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        PyMem_RawFree(mine[i]);
    PyTypeObject *type = Py_TYPE(m);
    type->tp_free((PyObject *)m);
}

/* Whether places rise up to the end of what they are places of. */
static int rising(const uint32_t *at, size_t count, size_t end)
{
    if (!count || at[0] || at[count - 1] != end)
        return 0;
    for (size_t i = 1; i < count; i++)
        if (at[i] < at[i - 1])
            return 0;
    return 1;
}

static int below32(const uint32_t *numbers, size_t count, size_t limit)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] >= limit)
            return 0;
    return 1;
}

static int below16(const uint16_t *numbers, size_t count, size_t limit)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] >= limit)
            return 0;
    return 1;
}

/* Whether no number of the graph leads out of it. */
static int sound(States *m)
{
    const size_t *n = m->lengths;
    size_t parts = n[PATTERN_OF], states = n[PART_OF];
    if (n[LEAD_SET] != n[LEAD_TO] || n[SKIP_SET] != n[SKIP_TO] || n[SKIP_KIND] != n[SKIP_TO] || n[LEAD_AT] != states + 1
        || n[SKIP_AT] != states + 1 || !n[ENTRY_AT] || states > INT32_MAX / 8 || parts > UNMADE / 2 || m->width > FIVE * 32)
        return 0;
    for (size_t i = 0; i < sizeof m->columns; i++)
        if (m->columns[i] >= m->width)
            return 0;
    for (size_t i = 0; i < n[SKIP_KIND]; i++)
        if (m->skip_kind[i] > BEFORE)
            return 0;
    return rising(m->lead_at, states + 1, n[LEAD_TO]) && rising(m->skip_at, states + 1, n[SKIP_TO]) && rising(m->entry_at, n[ENTRY_AT], n[STARTS])
        && below16(m->lead_set, n[LEAD_SET], n[SETS]) && below16(m->skip_set, n[SKIP_SET], n[SETS]) && below32(m->lead_to, n[LEAD_TO], states)
        && below32(m->skip_to, n[SKIP_TO], states) && below16(m->part_of, states, 2 * parts) && below32(m->starts, n[STARTS], states);
}

static void *room_for(size_t count, size_t size)
{
    return PyMem_RawCalloc(count + 1, size);
}

static int furnished(States *m)
{
    size_t states = m->lengths[PART_OF], begins = (size_t)m->entries * (m->width + 1);
    m->rows = m->leading_room = m->stamps_room = m->sequence_room = 1024;
    m->led = room_for(states, sizeof *m->led);
    m->moves = room_for(m->rows * m->width, sizeof *m->moves);
    m->stops = room_for(m->rows, sizeof *m->stops);
    m->open = room_for(m->rows, sizeof *m->open);
    m->begins = room_for(begins, sizeof *m->begins);
    m->bits = room_for(states * FIVE, sizeof *m->bits);
    m->waiting = room_for(states, sizeof *m->waiting);
    m->order = room_for(states, sizeof *m->order);
    m->seen = room_for(states, sizeof *m->seen);
    m->leading = room_for(m->leading_room, sizeof *m->leading);
    m->stamps = room_for(m->stamps_room, sizeof *m->stamps);
    m->sequence = room_for(m->sequence_room, sizeof *m->sequence);
    m->queued = room_for(states, 1);
    m->sure = room_for(m->parts, 1);
    m->live = room_for(m->parts, 1);
    m->firsts = room_for(m->parts, sizeof *m->firsts);
    m->sizes = room_for(m->parts, sizeof *m->sizes);
    if (!m->led || !m->moves || !m->stops || !m->open || !m->begins || !m->bits || !m->waiting || !m->order || !m->seen || !m->leading || !m->stamps
        || !m->sequence || !m->queued || !m->sure || !m->live || !m->firsts
        || !m->sizes || kept_init(&m->arrows) || kept_init(&m->closed) || kept_init(&m->made)
        || kept_init(&m->opens))
        return 0;
    for (uint32_t first = 0, last; first < m->parts; first = last) {
        for (last = first; last < m->parts && m->pattern_of[last] == m->pattern_of[first];)
            last++;
        m->firsts[m->groups] = (uint16_t)first;
        m->sizes[m->groups] = (uint16_t)(last - first);
        m->groups += last - first > 1;
    }
    memset(m->led, 0xff, states * sizeof *m->led);
    memset(m->moves, 0xff, m->rows * m->width * sizeof *m->moves);
    memset(m->begins, 0xff, begins * sizeof *m->begins);
    return settle(m) == 0 && !m->open[0]; /* state 0: nothing may match */
}

static PyObject *states_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
    States *m = (States *)type->tp_alloc(type, 0);
    Py_buffer *g, columns;
    unsigned int width, most;
    if (!m)
        return NULL;
    g = m->given;
    if (names && PyDict_GET_SIZE(names)) {
        PyErr_SetString(PyExc_TypeError, "the parts have no names");
        goto failed;
    }
    if (!PyArg_ParseTuple(args, "y*IIy*y*y*y*y*y*y*y*y*y*y*y*", &columns, &width, &most, g, g + 1, g + 2, g + 3, g + 4, g + 5, g + 6, g + 7, g + 8,
                          g + 9, g + 10, g + 11))
        goto failed;
    for (int i = 0; i < GIVEN; i++)
        m->lengths[i] = (size_t)g[i].len / item_sizes[i];
    m->sets = g[SETS].buf;
    m->lead_at = g[LEAD_AT].buf;
    m->lead_set = g[LEAD_SET].buf;
    m->lead_to = g[LEAD_TO].buf;
    m->skip_at = g[SKIP_AT].buf;
    m->skip_kind = g[SKIP_KIND].buf;
    m->skip_set = g[SKIP_SET].buf;
    m->skip_to = g[SKIP_TO].buf;
    m->part_of = g[PART_OF].buf;
    m->pattern_of = g[PATTERN_OF].buf;
    m->entry_at = g[ENTRY_AT].buf;
    m->starts = g[STARTS].buf;
    m->width = width;
    m->most = most < UNMADE ? most : UNMADE;
    m->parts = (uint32_t)m->lengths[PATTERN_OF];
    m->entries = (uint32_t)m->lengths[ENTRY_AT] - 1;
    if (columns.len == sizeof m->columns)
        memcpy(m->columns, columns.buf, sizeof m->columns);
    else
        m->width = 0;
    PyBuffer_Release(&columns);
    if (!sound(m)) {
        PyErr_SetString(PyExc_ValueError, "this is no graph");
        goto failed;
    }
    if (!furnished(m)) {
        PyErr_NoMemory();
        goto failed;
    }
    return (PyObject *)m;
failed:
    Py_DECREF(m);
    return NULL;
}

/* A number of `opens` as what it stands for. */
static PyObject *states_open(States *m, PyObject *given)
{
    unsigned long number = PyLong_AsUnsignedLong(given);
    PyObject *out;
    if (PyErr_Occurred())
        return NULL;
    if (number >= m->opens.count) {
        PyErr_SetString(PyExc_IndexError, "there is no such number");
        return NULL;
    }
    uint32_t first = m->opens.starts[number], size = m->opens.starts[number + 1] - first;
    out = PyTuple_New(size);
    for (uint32_t i = 0; out && i < size; i++) {
        PyObject *pattern = PyLong_FromUnsignedLong(m->opens.items[first + i]);
        if (!pattern)
            Py_CLEAR(out);
        else
            PyTuple_SET_ITEM(out, i, pattern);
    }
    return out;
}

static PyObject *states_walked(States *m, PyObject *args)
{
    PyObject *text;
    Py_ssize_t at, entry;
    int32_t open;
    if (!PyArg_ParseTuple(args, "Unn", &text, &at, &entry))
        return NULL;
    if (at < 0 || at > PyUnicode_GET_LENGTH(text) || entry < 0 || entry >= (Py_ssize_t)m->entries) {
        PyErr_SetString(PyExc_IndexError, "there is no such place or entry");
        return NULL;
    }
    open = tell(m, text, at, (uint32_t)entry);
    return open < 0 ? PyErr_NoMemory() : PyLong_FromLong(open);
}

static PyObject *states_count(States *m, PyObject *none)
{
    (void)none;
    return PyLong_FromUnsignedLong(m->made.count);
}

static PyMethodDef states_methods[] = {
    {"open", (PyCFunction)(void (*)(void))states_open, METH_O, "open(number)\nThe patterns that may match, sorted."},
    {"walked", (PyCFunction)(void (*)(void))states_walked, METH_VARARGS, "walked(text, at, entry)\nWhat may match from a place, as a number; 0: nothing."},
    {"count", (PyCFunction)(void (*)(void))states_count, METH_NOARGS, "How many states are made."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject StatesType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "bedrail.privacy.text._scan.States",
    .tp_basicsize = sizeof(States),
    .tp_dealloc = (destructor)states_free,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "States(columns, width, most, *graph)\nStates of the automaton of a graph, at most so many, made where a text leads.",
    .tp_methods = states_methods,
    .tp_new = states_new,
};
