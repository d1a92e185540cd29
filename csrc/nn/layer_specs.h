// What a net can be made of: each kind of layer as plain values, with its settings in the order of the bindings.
#pragma once

#include <variant>

#include "nn/column_forms.h"
#include "nn/noise_specs.h"

namespace lamina {

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
