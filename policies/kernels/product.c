// See product.h. A tile of ROWS rows and one panel stays in registers while the panel's weights stream by.

#include "product.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#if W == 16
#define ROWS 12
#else
#define ROWS 6
#endif
#define LINE 64 // bytes
#define BLOCK 8 // steps along the depth between two moments at which lines of the next panel are asked for

int64_t packed_floats(int64_t depth, int64_t columns) { return (columns + PANEL - 1) / PANEL * PANEL * depth; }

// Packs columns `first` to `first + count` from weights[count, depth] in the layout of a linear layer.
EXPORT void pack(const float *weights, int64_t count, int64_t depth, int64_t first, float *packed) {
    for (int64_t j = 0, beside; j < count; j += beside) { // `beside`: columns of one panel
        const int64_t place = (first + j) % PANEL;
        beside = PANEL - place < count - j ? PANEL - place : count - j;
        const float *from = weights + j * depth;
        float *to = packed + (first + j - place) * depth + place;
        for (int64_t k = 0; k < depth; k++, from++, to += PANEL) {
            int64_t c = 0;
            for (; c + 8 <= beside; c += 8) {
                const float *f = from + c * depth;
                store8(to + c, (v8){f[0], f[depth], f[2 * depth], f[3 * depth], f[4 * depth], f[5 * depth],
                                    f[6 * depth], f[7 * depth]});
            }
            for (; c < beside; c++) to[c] = from[c * depth];
        }
    }
}

// The same in bfloat16, [columns / PANEL][depth / 2][PANEL][2]: pairs of the depth side by side; an odd depth is padded.
EXPORT void half_pack(const float *weights, int64_t count, int64_t depth, int64_t first, uint16_t *packed) {
    const int64_t pairs = (depth + 1) / 2;
    for (int64_t j = 0, beside; j < count; j += beside) {
        const int64_t place = (first + j) % PANEL;
        beside = PANEL - place < count - j ? PANEL - place : count - j;
        const float *from = weights + j * depth;
        uint16_t *to = packed + ((first + j - place) * pairs + place) * 2;
        for (int64_t k = 0; k < depth; k += 2, from += 2, to += PANEL * 2)
            for (int64_t c = 0; c < beside; c++) {
                to[2 * c] = half_of(from[c * depth]);
                to[2 * c + 1] = k + 1 < depth ? half_of(from[c * depth + 1]) : 0;
            }
    }
}

// How rows are cut into tiles of nearly equal size, and what each asks memory for: the tiles of a panel together fetch
// the next one, so that it is near when its turn comes.
typedef struct {
    int64_t tiles, lines, bytes; // lines: a tile's in every BLOCK; bytes: a tile's in all
} Cut;

// A step along the depth reads 4 * PANEL bytes of a panel, in float32 one row of it and in bfloat16 two.
INLINE Cut cut_rows(int64_t rows, int64_t steps) {
    const int64_t tiles = (rows + ROWS - 1) / ROWS, blocks = (steps + BLOCK - 1) / BLOCK;
    const int64_t lines = (BLOCK * PANEL * 4 / LINE + tiles - 1) / (tiles ? tiles : 1);
    return (Cut){tiles, lines, blocks * lines * LINE};
}

INLINE void finish(vw (*sums)[2], int64_t rows, int64_t columns, float *out, int64_t out_stride, int add) {
    for (int64_t r = 0; r < rows; r++, out += out_stride) {
        if (columns >= PANEL) {
            storew(out, add ? loadw(out) + sums[r][0] : sums[r][0]);
            storew(out + W, add ? loadw(out + W) + sums[r][1] : sums[r][1]);
        } else {
            for (int64_t j = 0; j < columns; j++) {
                const float sum = j < W ? sums[r][0][j] : sums[r][1][j - W];
                out[j] = add ? out[j] + sum : sum;
            }
        }
    }
}

INLINE void tile(const int rows, const float *x, int64_t x_stride, const float *panel, int64_t depth, int64_t columns,
                 float *out, int64_t out_stride, int add, const char *ahead, int64_t lines) {
    vw sums[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = splatw(0.0f);
    for (int64_t k = 0; k < depth;) {
        const int64_t end = depth - k < BLOCK ? depth : k + BLOCK;
        for (int64_t line = 0; line < lines; line++, ahead += LINE) __builtin_prefetch(ahead, 0, 2);
        for (; k < end; k++, panel += PANEL) {
            const vw left = loadw(panel), right = loadw(panel + W);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                const float a = x[r * x_stride + k];
                sums[r][0] += a * left;
                sums[r][1] += a * right;
            }
        }
    }
    finish(sums, rows, columns, out, out_stride, add);
}

