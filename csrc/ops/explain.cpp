// A kernel table whose functions describe: the real ones say how they split the work, and gemm how it lays it out.
#include "ops/explain.h"

#include <sstream>
#include <vector>

#include "kernels/kernel_table.h"
#include "ops/activation.h"
#include "ops/config.h"

namespace lamina {

struct PlanNotes : SplitLog {
  const KernelTable* real;  // that the work would run on
  KernelTable table;        // the same with describing functions in it
  std::string indent;
  std::ostringstream lines;
  std::vector<Split> splits;  // of the kernel called last

  PlanNotes(const KernelTable& table_, std::string indent_) : real(&table_), table(table_), indent(std::move(indent_)) {}
  void note(const Split& split) override { splits.push_back(split); }

  template <class... Parts>
  void title(const Parts&... parts) {
    lines << indent;
    (lines << ... << parts);
    lines << ", " << real->name << "\n";
  }
  template <class... Parts>
  void line(const char* what, const Parts&... parts) {
    lines << indent << "  " << what << std::string(8 - std::string(what).size(), ' ');
    (lines << ... << parts);
    lines << "\n";
  }
};

namespace {

using Words = std::vector<std::string>;

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

template <class T>
constexpr const char* type_name = sizeof(T) == 4 ? "float32" : "float64";
// Products of float32 have a precision: that of the arithmetic.
template <class T>
std::string product_type(const GemmPlanInfo& plan) {
  return sizeof(T) == 8 ? "float64" : plan.halves == 0 ? "float32 at highest" : plan.halves == 1 ? "float32 at medium" : "float32 at high";
}

template <class T>
Words stages(const Tail<T>& tail) {
  Words words;
  if (tail.mean) words.push_back("batch norm");
  if (tail.activation != 0) words.push_back(activation_info(tail.activation).name);
  if (tail.dropout) words.push_back("dropout");
  return words;
}

// On a device a task is a block of threads.
std::string threads(const Context& context, const Split& split) {
  std::ostringstream text;
  if (!context.device.is_host()) {
    text << ", " << split.threads << " threads each";
    return text.str();
  }
  text << " on " << split.threads << (split.threads == 1 ? " thread" : " threads");
  if (context.threads > 1 && split.cost < Context::worthwhile_cost) text << ": too little work to share";
  return text.str();
}

std::string tasks(const Context& context, const Split& split) {
  std::ostringstream text;
  const char* what = context.device.is_host() ? " task" : " block";
  text << split.tasks << what << (split.tasks == 1 ? "" : "s") << threads(context, split);
  return text.str();
}

// The describing functions call the real kernel, which notes how it splits its work, and then write.
template <class T>
struct Describe {
  static PlanNotes& notes(const Context& context) {
    auto& notes = static_cast<PlanNotes&>(*context.log);
    notes.splits.clear();
    return notes;
  }
  static const Kernels<T>& real(const PlanNotes& notes) { return notes.real->kernels<T>(); }

  static void gemm(const Context& context, const Gemm<T>& g) {
    auto& n = notes(context);
    real(n).gemm(context, g);
    const GemmPlanInfo plan = real(n).describe_gemm(context, g);
    n.title("product (", g.c.rows, ", ", g.depth, ") x (", g.depth, ", ", g.c.columns, "), ", product_type<T>(plan));
    const char* const unit = plan.unit ? plan.unit : n.real->bfloat16_unit;
    if (plan.halves > 0) n.line("unit", unit, plan.halves == 1 ? " of bfloat16" : ", three bfloat16 products for one");
    const bool host = context.device.is_host();
    n.line(host ? "tasks" : "blocks", plan.down, " x ", plan.across, " of ", plan.height, " rows x ", plan.width, " columns",
           threads(context, host ? n.splits.back() : n.splits.front()));
    n.line("tile", plan.tile_rows, " rows x ", plan.tile_columns, " columns in registers", host ? "" : " of a thread");
    if (host) {
      n.line("a", plan.pack_a ? "copied, some rows at a time" : "read in place");
      n.line("b",
             plan.turn_b   ? "turned in registers"
             : plan.pack_b ? "packed, a block of columns at a time"
                           : "read in place",
             plan.pack_edge ? ", its last columns packed" : "");
    } else {
      n.line("a, b", "through shared memory, a slice of the depth at a time");
    }
    const int64_t chunks = (g.depth + plan.depth_step - 1) / plan.depth_step;
    if (plan.chunks_apart) {
      n.line("depth", chunks, " chunks of ", plan.depth_step, " in blocks of their own, summed by another kernel");
    } else if (chunks > 1) {
      const char* where = !host ? "registers" : g.partial.data == g.c.data ? "the result itself" : "scratch of the result's size";
      n.line("depth", chunks, " chunks of ", plan.depth_step, ", summed in ", where);
    } else {
      n.line("depth", g.depth == 0 ? "nothing is read" : "one chunk");
    }
    Words after;
    if (g.alpha != T(1)) after.push_back("alpha");
    if (g.beta != T(0)) after.push_back("beta");
    if (g.bias) after.push_back("bias");
    if (!after.empty()) n.line("then", joined(after), " from registers");
    if (g.tail) {
      const char* when = !host && g.statistics ? " in kernels of their own, behind the batch statistics"
                         : !host               ? " from registers"
                         : g.statistics        ? " behind the batch statistics of each strip of columns"
                                               : " on each panel of rows while in cache";
      n.line("tail", joined(stages(*g.tail)), when);
    }
  }

