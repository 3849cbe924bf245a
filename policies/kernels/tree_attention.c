// Causal attention over a prefix tree, forward and backward: every node attends to the nodes on its path to the root.
//
// Rows come in prefix order: row i shares its first `shared[i]` nodes with row i - 1 and owns the others. So a row's keys
// and values stay where the row before left them, only its own are fetched, and the gradient of a node is complete, and
// is written once, when the first row that does not pass through it begins. Nothing is added up across threads.

#include "simd.h"

#include <stdlib.h>

#define QUERIES 4 // computed together, so that a key that was loaded serves them all

typedef struct {
    int64_t heads, kv_heads, dim, rows, width; // width: nodes of the longest row
    const int64_t *paths;                      // [rows, width] node of every position; anything beyond the length
    const int64_t *lengths, *shared;           // [rows]
    float scale;
} Tree;

// [heads, nodes, dim] with strides in floats; dim is contiguous.
typedef struct {
    float *data;
    int64_t head, node;
} View;

INLINE int64_t round_up(int64_t x) { return (x + W - 1) / W * W; }

INLINE float *at(View v, int64_t head, int64_t node) { return v.data + head * v.head + node * v.node; }

// to[0..QUERIES)[0..padded) = the vectors of the row's positions first.. of one head; zeros beyond `count` and `dim`.
static void fetch(View v, int64_t head, const int64_t *path, int64_t count, int64_t dim, int64_t padded, float *to) {
    memset(to, 0, QUERIES * padded * sizeof *to);
    for (int64_t i = 0; i < count; i++) memcpy(to + i * padded, at(v, head, path[i]), dim * sizeof *to);
}

// scores[i][j] = a[i] . keys[j] for j in [0, length); keys are transposed, [dim][stride].
static void dot(const float *a, int64_t padded, const float *keys, int64_t stride, int64_t dim, int64_t length,
                float *scores) {
    int64_t j = 0;
    for (; j + 2 * W <= round_up(length); j += 2 * W) {
        vw s[QUERIES][2];
#pragma GCC unroll 4
        for (int i = 0; i < QUERIES; i++) s[i][0] = s[i][1] = splatw(0.0f);
        for (int64_t d = 0; d < dim; d++) {
            const vw left = loadw(keys + d * stride + j), right = loadw(keys + d * stride + j + W);
#pragma GCC unroll 4
            for (int i = 0; i < QUERIES; i++) {
                s[i][0] += a[i * padded + d] * left;
                s[i][1] += a[i * padded + d] * right;
            }
        }
#pragma GCC unroll 4
        for (int i = 0; i < QUERIES; i++) {
            storew(scores + i * stride + j, s[i][0]);
            storew(scores + i * stride + j + W, s[i][1]);
        }
    }
    for (; j < length; j += W) {
        vw s[QUERIES];
#pragma GCC unroll 4
        for (int i = 0; i < QUERIES; i++) s[i] = splatw(0.0f);
        for (int64_t d = 0; d < dim; d++) {
            const vw key = loadw(keys + d * stride + j);
#pragma GCC unroll 4
            for (int i = 0; i < QUERIES; i++) s[i] += a[i * padded + d] * key;
        }
#pragma GCC unroll 4
        for (int i = 0; i < QUERIES; i++) storew(scores + i * stride + j, s[i]);
    }
}

// out[i] = sum over j in [0, length) of weights[i][j] * values[j]; values are [length][padded].
static void mix(const float *weights, int64_t stride, const float *values, int64_t padded, int64_t length, float *out) {
    for (int64_t d = 0; d < padded; d += W) {
        vw s[QUERIES];
#pragma GCC unroll 4
        for (int i = 0; i < QUERIES; i++) s[i] = splatw(0.0f);
        for (int64_t j = 0; j < length; j++) {
            const vw value = loadw(values + j * padded + d);
#pragma GCC unroll 4
            for (int i = 0; i < QUERIES; i++) s[i] += weights[i * stride + j] * value;
        }
#pragma GCC unroll 4
        for (int i = 0; i < QUERIES; i++) storew(out + i * padded + d, s[i]);
    }
}

