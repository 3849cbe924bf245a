// Products of activations with packed weights, out[rows, columns] = x[rows, depth] * weights[depth, columns].
//
// A row of the result is summed over `depth` in one fixed order, whatever rows are beside it: the numbers that a row
// gets do not depend on its batch.

#ifndef PRODUCT_H
#define PRODUCT_H

#include "simd.h"

// Columns that are computed together; weights are packed as [columns / PANEL][depth][PANEL], the last panel padded.
#define PANEL (2 * W)

// Floats that `columns` packed columns take.
EXPORT int64_t packed_floats(int64_t depth, int64_t columns);

// out (+)= x * packed; rows of x are `depth` long and `x_stride` apart, those of out `out_stride` apart.
void product(const float *x, int64_t x_stride, const float *packed, int64_t rows, int64_t depth, int64_t columns,
             float *out, int64_t out_stride, int add);

// The same of bfloat16 factors with float32 sums. x is rounded on the way in, to scratch of rows * (depth + 1) uint16.
// Only where has_half_products() is 1.
void half_product(const float *x, int64_t x_stride, const uint16_t *packed, int64_t rows, int64_t depth,
                  int64_t columns, float *out, int64_t out_stride, int add, uint16_t *scratch);

EXPORT int has_half_products(void);

#endif
