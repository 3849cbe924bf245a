// Decode-step kernels for one CPU thread: what a small transformer does between its matrix products.
//
// Keys and values live in pages of PAGE positions. A page of one layer holds, for each key/value head, the keys
// transposed, [head_dim][PAGE], so that scores are computed for eight positions at once without a horizontal sum, then
// the values, [PAGE][head_dim], so that outputs are computed for eight dimensions at once. head_dim is a multiple of 8.
// A row's context is a list of page numbers: first its prompt's pages, which the rows of a group share, then its own.

#include <math.h>
#include <stdint.h>
#include <string.h>

#define PAGE 16

typedef float v8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));

static inline v8 load8(const float *p) {
    v8 x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void store8(float *p, v8 x) { memcpy(p, &x, sizeof x); }

static inline v8 splat8(float x) { return (v8){x, x, x, x, x, x, x, x}; }

static inline float sum8(v8 x) { return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7])); }

// exp(x) for x <= 88, relative error below 2e-7; below -87 it gives 0 (Cephes' polynomial after range reduction).
static inline v8 exp8(v8 x) {
    const i8 vanishes = x < splat8(-87.0f);
    x = (v8)((i8)x & ~vanishes);
    const v8 scaled = x * 1.44269504088896341f;
    const i8 negative = scaled < splat8(0.0f);
    const v8 half = (v8)(((i8)splat8(0.5f)) | (negative & (int32_t)0x80000000));
    const i8 power = __builtin_convertvector(scaled + half, i8);
    const v8 n = __builtin_convertvector(power, v8);
    x = x - n * 0.693359375f;
    x = x + n * 2.12194440e-4f;
    v8 y = splat8(1.9875691500e-4f);
    y = y * x + 1.3981999507e-3f;
    y = y * x + 8.3334519073e-3f;
    y = y * x + 4.1665795894e-2f;
    y = y * x + 1.6666665459e-1f;
    y = y * x + 5.0000001201e-1f;
    y = y * (x * x) + x + 1.0f;
    const v8 scale = (v8)((power + 127) << 23);
    return (v8)((i8)(y * scale) & ~vanishes);
}

// out[i] = x[i] / rms(x[i]) * weight, rows of `width` floats.
void rms_norm(const float *x, const float *weight, float *out, int64_t rows, int64_t width, float eps) {
    for (int64_t i = 0; i < rows; i++, x += width, out += width) {
        v8 squares = splat8(0.0f);
        int64_t j = 0;
        for (; j + 8 <= width; j += 8) squares += load8(x + j) * load8(x + j);
        float total = sum8(squares);
        for (; j < width; j++) total += x[j] * x[j];
        const float inverse = 1.0f / sqrtf(total / (float)width + eps);
        for (j = 0; j + 8 <= width; j += 8) store8(out + j, load8(x + j) * inverse * load8(weight + j));
        for (; j < width; j++) out[j] = x[j] * inverse * weight[j];
    }
}

