// Activations by themselves, and their catalogue.
#pragma once

#include <string>

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

struct ActivationInfo {
  const char* name;
  int parameters;  // how many constants it has
  const char* parameter_names[2];
  double defaults[2];
  bool reads_output;  // backward reads y = g(z); otherwise the pre-activation z
  bool sign_only;     // ... and of y its sign alone
};
int activation_count();
const ActivationInfo& activation_info(int index);
Activation find_activation(const char* op, const std::string& name);  // with its defaults; unknown names are refused
void check(const char* op, const Activation& activation);

template <class T>
void activation_forward(const Context& context, const Activation& activation, Matrix<const T> x, Matrix<T> y);
// `saved` is the output where reads_output, else the input.
template <class T>
void activation_backward(const Context& context, const Activation& activation, Matrix<const T> dy, Matrix<const T> saved, Matrix<T> dx);

}  // namespace lamina
