/* Tree margins and exact Tree SHAP on flat node tables; `trees_numpy.py` derives the formulas and is the same in numpy.
 *
 * Walker: margins. Sixteen trees are walked at a time without branches, so that their waits for memory overlap.
 * Shap:   exact Tree SHAP values, in `_tree_shap.c`.
 *
 * A row is first copied once per missing rule with NaN (or near-zero) replaced by +-infinity, so that every split is a
 * plain `x <= threshold`: thresholds are finite.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__GNUC__)
#error "needs the vector extensions of GCC or Clang; the numpy version serves elsewhere"
#endif

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 8
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

typedef double v4 __attribute__((vector_size(32)));
typedef double v8 __attribute__((vector_size(64)));

enum { MISSING_LEFT = 1, ZERO_IS_MISSING = 2, GROUP = 16, ALIGN = 64, LET_GO_ROWS = 16 };

static void *aligned(size_t bytes) {
    void *p = NULL;
    return posix_memalign(&p, ALIGN, bytes ? bytes : ALIGN) ? NULL : p;
}

/* ------------------------------------------------------------------------------------------------------- arguments */

typedef struct {
    Py_buffer view;
    Py_ssize_t n;
} Column;

static int column(PyObject *object, char kind, int flags, Column *out) {
    if (PyObject_GetBuffer(object, &out->view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags)) return -1;
    const char *format = out->view.format ? out->view.format : "B";
    Py_ssize_t size = kind == 'd' ? 8 : kind == 'i' ? 4 : 1;
    if (format[0] != kind || format[1] || out->view.itemsize != size) {
        PyBuffer_Release(&out->view);
        PyErr_Format(PyExc_TypeError, "expected a contiguous buffer of type '%c'", kind);
        return -1;
    }
    out->n = out->view.len / size;
    return 0;
}

static void release(Column *columns, int n) {
    for (int i = 0; i < n; i++) PyBuffer_Release(&columns[i].view);
}

/* Opens `n` buffers of the given kinds, or none. */
static int open_columns(PyObject *const *objects, const char *kinds, Column *columns, int n) {
    for (int i = 0; i < n; i++) {
        if (column(objects[i], kinds[i], 0, &columns[i])) {
            release(columns, i);
            return -1;
        }
    }
    return 0;
}

static int bad(const char *message) {
    PyErr_SetString(PyExc_ValueError, message);
    return -1;
}

/* Offsets of the trees must rise from 0 to `total`, one node at least each. */
static int check_starts(const int32_t *starts, Py_ssize_t n, Py_ssize_t total) {
    if (n < 2 || starts[0] != 0 || starts[n - 1] != total) return bad("starts do not cover the nodes");
    for (Py_ssize_t i = 1; i < n; i++)
        if (starts[i] <= starts[i - 1]) return bad("starts must rise");
    return 0;
}

/* Children stand after their parents, in their own tree, or are leaves. */
static int check_nodes(const int32_t *starts, Py_ssize_t trees, const int32_t *left, const int32_t *right,
                       const int32_t *feature, const uint8_t *rule, Py_ssize_t inner, Py_ssize_t slots, int features) {
    for (Py_ssize_t t = 0; t < trees; t++) {
        for (int32_t i = starts[t]; i < starts[t + 1]; i++) {
            if (feature[i] < 0 || feature[i] >= features || rule[i] > 3) return bad("feature or rule out of range");
            for (int side = 0; side < 2; side++) {
                int32_t child = side ? right[i] : left[i];
                int here = child > i && child < starts[t + 1], leaf = child >= inner && child < slots;
                if (!here && !leaf) return bad("child out of range");
            }
        }
    }
    return 0;
}

static int any_zero_rule(const uint8_t *rule, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; i++)
        if (rule[i] & ZERO_IS_MISSING) return 1;
    return 0;
}

INLINE void spread(const double *row, int k, int copies, double *to) {
    const double near_zero = (double)1e-35f;
    for (int f = 0; f < k; f++) {
        double x = row[f];
        int missing = x != x;
        to[f] = missing ? INFINITY : x;
        to[k + f] = missing ? -INFINITY : x;
    }
    if (copies == 2) return;
    for (int f = 0; f < k; f++) {
        double x = row[f];
        int missing = !(fabs(x) > near_zero);
        to[2 * k + f] = missing ? INFINITY : x;
        to[3 * k + f] = missing ? -INFINITY : x;
    }
}

