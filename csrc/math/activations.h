// The catalogue of activations: one struct each, written once for scalars, SIMD vectors, host and device.
#pragma once

#include "math/elementary.h"

namespace lamina {

// What backward needs besides dy: the output y = g(z), or the input z.
enum class Reads { output, input };

// Up to two constants of an activation, in the data's type.
template <class V>
struct ActivationParameters {
  V first, second;
};

struct Linear {
  static constexpr const char* name = "linear";
  static constexpr Reads reads = Reads::output;
  static constexpr bool sign_only = true;      // backward looks at y's sign at most, so dropout's scaling does not disturb it
  static constexpr bool flat_at_zero = false;  // no slope where y is 0: dropped units need no mask in backward
  static constexpr int parameters = 0;
  static constexpr const char* parameter_names[2] = {nullptr, nullptr};
  static constexpr double defaults[2] = {0, 0};
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    return z;
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V, ActivationParameters<V>) {
    return dy;
  }
};

struct Sigmoid : Linear {
  static constexpr const char* name = "sigmoid";
  static constexpr bool sign_only = false;
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    return sigmoid(z);
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V>) {
    return dy * (y * (constant<V>(1) - y));
  }
};

struct Tanh : Linear {
  static constexpr const char* name = "tanh";
  static constexpr bool sign_only = false;
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    return tanh(z);
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V>) {
    return dy * fma(constant<V>(0) - y, y, constant<V>(1));
  }
};

// The derivative at 0 is 0; where y is NaN dy passes.
struct Relu : Linear {
  static constexpr const char* name = "relu";
  static constexpr bool flat_at_zero = true;
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    return max(constant<V>(0), z);
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V>) {
    return select(y <= constant<V>(0), constant<V>(0), dy);
  }
};

// z for z > 0, slope z otherwise; slope >= 0, so that the output tells the sign of z.
struct LeakyRelu : Linear {
  static constexpr const char* name = "leaky_relu";
  static constexpr int parameters = 1;
  static constexpr const char* parameter_names[2] = {"negative_slope", nullptr};
  static constexpr double defaults[2] = {0.01, 0};
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V> p) {
    return select(z > constant<V>(0), z, p.first * z);
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V> p) {
    return select(y <= constant<V>(0), p.first * dy, dy);
  }
};

// z for z > 0, alpha (e^z - 1) otherwise, alpha >= 0 (Clevert 2016).
struct Elu : Linear {
  static constexpr const char* name = "elu";
  static constexpr bool sign_only = false;
  static constexpr int parameters = 1;
  static constexpr const char* parameter_names[2] = {"alpha", nullptr};
  static constexpr double defaults[2] = {1.0, 0};
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V> p) {
    return select(z > constant<V>(0), z, p.first * expm1(min(constant<V>(0), z)));
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V> p) {
    return select(y > constant<V>(0), dy, dy * (y + p.first));
  }
};

// lambda times ELU with alpha, the constants of Klambauer 2017.
struct Selu : Linear {
  static constexpr const char* name = "selu";
  static constexpr bool sign_only = false;
  static constexpr double lambda = 1.0507009873554805, alpha = 1.6732632423543778;
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    return select(z > constant<V>(0), constant<V>(lambda) * z, constant<V>(lambda * alpha) * expm1(min(constant<V>(0), z)));
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V>) {
    return dy * select(y > constant<V>(0), constant<V>(lambda), y + constant<V>(lambda * alpha));
  }
};

template <class... Members>
struct TypeList {
  static constexpr int size = sizeof...(Members);
};

// An activation's index in this list is its number everywhere; adding one is a struct above and a name here.
using Activations = TypeList<Linear, Sigmoid, Tanh, Relu, LeakyRelu, Elu, Selu>;

}  // namespace lamina
