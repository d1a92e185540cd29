// A layer that is computed outside of the library: what it is asked for, forward and backward, on the host.
#pragma once

#include <string>
#include <vector>

#include "base/types.h"
#include "nn/pass.h"

namespace lamina {

struct ParameterSpec;

// Arrays are lent for the call alone.
class ForeignLayer {
 public:
  virtual ~ForeignLayer() = default;
  virtual int64_t takes() const = 0;  // features; 0: any
  virtual int64_t gives() const = 0;  // 0: as many as it takes
  virtual std::string describe() const = 0;
  virtual std::vector<ParameterSpec> parameters(int64_t in) const = 0;

  template <class T>
  struct Parameter {
    std::string name;
    std::vector<int64_t> shape;
    T *value, *gradient;
  };
  template <class T>
  struct Call {
    Pass pass;
    int layer;
    Matrix<const T> x;
    Matrix<T> h;                                  // written forward
    Matrix<const T> dh;                           // backward alone
    Matrix<T> dx;                                 // written backward, if there
    const std::vector<Parameter<T>>& parameters;  // their gradients are written backward
  };
  virtual void forward(const Call<float>& call) const = 0;
  virtual void forward(const Call<double>& call) const = 0;
  virtual void backward(const Call<float>& call) const = 0;
  virtual void backward(const Call<double>& call) const = 0;
};

}  // namespace lamina
