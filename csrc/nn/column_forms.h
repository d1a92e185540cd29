// What becomes of columns of the data before a net, as plain values.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

namespace lamina {

// Each form has a kind and settings as layers have them, and a width: of its columns in the output.
struct NumericColumns {  // as they are
  static constexpr const char* kind = "numeric";
  int64_t column = 0, count = 1;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("column", self.column), f("count", self.count);
  }
  int64_t width() const { return count; }
};
struct CategoryColumn {  // codes, which take rows of a table
  static constexpr const char* kind = "category";
  int64_t column = 0, size = 0, features = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("column", self.column), f("size", self.size), f("features", self.features);
  }
  int64_t width() const { return features; }
};
struct PeriodicColumn {
  static constexpr const char* kind = "periodic";
  int64_t column = 0, frequencies = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("column", self.column), f("frequencies", self.frequencies);
  }
  int64_t width() const { return 2 * frequencies; }
};
struct PiecewiseLinearColumn {
  static constexpr const char* kind = "piecewise_linear";
  int64_t column = 0;
  std::vector<double> edges = {};

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("column", self.column), f("edges", self.edges);
  }
  int64_t width() const { return static_cast<int64_t>(edges.size()) - 1; }
};
using ColumnForm = std::variant<NumericColumns, CategoryColumn, PeriodicColumn, PiecewiseLinearColumn>;

}  // namespace lamina