// out[i] = silu(gate) * up for rows of [gate | up], each `width` floats and `width` a multiple of 8.
void silu_mul(const float *gate_up, float *out, int64_t rows, int64_t width) {
    for (int64_t i = 0; i < rows; i++, gate_up += 2 * width, out += width)
        for (int64_t j = 0; j < width; j += 8) {
            v8 gate = load8(gate_up + j);
            const i8 low = gate < splat8(-87.0f);  // silu(-87) is 0 in float32; keeps exp8's argument in range
            gate = (v8)(((i8)gate & ~low) | ((i8)splat8(-87.0f) & low));
            store8(out + j, gate / (1.0f + exp8(-gate)) * load8(gate_up + width + j));
        }
}

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
static inline void page_scores(const float *q, const float *keys, float scale, int64_t dim, float *scores) {
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
static inline v8 page_values(const float *weights, const float *values, int64_t count, int64_t dim, v8 out) {
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

typedef struct {
    int64_t heads, kv_heads, dim;       // dim: head_dim, a multiple of 8
    int64_t table_width;                // pages per row of the page table
    const float *cosine, *sine;         // [positions, dim / 2]
    const float *query_norm, *key_norm; // [dim] or NULL
    float norm_eps, scale;
} Attention;

// Positions in use on the row's page number `page`.
static inline int64_t page_count(int64_t page, int64_t prompt_pages, int64_t prompt, int64_t own) {
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
            const v8 x = load8(s + j);
            const i8 larger = x > largest;
            largest = (v8)(((i8)x & larger) | ((i8)largest & ~larger));
        }
    }
    float top = largest[0];
    for (int j = 1; j < 8; j++) top = largest[j] > top ? largest[j] : top;
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

// Rotates queries and keys, writes keys and values of the new token to the row's newest own page, attends.
//   qkv [rows, (heads + 2 kv_heads) * dim], overwritten; pool: this layer's pages; tables [rows, table_width];
//   prompts, owns [rows]: tokens in prompt pages and in own pages, the new token included in `owns`.
//   Rows are taken in order and write before they attend, so the tokens of one prompt may be rows of one call.
//   scores: scratch of table_width * PAGE floats; out [rows, heads * dim].
void attend(const Attention *a, float *qkv, float *pool, const int32_t *tables, const int64_t *prompts,
            const int64_t *owns, int64_t rows, float *scores, float *out) {
    const int64_t dim = a->dim, repeat = a->heads / a->kv_heads, head_floats = 2 * dim * PAGE;
    const int64_t page_floats = a->kv_heads * head_floats;
    for (int64_t i = 0; i < rows; i++) {
        float *q = qkv + i * (a->heads + 2 * a->kv_heads) * dim, *k = q + a->heads * dim, *v = k + a->kv_heads * dim;
        const int32_t *table = tables + i * a->table_width;
        const int64_t column = (owns[i] - 1) % PAGE, position = prompts[i] + owns[i] - 1;
        const int64_t newest = (prompts[i] + PAGE - 1) / PAGE + (owns[i] - 1) / PAGE;
        const float *cosine = a->cosine + position * (dim / 2), *sine = a->sine + position * (dim / 2);
        for (int64_t h = 0; h < a->heads; h++)
            prepare_head(q + h * dim, a->query_norm, a->norm_eps, cosine, sine, dim);
        for (int64_t g = 0; g < a->kv_heads; g++) {
            float *page = pool + table[newest] * page_floats + g * head_floats;
            prepare_head(k + g * dim, a->key_norm, a->norm_eps, cosine, sine, dim);
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

static inline uint64_t splitmix64(uint64_t x) {
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

static inline float largest_of(const float *x, int64_t count) {
    float top = x[0];
    int64_t j = 0;
    if (count >= 8) {
        v8 largest = load8(x);
        for (j = 8; j + 8 <= count; j += 8) {
            const v8 y = load8(x + j);
            const i8 larger = y > largest;
            largest = (v8)(((i8)y & larger) | ((i8)largest & ~larger));
        }
        for (int k = 0; k < 8; k++) top = largest[k] > top ? largest[k] : top;
    }
    for (; j < count; j++) top = x[j] > top ? x[j] : top;
    return top;
}

// First index whose cumulative weight is above `target`: by eights, in the order in which the total was summed, then
// within the eight. Rounding may leave the sum just below the target: then the last positive weight.
static int64_t invert(const float *weights, int64_t count, double target) {
    double cumulative = 0.0;
    int64_t j = 0;
    for (; j + 8 <= count; j += 8) {
        const double next = cumulative + (double)sum8(load8(weights + j));
        if (next > target) break;
        cumulative = next;
    }
    for (; j < count; j++) {
        cumulative += (double)weights[j];
        if (cumulative > target) return j;
    }
    for (j = count - 1; j > 0 && !(weights[j] > 0.0f); j--) {}
    return j;
}

// Draws one token per row from softmax(logits * inverse_temperature), or the likeliest one if `greedy`, with the uniform
// number of policies/randomness.py for (keys[i], steps[i]). logprobs: log-probability of the token in that softmax.
//   weights: scratch of `vocabulary` + 8 floats.
void draw_tokens(const float *logits, int64_t rows, int64_t vocabulary, float inverse_temperature, int greedy,
                 const int64_t *keys, const int64_t *steps, float *weights, int64_t *tokens, float *logprobs) {
    for (int64_t i = 0; i < rows; i++, logits += vocabulary) {
        const float top = largest_of(logits, vocabulary);
        double total = 0.0;
        int64_t j = 0;
        for (; j + 8 <= vocabulary; j += 8) {
            const v8 e = exp8((load8(logits + j) - top) * inverse_temperature);
            store8(weights + j, e);
            total += (double)sum8(e);
        }
        for (; j < vocabulary; j++) {
            weights[j] = exp8(splat8((logits[j] - top) * inverse_temperature))[0];
            total += (double)weights[j];
        }
        int64_t token = 0;
        if (greedy) {
            while (token < vocabulary - 1 && logits[token] != top) token++;
        } else {
            const uint64_t word = splitmix64((uint64_t)keys[i] ^ splitmix64((uint64_t)steps[i]));
            token = invert(weights, vocabulary, (double)(word >> 11) * 0x1.0p-53 * total);
        }
        tokens[i] = token;
        logprobs[i] = (float)((double)((logits[token] - top) * inverse_temperature) - log(total));
    }
}
