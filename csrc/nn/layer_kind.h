// What every kind of layer is as plain values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/specs.h"

namespace lamina {

template <class T>
class Box;
template <class T>
struct BoxPlace;

// An array that a layer learns, or that it keeps beside.
struct ParameterSpec {
  std::string name;
  std::vector<int64_t> shape;
  bool decays = false;  // weight decay and penalties touch it
  double start = 0;
};

// What a layer is unless it says otherwise: as wide as the layer before, without parameters. A kind has a name and
//   settings(self, f)   calls f(name, value) for each,
//   check(op, where)    refuses numbers out of range; `where` says which layer it is, and
//   describe(width)     words for explain().
// One that runs by itself has make<T>(place), its box; the others are the parts of a lamina.
struct LayerKind {
  int64_t takes() const { return 0; }  // features; 0: any
  int64_t gives() const { return 0; }  // 0: as many as it takes
  std::vector<ParameterSpec> parameters(int64_t /*in*/) const { return {}; }
  int64_t running_statistics(int64_t /*in*/) const { return 0; }  // features whose running mean and variance it keeps
  void check(const char*, const std::string&) const {}
  template <class Self, class F>
  static void settings(Self&, const F&) {}
};

}  // namespace lamina