/* ---------------------------------------------------------------------------------------------------------- Walker */

typedef struct {
    double cut;
    int32_t ask;
    int32_t to[2]; /* when x <= cut is false, true; a leaf points to itself */
    int32_t leaf;
} Step;

typedef struct {
    PyObject_HEAD
    int features, copies;
    int32_t trees;
    double intercept;
    int32_t *roots;
    Step *steps;
    double *leaves, *row;
} Walker;

INLINE double walk(const Walker *w, const double *x) {
    const Step *steps = w->steps;
    double total = w->intercept;
    for (int32_t t = 0; t < w->trees; t += GROUP) {
        int32_t at[GROUP];
        int n = w->trees - t < GROUP ? (int)(w->trees - t) : GROUP;
        for (int j = 0; j < GROUP; j++) at[j] = w->roots[t + (j < n ? j : 0)];
        int32_t moved;
        do {
            moved = 0;
            for (int j = 0; j < GROUP; j++) {
                const Step *s = &steps[at[j]];
                int32_t next = s->to[x[s->ask] <= s->cut];
                moved |= next ^ at[j];
                at[j] = next;
            }
        } while (moved);
        for (int j = 0; j < n; j++) total += w->leaves[steps[at[j]].leaf];
    }
    return total;
}

static void Walker_dealloc(Walker *self) {
    PyTypeObject *type = Py_TYPE(self);
    free(self->roots);
    free(self->steps);
    free(self->leaves);
    free(self->row);
    type->tp_free(self);
    Py_DECREF(type);
}

static int walker_fill(Walker *self, Column *c) {
    const int32_t *starts = c[0].view.buf, *feature = c[1].view.buf, *left = c[4].view.buf, *right = c[5].view.buf;
    const double *cut = c[2].view.buf, *leaves = c[6].view.buf;
    const uint8_t *rule = c[3].view.buf;
    Py_ssize_t inner = c[1].n, slots = inner + c[6].n;
    if (c[2].n != inner || c[3].n != inner || c[4].n != inner || c[5].n != inner || slots > INT32_MAX / 4)
        return bad("columns differ in length");
    if (check_starts(starts, c[0].n, inner) ||
        check_nodes(starts, c[0].n - 1, left, right, feature, rule, inner, slots, self->features))
        return -1;
    self->trees = (int32_t)(c[0].n - 1);
    self->copies = any_zero_rule(rule, inner) ? 4 : 2;
    self->roots = aligned(sizeof(int32_t) * (size_t)self->trees);
    self->steps = aligned(sizeof(Step) * (size_t)slots);
    self->leaves = aligned(sizeof(double) * (size_t)c[6].n);
    self->row = aligned(sizeof(double) * (size_t)self->features * 4);
    if (!self->roots || !self->steps || !self->leaves || !self->row) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(self->roots, starts, sizeof(int32_t) * (size_t)self->trees);
    memcpy(self->leaves, leaves, sizeof(double) * (size_t)c[6].n);
    for (int32_t i = 0; i < slots; i++) {
        Step *s = &self->steps[i];
        int leaf = i >= inner;
        s->cut = leaf ? 0.0 : cut[i];
        s->ask = leaf ? 0 : rule[i] * self->features + feature[i];
        s->to[0] = leaf ? i : right[i];
        s->to[1] = leaf ? i : left[i];
        s->leaf = leaf ? (int32_t)(i - inner) : 0;
    }
    return 0;
}

static int begin(PyObject *args, int wanted, int *features) {
    if (PyTuple_GET_SIZE(args) != wanted) {
        PyErr_Format(PyExc_TypeError, "expected %d arguments", wanted);
        return -1;
    }
    long k = PyLong_AsLong(PyTuple_GET_ITEM(args, 0));
    if (k == -1 && PyErr_Occurred()) return -1;
    if (k < 1 || k > 100000000) return bad("features out of range");
    *features = (int)k;
    return 0;
}

/* Walker(features, intercept, starts, feature, threshold, rule, left, right, leaves) */
static PyObject *Walker_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    int features;
    Column c[7];
    if (begin(args, 9, &features)) return NULL;
    double intercept = PyFloat_AsDouble(PyTuple_GET_ITEM(args, 1));
    if (PyErr_Occurred()) return NULL;
    if (open_columns(&PyTuple_GET_ITEM(args, 2), "iidBiid", c, 7)) return NULL;
    Walker *self = (Walker *)type->tp_alloc(type, 0);
    if (self) {
        self->features = features;
        self->intercept = intercept;
        if (walker_fill(self, c)) Py_CLEAR(self);
    }
    release(c, 7);
    return (PyObject *)self;
}

