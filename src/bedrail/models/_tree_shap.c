/* Exact Tree SHAP: the part of `_trees.c` that explains; included there, not compiled alone.
 *
 * One pass down and one up each tree; nodes whose children are both leaves stand last and need one only. The quadrature
 * nodes are the SIMD lanes. No fused multiply-add is used (-ffp-contract=off), so the clones for different processors
 * give the same bits. `trees_numpy.py` derives the formulas.
 */

typedef struct {
    double cut;
    double part[2];      /* the left edge's share of cover, alone and times reach */
    double step[3];      /* reach * (c - share) when the feature's splits above fail, or pass and x goes right, left */
    int32_t inverse[2];  /* rows of `inverse`: row 0 is 1 / (1 - t), row 1 ones, the others 1 / ((1 - t) reach + t) */
    int32_t ask, feature;
    int32_t left, right; /* slots of this tree: inner nodes 0..m-1, leaves m..2m */
    int32_t above;       /* 0: no split on this feature above; else 1 + 2 * node + side, in this tree */
} Node;

typedef struct {
    PyObject_HEAD
    int features, copies, lanes;
    int32_t trees, widest;
    int32_t *starts, *forks; /* forks: how many of a tree's nodes come before its last ones, whose children are leaves */
    Node *nodes;
    double *leaves;  /* tree after tree, in slot order */
    double *inverse; /* rows of `lanes` numbers */
    double *t, *u, *w; /* quadrature: `lanes` zeros and then the nodes; 1 - nodes; weights */
    double *scratch;
} Shap;

/* Numbers of scratch: the row, the sums per feature, products P (then R) per slot, g and change per inner node, flags. */
static size_t scratch_numbers(const Shap *s) {
    size_t m = (size_t)s->widest, lanes = (size_t)s->lanes, k = (size_t)s->features;
    return (4 * k + 7) / 8 * 8 + k * lanes + (2 * m + 1) * lanes + 2 * m * lanes + (2 * m + 8) / 8 + 8;
}

/* Between two decisions other work takes the caches: the nodes are fetched so many bytes ahead, past every page's end. */
enum { AHEAD = 4096 };

