// A layer that runs by itself, between laminae: what it computes forward and backward.
#pragma once

#include <memory>

#include "base/context.h"
#include "nn/network_arrays.h"
#include "nn/pass.h"

namespace lamina {

template <class T>
class Chain;

template <class T>
class Box {
 public:
  virtual ~Box() = default;
  virtual const Chain<T>* inner() const { return nullptr; }  // of a box around layers
  // What forward leaves for backward besides x and h, and scratch of backward: elements, for so many rows.
  virtual int64_t kept_size(int64_t /*rows*/) const { return 0; }
  // How much of it forward writes in inference.
  virtual int64_t inference_size(int64_t rows) const { return kept_size(rows); }
  // x (rows, in) -> h (rows, out).
  virtual void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T* kept) const = 0;
  // Whether backward may write dx over dh.
  virtual bool in_place() const { return true; }
  // dh, the gradient of h, becomes dx, that of x, which is dh where in == out and in_place(); those of the parameters go to the
  // flat buffer. dx is absent where nobody asks for it, unless it is dh.
  virtual void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T> x, Matrix<const T> h, T* kept,
                        Matrix<T> dx) const = 0;
};

// What a box is made from: which layer it is, and where its arrays are.
template <class T>
struct BoxPlace {
  const LayerSpec& layer;
  const NetworkArrays<T>& arrays;
  const Device& device;
  bool fuse;

  int64_t in_features() const { return layer.in_features; }
  Vector<T> value(int nth) const { return arrays.value(layer.id, nth); }
  Vector<T> gradient(int nth) const { return arrays.box_gradient(layer.id, nth); }
};

// At the end of a file that defines Spec::make.
#define LAMINA_INSTANTIATE_BOX(Spec)                                             \
  template std::unique_ptr<Box<float>> Spec::make(const BoxPlace<float>&) const; \
  template std::unique_ptr<Box<double>> Spec::make(const BoxPlace<double>&) const;

}  // namespace lamina
