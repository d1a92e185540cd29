// The columns of the data as the first layer's box: numbers as they are, categories and numbers encoded, side by side.
#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "nn/box.h"
#include "ops/activation.h"
#include "ops/embedding.h"
#include "ops/encodings.h"

namespace lamina {
namespace {

constexpr int64_t most_codes = int64_t{1} << 24;  // which float32 can tell apart
constexpr int64_t widest = int64_t{1} << 30;

template <class... F>
struct Cases : F... {
  using F::operator()...;
};

std::string numbered(const char* name, int64_t column) { return std::string(name) + "_" + std::to_string(column); }

int64_t column_of(const ColumnForm& form) {
  return std::visit([](const auto& c) { return c.column; }, form);
}
int64_t width_of(const ColumnForm& form) {
  return std::visit([](const auto& c) { return c.width(); }, form);
}

template <class T>
Matrix<T> columns_of(Matrix<T> x, int64_t first, int64_t count) {
  return {x.data + first, x.rows, count, x.stride};
}

// Some columns of the data as some columns of the output; backward is for those that learn.
template <class T>
class Encoded {
 public:
  virtual ~Encoded() = default;
  virtual void forward(const Context& context, Matrix<const T> x, Matrix<T> h) const = 0;
  virtual void backward(const Context&, Matrix<const T> /*dh*/, Matrix<const T> /*x*/, Matrix<const T> /*h*/) const {}
};

template <class T>
class Numeric final : public Encoded<T> {
 public:
  void forward(const Context& context, Matrix<const T> x, Matrix<T> h) const override { activation_forward<T>(context, {}, x, h); }
};

template <class T>
class Category final : public Encoded<T> {
 public:
  Category(Matrix<T> table, Matrix<T> gradient) : table_(table), gradient_(gradient) {}
  void forward(const Context& context, Matrix<const T> x, Matrix<T> h) const override { embedding_forward<T>(context, x, table_, h); }
  void backward(const Context& context, Matrix<const T> dh, Matrix<const T> x, Matrix<const T>) const override {
    embedding_backward<T>(context, dh, x, gradient_);
  }

 private:
  Matrix<T> table_, gradient_;
};

template <class T>
class Periodic final : public Encoded<T> {
 public:
  Periodic(Matrix<T> frequencies, Matrix<T> gradient) : frequencies_(frequencies), gradient_(gradient) {}
  void forward(const Context& context, Matrix<const T> x, Matrix<T> h) const override { periodic_forward<T>(context, x, frequencies_, h); }
  void backward(const Context& context, Matrix<const T> dh, Matrix<const T> x, Matrix<const T> h) const override {
    periodic_backward<T>(context, dh, x, frequencies_, h, {}, gradient_);
  }

 private:
  Matrix<T> frequencies_, gradient_;
};

template <class T>
class PiecewiseLinear final : public Encoded<T> {
 public:
  PiecewiseLinear(const std::vector<double>& edges, const Device& device) : edges_(static_cast<int64_t>(edges.size()), device) {
    const std::vector<T> values(edges.begin(), edges.end());
    check_edges<T>("Network", matrix(values.data(), 1, edges_.size()));
    const size_t bytes = values.size() * sizeof(T);
    device.memory->copy_in(edges_.data(), values.data(), {1, bytes, bytes, bytes}, device.stream);
  }
  void forward(const Context& context, Matrix<const T> x, Matrix<T> h) const override {
    piecewise_linear_forward<T>(context, x, matrix(edges_.data(), 1, edges_.size()), h);
  }

 private:
  AlignedBuffer<T> edges_;
};

// Makes one after the other, each with the next of the layer's parameters if it has one.
template <class T>
struct Maker {
  using Made = std::unique_ptr<Encoded<T>>;
  const BoxPlace<T>& place;
  int nth = 0;

  Made operator()(const NumericColumns&) { return std::make_unique<Numeric<T>>(); }
  Made operator()(const CategoryColumn& c) { return learned<Category<T>>(c.size, c.features); }
  Made operator()(const PeriodicColumn& c) { return learned<Periodic<T>>(1, c.frequencies); }
  Made operator()(const PiecewiseLinearColumn& c) { return std::make_unique<PiecewiseLinear<T>>(c.edges, place.device); }