  static void tail_forward(const Context& context, const Tail<T>& tail, Matrix<const T> z, Matrix<T> saved, Matrix<T> h) {
    auto& n = notes(context);
    real(n).tail_forward(context, tail, z, saved, h);
    const Words words = stages(tail);
    n.title("pass over (", h.rows, ", ", h.columns, "), ", type_name<T>);
    n.line("does", words.empty() ? "copy" : joined(words), z.data == h.data ? ", in place" : "");
    n.line("tasks", tasks(context, n.splits.back()));
    result(n, context, z, saved, h);
  }

  static void batchnorm_forward(const Context& context, const Tail<T>& tail, const BatchStatistics<T>& statistics, Matrix<const T> z,
                                Matrix<T> saved, Matrix<T> h) {
    auto& n = notes(context);
    real(n).batchnorm_forward(context, tail, statistics, z, saved, h);
    n.title("batch norm of (", h.rows, ", ", h.columns, "), ", type_name<T>);
    n.line("first", "batch statistics down strips of columns, ", tasks(context, n.splits.front()));
    if (n.splits.size() > 1) {
      n.line("tail", joined(stages(tail)), " in a pass of its own, ", tasks(context, n.splits.back()));
    } else {
      n.line("tail", joined(stages(tail)), " on each strip while in cache");
    }
    result(n, context, z, saved, h);
  }

  // Of a frozen batch norm: too little for a line.
  static void inference_statistics(const Context&, const T*, const T*, double, int64_t, T*, T*) {}

  static void tail_backward(const Context& context, const Tail<T>& tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved,
                            Matrix<const T> z, const TailSums<T>& sums, const Gemm<T>* incoming, const Gemm<T>* weight_gradient) {
    auto& n = notes(context);
    real(n).tail_backward(context, tail, dh, d, saved, z, sums, incoming, weight_gradient);
    if (n.splits.empty()) return;  // nothing to undo, to sum or to copy
    Words undone = stages(tail), summed;
    if (sums.gamma) summed.push_back("gamma");
    if (sums.beta) summed.push_back("beta");
    if (sums.bias) summed.push_back("bias");
    n.title("pass back over (", d.rows, ", ", d.columns, "), ", type_name<T>);
    if (incoming) product(n, "from", *incoming, "its columns first in each strip");
    if (!undone.empty()) n.line("undoes", joined({undone.rbegin(), undone.rend()}), d.data == dh.data ? ", in place" : "");
    if (!summed.empty()) n.line("sums", "the ", summed.size() > 1 ? "gradients" : "gradient", " of ", joined(summed));
    if (weight_gradient) product(n, "product", *weight_gradient, "its rows with each strip");
    n.line("tasks", tasks(context, n.splits.back()));
  }