// into[j] += sum over i of weights[i][j] * a[i], for j in [0, length).
static void spread(const float *weights, int64_t stride, const float *a, int64_t padded, int64_t length, float *into) {
    for (int64_t d = 0; d < padded; d += W) {
        vw v[QUERIES];
#pragma GCC unroll 4
        for (int i = 0; i < QUERIES; i++) v[i] = loadw(a + i * padded + d);
        for (int64_t j = 0; j < length; j++) {
            vw sum = loadw(into + j * padded + d);
#pragma GCC unroll 4
            for (int i = 0; i < QUERIES; i++) sum += weights[i * stride + j] * v[i];
            storew(into + j * padded + d, sum);
        }
    }
}

// weights[0..stride) = exp(scale * weights - shift) up to position `last`, 0 beyond; returns their sum.
static float exponentials(float *weights, int64_t stride, int64_t last, float scale, float shift) {
    v8 sums = splat8(0.0f);
    for (int64_t j = last + 1; j < stride; j++) weights[j] = -INFINITY;
    for (int64_t j = 0; j < stride; j += 8) {
        const v8 e = exp8(load8(weights + j) * scale - shift);
        store8(weights + j, e);
        sums += e;
    }
    return sum8(sums);
}

// Keys transposed [dim][stride] and values [width][padded] of the positions `from` to `to` of a path.
static void place_transposed(View v, int64_t head, const int64_t *path, int64_t from, int64_t to, int64_t dim,
                             int64_t stride, float *out) {
    for (int64_t t = from; t < to; t++) {
        const float *x = at(v, head, path[t]);
        for (int64_t d = 0; d < dim; d++) out[d * stride + t] = x[d];
    }
}

static void place(View v, int64_t head, const int64_t *path, int64_t from, int64_t to, int64_t dim, int64_t padded,
                  float *out) {
    for (int64_t t = from; t < to; t++) memcpy(out + t * padded, at(v, head, path[t]), dim * sizeof *out);
}

static float *allocate(int64_t floats) {
    float *p = aligned_alloc(64, (size_t)((floats * 4 + 63) / 64 * 64));
    if (p) memset(p, 0, (size_t)floats * 4);
    return p;
}

// out [heads, nodes, dim] and logsums [heads, nodes] (log of the sum of exponentials) for key/value heads first..last.
// Returns 0, or 1 when memory ran out.
EXPORT int tree_forward(const Tree *t, const View *query, const View *key, const View *value, View *out,
                        float *logsums, int64_t num_nodes, int64_t first, int64_t last) {
    const int64_t dim = t->dim, padded = round_up(dim), stride = round_up(t->width), repeat = t->heads / t->kv_heads;
    float *const memory = allocate(dim * stride + t->width * padded + QUERIES * (2 * padded + stride));
    if (!memory) return 1;
    float *keys = memory, *values = keys + dim * stride, *q = values + t->width * padded;
    float *mixed = q + QUERIES * padded, *scores = mixed + QUERIES * padded;
    for (int64_t g = first; g < last; g++)
        for (int64_t row = 0; row < t->rows; row++) {
            const int64_t *path = t->paths + row * t->width;
            const int64_t length = t->lengths[row], from = t->shared[row];
            place_transposed(*key, g, path, from, length, dim, stride, keys);
            place(*value, g, path, from, length, dim, padded, values);
            for (int64_t h = g * repeat; h < (g + 1) * repeat; h++)
                for (int64_t p = from; p < length; p += QUERIES) {
                    const int64_t count = length - p < QUERIES ? length - p : QUERIES, seen = p + count;
                    fetch(*query, h, path + p, count, dim, padded, q);
                    dot(q, padded, keys, stride, dim, seen, scores);
                    float inverse[QUERIES] = {0};
                    for (int64_t i = 0; i < count; i++) {
                        float *s = scores + i * stride;
                        const float top = largest_of(s, p + i + 1) * t->scale;
                        const float sum = exponentials(s, round_up(seen), p + i, t->scale, top);
                        logsums[h * num_nodes + path[p + i]] = top + logf(sum);
                        inverse[i] = 1.0f / sum;
                    }
                    mix(scores, stride, values, padded, seen, mixed);
                    for (int64_t i = 0; i < count; i++) {
                        float *to = at(*out, h, path[p + i]);
                        for (int64_t d = 0; d < dim; d++) to[d] = mixed[i * padded + d] * inverse[i];
                    }
                }
        }
    free(memory);
    return 0;
}

