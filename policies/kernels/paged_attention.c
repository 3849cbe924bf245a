// Attention of one new token per row over a paged context; see decode.h for the layout.

#include "decode.h"

// Rotate one head in place: pairs (d, d + half) by the angles of one position. `norm` (or NULL) first scales it to rms 1.
static void prepare_head(float *x, const float *norm, float eps, const float *cosine, const float *sine, int64_t dim) {
    const int64_t half = dim / 2;
    if (norm) {
        float total = 0.0f;
        for (int64_t d = 0; d < dim; d++) total += x[d] * x[d];
        const float inverse = 1.0f / sqrtf(total / (float)dim + eps);
        for (int64_t d = 0; d < dim; d++) x[d] = x[d] * inverse * norm[d];
    }
    for (int64_t d = 0; d < half; d++) {
        const float a = x[d], b = x[d + half];
        x[d] = a * cosine[d] - b * sine[d];
        x[d + half] = b * cosine[d] + a * sine[d];
    }
}

// scores[0..PAGE) = scale * q . k for the positions of one page.
INLINE void page_scores(const float *q, const float *keys, float scale, int64_t dim, float *scores) {
    v8 a0 = splat8(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    for (int64_t d = 0; d < dim; d += 4, keys += 4 * PAGE) {
        a0 += q[d] * load8(keys), a1 += q[d] * load8(keys + 8);
        b0 += q[d + 1] * load8(keys + 16), b1 += q[d + 1] * load8(keys + 24);
        c0 += q[d + 2] * load8(keys + 32), c1 += q[d + 2] * load8(keys + 40);
        d0 += q[d + 3] * load8(keys + 48), d1 += q[d + 3] * load8(keys + 56);
    }
    store8(scores, ((a0 + b0) + (c0 + d0)) * scale);
    store8(scores + 8, ((a1 + b1) + (c1 + d1)) * scale);
}

// out[0..8) += sum over `count` positions of weight * value; `values` steps by `dim` from one position to the next.
INLINE v8 page_values(const float *weights, const float *values, int64_t count, int64_t dim, v8 out) {
    v8 b = splat8(0), c = b, d = b;
    int64_t j = 0;
    for (; j + 4 <= count; j += 4, values += 4 * dim) {
        out += weights[j] * load8(values);
        b += weights[j + 1] * load8(values + dim);
        c += weights[j + 2] * load8(values + 2 * dim);
        d += weights[j + 3] * load8(values + 3 * dim);
    }
    for (; j < count; j++, values += dim) out += weights[j] * load8(values);
    return (out + b) + (c + d);
}

// Positions in use on the row's page number `page`.
INLINE int64_t page_count(int64_t page, int64_t prompt_pages, int64_t prompt, int64_t own) {
    const int64_t left = page < prompt_pages ? prompt - page * PAGE : own - (page - prompt_pages) * PAGE;
    return left < PAGE ? left : PAGE;
}

// One query head of one row over all its pages.
static void attend_head(const Attention *a, const float *q, const float *pool, int64_t page_floats, int64_t offset,
                        const int32_t *table, int64_t prompt, int64_t own, float *scores, float *out) {
    const int64_t prompt_pages = (prompt + PAGE - 1) / PAGE, own_pages = (own + PAGE - 1) / PAGE;
    const int64_t pages = prompt_pages + own_pages;
    v8 largest = splat8(-INFINITY);
    for (int64_t p = 0; p < pages; p++) {
        const int64_t count = page_count(p, prompt_pages, prompt, own);
        float *s = scores + p * PAGE;
        page_scores(q, pool + table[p] * page_floats + offset, a->scale, a->dim, s);
        for (int64_t j = count; j < PAGE; j++) s[j] = -INFINITY; // beyond the filled part a page holds anything
        for (int64_t j = 0; j < PAGE; j += 8) {
            largest = max8(load8(s + j), largest);
        }
    }
    const float top = top8(largest);
    v8 sums = splat8(0.0f);
    for (int64_t j = 0; j < pages * PAGE; j += 8) {
        const v8 e = exp8(load8(scores + j) - top);
        store8(scores + j, e);
        sums += e;
    }
    const float inverse = 1.0f / sum8(sums);
    for (int64_t d = 0; d < a->dim; d += 8) {
        v8 total = splat8(0.0f);
        for (int64_t p = 0; p < pages; p++) {
            const float *values = pool + table[p] * page_floats + offset + a->dim * PAGE + d;
            const int64_t count = page_count(p, prompt_pages, prompt, own);
            total = page_values(scores + p * PAGE, values, count, a->dim, total);
        }
        store8(out + d, total * inverse);
    }
}

// See decode.h.
void attend(const Attention *a, const Layer *layer, float *qkv, const int32_t *tables, const int64_t *prompts,
            const int64_t *owns, int64_t rows, float *scores, float *out) {
    const int64_t dim = a->dim, repeat = a->heads / a->kv_heads, head_floats = 2 * dim * PAGE;
    const int64_t page_floats = a->kv_heads * head_floats;
    float *pool = layer->pool;
    for (int64_t i = 0; i < rows; i++) {
        float *q = qkv + i * (a->heads + 2 * a->kv_heads) * dim, *k = q + a->heads * dim, *v = k + a->kv_heads * dim;
        const int32_t *table = tables + i * a->table_width;
        const int64_t column = (owns[i] - 1) % PAGE, position = prompts[i] + owns[i] - 1;
        const int64_t newest = (prompts[i] + PAGE - 1) / PAGE + (owns[i] - 1) / PAGE;
        const float *cosine = a->cosine + position * (dim / 2), *sine = a->sine + position * (dim / 2);
        for (int64_t h = 0; h < a->heads; h++)
            prepare_head(q + h * dim, layer->query_norm, a->norm_eps, cosine, sine, dim);
        for (int64_t g = 0; g < a->kv_heads; g++) {
            float *page = pool + table[newest] * page_floats + g * head_floats;
            prepare_head(k + g * dim, layer->key_norm, a->norm_eps, cosine, sine, dim);
            for (int64_t d = 0; d < dim; d++) page[d * PAGE + column] = k[g * dim + d];
            memcpy(page + dim * PAGE + column * dim, v + g * dim, dim * sizeof(float));
            for (int64_t r = 0; r < repeat; r++) {
                const int64_t h = g * repeat + r;
                attend_head(a, q + h * dim, pool, page_floats, g * head_floats, table, prompts[i], owns[i], scores,
                            out + (i * a->heads + h) * dim);
            }
        }
    }
}

