// Checks of layers, one by one and in a row, and words for them.
#include "nn/layer_specs.h"

#include <sstream>

#include "base/error.h"
#include "ops/activation.h"
#include "ops/noise.h"
#include "ops/random.h"
#include "ops/rectifiers.h"

namespace lamina {
namespace {

constexpr int64_t widest = int64_t{1} << 30;  // so that sizes of matrices fit 64 bits

void check_width(const char* op, const std::string& where, int64_t in, int64_t out) {
  if (in < 1 || out < 1 || in > widest || out > widest) fail(op, where, " is ", in, " wide in and ", out, " out, needs 1 to 2**30");
}
void check_eps(const char* op, const std::string& where, double eps) {
  if (!(eps >= 0) || eps > 1e30) fail(op, where, ": eps is ", eps, ", needs a finite number >= 0");
}

template <class... Parts>
std::string words(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

std::string describe_activation(const Activation& activation) {
  const ActivationInfo& info = activation_info(activation.index);
  std::string text = info.name;
  for (int i = 0; i < info.parameters; ++i) {
    text += words(i ? ", " : "(", info.parameter_names[i], "=", activation.parameters[i], i + 1 == info.parameters ? ")" : "");
  }
  return text;
}

template <class F>
decltype(auto) visit(const LayerSpec& layer, const F& f) {
  return std::visit(f, layer.form);
}

}  // namespace

// Named like torch's: "0.weight", "0.bias"; batch norm's gamma is its weight, beta its bias.
std::vector<ParameterSpec> scale_and_shift(int64_t features) { return {{"weight", {features}, false, 1}, {"bias", {features}}}; }

std::vector<ParameterSpec> LinearSpec::parameters(int64_t) const {
  std::vector<ParameterSpec> all{{"weight", {out_features, in_features}, true}};
  if (bias) all.push_back({"bias", {out_features}});
  return all;
}
void LinearSpec::check(const char* op, const std::string& where) const { check_width(op, where, in_features, out_features); }
std::string LinearSpec::describe(int64_t) const {
  return words("linear(", in_features, " -> ", out_features, bias ? "" : ", no bias", ")");
}

void BatchNormSpec::check(const char* op, const std::string& where) const {
  check_width(op, where, features, features);
  check_eps(op, where, eps);
  if (!(momentum >= 0 && momentum <= 1)) fail(op, where, ": momentum is ", momentum, ", needs 0 to 1");
}
std::string BatchNormSpec::describe(int64_t in) const { return words("batchnorm(", in, ")"); }

void UnitBatchNormSpec::check(const char* op, const std::string& where) const {
  BatchNormSpec::check(op, where);
  if (units.empty()) fail(op, where, ": units is empty, needs at least one");
  int64_t least = 0;
  for (const int64_t unit : units) {
    if (unit < least || unit >= features) fail(op, where, ": units has ", unit, ", needs 0 to ", features - 1, " in ascending order");
    least = unit + 1;
  }
}
std::string UnitBatchNormSpec::describe(int64_t in) const { return words("batchnorm(", units.size(), " of ", in, " units)"); }
std::vector<UnitRun> UnitBatchNormSpec::runs() const {
  std::vector<UnitRun> all;
  const auto add = [&](int64_t first, int64_t end, int64_t nth) {
    if (first < end) all.push_back({first, end - first, nth});
  };
  int64_t end = 0;
  for (size_t nth = 0; nth < units.size();) {
    size_t next = nth + 1;
    while (next < units.size() && units[next] == units[next - 1] + 1) ++next;
    add(end, units[nth], -1);
    end = units[next - 1] + 1;
    add(units[nth], end, static_cast<int64_t>(nth));
    nth = next;
  }
  add(end, features, -1);
  return all;
}

std::string ActivationSpec::describe(int64_t) const { return describe_activation(activation); }

void DropoutSpec::check(const char* op, const std::string&) const { lamina::check(op, Dropout{p, {}}); }
std::string DropoutSpec::describe(int64_t) const { return words("dropout(", p, ")"); }

std::string PreluSpec::describe(int64_t in) const { return words("prelu(", per_unit ? in : 1, ")"); }

void RreluSpec::check(const char* op, const std::string&) const { lamina::check(op, RandomRectifier{lower, upper, {}}); }
std::string RreluSpec::describe(int64_t) const { return words("rrelu(", lower, ", ", upper, ")"); }

void LayerNormSpec::check(const char* op, const std::string& where) const {
  check_width(op, where, features, features);
  check_eps(op, where, eps);
}
std::string LayerNormSpec::describe(int64_t in) const { return words("layernorm(", in, affine ? "" : ", no scale and shift", ")"); }

std::string SoftmaxSpec::describe(int64_t in) const { return words(logarithm ? "log softmax(" : "softmax(", in, ")"); }

std::string ResidualSpec::describe(int64_t) const {
  std::string text;
  for (const LayerSpec& layer : layers) text += (text.empty() ? "" : " + ") + layer.describe();
  return "residual(" + text + ")";
}

std::string TestScaledDropoutSpec::describe(int64_t) const { return words("dropout(", p, ", scaled in inference)"); }

void GaussianNoiseSpec::check(const char* op, const std::string&) const { lamina::check(op, GaussianNoise{std, {}}); }
std::string GaussianNoiseSpec::describe(int64_t) const { return words("gaussian noise(", std, ")"); }

std::string MaskingNoiseSpec::describe(int64_t) const { return words("masking noise(", p, ")"); }

void SaltAndPepperSpec::check(const char* op, const std::string&) const { lamina::check(op, SaltAndPepper{p, low, high, {}}); }
std::string SaltAndPepperSpec::describe(int64_t) const { return words("salt and pepper(", p, ": ", low, ", ", high, ")"); }

std::string AlphaDropoutSpec::describe(int64_t) const { return words("alpha dropout(", p, ")"); }

void DropConnectSpec::check(const char* op, const std::string& where) const {
  LinearSpec::check(op, where);
  lamina::check(op, Dropout{p, {}});
}
std::string DropConnectSpec::describe(int64_t in) const { return words(LinearSpec::describe(in), " with dropconnect(", p, ")"); }

void ShakeoutSpec::check(const char* op, const std::string& where) const {
  LinearSpec::check(op, where);
  lamina::check(op, Shakeout{{p, {}}, c});
}
std::string ShakeoutSpec::describe(int64_t in) const { return words(LinearSpec::describe(in), " with shakeout(", p, ", ", c, ")"); }

void WhiteoutSpec::check(const char* op, const std::string& where) const {
  LinearSpec::check(op, where);
  lamina::check(op, WhiteoutNoise{std, gamma, lam, {}});
}
std::string WhiteoutSpec::describe(int64_t in) const {
  return words(LinearSpec::describe(in), " with whiteout(", std, ", ", gamma, ", ", lam, ")");
}

void ZoneoutSpec::check(const char* op, const std::string& where) const {
  LinearSpec::check(op, where);
  lamina::check(op, Dropout{p, {}});
  if (in_features != out_features) fail(op, where, " takes ", in_features, " features and gives ", out_features, ", needs as many");
}
std::string ZoneoutSpec::describe(int64_t in) const {
  return words(LinearSpec::describe(in), ", ", describe_activation(activation), " with zoneout(", p, ")");
}

const char* LayerSpec::kind() const {
  return visit(*this, [](const auto& spec) { return spec.kind; });
}
std::vector<ParameterSpec> LayerSpec::parameters() const {
  return visit(*this, [&](const auto& spec) { return spec.parameters(in_features); });
}
int64_t LayerSpec::running_statistics() const {
  return visit(*this, [&](const auto& spec) { return spec.running_statistics(in_features); });
}
std::string LayerSpec::describe() const {
  return visit(*this, [&](const auto& spec) { return spec.describe(in_features); });
}

const std::vector<LayerSpec>* LayerSpec::inner() const {
  return visit(*this, [](const auto& spec) -> const std::vector<LayerSpec>* {
    if constexpr (requires { spec.layers; }) return &spec.layers;
    return nullptr;
  });
}

namespace {

// Of a list of layers, and of those inside; returns the width that they say, or 0.
int64_t name_and_check(const char* op, std::vector<LayerSpec>& layers, const std::string& prefix, int first_id, int& next_id) {
  if (layers.empty())
    fail(op, "got no layers", prefix.empty() ? "" : " in layer " + prefix.substr(0, prefix.size() - 1), ", needs at least one");
  int64_t width = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    LayerSpec& layer = layers[i];
    layer.id = first_id + static_cast<int>(i);
    layer.name = prefix + std::to_string(i);
    std::visit(
        [&](auto& spec) {
          spec.check(op, "layer " + layer.name + " (" + spec.kind + ")");
          int64_t says = spec.takes();
          if constexpr (requires { spec.layers; }) {
            const int first_inside = next_id;
            next_id += static_cast<int>(spec.layers.size());
            says = name_and_check(op, spec.layers, layer.name + ".", first_inside, next_id);
          }
          if (width == 0) width = says;  // as wide as the first layer that says so
        },
        layer.form);
  }
  return width;
}

void settle_widths(const char* op, std::vector<LayerSpec>& layers, int64_t width, const char* input) {
  for (size_t i = 0; i < layers.size(); ++i) {
    LayerSpec& layer = layers[i];
    visit(layer, [&](const auto& spec) {
      layer.in_features = spec.takes() ? spec.takes() : width;
      layer.out_features = spec.gives() ? spec.gives() : layer.in_features;
    });
    if (layer.in_features != width) {
      fail(op, "layer ", layer.name, " (", layer.kind(), ") takes ", layer.in_features, " features, ",
           i ? "the layer before it gives " : input, width, ": they need to be equal");
    }
    if (layer.id > 0 && std::holds_alternative<ColumnsSpec>(layer.form)) {
      fail(op, "layer ", layer.name, " (", layer.kind(), ") stands behind others, needs to be the first");
    }
    width = layer.out_features;
    if (auto* const residual = std::get_if<ResidualSpec>(&layer.form)) {
      settle_widths(op, residual->layers, width, "its input has ");
      const int64_t out = residual->layers.back().out_features;
      if (out != width)
        fail(op, "layer ", layer.name, " (residual) takes ", width, " features, its layers give ", out, ": they need to be equal");
    }
  }
}

}  // namespace

void resolve_widths(const char* op, std::vector<LayerSpec>& layers) {
  int next_id = static_cast<int>(layers.size());
  const int64_t width = name_and_check(op, layers, "", 0, next_id);
  if (width == 0) fail(op, "no layer says how wide it is, needs at least one linear or batchnorm layer");
  settle_widths(op, layers, width, "the input has ");
}

std::vector<const LayerSpec*> all_layers(const std::vector<LayerSpec>& layers) {
  std::vector<const LayerSpec*> all;
  for (const LayerSpec& layer : layers) {
    all.push_back(&layer);
    if (const std::vector<LayerSpec>* const within = layer.inner()) {
      for (const LayerSpec* inside : all_layers(*within)) all.push_back(inside);
    }
  }
  return all;
}

}  // namespace lamina