// Writes the gradients of positions `from` to `to` of a path, and empties their place.
static void flush(View v, int64_t head, const int64_t *path, int64_t from, int64_t to, int64_t dim, int64_t padded,
                  float *gradients) {
    for (int64_t t = from; t < to; t++) memcpy(at(v, head, path[t]), gradients + t * padded, dim * sizeof(float));
    if (to > from) memset(gradients + from * padded, 0, (to - from) * padded * sizeof(float));
}

// Gradients of queries, keys and values from those of `out`; every node's is written once, so they need no zeros before.
EXPORT int tree_backward(const Tree *t, const View *query, const View *key, const View *value, const View *out,
                         const View *out_gradient, const float *logsums, View *query_gradient, View *key_gradient,
                         View *value_gradient, int64_t num_nodes, int64_t first, int64_t last) {
    const int64_t dim = t->dim, padded = round_up(dim), stride = round_up(t->width), repeat = t->heads / t->kv_heads;
    const int64_t flat = t->width * padded;
    float *const memory = allocate(2 * dim * stride + 3 * flat + QUERIES * (3 * padded + 2 * stride));
    if (!memory) return 1;
    float *keys = memory, *values = keys + dim * stride, *plain_keys = values + dim * stride;
    float *key_sums = plain_keys + flat, *value_sums = key_sums + flat, *q = value_sums + flat;
    float *upstream = q + QUERIES * padded, *mixed = upstream + QUERIES * padded;
    float *weights = mixed + QUERIES * padded, *slopes = weights + QUERIES * stride;
    for (int64_t g = first; g < last; g++) {
        const int64_t *before = t->paths;
        int64_t kept = 0;
        for (int64_t row = 0; row < t->rows; row++) {
            const int64_t *path = t->paths + row * t->width;
            const int64_t length = t->lengths[row], from = t->shared[row];
            flush(*key_gradient, g, before, from, kept, dim, padded, key_sums);
            flush(*value_gradient, g, before, from, kept, dim, padded, value_sums);
            before = path, kept = length;
            place_transposed(*key, g, path, from, length, dim, stride, keys);
            place_transposed(*value, g, path, from, length, dim, stride, values);
            place(*key, g, path, from, length, dim, padded, plain_keys);
            for (int64_t h = g * repeat; h < (g + 1) * repeat; h++)
                for (int64_t p = from; p < length; p += QUERIES) {
                    const int64_t count = length - p < QUERIES ? length - p : QUERIES, seen = p + count;
                    fetch(*query, h, path + p, count, dim, padded, q);
                    fetch(*out_gradient, h, path + p, count, dim, padded, upstream);
                    dot(q, padded, keys, stride, dim, seen, weights);
                    dot(upstream, padded, values, stride, dim, seen, slopes);
                    for (int64_t i = 0; i < QUERIES; i++) {
                        float *w = weights + i * stride, *s = slopes + i * stride;
                        if (i >= count) { // no such query
                            memset(w, 0, round_up(seen) * sizeof *w), memset(s, 0, round_up(seen) * sizeof *s);
                            continue;
                        }
                        const int64_t node = path[p + i];
                        const float *o = at(*out, h, node);
                        float through = 0.0f;
                        for (int64_t d = 0; d < dim; d++) through += o[d] * upstream[i * padded + d];
                        exponentials(w, round_up(seen), p + i, t->scale, logsums[h * num_nodes + node]);
                        for (int64_t j = 0; j < round_up(seen); j += 8)
                            store8(s + j, load8(w + j) * (load8(s + j) - through) * t->scale);
                    }
                    spread(weights, stride, upstream, padded, seen, value_sums);
                    spread(slopes, stride, q, padded, seen, key_sums);
                    mix(slopes, stride, plain_keys, padded, seen, mixed);
                    for (int64_t i = 0; i < count; i++)
                        memcpy(at(*query_gradient, h, path[p + i]), mixed + i * padded, dim * sizeof(float));
                }
        }
        flush(*key_gradient, g, before, 0, kept, dim, padded, key_sums);
        flush(*value_gradient, g, before, 0, kept, dim, padded, value_sums);
    }
    free(memory);
    return 0;
}
