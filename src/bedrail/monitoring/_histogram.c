/* One pass over a row-major matrix: every value to its bin, every bin counted. Same answers as histogram.py, bit for bit.
 *
 * A value x of feature j falls in bin  middle_j +- (bits(|x - centre_j| + bend_j) - bits(bend_j)) * scale_j,  where bits()
 * reads a float32 as an integer: a piecewise linear logarithm, so that one formula serves even and geometric bins to one or
 * both sides. NaN has a bin of its own at the end. Indices are computed for a block of rows first, without branches, so
 * that compilers vectorise it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 256  /* rows; a multiple of TILE */
#define TILE 16

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif

#if defined(__GNUC__)
#define SOON(address) __builtin_prefetch((address), 0, 2)
#else
#define SOON(address) ((void)(address))
#endif

typedef struct {
    Py_ssize_t features;
    int32_t last;           /* index of the last value bin; last + 1 holds the missing ones */
    const double *centre;
    const float *centre32;
    const float *bend;
    const int32_t *base;    /* bits of bend */
    const float *scale;
    const float *middle;
} Grid;

static inline uint16_t place(float t, float bend, int32_t base, float scale, float middle, float top, int32_t missing)
{
    union { float f; int32_t i; } u;
    float step, v;
    int32_t b;
    u.f = fabsf(t) + bend;
    step = (float)(u.i - base) * scale;
    v = middle + copysignf(step, t);
    v = v > 0.0f ? v : 0.0f;
    v = v < top ? v : top;
    b = (int32_t)v;
    return (uint16_t)(t != t ? missing : b);
}

/* The grid is laid out for TILE rows at a time: then the lanes of a vector need not end where a row does. */
WIDE static void places32(const float *restrict x, Py_ssize_t rows, const Grid *g, uint16_t *restrict out)
{
    const Py_ssize_t tile = g->features * TILE, values = rows * g->features;
    const float top = (float)g->last;
    const int32_t missing = g->last + 1;
    const float *restrict centre = g->centre32;
    const float *restrict bend = g->bend, *restrict scale = g->scale, *restrict middle = g->middle;
    const int32_t *restrict base = g->base;
    for (Py_ssize_t start = 0; start < values; start += tile) {
        const Py_ssize_t n = values - start < tile ? values - start : tile;
        for (Py_ssize_t i = 0; i < n; i++)
            out[start + i] = place(x[start + i] - centre[i], bend[i], base[i], scale[i], middle[i], top, missing);
    }
}

WIDE static void places64(const double *restrict x, Py_ssize_t rows, const Grid *g, uint16_t *restrict out)
{
    const Py_ssize_t tile = g->features * TILE, values = rows * g->features;
    const float top = (float)g->last;
    const int32_t missing = g->last + 1;
    const double *restrict centre = g->centre;
    const float *restrict bend = g->bend, *restrict scale = g->scale, *restrict middle = g->middle;
    const int32_t *restrict base = g->base;
    for (Py_ssize_t start = 0; start < values; start += tile) {
        const Py_ssize_t n = values - start < tile ? values - start : tile;
        for (Py_ssize_t i = 0; i < n; i++)
            out[start + i] = place((float)(x[start + i] - centre[i]), bend[i], base[i], scale[i], middle[i], top, missing);
    }
}

/* Eight features at a time: their 16-bit tables fit the first-level cache, and no increment waits for the one before.
 * Meanwhile the values of the `next` block are fetched from memory, `step` bytes (those of eight features) at a time.
 */
static void tally(const uint16_t *places, Py_ssize_t rows, Py_ssize_t k, Py_ssize_t width, uint16_t *counts,
                  const char *next, Py_ssize_t step)
{
    Py_ssize_t j = 0;
    for (; j + 8 <= k; j += 8) {
        uint16_t *a = counts + j * width, *b = a + width, *c = b + width, *d = c + width;
        uint16_t *e = d + width, *f = e + width, *g = f + width, *h = g + width;
        const uint16_t *p = places + j;
        for (Py_ssize_t r = 0; r < rows; r++, p += k, next += step) {
            SOON(next);
            a[p[0]]++;
            b[p[1]]++;
            c[p[2]]++;
            d[p[3]]++;
            e[p[4]]++;
            f[p[5]]++;
            g[p[6]]++;
            h[p[7]]++;
        }
    }
    for (; j < k; j++) {
        uint16_t *a = counts + j * width;
        const uint16_t *p = places + j;
        for (Py_ssize_t r = 0; r < rows; r++, p += k)
            a[*p]++;
    }
}

/* `row` TILE times one after the other; returns where the next one goes. */
static char *laid(char *to, const void *row, size_t bytes)
{
    for (int i = 0; i < TILE; i++, to += bytes)
        memcpy(to, row, bytes);
    return to;
}