static PyObject *Walker_margin(Walker *self, PyObject *arg) {
    Column x;
    if (column(arg, 'd', 0, &x)) return NULL;
    int fits = x.n == self->features;
    double margin = 0;
    if (fits) {
        spread(x.view.buf, self->features, self->copies, self->row);
        margin = walk(self, self->row);
    }
    PyBuffer_Release(&x.view);
    if (!fits) return bad("the row has another width"), NULL;
    return PyFloat_FromDouble(margin);
}

/* Opens the matrix (n * k) and the output (n * per_row). */
static int open_rows(PyObject *const *args, Py_ssize_t n, int k, int per_row, Column *x, Column *out) {
    if (n != 2) return bad("expected rows and output");
    if (column(args[0], 'd', 0, x)) return -1;
    if (column(args[1], 'd', PyBUF_WRITABLE, out)) {
        PyBuffer_Release(&x->view);
        return -1;
    }
    if (x->n % k || x->n / k * per_row != out->n) {
        PyBuffer_Release(&x->view);
        PyBuffer_Release(&out->view);
        return bad("rows and output differ in shape");
    }
    return 0;
}

static PyObject *Walker_margins(Walker *self, PyObject *const *args, Py_ssize_t nargs) {
    Column x, out;
    int k = self->features;
    if (open_rows(args, nargs, k, 1, &x, &out)) return NULL;
    double *row = aligned(sizeof(double) * (size_t)k * 4), *to = out.view.buf;
    const double *from = x.view.buf;
    if (row) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < out.n; i++) {
            spread(from + i * k, k, self->copies, row);
            to[i] = walk(self, row);
        }
        Py_END_ALLOW_THREADS
        free(row);
    }
    PyBuffer_Release(&x.view);
    PyBuffer_Release(&out.view);
    if (!row) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

#include "_tree_shap.c"

/* ---------------------------------------------------------------------------------------------------------- module */

static PyMethodDef walker_methods[] = {
    {"margin", (PyCFunction)Walker_margin, METH_O, "margin(row) -> float"},
    {"margins", (PyCFunction)(void (*)(void))Walker_margins, METH_FASTCALL, "margins(rows, out): fill out"},
    {NULL, NULL, 0, NULL}};

static PyMethodDef shap_methods[] = {
    {"add", (PyCFunction)(void (*)(void))Shap_add, METH_FASTCALL, "add(rows, out): add the SHAP values to out"},
    {NULL, NULL, 0, NULL}};

static PyType_Slot walker_slots[] = {{Py_tp_new, (void *)Walker_new},
                                     {Py_tp_dealloc, (void *)Walker_dealloc},
                                     {Py_tp_methods, walker_methods},
                                     {Py_tp_doc, (void *)"Margins of a tree ensemble."},
                                     {0, NULL}};

static PyType_Slot shap_slots[] = {{Py_tp_new, (void *)Shap_new},
                                   {Py_tp_dealloc, (void *)Shap_dealloc},
                                   {Py_tp_methods, shap_methods},
                                   {Py_tp_doc, (void *)"Exact Tree SHAP values of a tree ensemble."},
                                   {0, NULL}};

static PyType_Spec walker_spec = {"bedrail.models._trees.Walker", sizeof(Walker), 0, Py_TPFLAGS_DEFAULT, walker_slots};
static PyType_Spec shap_spec = {"bedrail.models._trees.Shap", sizeof(Shap), 0, Py_TPFLAGS_DEFAULT, shap_slots};

static int trees_exec(PyObject *module) {
    PyType_Spec *specs[] = {&walker_spec, &shap_spec};
    for (int i = 0; i < 2; i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, specs[i], NULL);
        if (!type) return -1;
        int failed = PyModule_AddType(module, (PyTypeObject *)type);
        Py_DECREF(type);
        if (failed) return -1;
    }
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, (void *)trees_exec}, {0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "bedrail.models._trees",
                                    "Compiled tree margins and exact Tree SHAP.", 0, NULL, module_slots, NULL, NULL,
                                    NULL};

PyMODINIT_FUNC PyInit__trees(void) { return PyModuleDef_Init(&module); }