  static void prelu_forward(const Context& context, const Slopes<T>& slopes, Matrix<const T> z, Matrix<T> y) {
    auto& n = notes(context);
    real(n).prelu_forward(context, slopes, z, y);
    alone(n, context, "pass", y.rows, y.columns, "prelu");
  }
  static void prelu_backward(const Context& context, const Slopes<T>& slopes, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz,
                             T* d_slopes) {
    auto& n = notes(context);
    real(n).prelu_backward(context, slopes, dy, z, dz, d_slopes);
    alone(n, context, "pass back", dz.rows, dz.columns, "prelu, with the gradient of its slopes");
  }
  static void rrelu(const Context& context, const Draw& draw, T lower, T range, Matrix<const T> values, Matrix<const T> z, Matrix<T> out) {
    auto& n = notes(context);
    real(n).rrelu(context, draw, lower, range, values, z, out);
    alone(n, context, "pass", out.rows, out.columns, "rrelu");
  }
  static void layernorm_forward(const Context& context, Matrix<const T> x, const T* gamma, const T* beta, double eps, Matrix<T> y, T* mean,
                                T* rstd) {
    auto& n = notes(context);
    real(n).layernorm_forward(context, x, gamma, beta, eps, y, mean, rstd);
    alone(n, context, "pass", y.rows, y.columns, "layer norm");
  }
  static void layernorm_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, const T* gamma, const T* mean,
                                 const T* rstd, Matrix<T> dx, T* dgamma, T* dbeta) {
    auto& n = notes(context);
    real(n).layernorm_backward(context, dy, x, gamma, mean, rstd, dx, dgamma, dbeta);
    alone(n, context, "pass back", dx.rows, dx.columns, dgamma ? "layer norm, with the gradients of gamma and beta" : "layer norm");
  }
  static void embedding_forward(const Context& context, const Codes<T>& codes, Matrix<const T> table, Matrix<T> y) {
    auto& n = notes(context);
    real(n).embedding_forward(context, codes, table, y);
    alone(n, context, "pass", y.rows, y.columns, "embedding");
  }
  static void embedding_backward(const Context& context, Matrix<const T> dy, const Codes<T>& codes, Matrix<T> d_table) {
    auto& n = notes(context);
    real(n).embedding_backward(context, dy, codes, d_table);
    alone(n, context, "pass back", dy.rows, dy.columns, "embedding, its sums by code");
  }
  static void periodic_forward(const Context& context, Matrix<const T> x, Matrix<const T> frequencies, Matrix<T> y) {
    auto& n = notes(context);
    real(n).periodic_forward(context, x, frequencies, y);
    alone(n, context, "pass", y.rows, y.columns, "periodic encoding");
  }
  static void periodic_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> frequencies,
                                Matrix<const T> y, Matrix<T> dx, Matrix<T> d_frequencies) {
    auto& n = notes(context);
    real(n).periodic_backward(context, dy, x, frequencies, y, dx, d_frequencies);
    alone(n, context, "pass back", dy.rows, dy.columns, "periodic encoding, with the gradient of its frequencies");
  }
  static void piecewise_linear_forward(const Context& context, Matrix<const T> x, Matrix<const T> edges, Matrix<T> y) {
    auto& n = notes(context);
    real(n).piecewise_linear_forward(context, x, edges, y);
    alone(n, context, "pass", y.rows, y.columns, "piecewise-linear encoding");
  }
  static void softmax_forward(const Context& context, Matrix<const T> x, Matrix<T> y, bool logarithm) {
    auto& n = notes(context);
    real(n).softmax_forward(context, x, y, logarithm);
    alone(n, context, "pass", y.rows, y.columns, logarithm ? "log softmax" : "softmax");
  }
  static void softmax_backward(const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx, bool logarithm) {
    auto& n = notes(context);
    real(n).softmax_backward(context, dy, y, dx, logarithm);
    alone(n, context, "pass back", dx.rows, dx.columns, logarithm ? "log softmax" : "softmax");
  }
  static void gaussian_noise(const Context& context, const Draw& draw, T deviation, Matrix<const T> x, Matrix<T> out) {
    auto& n = notes(context);
    real(n).gaussian_noise(context, draw, deviation, x, out);
    alone(n, context, "pass", out.rows, out.columns, "gaussian noise");
  }
  static void replace(const Context& context, const Draw& draw, uint32_t low_threshold, const Replacement<T>& replacement,
                      Matrix<const T> x, Matrix<T> out) {
    auto& n = notes(context);
    real(n).replace(context, draw, low_threshold, replacement, x, out);
    alone(n, context, "pass", out.rows, out.columns, "replaces what the mask drops");
  }
  static void choose(const Context& context, const Draw& draw, Matrix<const T> kept, Matrix<const T> dropped, Matrix<T> out) {
    auto& n = notes(context);
    real(n).choose(context, draw, kept, dropped, out);
    alone(n, context, "pass", out.rows, out.columns, "chooses by the mask");
  }
  static void weighted_sum(const Context& context, T a, Matrix<const T> x, T b, Matrix<const T> y, Matrix<T> out) {
    auto& n = notes(context);
    real(n).weighted_sum(context, a, x, b, y, out);
    alone(n, context, "pass", out.rows, out.columns, y ? "weighted sum of two" : "scales");
  }
  static void shakeout(const Context& context, const Draw& draw, T c, T rise, Matrix<const T> weight, Matrix<T> out) {
    auto& n = notes(context);
    real(n).shakeout(context, draw, c, rise, weight, out);
    alone(n, context, "pass", out.rows, out.columns, "shakeout of the weight");
  }
  static void whiteout_forward(const Context& context, const Draw& draw, const Whiteout<T>& whiteout, Matrix<const T> weight,
                               Matrix<T> out) {
    auto& n = notes(context);
    real(n).whiteout_forward(context, draw, whiteout, weight, out);
    alone(n, context, "pass", out.rows, out.columns, "whiteout of the weight");
  }
  static void whiteout_backward(const Context& context, const Draw& draw, const Whiteout<T>& whiteout, Matrix<const T> dy,
                                Matrix<const T> weight, Matrix<T> out) {
    auto& n = notes(context);
    real(n).whiteout_backward(context, draw, whiteout, dy, weight, out);
    alone(n, context, "pass back", out.rows, out.columns, "whiteout of the weight");
  }
  static void column_sum(const Context& context, Matrix<const T> x, T* out) {
    auto& n = notes(context);
    real(n).column_sum(context, x, out);
    alone(n, context, "pass", x.rows, x.columns, "sums of columns");
  }
  static void alone(PlanNotes& n, const Context& context, const char* what, int64_t rows, int64_t columns, const char* does) {
    n.title(what, " over (", rows, ", ", columns, "), ", type_name<T>);
    n.line("does", does);
    if (!n.splits.empty()) n.line("tasks", tasks(context, n.splits.front()));
  }