  template <class Learned>
  Made learned(int64_t rows, int64_t columns) {
    const int i = nth++;
    return std::make_unique<Learned>(matrix(place.value(i).data, rows, columns), matrix(place.gradient(i).data, rows, columns));
  }
};

template <class T>
class Columns final : public Box<T> {
 public:
  Columns(const std::vector<ColumnForm>& forms, const BoxPlace<T>& place) {
    Maker<T> maker{place};
    int64_t end = 0;
    for (const ColumnForm& form : forms) {
      const auto* numeric = std::get_if<NumericColumns>(&form);
      parts_.push_back({column_of(form), numeric ? numeric->count : 1, end, width_of(form), std::visit(maker, form)});
      end += parts_.back().width;
    }
  }

  void forward(const Context& context, const Pass&, Matrix<const T> x, Matrix<T> h, T*) const override {
    for (const Part& part : parts_) part.encoded->forward(context, part.of_input(x), part.of_output(h));
  }
  // There is nothing below: the gradient of the data is nobody's.
  void backward(const Context& context, const Pass&, Matrix<const T> dh, Matrix<const T> x, Matrix<const T> h, T*,
                Matrix<T>) const override {
    for (const Part& part : parts_) part.encoded->backward(context, part.of_output(dh), part.of_input(x), part.of_output(h));
  }

 private:
  struct Part {
    int64_t column, count, first, width;
    std::unique_ptr<Encoded<T>> encoded;
    Matrix<const T> of_input(Matrix<const T> x) const { return columns_of(x, column, count); }
    template <class E>
    Matrix<E> of_output(Matrix<E> h) const {
      return columns_of(h, first, width);
    }
  };
  std::vector<Part> parts_;
};

}  // namespace

int64_t ColumnsSpec::gives() const {
  int64_t width = 0;
  for (const ColumnForm& form : parts) width += width_of(form);
  return width;
}

std::vector<ParameterSpec> ColumnsSpec::parameters(int64_t) const {
  std::vector<ParameterSpec> all;
  const auto add = Cases{
      [&](const CategoryColumn& c) { all.push_back({numbered("embedding", c.column), {c.size, c.features}}); },
      [&](const PeriodicColumn& c) { all.push_back({numbered("frequencies", c.column), {c.frequencies}}); },
      [](const auto&) {},
  };
  for (const ColumnForm& form : parts) std::visit(add, form);
  return all;
}

void ColumnsSpec::check(const char* op, const std::string& where) const {
  if (parts.empty()) fail(op, where, " has no parts, needs at least one");
  if (in_features < 1 || in_features > widest) fail(op, where, " takes ", in_features, " features, needs 1 to 2**30");
  const auto sized = [&](const char* what, int64_t column, int64_t size, int64_t most) {
    if (size < 1 || size > most) fail(op, where, ", column ", column, ": ", what, " is ", size, ", needs 1 to ", most);
  };
  const auto check_sizes = Cases{
      [&](const NumericColumns& c) { sized("count", c.column, c.count, in_features - c.column); },
      [&](const CategoryColumn& c) { sized("size", c.column, c.size, most_codes), sized("features", c.column, c.features, widest); },
      [&](const PeriodicColumn& c) { sized("frequencies", c.column, c.frequencies, widest / 2); },
      [&](const PiecewiseLinearColumn& c) { sized("edges less one", c.column, c.width(), widest); },
  };
  for (const ColumnForm& form : parts) {
    const int64_t column = column_of(form);
    if (column < 0 || column >= in_features) fail(op, where, ": column is ", column, ", needs 0 to ", in_features - 1);
    std::visit(check_sizes, form);
  }
  if (gives() > widest) fail(op, where, " gives ", gives(), " features, needs at most 2**30");
  std::vector<std::string> names;
  for (const ParameterSpec& parameter : parameters(in_features)) names.push_back(parameter.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail(op, where, " has ", *twice, " twice, needs each column's once");
}

std::string ColumnsSpec::describe(int64_t) const {
  std::ostringstream text;
  text << "columns(";
  for (const ColumnForm& form : parts) {
    std::visit([&](const auto& c) { text << (&form == parts.data() ? "" : ", ") << c.kind << " " << c.column; }, form);
    if (const auto* numeric = std::get_if<NumericColumns>(&form); numeric && numeric->count > 1) {
      text << "-" << numeric->column + numeric->count - 1;
    }
  }
  text << ")";
  return text.str();
}

template <class T>
std::unique_ptr<Box<T>> ColumnsSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<Columns<T>>(parts, place);
}
LAMINA_INSTANTIATE_BOX(ColumnsSpec)

}  // namespace lamina
