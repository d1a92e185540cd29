// What a net can be made of: each kind of layer as plain values, with its settings in the order of the bindings.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/specs.h"
#include "nn/column_forms.h"

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

// Parameters and describe() of what normalises by batch or row: scale and shift.
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

struct PreluSpec : LayerKind {
  static constexpr const char* kind = "prelu";
  bool per_unit = false;  // a slope for each

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("per_unit", self.per_unit);
  }
  std::vector<ParameterSpec> parameters(int64_t in) const { return {{"weight", {per_unit ? in : 1}}}; }
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct RreluSpec : LayerKind {
  static constexpr const char* kind = "rrelu";
  double lower = 0, upper = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("lower", self.lower), f("upper", self.upper);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct LayerNormSpec : LayerKind {
  static constexpr const char* kind = "layernorm";
  int64_t features = 0;
  double eps = 1e-5;
  bool affine = true;  // scale and shift

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("features", self.features), f("eps", self.eps), f("affine", self.affine);
  }
  int64_t takes() const { return features; }
  std::vector<ParameterSpec> parameters(int64_t in) const { return affine ? scale_and_shift(in) : std::vector<ParameterSpec>{}; }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

// Parts side by side, as the first layer of a net.
struct ColumnsSpec : LayerKind {
  static constexpr const char* kind = "columns";
  int64_t in_features = 0;
  std::vector<ColumnForm> parts = {};

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("in_features", self.in_features), f("parts", self.parts);
  }
  int64_t takes() const { return in_features; }
  int64_t gives() const;
  std::vector<ParameterSpec> parameters(int64_t in) const;
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

// Dropout that scales in inference, where it is no part of a lamina.
struct TestScaledDropoutSpec : DropoutSpec {
  static constexpr const char* kind = "test_scaled_dropout";
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct GaussianNoiseSpec : LayerKind {
  static constexpr const char* kind = "gaussian_noise";
  double std = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("std", self.std);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct MaskingNoiseSpec : DropoutSpec {
  static constexpr const char* kind = "masking_noise";
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct SaltAndPepperSpec : LayerKind {
  static constexpr const char* kind = "salt_and_pepper";
  double p = 0, low = 0, high = 1;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("p", self.p), f("low", self.low), f("high", self.high);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct AlphaDropoutSpec : DropoutSpec {
  static constexpr const char* kind = "alpha_dropout";
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

// Affine layers whose weights are noisy in training.
struct DropConnectSpec : LinearSpec {
  static constexpr const char* kind = "dropconnect";
  double p = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("p", self.p);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct ShakeoutSpec : LinearSpec {
  static constexpr const char* kind = "shakeout";
  double p = 0, c = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("p", self.p), f("c", self.c);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct WhiteoutSpec : LinearSpec {
  static constexpr const char* kind = "whiteout";
  double std = 0, gamma = 1, lam = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("std", self.std), f("gamma", self.gamma), f("lam", self.lam);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

// An affine layer as wide as its input, and its activation, some of whose units stay at their input.
struct ZoneoutSpec : LinearSpec {
  static constexpr const char* kind = "zoneout";
  double p = 0;
  Activation activation;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("p", self.p), f("activation", self.activation);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct SoftmaxSpec : LayerKind {
  static constexpr const char* kind = "softmax";
  bool logarithm = false;  // of it

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("logarithm", self.logarithm);
  }
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct LayerSpec;

struct ResidualSpec : LayerKind {
  static constexpr const char* kind = "residual";
  std::vector<LayerSpec> layers;  // as wide in the end as in the beginning

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("layers", self.layers);
  }
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

class ForeignLayer;

// Computed outside of the library.
struct ForeignSpec : LayerKind {
  static constexpr const char* kind = "python";
  std::shared_ptr<const ForeignLayer> layer;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("layer", self.layer);
  }
  int64_t takes() const;
  int64_t gives() const;
  std::vector<ParameterSpec> parameters(int64_t in) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

// The catalogue. The first four are the parts of a lamina in their order.
using LayerForm =
    std::variant<LinearSpec, BatchNormSpec, ActivationSpec, DropoutSpec, PreluSpec, RreluSpec, LayerNormSpec, UnitBatchNormSpec,
                 TestScaledDropoutSpec, GaussianNoiseSpec, MaskingNoiseSpec, SaltAndPepperSpec, AlphaDropoutSpec, DropConnectSpec,
                 ShakeoutSpec, WhiteoutSpec, ZoneoutSpec, SoftmaxSpec, ResidualSpec, ForeignSpec, ColumnsSpec>;

// A layer of a net.
struct LayerSpec {
  LayerForm form;
  int id = 0;                                 // unique in the net: its place in the list; those inside of others come behind
  std::string name = {};                      // that place in words: "2", or "2.0" inside of it
  int64_t in_features = 0, out_features = 0;  // settled by resolve_widths

  const char* kind() const;
  bool runs_by_itself() const { return form.index() > 3; }
  std::vector<ParameterSpec> parameters() const;
  int64_t running_statistics() const;
  std::string describe() const;
  const std::vector<LayerSpec>* inner() const;  // the layers that it is around, or null
};

// Names the layers, checks that each takes what the one before it gives, and settles the width of layers that keep it.
void resolve_widths(const char* op, std::vector<LayerSpec>& layers);

// With those inside of others, each behind the one it is in.
std::vector<const LayerSpec*> all_layers(const std::vector<LayerSpec>& layers);

}  // namespace lamina
