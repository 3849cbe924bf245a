// Vectors for the kernels: eight floats for everything elementwise, W floats (the processor's widest) for products.

#ifndef SIMD_H
#define SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))  // everything else is hidden: no other library can take its name

typedef float v8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));

INLINE v8 load8(const float *p) {
    v8 x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void store8(float *p, v8 x) { memcpy(p, &x, sizeof x); }

INLINE v8 splat8(float x) { return (v8){x, x, x, x, x, x, x, x}; }

INLINE float sum8(v8 x) { return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7])); }

INLINE v8 max8(v8 a, v8 b) {
    const i8 larger = a > b;
    return (v8)(((i8)a & larger) | ((i8)b & ~larger));
}

INLINE float top8(v8 x) {
    float top = x[0];
    for (int j = 1; j < 8; j++) top = x[j] > top ? x[j] : top;
    return top;
}

// exp(x) for x <= 88, relative error below 2e-7; below -87 it gives 0 (Cephes' polynomial after range reduction).
#define EXPONENTIAL(NAME, FLOATS, INTS)                                                                                \
    INLINE FLOATS NAME(FLOATS x) {                                                                                     \
        const FLOATS zero = {0};                                                                                       \
        const INTS vanishes = x < zero - 87.0f;                                                                        \
        x = (FLOATS)((INTS)x & ~vanishes);                                                                             \
        const FLOATS scaled = x * 1.44269504088896341f;                                                                \
        const INTS negative = scaled < zero;                                                                           \
        const FLOATS half = (FLOATS)(((INTS)(zero + 0.5f)) | (negative & (int32_t)0x80000000));                        \
        const INTS power = __builtin_convertvector(scaled + half, INTS);                                               \
        const FLOATS n = __builtin_convertvector(power, FLOATS);                                                       \
        x = x - n * 0.693359375f;                                                                                      \
        x = x + n * 2.12194440e-4f;                                                                                    \
        FLOATS y = zero + 1.9875691500e-4f;                                                                            \
        y = y * x + 1.3981999507e-3f;                                                                                  \
        y = y * x + 8.3334519073e-3f;                                                                                  \
        y = y * x + 4.1665795894e-2f;                                                                                  \
        y = y * x + 1.6666665459e-1f;                                                                                  \
        y = y * x + 5.0000001201e-1f;                                                                                  \
        y = y * (x * x) + x + 1.0f;                                                                                    \
        const FLOATS scale = (FLOATS)((power + 127) << 23);                                                            \
        return (FLOATS)((INTS)(y * scale) & ~vanishes);                                                                \
    }

EXPONENTIAL(exp8, v8, i8)

// The bfloat16 nearest to a float, ties to even.
INLINE uint16_t half_of(float x) {
    if (x != x) return 0x7FC0u;  // rounding up would carry a NaN of all ones, a GPU's, into the sign: -0
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

#if defined(__AVX512F__)
#define W 16
#else
#define W 8
#endif

typedef float vw __attribute__((vector_size(4 * W)));
typedef int32_t iw __attribute__((vector_size(4 * W)));

INLINE vw loadw(const float *p) {
    vw x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void storew(float *p, vw x) { memcpy(p, &x, sizeof x); }

INLINE vw splatw(float x) {
    vw y = {0};
    return y + x;
}

INLINE vw maxw(vw a, vw b) {
    const iw larger = a > b;
    return (vw)(((iw)a & larger) | ((iw)b & ~larger));
}

EXPONENTIAL(expw, vw, iw)

// The largest of `count` floats, at least one.
INLINE float largest_of(const float *x, int64_t count) {
    float top = x[0];
    int64_t j = 0;
    if (count >= W) {
        vw largest = loadw(x);
        for (j = W; j + W <= count; j += W) largest = maxw(loadw(x + j), largest);
        for (int i = 0; i < W; i++) top = largest[i] > top ? largest[i] : top;
    }
    for (; j < count; j++) top = x[j] > top ? x[j] : top;
    return top;
}

#endif
