// Log-probabilities of given tokens under softmax(logits * inverse_temperature), and the gradient of the logits.

#include "simd.h"

#define BLOCK (64 * W) // what is summed in float32 before it goes to a double

// x, but not below -87, where exp vanishes in float32; a NaN stays one.
INLINE vw bounded(vw x) { return maxw(splatw(-87.0f), x); }

// sums[0] += exp(x), sums[1] += exp(x) * x for x = logits * inverse - shift.
INLINE void add(const float *logits, float inverse, float shift, vw *sums) {
    const vw x = bounded(loadw(logits) * inverse - shift), e = expw(x);
    sums[0] += e;
    sums[1] += e * x;
}

// Of each row of logits [rows, vocabulary]: logprobs and entropies (nats) [rows] of targets [rows], and logsums [rows], the
// logarithm of the sum of exponentials. A row with a NaN gets NaNs.
EXPORT void softmax_scores(const float *logits, int64_t rows, int64_t vocabulary, float inverse_temperature,
                           const int64_t *targets, float *logprobs, float *entropies, float *logsums) {
    for (int64_t i = 0; i < rows; i++, logits += vocabulary) {
        const float top = largest_of(logits, vocabulary) * inverse_temperature;
        double total = 0.0, weighted = 0.0;
        for (int64_t first = 0; first < vocabulary; first += BLOCK) {
            const int64_t end = vocabulary - first < BLOCK ? vocabulary : first + BLOCK;
            vw sums[2] = {splatw(0.0f), splatw(0.0f)};
            int64_t j = first;
            for (; j + W <= end; j += W) add(logits + j, inverse_temperature, top, sums);
            if (j < end) { // beyond the row: weights of 0
                float rest[W];
                for (int64_t k = 0; k < W; k++) rest[k] = j + k < end ? logits[j + k] : -INFINITY;
                add(rest, inverse_temperature, top, sums);
            }
            for (int k = 0; k < W; k++) total += (double)sums[0][k], weighted += (double)sums[1][k];
        }
        logsums[i] = (float)((double)top + log(total));
        entropies[i] = (float)(log(total) - weighted / total);
        logprobs[i] = (float)((double)(logits[targets[i]] * inverse_temperature - top) - log(total));
    }
}

// In place, the gradient of logits from those of logprobs and entropies [rows]; `logsums` and `entropies` as above.
// With p = softmax: d logprob / d logit j = [j is the target] - p_j, d entropy / d logit j = -p_j (log p_j + entropy).
EXPORT void softmax_gradient(float *logits, int64_t rows, int64_t vocabulary, float inverse_temperature,
                             const int64_t *targets, const float *logsums, const float *entropies,
                             const float *of_logprobs, const float *of_entropies) {
    for (int64_t i = 0; i < rows; i++, logits += vocabulary) {
        const float g = of_logprobs[i] * inverse_temperature, h = of_entropies[i] * inverse_temperature;
        for (int64_t j = 0; j < vocabulary; j += W) {
            const int64_t left = vocabulary - j;
            float rest[W] = {0};
            if (left < W) memcpy(rest, logits + j, left * sizeof *rest);
            const vw x = bounded(loadw(left < W ? rest : logits + j) * inverse_temperature - logsums[i]);
            const vw gradient = -expw(x) * (g + h * (x + entropies[i]));
            if (left < W)
                memcpy(logits + j, &gradient, left * sizeof *logits);
            else
                storew(logits + j, gradient);
        }
        logits[targets[i]] += g;
    }
}