/* V is the vector type, B how many of them make `lanes`. P[0] = 1; then down, then up; see the file's head. */
#define DEFINE_ROW(NAME, V, B)                                                                                         \
    INLINE void NAME(const Shap *s, const double *x, double *out, double *scratch) {                                   \
        const int k = s->features;                                                                                     \
        double *row = scratch;                                                                                         \
        V *sums = (V *)(row + (4 * (size_t)k + 7) / 8 * 8);                                                            \
        V *P = sums + (size_t)k * (B);                                                                                 \
        V *g = P + (2 * (size_t)s->widest + 1) * (B);                                                                  \
        V *change = g + (size_t)s->widest * (B);                                                                       \
        uint8_t *passed = (uint8_t *)(change + (size_t)s->widest * (B));                                               \
        const V *t = (const V *)s->t, *u = (const V *)s->u, *w = (const V *)s->w;                                      \
        const V *inverse = (const V *)s->inverse;                                                                      \
        const double *leaves = s->leaves;                                                                              \
        spread(x, k, s->copies, row);                                                                                  \
        memset(sums, 0, sizeof(double) * (size_t)k * (size_t)s->lanes);                                                \
        passed[0] = 1;                                                                                                 \
        for (int b = 0; b < (B); b++) P[b] = (V){0} + 1.0;                                                             \
        for (int32_t tree = 0; tree < s->trees; tree++) {                                                              \
            const Node *nodes = s->nodes + s->starts[tree];                                                            \
            const int32_t m = s->starts[tree + 1] - s->starts[tree];                                                   \
            for (int b = 0; b < (B); b++) P[b] = (V){0} + 1.0;                                                         \
            const int32_t forks = s->forks[tree];                                                                      \
            for (int32_t i = 0; i < forks; i++) {                                                                      \
                const Node *n = &nodes[i];                                                                             \
                __builtin_prefetch((const char *)n + AHEAD);                                                           \
                const int goes = row[n->ask] <= n->cut, alive = passed[n->above], on = alive & goes;                   \
                passed[1 + 2 * i] = (uint8_t)on;                                                                       \
                passed[2 + 2 * i] = (uint8_t)(alive & !goes);                                                          \
                const double part = n->part[alive], step = n->step[alive + on];                                        \
                const V *inv = inverse + (size_t)n->inverse[alive] * (B), *to = t + (size_t)on * (B);                  \
                for (int b = 0; b < (B); b++) {                                                                        \
                    const V p = P[(size_t)i * (B) + b], v = inv[b];                                                    \
                    const V f = (u[b] * part + to[b]) * v;                                                             \
                    const V l = p * f;                                                                                 \
                    g[(size_t)i * (B) + b] = f;                                                                        \
                    change[(size_t)i * (B) + b] = p * v * v * step;                                                    \
                    P[(size_t)n->left * (B) + b] = l;                                                                  \
                    P[(size_t)n->right * (B) + b] = p - l;                                                             \
                }                                                                                                      \
            }                                                                                                          \
            V *R = P;                                                                                                  \
            for (int32_t i = forks; i < m; i++) {                                                                      \
                const Node *n = &nodes[i];                                                                             \
                __builtin_prefetch((const char *)n + AHEAD);                                                           \
                const int goes = row[n->ask] <= n->cut, alive = passed[n->above], on = alive & goes;                   \
                const double part = n->part[alive];                                                                    \
                const double last = leaves[n->right - m], gap = leaves[n->left - m] - last;                            \
                const double step = n->step[alive + on] * gap;                                                         \
                const V *inv = inverse + (size_t)n->inverse[alive] * (B), *to = t + (size_t)on * (B);                  \
                for (int b = 0; b < (B); b++) {                                                                        \
                    const V p = P[(size_t)i * (B) + b], v = inv[b];                                                    \
                    R[(size_t)i * (B) + b] = (u[b] * part + to[b]) * v * gap + last;                                   \
                    sums[(size_t)n->feature * (B) + b] += p * v * v * step;                                            \
                }                                                                                                      \
            }                                                                                                          \
            for (int32_t j = 0; j <= m - 2 * (m - forks); j++)                                                         \
                for (int b = 0; b < (B); b++) R[((size_t)m + j) * (B) + b] = (V){0} + leaves[j];                       \
            leaves += m + 1;                                                                                           \
            for (int32_t i = forks - 1; i >= 0; i--) {                                                                 \
                const Node *n = &nodes[i];                                                                             \
                for (int b = 0; b < (B); b++) {                                                                        \
                    const V r = R[(size_t)n->right * (B) + b], gap = R[(size_t)n->left * (B) + b] - r;                 \
                    R[(size_t)i * (B) + b] = r + g[(size_t)i * (B) + b] * gap;                                         \
                    sums[(size_t)n->feature * (B) + b] += change[(size_t)i * (B) + b] * gap;                           \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        for (int f = 0; f < k; f++) {                                                                                  \
            V total = {0};                                                                                             \
            for (int b = 0; b < (B); b++) total += sums[(size_t)f * (B) + b] * w[b];                                   \
            for (size_t q = 0; q < sizeof(V) / sizeof(double); q++) out[f] += total[q];                                \
        }                                                                                                              \
    }

DEFINE_ROW(row_of_4, v4, 1)
DEFINE_ROW(row_of_8, v8, 1)
DEFINE_ROW(row_of_many, v8, (s->lanes / 8))

CLONES void bedrail_shap_4(const Shap *s, const double *x, Py_ssize_t n, double *out, double *scratch);
CLONES void bedrail_shap_8(const Shap *s, const double *x, Py_ssize_t n, double *out, double *scratch);
CLONES void bedrail_shap_many(const Shap *s, const double *x, Py_ssize_t n, double *out, double *scratch);

CLONES void bedrail_shap_4(const Shap *s, const double *x, Py_ssize_t n, double *out, double *scratch) {
    for (Py_ssize_t i = 0; i < n; i++) row_of_4(s, x + i * s->features, out + i * s->features, scratch);
}

CLONES void bedrail_shap_8(const Shap *s, const double *x, Py_ssize_t n, double *out, double *scratch) {
    for (Py_ssize_t i = 0; i < n; i++) row_of_8(s, x + i * s->features, out + i * s->features, scratch);
}

CLONES void bedrail_shap_many(const Shap *s, const double *x, Py_ssize_t n, double *out, double *scratch) {
    for (Py_ssize_t i = 0; i < n; i++) row_of_many(s, x + i * s->features, out + i * s->features, scratch);
}

static void shap_rows(const Shap *s, const double *x, Py_ssize_t n, double *out, double *scratch) {
    if (s->lanes == 4)
        bedrail_shap_4(s, x, n, out, scratch);
    else if (s->lanes == 8)
        bedrail_shap_8(s, x, n, out, scratch);
    else
        bedrail_shap_many(s, x, n, out, scratch);
}

static void Shap_dealloc(Shap *self) {
    PyTypeObject *type = Py_TYPE(self);
    free(self->starts);
    free(self->forks);
    free(self->nodes);
    free(self->leaves);
    free(self->inverse);
    free(self->t);
    free(self->scratch);
    type->tp_free(self);
    Py_DECREF(type);
}

static int shap_quadrature(Shap *self, const double *t, const double *w) {
    int lanes = self->lanes;
    self->t = aligned(sizeof(double) * (size_t)lanes * 4);
    if (!self->t) return PyErr_NoMemory(), -1;
    self->u = self->t + 2 * lanes;
    self->w = self->t + 3 * lanes;
    for (int q = 0; q < lanes; q++) {
        self->t[q] = 0.0;
        self->t[lanes + q] = t[q];
        self->u[q] = 1.0 - t[q];
        self->w[q] = w[q];
        self->inverse[q] = 1.0 / (1.0 - t[q]);
        self->inverse[lanes + q] = 1.0;
    }
    return 0;
}

/* How many of a tree's nodes come before its last ones with leaves only, where the leaves of those stand last too. */
static int32_t count_forks(const Node *nodes, int32_t m) {
    int32_t forks = m;
    while (forks > 0 && nodes[forks - 1].left >= m && nodes[forks - 1].right >= m) forks--;
    int32_t first = m + (m + 1) - 2 * (m - forks);
    for (int32_t i = 0; i < forks; i++) {
        const Node *n = &nodes[i];
        if ((n->left >= m && n->left >= first) || (n->right >= m && n->right >= first)) return m;
    }
    return forks;
}

/* `c`: starts, feature, threshold, rule, left, right, leaves, share, above, reach, t, w */
static int shap_fill(Shap *self, Column *c) {
    const int32_t *starts = c[0].view.buf, *feature = c[1].view.buf, *left = c[4].view.buf, *right = c[5].view.buf,
                  *above = c[8].view.buf;
    const double *cut = c[2].view.buf, *leaves = c[6].view.buf, *share = c[7].view.buf, *reach = c[9].view.buf;
    const double *t = c[10].view.buf;
    const uint8_t *rule = c[3].view.buf;
    Py_ssize_t inner = c[1].n, trees = c[0].n - 1, slots = inner + c[6].n, rows = 2;
    for (int i = 1; i < 10; i++)
        if (i != 6 && c[i].n != inner) return bad("columns differ in length");
    if (c[6].n != inner + trees || slots > INT32_MAX / 4) return bad("a tree has one leaf more than inner nodes");
    if (c[10].n != self->lanes || c[11].n != self->lanes) return bad("quadrature of another size");
    if (check_starts(starts, c[0].n, inner) ||
        check_nodes(starts, trees, left, right, feature, rule, inner, slots, self->features))
        return -1;
    self->trees = (int32_t)trees;
    self->copies = any_zero_rule(rule, inner) ? 4 : 2;
    for (Py_ssize_t i = 0; i < trees; i++)
        if (starts[i + 1] - starts[i] > self->widest) self->widest = starts[i + 1] - starts[i];
    for (Py_ssize_t i = 0; i < inner; i++) rows += above[i] >= 0;
    self->starts = aligned(sizeof(int32_t) * (size_t)c[0].n);
    self->forks = aligned(sizeof(int32_t) * (size_t)trees);
    self->nodes = aligned(sizeof(Node) * (size_t)inner);
    self->leaves = aligned(sizeof(double) * (size_t)c[6].n);
    self->inverse = aligned(sizeof(double) * (size_t)self->lanes * (size_t)rows);
    self->scratch = aligned(sizeof(double) * scratch_numbers(self));
    if (!self->starts || !self->forks || !self->nodes || !self->leaves || !self->inverse || !self->scratch)
        return PyErr_NoMemory(), -1;
    if (shap_quadrature(self, c[10].view.buf, c[11].view.buf)) return -1;
    memcpy(self->starts, starts, sizeof(int32_t) * (size_t)c[0].n);
    memcpy(self->leaves, leaves, sizeof(double) * (size_t)c[6].n);
    int32_t row = 1;
    for (Py_ssize_t tree = 0; tree < trees; tree++) {
        int32_t first = starts[tree], m = starts[tree + 1] - first;
        Py_ssize_t first_leaf = inner + first + tree; /* one leaf more than inner nodes in every tree before */
        for (int32_t i = first; i < first + m; i++) {
            Node *n = &self->nodes[i];
            *n = (Node){.cut = cut[i], .ask = rule[i] * self->features + feature[i], .feature = feature[i],
                        .part = {share[i], reach[i] * share[i]}, .inverse = {0, 1},
                        .step = {0.0, reach[i] * (0.0 - share[i]), reach[i] * (1.0 - share[i])}};
            for (int side = 0; side < 2; side++) {
                int32_t child = side ? right[i] : left[i];
                Py_ssize_t slot = child < inner ? child - first : child - first_leaf + m;
                if (slot <= i - first || slot > 2 * m) return bad("child out of its tree");
                *(side ? &n->right : &n->left) = (int32_t)slot;
            }
            if (above[i] < 0) continue;
            if (above[i] < 2 * first || above[i] >= 2 * i) return bad("edge above out of range");
            n->above = 1 + above[i] - 2 * first;
            n->inverse[1] = ++row;
            double *to = self->inverse + (size_t)row * (size_t)self->lanes;
            for (int q = 0; q < self->lanes; q++) to[q] = 1.0 / (reach[i] * self->u[q] + t[q]);
        }
        self->forks[tree] = count_forks(self->nodes + first, m);
    }
    return 0;
}

/* Shap(features, lanes, starts, feature, threshold, rule, left, right, leaves, share, above, reach, t, w) */
static PyObject *Shap_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    int features;
    Column c[12];
    if (begin(args, 14, &features)) return NULL;
    long lanes = PyLong_AsLong(PyTuple_GET_ITEM(args, 1));
    if (lanes == -1 && PyErr_Occurred()) return NULL;
    if (lanes != 4 && (lanes < 8 || lanes % 8 || lanes > 100000000)) return bad("lanes: 4 or a multiple of 8"), NULL;
    if (open_columns(&PyTuple_GET_ITEM(args, 2), "iidBiiddiddd", c, 12)) return NULL;
    Shap *self = (Shap *)type->tp_alloc(type, 0);
    if (self) {
        self->features = features;
        self->lanes = (int)lanes;
        if (shap_fill(self, c)) Py_CLEAR(self);
    }
    release(c, 12);
    return (PyObject *)self;
}

static PyObject *Shap_add(Shap *self, PyObject *const *args, Py_ssize_t nargs) {
    Column x, out;
    int k = self->features;
    if (open_rows(args, nargs, k, k, &x, &out)) return NULL;
    Py_ssize_t rows = x.n / k;
    int failed = 0;
    if (rows < LET_GO_ROWS) {
        shap_rows(self, x.view.buf, rows, out.view.buf, self->scratch);
    } else {
        double *scratch = aligned(sizeof(double) * scratch_numbers(self));
        failed = !scratch;
        if (scratch) {
            Py_BEGIN_ALLOW_THREADS
            shap_rows(self, x.view.buf, rows, out.view.buf, scratch);
            Py_END_ALLOW_THREADS
            free(scratch);
        }
    }
    PyBuffer_Release(&x.view);
    PyBuffer_Release(&out.view);
    if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}