  static void product(PlanNotes& n, const char* what, const Gemm<T>& g, const char* where) {
    n.line(what, "(", g.c.rows, ", ", g.depth, ") x (", g.depth, ", ", g.c.columns, "), ", product_type<T>({}), ", ", where);
  }
  static void result(PlanNotes& n, const Context& context, Matrix<const T> z, Matrix<T> saved, Matrix<T> h) {
    if (context.device.is_host())
      n.line("result", real(n).streams(context, z, saved, h) ? "streamed past the caches" : "written through the caches");
  }

  static void fill(Kernels<T>& kernels) {
    kernels.gemm = gemm;
    kernels.tail_forward = tail_forward;
    kernels.batchnorm_forward = batchnorm_forward;
    kernels.inference_statistics = inference_statistics;
    kernels.tail_backward = tail_backward;
    kernels.prelu_forward = prelu_forward;
    kernels.prelu_backward = prelu_backward;
    kernels.rrelu = rrelu;
    kernels.softmax_forward = softmax_forward;
    kernels.softmax_backward = softmax_backward;
    kernels.column_sum = column_sum;
    kernels.gaussian_noise = gaussian_noise;
    kernels.replace = replace;
    kernels.choose = choose;
    kernels.weighted_sum = weighted_sum;
    kernels.shakeout = shakeout;
    kernels.whiteout_forward = whiteout_forward;
    kernels.whiteout_backward = whiteout_backward;
    kernels.layernorm_forward = layernorm_forward;
    kernels.layernorm_backward = layernorm_backward;
    kernels.embedding_forward = embedding_forward;
    kernels.embedding_backward = embedding_backward;
    kernels.periodic_forward = periodic_forward;
    kernels.periodic_backward = periodic_backward;
    kernels.piecewise_linear_forward = piecewise_linear_forward;
  }
};

thread_local Explanation* explaining = nullptr;

}  // namespace

Explanation::Explanation(const Context& context, std::string indent)
    : context_(context), notes_(std::make_unique<PlanNotes>(*context.table, std::move(indent))) {
  Describe<float>::fill(notes_->table.f32);
  Describe<double>::fill(notes_->table.f64);
  context_.table = &notes_->table;
  context_.log = notes_.get();
}
Explanation::~Explanation() = default;

std::string Explanation::text() const {
  std::string text = notes_->lines.str();
  if (text.empty()) return notes_->indent + "no kernel runs";
  text.pop_back();
  return text;
}

Context calling_context() { return explaining ? explaining->context() : current_context(); }

ExplanationScope::ExplanationScope(Explanation& explanation) : outer_(explaining) { explaining = &explanation; }
ExplanationScope::~ExplanationScope() { explaining = outer_; }

}  // namespace lamina
