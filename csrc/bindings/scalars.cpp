// Checks of numbers, flags, names and random keys at the door.
#include "bindings/bind.h"
#include "ops/random.h"

namespace lamina {
namespace {

[[noreturn]] void refuse(const char* op, const char* name, py::handle value, const char* needed) {
  fail<TypeError>(op, name, " is a ", std::string(py::str(py::type::of(value).attr("__name__"))), ", needs ", needed);
}

}  // namespace

void Native::leave() noexcept {
  try {
    needed_cuda("cuda").order(context.device.stream, current_stream());
  } catch (const std::exception&) {
    // A broken device: whoever waits for it next is told.
  }
}

double number_in(const char* op, const char* name, py::handle value) {
  const double number = PyBool_Check(value.ptr()) ? -1 : PyFloat_AsDouble(value.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    refuse(op, name, value, "a number");
  }
  if (PyBool_Check(value.ptr())) refuse(op, name, value, "a number");
  return number;
}

int64_t integer_in(const char* op, const char* name, py::handle value) {
  if (!PyIndex_Check(value.ptr()) || PyBool_Check(value.ptr())) refuse(op, name, value, "a whole number");
  const py::object whole = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!whole) throw py::error_already_set();
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(whole.ptr(), &overflow);
  if (overflow != 0) fail(op, name, " is ", std::string(py::str(whole)), ", needs 64 bits at most");
  return number;
}

bool flag_in(const char* op, const char* name, py::handle value) {
  const int flag = PyObject_IsTrue(value.ptr());
  if (flag < 0) {
    PyErr_Clear();
    refuse(op, name, value, "True or False");
  }
  return flag != 0;
}

std::optional<Precision> precision_in(const char* op, py::handle value) {
  if (value.is_none()) return std::nullopt;
  return find_precision(op, text_in(op, "precision", value));
}
std::string text_in(const char* op, const char* name, py::handle value) {
  if (!PyUnicode_Check(value.ptr())) refuse(op, name, value, "a string");
  return value.cast<std::string>();
}

bool is_cuda(const char* op, py::handle device_) {
  const std::string device = text_in(op, "device", device_);
  if (device != "cpu" && device != "cuda") fail(op, "device is '", device, "', needs cpu or cuda");
  if (device == "cuda") needed_cuda(op);
  return device == "cuda";
}

Activation activation_in(const char* op, py::handle name_, const py::dict& parameters) {
  const std::string name = text_in(op, "activation", name_);
  Activation activation = find_activation(op, name);
  const ActivationInfo& info = activation_info(activation.index);
  for (const auto& [key, value] : parameters) {
    const std::string given = py::str(key);
    int at = 0;
    while (at < info.parameters && given != info.parameter_names[at]) ++at;
    if (at == info.parameters)
      fail<TypeError>(op, "unknown keyword '", given, "': neither an argument nor a parameter of activation ", name);
    activation.parameters[at] = number_in(op, info.parameter_names[at], value);
  }
  check(op, activation);
  return activation;
}

RandomKey key_in(const char* op, py::handle seed, py::handle layer, py::handle step, py::handle row_offset, int64_t rows) {
  const auto below = [&](const char* name, py::handle value, int bits) {
    const int64_t number = integer_in(op, name, value);
    if (number < 0 || number >> bits != 0) fail(op, name, " is ", number, ", needs 0 <= ", name, " < 2**", bits);
    return number;
  };
  if (!PyIndex_Check(seed.ptr()) || PyBool_Check(seed.ptr())) refuse(op, "seed", seed, "a whole number");
  const py::object whole = py::reinterpret_steal<py::object>(PyNumber_Index(seed.ptr()));
  if (!whole) throw py::error_already_set();
  const uint64_t key = PyLong_AsUnsignedLongLong(whole.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    fail(op, "seed is ", std::string(py::str(whole)), ", needs 0 <= seed < 2**64");
  }
  const RandomKey result{key, static_cast<uint32_t>(below("layer", layer, 24)), static_cast<uint32_t>(below("step", step, 32)),
                         below("row_offset", row_offset, 32)};
  if (result.row_offset + rows > int64_t{1} << 32) {
    fail(op, "row_offset is ", result.row_offset, " with ", rows, " rows, needs rows within 0 to 2**32");
  }
  return result;
}

Dropout dropout_in(const char* op, py::handle p, const RandomKey& key) {
  const Dropout dropout{number_in(op, "p", p), key};
  check(op, dropout);
  return dropout;
}

}  // namespace lamina
