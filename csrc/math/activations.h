// The catalogue of activations: one struct each, written once for scalars, SIMD vectors, host and device.
#pragma once

#include "math/elementary.h"
#include "math/normal.h"
#include "math/type_list.h"

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
    return dy * fnma(y, y, constant<V>(1));
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

// Of every leaky rectifier: `value` where z > 0, slope times it otherwise. NaN in z passes value.
template <class V>
LAMINA_HD V leaky(V value, V z, V slope) {
  return select(z <= constant<V>(0), slope * value, value);
}
// An element's part of the gradient of its slope.
template <class V>
LAMINA_HD V leaky_slope_gradient(V dy, V z) {
  return select(z > constant<V>(0), constant<V>(0), dy * z);
}

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
    return select(z > constant<V>(0), z, p.first * expm1(z));
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
    return select(z > constant<V>(0), constant<V>(lambda) * z, constant<V>(lambda * alpha) * expm1(z));
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V>) {
    return dy * select(y > constant<V>(0), constant<V>(lambda), y + constant<V>(lambda * alpha));
  }
};

// z / (1 + |z|) (Glorot & Bengio 2010).
struct Softsign : Linear {
  static constexpr const char* name = "softsign";
  static constexpr bool sign_only = false;
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    const V magnitude = min(constant<V>(1e30), abs(z));
    return copysign(magnitude / (constant<V>(1) + magnitude), z);
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V>) {
    const V rest = constant<V>(1) - abs(y);
    return dy * (rest * rest);
  }
};

// log(1 + e^z) (Dugas 2001); its derivative 1 - e^-y is the sigmoid of z.
struct Softplus : Linear {
  static constexpr const char* name = "softplus";
  static constexpr bool sign_only = false;
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    return max(constant<V>(0), z) + detail::log1p_of_fraction(exp_of_negative(detail::negative(z)));
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V y, ActivationParameters<V>) {
    return constant<V>(0) - dy * expm1(constant<V>(0) - y);
  }
};

// z Phi(z), Phi the normal distribution function (Hendrycks & Gimpel 2016).
struct Gelu : Linear {
  static constexpr const char* name = "gelu";
  static constexpr Reads reads = Reads::input;
  static constexpr bool sign_only = false;
  static constexpr double beyond = 40, inverse_root_two_pi = 0.3989422804014327;  // the tail is 0 beyond
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    const V t = min(constant<V>(beyond), abs(z)), lost = t * normal_tail(t, gaussian(t));
    return max(constant<V>(0), z) - lost;
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V z, ActivationParameters<V>) {
    const V t = min(constant<V>(beyond), abs(z)), e = gaussian(t), tail = normal_tail(t, e);
    const V density = constant<V>(inverse_root_two_pi) * (t * e);
    return dy * select(z < constant<V>(0), tail - density, constant<V>(1) - (tail - density));
  }
};

// s + x s (1 - s), s the sigmoid of v: the smaller of s and 1 - s keeps its digits.
template <class V>
LAMINA_HD V gated_slope(V x, V v) {
  const V one = constant<V>(1), smaller = sigmoid(detail::negative(v));
  return fma(x, smaller * (one - smaller), select(v < constant<V>(0), smaller, one - smaller));
}

// z / 2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))), which is z times the sigmoid of twice the argument of tanh.
struct GeluTanh : Linear {
  static constexpr const char* name = "gelu_tanh";
  static constexpr Reads reads = Reads::input;
  static constexpr bool sign_only = false;
  static constexpr double twice_root = 1.5957691216057308, cubic = 0.044715, beyond = 1000;
  template <class V>
  LAMINA_HD static V inner(V z) {
    return constant<V>(twice_root) * (z * fma(constant<V>(cubic) * z, z, constant<V>(1)));
  }
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    const V bounded = max(constant<V>(-beyond), z);
    return bounded * sigmoid(inner(bounded));
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V z, ActivationParameters<V>) {
    const V x = min(constant<V>(beyond), max(constant<V>(-beyond), z));
    const V inner_slope = constant<V>(twice_root) * fma(constant<V>(3 * cubic) * x, x, constant<V>(1));
    return dy * gated_slope(x * inner_slope, inner(x));
  }
};

// z times its sigmoid (Elfwing 2018).
struct Silu : Linear {
  static constexpr const char* name = "silu";
  static constexpr Reads reads = Reads::input;
  static constexpr bool sign_only = false;
  static constexpr double beyond = 1000;  // the sigmoid is 0 or 1
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    const V bounded = max(constant<V>(-beyond), z);
    return bounded * sigmoid(bounded);
  }
  template <class V>
  LAMINA_HD static V backward(V dy, V z, ActivationParameters<V>) {
    const V x = min(constant<V>(beyond), max(constant<V>(-beyond), z));
    return dy * gated_slope(x, x);
  }
};

// The perceptron's threshold: 1 where z > 0, else 0; nothing goes backward.
struct Step : Linear {
  static constexpr const char* name = "step";
  template <class V>
  LAMINA_HD static V forward(V z, ActivationParameters<V>) {
    return select(z <= constant<V>(0), constant<V>(0), select(z > constant<V>(0), constant<V>(1), z));
  }
  template <class V>
  LAMINA_HD static V backward(V, V, ActivationParameters<V>) {
    return constant<V>(0);
  }
};

// An activation's index in this list is its number everywhere; adding one is a struct above and a name here.
using Activations = TypeList<Linear, Sigmoid, Tanh, Relu, LeakyRelu, Elu, Selu, Softsign, Softplus, Gelu, GeluTanh, Silu, Step>;

}  // namespace lamina
