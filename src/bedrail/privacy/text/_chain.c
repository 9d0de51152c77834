/* Posterior probabilities of a linear-chain model by the forward-backward algorithm, each step scaled to sum to one.
 * The same answers as `marginals` of chain.py, to rounding.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdlib.h>

#define MOST 64

/* scores (n, k) and links (k, k) are logarithms, links[from][to]; out (n, k) gets probabilities. */
static void posteriors(const float *scores, const float *links, Py_ssize_t n, Py_ssize_t k, double *weights, float *out)
{
    double step[MOST * MOST], back[MOST], next[MOST];
    for (Py_ssize_t j = 0; j < k * k; j++)
        step[j] = exp((double)links[j]);
    for (Py_ssize_t t = 0; t < n; t++) {
        const float *s = scores + t * k;
        double *w = weights + t * k, top = s[0];
        for (Py_ssize_t j = 1; j < k; j++)
            top = s[j] > top ? s[j] : top;
        for (Py_ssize_t j = 0; j < k; j++)
            w[j] = exp((double)s[j] - top);
    }
    for (Py_ssize_t t = 0; t < n; t++) {
        double sum = 0.0, here[MOST];
        for (Py_ssize_t j = 0; j < k; j++) {
            double in = 1.0;
            if (t) {
                in = 0.0;
                for (Py_ssize_t i = 0; i < k; i++)
                    in += (double)out[(t - 1) * k + i] * step[i * k + j];
            }
            here[j] = in * weights[t * k + j];
            sum += here[j];
        }
        for (Py_ssize_t j = 0; j < k; j++)
            out[t * k + j] = (float)(here[j] / sum);
    }
    for (Py_ssize_t j = 0; j < k; j++)
        back[j] = 1.0;
    for (Py_ssize_t t = n - 1; t >= 0; t--) {
        double sum = 0.0, most = 0.0;
        for (Py_ssize_t j = 0; j < k; j++)
            sum += (double)out[t * k + j] * back[j];
        for (Py_ssize_t i = 0; i < k; i++) {
            next[i] = 0.0;
            for (Py_ssize_t j = 0; j < k; j++)
                next[i] += step[i * k + j] * weights[t * k + j] * back[j];
            most = next[i] > most ? next[i] : most;
        }
        for (Py_ssize_t j = 0; j < k; j++) {
            out[t * k + j] = (float)((double)out[t * k + j] * back[j] / sum);
        }
        for (Py_ssize_t i = 0; i < k; i++)
            back[i] = next[i] / most;
    }
}

PyDoc_STRVAR(marginals_doc, "marginals(scores, links, n, k, out)\nPosteriors of float32 scores (n, k) and links (k, k), into float32 out.");

static PyObject *marginals(PyObject *self, PyObject *args)
{
    Py_buffer scores, links, out;
    Py_ssize_t n, k;
    double *weights = NULL;
    int ok;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*nnw*", &scores, &links, &n, &k, &out))
        return NULL;
    ok = n >= 0 && k > 0 && k <= MOST && n <= PY_SSIZE_T_MAX / (MOST * 8) && scores.len == n * k * 4 && links.len == k * k * 4
         && out.len == n * k * 4;
    if (ok)
        weights = malloc((size_t)(n * k + 1) * sizeof(double));
    if (weights) {
        Py_BEGIN_ALLOW_THREADS
        posteriors(scores.buf, links.buf, n, k, weights, out.buf);
        Py_END_ALLOW_THREADS
    }
    free(weights);
    PyBuffer_Release(&scores);
    PyBuffer_Release(&links);
    PyBuffer_Release(&out);
    if (!ok) {
        PyErr_SetString(PyExc_ValueError, "buffers do not have the stated sizes");
        return NULL;
    }
    if (!weights)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"marginals", marginals, METH_VARARGS, marginals_doc}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_chain", "Compiled forward-backward for bedrail.privacy.text.chain.",
                                    -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__chain(void)
{
    return PyModule_Create(&module);
}