// A tile of the rows that remain: each count has code of its own, so that sums stay in registers.
#define CASES(CALL)                                                                                                    \
    switch (count) {                                                                                                   \
    case 1: CALL(1); break;                                                                                            \
    case 2: CALL(2); break;                                                                                            \
    case 3: CALL(3); break;                                                                                            \
    case 4: CALL(4); break;                                                                                            \
    case 5: CALL(5); break;                                                                                            \
    case 6: CALL(6); break;                                                                                            \
    case 7: CALL(7); break;                                                                                            \
    case 8: CALL(8); break;                                                                                            \
    case 9: CALL(9); break;                                                                                            \
    case 10: CALL(10); break;                                                                                          \
    case 11: CALL(11); break;                                                                                          \
    default: CALL(12);                                                                                                 \
    }

void product(const float *x, int64_t x_stride, const float *packed, int64_t rows, int64_t depth, int64_t columns,
             float *out, int64_t out_stride, int add) {
    const Cut cut = cut_rows(rows, depth);
    for (int64_t first = 0; first < columns; first += PANEL, packed += PANEL * depth)
        for (int64_t t = 0; t < cut.tiles; t++) {
            const int64_t row = rows * t / cut.tiles, count = rows * (t + 1) / cut.tiles - row;
            const char *ahead = (const char *)(packed + PANEL * depth) + t * cut.bytes;
#define CALL(n)                                                                                                        \
    tile(n < ROWS ? n : ROWS, x + row * x_stride, x_stride, packed, depth, columns - first,                            \
         out + row * out_stride + first, out_stride, add, ahead, cut.lines)
            CASES(CALL)
#undef CALL
        }
}

#if defined(__AVX512BF16__)

INLINE void half_tile(const int rows, const uint16_t *x, int64_t pairs, const uint16_t *panel, int64_t columns,
                      float *out, int64_t out_stride, int add, const char *ahead, int64_t lines) {
    vw sums[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = splatw(0.0f);
    for (int64_t k = 0; k < pairs;) {
        const int64_t end = pairs - k < BLOCK ? pairs : k + BLOCK;
        for (int64_t line = 0; line < lines; line++, ahead += LINE) __builtin_prefetch(ahead, 0, 2);
        for (; k < end; k++, panel += PANEL * 2) {
            const __m512bh left = (__m512bh)_mm512_loadu_si512(panel);
            const __m512bh right = (__m512bh)_mm512_loadu_si512(panel + 2 * W);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                int32_t pair;
                memcpy(&pair, x + (r * pairs + k) * 2, sizeof pair);
                const __m512bh a = (__m512bh)_mm512_set1_epi32(pair);
                sums[r][0] = (vw)_mm512_dpbf16_ps((__m512)sums[r][0], a, left);
                sums[r][1] = (vw)_mm512_dpbf16_ps((__m512)sums[r][1], a, right);
            }
        }
    }
    finish(sums, rows, columns, out, out_stride, add);
}

int has_half_products(void) { return 1; }

void half_product(const float *x, int64_t x_stride, const uint16_t *packed, int64_t rows, int64_t depth,
                  int64_t columns, float *out, int64_t out_stride, int add, uint16_t *scratch) {
    const int64_t pairs = (depth + 1) / 2;
    for (int64_t i = 0; i < rows; i++) {
        uint16_t *to = scratch + i * pairs * 2;
        int64_t k = 0;
        for (; k + 16 <= depth; k += 16) {
            const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(x + i * x_stride + k));
            _mm256_storeu_si256((__m256i *)(to + k), (__m256i)rounded);
        }
        for (; k < depth; k++) to[k] = half_of(x[i * x_stride + k]);
        if (depth % 2) to[depth] = 0;
    }
    const Cut cut = cut_rows(rows, pairs);
    for (int64_t first = 0; first < columns; first += PANEL, packed += PANEL * pairs * 2)
        for (int64_t t = 0; t < cut.tiles; t++) {
            const int64_t row = rows * t / cut.tiles, count = rows * (t + 1) / cut.tiles - row;
            const char *ahead = (const char *)(packed + PANEL * pairs * 2) + t * cut.bytes;
#define CALL(n)                                                                                                        \
    half_tile(n < ROWS ? n : ROWS, scratch + row * pairs * 2, pairs, packed, columns - first,                          \
              out + row * out_stride + first, out_stride, add, ahead, cut.lines)
            CASES(CALL)
#undef CALL
        }
}

#else

int has_half_products(void) { return 0; }

void half_product(const float *x, int64_t x_stride, const uint16_t *packed, int64_t rows, int64_t depth,
                  int64_t columns, float *out, int64_t out_stride, int add, uint16_t *scratch) {
    (void)x, (void)x_stride, (void)packed, (void)rows, (void)depth, (void)columns;
    (void)out, (void)out_stride, (void)add, (void)scratch;
}

#endif

// out (+)= x * packed in float32 or, if `half`, in bfloat16: what `step` does, by itself, for tests and measurements.
EXPORT void multiply(const float *x, const void *packed, int64_t rows, int64_t depth, int64_t columns, float *out,
                     int add, int half, void *scratch) {
    if (half)
        half_product(x, depth, packed, rows, depth, columns, out, columns, add, scratch);
    else
        product(x, depth, packed, rows, depth, columns, out, columns, add);
}
