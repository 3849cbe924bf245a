// A whole decode step in one call: what lies between the embeddings and the logits of one new token per row.

#include "decode.h"

// out[i] = x[i] / rms(x[i]) * weight, rows of `width` floats.
static void rms_norm(const float *x, const float *weight, float *out, int64_t rows, int64_t width, float eps) {
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

// gate = silu(gate) * up for rows of [gate | up], each `width` floats and `width` a multiple of 8.
static void silu_mul(float *gate_up, int64_t rows, int64_t width) {
    for (int64_t i = 0; i < rows; i++, gate_up += 2 * width) {
        int64_t j = 0;
        for (; j + W <= width; j += W) {
            vw gate = loadw(gate_up + j);
            const iw low = gate < splatw(-87.0f);
            gate = (vw)(((iw)gate & ~low) | ((iw)splatw(-87.0f) & low));
            storew(gate_up + j, gate / (1.0f + expw(-gate)) * loadw(gate_up + width + j));
        }
        for (; j < width; j += 8) {
            v8 gate = load8(gate_up + j);
            const i8 low = gate < splat8(-87.0f);  // silu(-87) is 0 in float32; keeps exp8's argument in range
            gate = (v8)(((i8)gate & ~low) | ((i8)splat8(-87.0f) & low));
            store8(gate_up + j, gate / (1.0f + exp8(-gate)) * load8(gate_up + width + j));
        }
    }
}

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

// Widest row of activations that is an input of a product.
static int64_t widest(const Model *m) {
    return largest(largest(m->hidden, m->mlp), m->attention.heads * m->attention.dim) + 1;
}

// Floats of scratch that `step` needs.
EXPORT int64_t scratch_floats(const Model *m, int64_t rows) {
    const Attention *a = &m->attention;
    const int64_t wide = largest((a->heads + 2 * a->kv_heads) * a->dim, 2 * m->mlp);
    return rows * (2 * m->hidden + wide + a->heads * a->dim + widest(m)) + TOGETHER * a->table_width * PAGE;
}

// out[rows, columns] (+)= x * weights, in the model's arithmetic.
static void apply(const Model *m, const float *x, int64_t x_stride, const void *weights, int64_t rows, int64_t depth,
                  int64_t columns, float *out, int add, void *scratch) {
    if (m->half)
        half_product(x, x_stride, weights, rows, depth, columns, out, columns, add, scratch);
    else
        product(x, x_stride, weights, rows, depth, columns, out, columns, add);
}

// Writes the keys and values of one new token per row, and the logits [num_wanted, vocabulary] of the tokens that
// follow the rows `wanted`. tables, prompts, owns: see `attend`. scratch: scratch_floats(m, rows) floats.
EXPORT void step(const Model *m, const int64_t *tokens, const int32_t *tables, const int64_t *prompts, const int64_t *owns,
          int64_t rows, const int64_t *wanted, int64_t num_wanted, float *scratch, float *logits) {
    const Attention *a = &m->attention;
    const int64_t hidden = m->hidden, attended_width = a->heads * a->dim;
    const int64_t qkv_width = (a->heads + 2 * a->kv_heads) * a->dim;
    float *x = scratch, *h = x + rows * hidden, *attended = h + rows * hidden;
    float *wide = attended + rows * attended_width;
    float *scores = wide + rows * largest(qkv_width, 2 * m->mlp);
    void *rounded = scores + TOGETHER * a->table_width * PAGE;
    for (int64_t i = 0; i < rows; i++) memcpy(x + i * hidden, m->embedding + tokens[i] * hidden, hidden * sizeof *x);
    for (const Layer *layer = m->layer; layer < m->layer + m->layers; layer++) {
        rms_norm(x, layer->input_norm, h, rows, hidden, a->norm_eps);
        apply(m, h, hidden, layer->qkv, rows, hidden, qkv_width, wide, 0, rounded);
        if (layer->qkv_bias)
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < qkv_width; j++) wide[i * qkv_width + j] += layer->qkv_bias[j];
        attend(a, layer, wide, tables, prompts, owns, rows, scores, attended);
        apply(m, attended, attended_width, layer->output, rows, attended_width, hidden, x, 1, rounded);
        rms_norm(x, layer->mlp_norm, h, rows, hidden, a->norm_eps);
        apply(m, h, hidden, layer->gate_up, rows, hidden, 2 * m->mlp, wide, 0, rounded);
        silu_mul(wide, rows, m->mlp);
        apply(m, wide, 2 * m->mlp, layer->down, rows, m->mlp, hidden, x, 1, rounded);
    }
    for (int64_t i = 0; i < num_wanted; i++) rms_norm(x + wanted[i] * hidden, m->norm, h + i * hidden, 1, hidden, a->norm_eps);
    apply(m, h, hidden, m->head, num_wanted, hidden, m->vocabulary, logits, 0, rounded);
}
