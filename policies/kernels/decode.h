// The decode step of a Llama-shaped model for one thread.
//
// Keys and values live in pages of PAGE positions. A page of one layer holds, for each key/value head, the keys
// transposed, [head_dim][PAGE], so that scores are computed for eight positions at once without a horizontal sum, then
// the values, [PAGE][head_dim], so that outputs are computed for eight dimensions at once. head_dim is a multiple of 8.
// A row's context is a list of page numbers: first its prompt's pages, which the rows of a group share, then its own.

#ifndef DECODE_H
#define DECODE_H

#include "product.h"

#define PAGE 16

// Query heads of one key/value head that attend together, so that what is loaded once serves them all.
#if W == 16
#define TOGETHER 4
#else
#define TOGETHER 1
#endif

typedef struct {
    int64_t heads, kv_heads, dim;       // dim: head_dim, a multiple of 8
    int64_t table_width;                // pages per row of the page table
    const float *cosine, *sine;         // [positions, dim / 2]
    float norm_eps, scale;
} Attention;

// Matrices are packed (product.h); in bfloat16 where Model.half is 1.
typedef struct {
    const float *input_norm;            // [hidden]
    const void *qkv;                    // [hidden, (heads + 2 kv_heads) dim]
    const float *qkv_bias;              // or NULL
    const float *query_norm, *key_norm; // [dim] or NULL
    const void *output;                 // [heads dim, hidden]
    const float *mlp_norm;              // [hidden]
    const void *gate_up;                // [hidden, 2 mlp]
    const void *down;                   // [mlp, hidden]
    float *pool;                        // pages of this layer
} Layer;

typedef struct {
    int64_t layers, hidden, mlp, vocabulary, half;
    Attention attention;
    const float *embedding;             // [vocabulary, hidden]
    const float *norm;                  // [hidden]
    const void *head;                   // [hidden, vocabulary]
    const Layer *layer;
} Model;

// Rotates queries and keys, writes keys and values of the new token to the row's newest own page, attends.
//   qkv [rows, (heads + 2 kv_heads) * dim], overwritten; tables [rows, table_width];
//   prompts, owns [rows]: tokens in prompt pages and in own pages, the new token included in `owns`.
//   Rows are taken in order and write before they attend, so the tokens of one prompt may be rows of one call.
//   scores: scratch of TOGETHER * table_width * PAGE floats; out [rows, heads * dim].
void attend(const Attention *a, const Layer *layer, float *qkv, const int32_t *tables, const int64_t *prompts,
            const int64_t *owns, int64_t rows, float *scores, float *out);

#endif
