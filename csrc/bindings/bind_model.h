// What the bindings of networks, trainers and autoencoders share: settings from dicts, live views, data sets, signals.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "bindings/bind.h"
#include "nn/batches.h"
#include "nn/network.h"
#include "nn/parameter_optimizer.h"
#include "nn/trainer.h"

namespace lamina {

// The Python class holds the float or the double form.
struct PyNetwork {
  Home home;
  std::variant<std::shared_ptr<Network<float>>, std::shared_ptr<Network<double>>> form;
  DType dtype() const { return form.index() == 0 ? DType::float32 : DType::float64; }
  Kind kind() const { return {dtype(), home.on_device()}; }
};

inline py::dict dict_in(const char* op, const char* name, py::handle value) {
  if (!py::isinstance<py::dict>(value)) fail<TypeError>(op, name, " is ", std::string(py::repr(value)), ", needs a dict");
  return py::reinterpret_borrow<py::dict>(value);
}

// A dict read key by key; a missing, unknown or mistyped one is an error.
class Settings {
 public:
  Settings(const char* op, const char* what, py::dict dict) : op_(op), what_(what), dict_(std::move(dict)) {}

  py::object take(const char* key) {
    if (!dict_.contains(key)) fail(op_, what_, " lacks '", key, "'");
    ++taken_;
    return dict_[key];
  }
  py::object take(const char* key, const py::object& otherwise) { return dict_.contains(key) ? take(key) : otherwise; }

  double number(const char* key) { return number_in(op_, key, take(key)); }
  double number(const char* key, double otherwise) { return number_in(op_, key, take(key, py::float_(otherwise))); }
  int64_t integer(const char* key) { return integer_in(op_, key, take(key)); }
  bool flag(const char* key, bool otherwise) { return flag_in(op_, key, take(key, py::bool_(otherwise))); }
  double get(const char* key, double otherwise) { return number(key, otherwise); }
  bool get(const char* key, bool otherwise) { return flag(key, otherwise); }
  std::string text(const char* key) { return text_in(op_, key, take(key)); }
  void finish() const {
    if (taken_ != dict_.size()) fail(op_, what_, " has unknown keys: ", std::string(py::repr(dict_)));
  }

 private:
  const char* op_;
  const char* what_;
  py::dict dict_;
  size_t taken_ = 0;
};

DType dtype_in(const char* op, py::handle name);
OptimizerSpec optimizer_in(const char* op, py::handle dict);

template <class T>
OwnedLoss<T> loss_in(const char* op, py::handle dict, const Device& device) {
  Settings settings(op, "loss", dict_in(op, "loss", dict));
  OwnedLoss<T> loss;
  loss.kind = loss_kind(op, settings.text("name").c_str());
  loss.label_smoothing = settings.number("label_smoothing", 0.0);
  if (const char* name = loss_info(loss.kind).constant_name) loss.constant = settings.number(name);
  const py::object weight = settings.take("class_weight", py::none());
  settings.finish();
  if (!weight.is_none()) {
    const Vector<const T> view = vector_view<const T>(array_in(op, "class_weight", weight, {dtype_of<T>, false}));
    loss.class_weight = AlignedBuffer<T>(view.size, device);
    const size_t bytes = static_cast<size_t>(view.size) * sizeof(T);
    device.memory->copy_in(loss.class_weight.data(), view.data, {1, bytes, bytes, bytes}, device.stream);
  }
  return loss;
}

// The arrays of a data set, held while native code reads them. Labels are what integer targets are.
struct DataArrays {
  Array x;
  Labels labels;
  Array values, sample_weight;
  bool labelled;

  DataArrays(const char* op, const Kind& kind, py::handle x_, py::handle targets, py::handle weight)
      : x(array_in(op, "x", x_, kind)),
        values(no_array(op, "targets", kind.dtype)),
        sample_weight(optional_in(op, "sample_weight", weight, kind)),
        labelled(is_integer(targets)) {
    if (labelled) {
      labels = labels_in(op, "targets", targets, kind.on_device);
    } else {
      values = array_in(op, "targets", targets, kind);
    }
  }

  template <class T>
  DataSet<T> view() const {
    return {matrix_view<const T>(x),
            {labelled ? labels.view() : Vector<const int64_t>{}, matrix_view<const T>(values)},
            vector_view<const T>(sample_weight)};
  }
};

// A view of a model's memory; `owner` keeps it alive.
template <class T>
py::object live_view(const Home& home, T* data, const Shape& shape, const py::object& owner) {
  if (home.on_device()) return py::cast(DeviceArray::view(data, py::dtype::of<T>(), shape, owner, home.users));
  return py::array(py::dtype::of<T>(), shape, data, owner);
}

template <class T>
py::dict entry_views(const Home& home, const ParameterBuffer<T>& buffer, Vector<T> values, const py::object& owner) {
  py::dict views;
  for (const ParameterEntry& entry : buffer.entries())
    views[py::str(entry.name)] = live_view(home, values.data + entry.offset, entry.shape, owner);
  return views;
}
template <class T>
py::dict state_views(const Home& home, const ParameterOptimizer<T>& optimizer, const py::object& owner) {
  py::dict views;
  for (const auto& [name, slot] : optimizer.state()) views[py::str(name)] = live_view(home, slot.data(), {slot.size()}, owner);
  return views;
}

// Python's signal handlers run here; an exception of theirs (KeyboardInterrupt) stops the call.
inline constexpr Poll signal_poll{[](void*) {
                                    const py::gil_scoped_acquire gil;
                                    return PyErr_CheckSignals() != 0;
                                  },
                                  nullptr};

// The epoch's loss, or the exception that stopped it.
inline double epoch_result(const std::optional<double>& loss) {
  if (!loss) throw py::error_already_set();
  return *loss;
}

// A seed, or with it a step, that counts from 0 to 2**32 - 1.
inline RandomKey seed_in(const char* op, py::handle seed) { return key_in(op, seed, py::int_(0), py::int_(0), py::int_(0), 0); }
inline RandomKey seed_in(const char* op, py::handle seed, py::handle step) { return key_in(op, seed, py::int_(0), step, py::int_(0), 0); }
uint32_t counter_in(const char* op, const char* name, py::handle value);

}  // namespace lamina
