// Counter-based randomness: the same numbers on every device, thread count and batch split.
#pragma once

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

void philox(const Context& context, Vector<const uint32_t> counter, Vector<const uint32_t> key,
            Vector<uint32_t> out);  // rows of 4, 2 and 4

template <class T>
void random_uniform(const Context& context, const RandomKey& key, Matrix<T> out);  // [0, 1)
template <class T>
void random_normal(const Context& context, const RandomKey& key, Matrix<T> out);
void random_permutation(const Context& context, const RandomKey& key, Vector<int64_t> out);  // Fisher-Yates

void dropout_mask(const Context& context, const Dropout& dropout, Matrix<uint8_t> keep);  // 1 = kept
// Forward and backward alike, in training: y = x times the mask, times 1 / (share kept) where scaling is inverted.
template <class T>
void dropout(const Context& context, const Dropout& dropout, Matrix<const T> x, Matrix<T> y);
// In inference: y = x, or x times the share kept.
template <class T>
void dropout_inference(const Context& context, const Dropout& dropout, Matrix<const T> x, Matrix<T> y);
// Sets entries to zero where the mask (drawn under its own purpose) falls, and scales nothing: a denoising
// autoencoder's corruption.
template <class T>
void masking_noise(const Context& context, const Dropout& noise, Matrix<const T> x, Matrix<T> y);

void check(const char* op, const RandomKey& key, int64_t rows);
void check(const char* op, const Dropout& dropout);

}  // namespace lamina
