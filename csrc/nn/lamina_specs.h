// The kinds of layers that are parts of a lamina.
#pragma once

#include "nn/layer_kind.h"

namespace lamina {

struct LinearSpec : LayerKind {
  static constexpr const char* kind = "linear";
  int64_t in_features = 0, out_features = 0;
  bool bias = true;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("in_features", self.in_features), f("out_features", self.out_features), f("bias", self.bias);
  }
  int64_t takes() const { return in_features; }
  int64_t gives() const { return out_features; }
  std::vector<ParameterSpec> parameters(int64_t in) const;
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
};

// Parameters of what normalises by batch or row: scale and shift.
std::vector<ParameterSpec> scale_and_shift(int64_t features);

// Columns side by side: batch norm's units from the nth on, or such as pass unchanged.
struct UnitRun {
  int64_t first, count, nth;
  bool normalised() const { return nth >= 0; }
};

struct BatchNormSpec : LayerKind {
  static constexpr const char* kind = "batchnorm";
  int64_t features = 0;
  double momentum = 0.1, eps = 1e-5;
  bool unbiased_running_var = true;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("features", self.features), f("momentum", self.momentum), f("eps", self.eps);
    f("unbiased_running_var", self.unbiased_running_var);
  }
  int64_t takes() const { return features; }
  std::vector<ParameterSpec> parameters(int64_t in) const { return scale_and_shift(in); }
  int64_t running_statistics(int64_t in) const { return in; }
  std::vector<UnitRun> runs() const { return {{0, features, 0}}; }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
};

// Of some units alone.
struct UnitBatchNormSpec : BatchNormSpec {
  static constexpr const char* kind = "unit_batchnorm";
  std::vector<int64_t> units;  // ascending

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    BatchNormSpec::settings(self, f);
    f("units", self.units);
  }
  std::vector<ParameterSpec> parameters(int64_t in) const { return scale_and_shift(running_statistics(in)); }
  int64_t running_statistics(int64_t) const { return static_cast<int64_t>(units.size()); }
  std::vector<UnitRun> runs() const;
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct ActivationSpec : LayerKind {
  static constexpr const char* kind = "activation";
  Activation activation;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("name", self.activation);
  }
  std::string describe(int64_t in) const;
};

struct DropoutSpec : LayerKind {
  static constexpr const char* kind = "dropout";
  double p = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("p", self.p);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
};

}  // namespace lamina