/* The grid TILE times over, in memory that is for the caller to free; NULL when there is none. */
static char *tiled(const Grid *g, Grid *out)
{
    const size_t k = (size_t)g->features;
    char *whole = malloc(k * TILE * (sizeof(double) + 5 * sizeof(float))), *at = whole;
    if (!whole)
        return NULL;
    *out = *g;
    out->centre = (const double *)at;
    at = laid(at, g->centre, k * sizeof(double));
    out->centre32 = (const float *)at;
    at = laid(at, g->centre32, k * sizeof(float));
    out->bend = (const float *)at;
    at = laid(at, g->bend, k * sizeof(float));
    out->base = (const int32_t *)at;
    at = laid(at, g->base, k * sizeof(int32_t));
    out->scale = (const float *)at;
    at = laid(at, g->scale, k * sizeof(float));
    out->middle = (const float *)at;
    laid(at, g->middle, k * sizeof(float));
    return whole;
}

static int run(const void *x, Py_ssize_t rows, int wide, const Grid *g, int64_t *out)
{
    const Py_ssize_t k = g->features, width = (Py_ssize_t)g->last + 2, item = wide ? sizeof(double) : sizeof(float);
    Grid tiles;
    char *whole = tiled(g, &tiles);
    uint16_t *counts = calloc((size_t)(k * width), sizeof(uint16_t));
    uint16_t *places = malloc((size_t)(BLOCK * k) * sizeof(uint16_t));
    Py_ssize_t since = 0;
    if (!whole || !counts || !places) {
        free(whole);
        free(counts);
        free(places);
        return -1;
    }
    for (Py_ssize_t r = 0; r < rows; r += BLOCK) {
        Py_ssize_t n = rows - r < BLOCK ? rows - r : BLOCK;
        Py_ssize_t next = rows - r > 2 * BLOCK ? r + BLOCK : r;  /* of the last whole block nothing beyond it is fetched */
        if (wide)
            places64((const double *)x + r * k, n, &tiles, places);
        else
            places32((const float *)x + r * k, n, &tiles, places);
        tally(places, n, k, width, counts, (const char *)x + next * k * item, 8 * item);
        since += n;
        if (since > 65535 - BLOCK || r + n >= rows) {  /* 16-bit counters are emptied before they could wrap */
            for (Py_ssize_t i = 0; i < k * width; i++)
                out[i] += counts[i];
            memset(counts, 0, (size_t)(k * width) * sizeof(uint16_t));
            since = 0;
        }
    }
    free(whole);
    free(counts);
    free(places);
    return 0;
}

static int fits(const Py_buffer *b, Py_ssize_t items, Py_ssize_t size)
{
    return b->len == items * size;
}

PyDoc_STRVAR(count_doc, "count(x, rows, features, wide, bins, centre, centre32, bend, base, scale, middle, out)\n"
                        "Add the counts of `x` (float64 when wide, else float32) to the int64 `out` (features, bins + 1).");

static PyObject *count(PyObject *self, PyObject *args)
{
    Py_buffer b[8];
    Py_ssize_t rows, k;
    int wide, bins, failed, ok;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*nnpiy*y*y*y*y*y*w*", &b[0], &rows, &k, &wide, &bins, &b[1], &b[2], &b[3], &b[4], &b[5],
                          &b[6], &b[7]))
        return NULL;
    ok = rows >= 0 && k > 0 && bins > 2 && bins < 65535 && fits(&b[0], rows * k, wide ? 8 : 4) && fits(&b[1], k, 8)
         && fits(&b[2], k, 4) && fits(&b[3], k, 4) && fits(&b[4], k, 4) && fits(&b[5], k, 4) && fits(&b[6], k, 4)
         && fits(&b[7], k * ((Py_ssize_t)bins + 1), 8);
    failed = 0;
    if (ok) {
        Grid g = {k, bins - 1, b[1].buf, b[2].buf, b[3].buf, b[4].buf, b[5].buf, b[6].buf};
        Py_BEGIN_ALLOW_THREADS
        failed = run(b[0].buf, rows, wide, &g, b[7].buf);
        Py_END_ALLOW_THREADS
    }
    for (int i = 0; i < 8; i++)
        PyBuffer_Release(&b[i]);
    if (!ok) {
        PyErr_SetString(PyExc_ValueError, "buffers do not have the stated sizes");
        return NULL;
    }
    if (failed)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"count", count, METH_VARARGS, count_doc}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_histogram", "Compiled counting for bedrail.monitoring.histogram.",
                                    -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__histogram(void)
{
    return PyModule_Create(&module);
}
