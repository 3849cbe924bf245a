// One token per row from logits and the uniform number of (key, step).

#include "simd.h"

INLINE uint64_t splitmix64(uint64_t x) {
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
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
// number of policies/sampling/randomness.py for (keys[i], steps[i]). logprobs: log-probability of the token in that softmax.
//   weights: scratch of `vocabulary` + 8 floats.
EXPORT void draw_tokens(const float *logits, int64_t rows, int64_t vocabulary, float inverse_temperature, int greedy,
                 const int64_t *keys, const int64_t *steps, float *weights, int64_t *tokens, float *logprobs) {
    for (int64_t i = 0; i < rows; i++, logits += vocabulary) {
        const float top = largest_of(logits, vocabulary);
        double total = 0.0;
        int64_t j = 0;
        for (; j + W <= vocabulary; j += W) {
            storew(weights + j, expw((loadw(logits + j) - top) * inverse_temperature));
            for (int64_t k = j; k < j + W; k += 8) total += (double)sum8(load8(weights + k));
        }
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
