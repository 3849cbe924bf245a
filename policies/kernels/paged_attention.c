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

// scores[h][0..PAGE) = scale * q[h] . k for the positions of one page; rows of q are `dim` apart, of scores `stride`.
INLINE void page_scores(const int heads, const float *q, const float *keys, float scale, int64_t dim, float *scores,
                        int64_t stride) {
    vw sums[TOGETHER][PAGE / W][4];
#pragma GCC unroll 4
    for (int h = 0; h < heads; h++)
#pragma GCC unroll 2
        for (int part = 0; part < PAGE / W; part++)
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) sums[h][part][i] = splatw(0.0f);
    for (int64_t d = 0; d < dim; d += 4)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++, keys += PAGE)
#pragma GCC unroll 2
            for (int part = 0; part < PAGE / W; part++) {
                const vw key = loadw(keys + part * W);
#pragma GCC unroll 4
                for (int h = 0; h < heads; h++) sums[h][part][i] += q[h * dim + d + i] * key;
            }
#pragma GCC unroll 4
    for (int h = 0; h < heads; h++)
#pragma GCC unroll 2
        for (int part = 0; part < PAGE / W; part++) {
            const vw *s = sums[h][part];
            storew(scores + h * stride + part * W, ((s[0] + s[1]) + (s[2] + s[3])) * scale);
        }
}

// out[h] += sum over `count` positions of weight[h] * value, for one vector of dimensions; `values` steps by `dim` from
// one position to the next.
#define PAGE_VALUES(NAME, VECTOR, LOAD)                                                                                \
    INLINE void NAME(const int heads, const float *weights, int64_t stride, const float *values, int64_t count,        \
                     int64_t dim, VECTOR *out) {                                                                       \
        VECTOR sums[TOGETHER][3] = {0};                                                                                \
        int64_t j = 0;                                                                                                 \
        for (; j + 4 <= count; j += 4, values += 4 * dim) {                                                            \
            const VECTOR a = LOAD(values), b = LOAD(values + dim);                                                     \
            const VECTOR c = LOAD(values + 2 * dim), d = LOAD(values + 3 * dim);                                       \
            _Pragma("GCC unroll 4") for (int h = 0; h < heads; h++) {                                                  \
                const float *w = weights + h * stride + j;                                                             \
                out[h] += w[0] * a;                                                                                    \
                sums[h][0] += w[1] * b;                                                                                \
                sums[h][1] += w[2] * c;                                                                                \
                sums[h][2] += w[3] * d;                                                                                \
            }                                                                                                          \
        }                                                                                                              \
        for (; j < count; j++, values += dim) {                                                                        \
            const VECTOR a = LOAD(values);                                                                             \
            _Pragma("GCC unroll 4") for (int h = 0; h < heads; h++) out[h] += weights[h * stride + j] * a;             \
        }                                                                                                              \
        _Pragma("GCC unroll 4") for (int h = 0; h < heads; h++) out[h] =                                               \
            (out[h] + sums[h][0]) + (sums[h][1] + sums[h][2]);                                                         \
    }

PAGE_VALUES(page_values8, v8, load8)
PAGE_VALUES(page_valuesw, vw, loadw)

// Positions in use on the row's page number `page`.
INLINE int64_t page_count(int64_t page, int64_t prompt_pages, int64_t prompt, int64_t own) {
    const int64_t left = page < prompt_pages ? prompt - page * PAGE : own - (page - prompt_pages) * PAGE;
    return left < PAGE ? left : PAGE;
}

// Up to TOGETHER query heads of one row, which share a key/value head, over all the row's pages. Rows of `scores` are
// table_width * PAGE long.
INLINE void attend_heads(const int heads, const Attention *a, const float *q, const float *pool, int64_t page_floats,
                         int64_t offset, const int32_t *table, int64_t prompt, int64_t own, float *scores, float *out) {
    const int64_t prompt_pages = (prompt + PAGE - 1) / PAGE, own_pages = (own + PAGE - 1) / PAGE;
    const int64_t pages = prompt_pages + own_pages, stride = a->table_width * PAGE, dim = a->dim;
    for (int64_t p = 0; p < pages; p++) {
        const int64_t count = page_count(p, prompt_pages, prompt, own);
        float *s = scores + p * PAGE;
        page_scores(heads, q, pool + table[p] * page_floats + offset, a->scale, dim, s, stride);
        for (int h = 0; h < heads; h++) // beyond the filled part a page holds anything
            for (int64_t j = count; j < PAGE; j++) s[h * stride + j] = -INFINITY;
    }
    float inverse[TOGETHER];
    for (int h = 0; h < heads; h++) {
        float *s = scores + h * stride;
        v8 largest = splat8(-INFINITY), sums = splat8(0.0f);
        for (int64_t j = 0; j < pages * PAGE; j += 8) largest = max8(load8(s + j), largest);
        const float top = top8(largest);
        for (int64_t j = 0; j < pages * PAGE; j += 8) {
            const v8 e = exp8(load8(s + j) - top);
            store8(s + j, e);
            sums += e;
        }
        inverse[h] = 1.0f / sum8(sums);
    }
#define OVER_PAGES(VECTOR, PAGE_SUMS, STORE)                                                                           \
    do {                                                                                                               \
        VECTOR total[TOGETHER] = {0};                                                                                  \
        for (int64_t p = 0; p < pages; p++) {                                                                          \
            const float *values = pool + table[p] * page_floats + offset + dim * PAGE + d;                             \
            PAGE_SUMS(heads, scores + p * PAGE, stride, values, page_count(p, prompt_pages, prompt, own), dim, total); \
        }                                                                                                              \
        for (int h = 0; h < heads; h++) STORE(out + h * dim + d, total[h] * inverse[h]);                               \
    } while (0)
    int64_t d = 0;
    for (; d + W <= dim; d += W) OVER_PAGES(vw, page_valuesw, storew);
    for (; d < dim; d += 8) OVER_PAGES(v8, page_values8, store8);
#undef OVER_PAGES
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
            for (int64_t h = g * repeat; h < (g + 1) * repeat;) {
                const int64_t left = (g + 1) * repeat - h, count = left < TOGETHER ? left : TOGETHER;
#define CALL(n)                                                                                                        \
    attend_heads(n < TOGETHER ? n : TOGETHER, a, q + h * dim, pool, page_floats, g * head_floats, table, prompts[i],   \
                 owns[i], scores, out + (i * a->heads + h) * dim)
                switch (count) { // each count has code of its own, so that sums stay in registers
                case 1: CALL(1); break;
                case 2: CALL(2); break;
                case 3: CALL(3); break;
                default: CALL(TOGETHER);
                }
#undef CALL
                h += count;
            }
        }
    }
}

