// The protocols by which libraries show each other their arrays: DLPack and __cuda_array_interface__.
#include <algorithm>
#include <string>

#include "base/error.h"
#include "bindings/device_array.h"
#include "bindings/dlpack.h"

namespace lamina {
namespace {

// As streams are numbered in DLPack and __cuda_array_interface__: 1 is the default stream.
int64_t number_of(Stream stream) { return stream ? reinterpret_cast<intptr_t>(stream) : 1; }
Stream stream_of(int64_t number) { return number <= 1 ? nullptr : reinterpret_cast<Stream>(number); }

// NumPy knows bfloat16 from ml_dtypes, which only the caller imports.
py::dtype bfloat16_dtype(const char* op, const char* name) {
  const py::dict modules = py::module_::import("sys").attr("modules");
  if (modules.contains("ml_dtypes") && py::hasattr(modules["ml_dtypes"], "bfloat16")) {
    return py::dtype::from_args(py::object(modules["ml_dtypes"].attr("bfloat16")));
  }
  fail(op, name, " has dtype bfloat16, needs `import ml_dtypes` before, which gives NumPy this dtype");
}

py::dtype dtype_of_type(const char* op, const char* name, const dlpack::Type& type) {
  if (type.lanes == 1 && type.code == dlpack::bfloat && type.bits == 16) return bfloat16_dtype(op, name);
  std::string text;
  if (type.lanes == 1) {
    switch (type.code) {
      case dlpack::floating:
        text = "float" + std::to_string(type.bits);
        break;
      case dlpack::integer:
        text = "int" + std::to_string(type.bits);
        break;
      case dlpack::unsigned_integer:
        text = "uint" + std::to_string(type.bits);
        break;
      case dlpack::boolean:
        text = "bool";
        break;
      default:
        break;
    }
  }
  if (text.empty()) {
    fail(op, name, " has a dtype that lamina does not know (code ", int{type.code}, ", ", int{type.bits},
         " bits), needs float32, float64 or bfloat16");
  }
  return py::dtype(text);
}
dlpack::Type type_of(const py::dtype& dtype) {
  if (std::string(py::str(dtype)) == "bfloat16") return {dlpack::bfloat, 16, 1};
  const std::string kinds = "iufb", kind(1, dtype.kind());
  if (kinds.find(kind) == std::string::npos) fail("__dlpack__", "dtype ", std::string(py::str(dtype)), " has no DLPack type");
  constexpr dlpack::TypeCode codes[] = {dlpack::integer, dlpack::unsigned_integer, dlpack::floating, dlpack::boolean};
  return {codes[kinds.find(kind)], static_cast<uint8_t>(8 * dtype.itemsize()), 1};
}

// A view of a tensor that is given back when no array uses it any more.
template <class Managed>
std::shared_ptr<DeviceArray> view_of(const char* op, const char* name, py::handle capsule) {
  auto* const managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), Managed::name));
  if (!managed) throw py::error_already_set();
  const dlpack::Tensor& tensor = managed->tensor;
  auto array = std::make_shared<DeviceArray>();
  array->dtype = dtype_of_type(op, name, tensor.type);
  array->shape.assign(tensor.shape, tensor.shape + tensor.rank);
  array->strides = c_strides(array->shape, array->dtype.itemsize());
  for (int i = 0; tensor.strides && i < tensor.rank; ++i)
    array->strides[static_cast<size_t>(i)] = tensor.strides[i] * array->dtype.itemsize();
  if constexpr (std::is_same_v<Managed, dlpack::VersionedTensor>) array->writeable = !(managed->flags & Managed::read_only);
  PyCapsule_SetName(capsule.ptr(), Managed::used_name);
  array->data = static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  array->block = std::make_shared<DeviceBlock>(array->data, [managed] {
    if (managed->deleter) managed->deleter(managed);
  });
  return array;
}

std::shared_ptr<DeviceArray> from_dlpack(const char* op, const char* name, py::handle object) {
  const py::object give = object.attr("__dlpack__"), stream = py::int_(number_of(current_stream()));
  py::object capsule;
  try {
    try {
      capsule = give(py::arg("stream") = stream, py::arg("max_version") = py::make_tuple(1, 0));
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_TypeError)) throw;
      capsule = give(py::arg("stream") = stream);
    }
  } catch (py::error_already_set& error) {
    fail(op, name, " does not lend its memory: ", std::string(py::str(error.value())));
  }
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::VersionedTensor::name)) return view_of<dlpack::VersionedTensor>(op, name, capsule);
  return view_of<dlpack::ManagedTensor>(op, name, capsule);
}

Shape numbers_in(const py::tuple& tuple) {
  Shape numbers;
  for (const py::handle number : tuple) numbers.push_back(number.cast<int64_t>());
  return numbers;
}

std::shared_ptr<DeviceArray> from_interface(const char* op, const char* name, py::handle object) {
  const py::dict about = object.attr("__cuda_array_interface__");
  auto array = std::make_shared<DeviceArray>();
  array->dtype = py::dtype(about["typestr"].cast<std::string>());
  array->shape = numbers_in(about["shape"]);
  array->strides = c_strides(array->shape, array->dtype.itemsize());
  if (about.contains("strides") && !about["strides"].is_none()) array->strides = numbers_in(about["strides"]);
  const py::tuple data = about["data"];
  array->data = reinterpret_cast<std::byte*>(data[0].cast<uintptr_t>());
  array->writeable = !data[1].cast<bool>();
  if (array->data && !needed_cuda(op).is_here(array->data)) fail(op, name, " is not in this device's memory");
  if (about.contains("stream") && !about["stream"].is_none()) {
    needed_cuda(op).order(stream_of(about["stream"].cast<int64_t>()), current_stream());
  }
  const auto owner = std::make_shared<py::object>(py::reinterpret_borrow<py::object>(object));
  array->block = std::make_shared<DeviceBlock>(array->data, [owner] {});
  return array;
}

template <class Managed>
void delete_exported(Managed* managed) {
  delete[] managed->tensor.shape;
  {
    const py::gil_scoped_acquire gil;
    delete static_cast<std::shared_ptr<DeviceArray>*>(managed->context);
  }
  delete managed;
}

template <class Managed>
py::capsule exported(const std::shared_ptr<DeviceArray>& array, uint64_t flags) {
  const size_t rank = array->shape.size();
  auto* const managed = new Managed{};
  auto* const numbers = new int64_t[2 * rank + 1];
  for (size_t i = 0; i < rank; ++i) {
    numbers[i] = array->shape[i];
    numbers[rank + i] = array->strides[i] / array->dtype.itemsize();
  }
  managed->tensor = {array->data, {dlpack::cuda, 0}, static_cast<int32_t>(rank), type_of(array->dtype), numbers, numbers + rank, 0};
  managed->context = new std::shared_ptr<DeviceArray>(array);
  managed->deleter = delete_exported<Managed>;
  if constexpr (std::is_same_v<Managed, dlpack::VersionedTensor>) managed->major = 1, managed->flags = flags;
  return py::capsule(managed, Managed::name, [](PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, Managed::name)) return;  // taken over by a consumer
    auto* const unused = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
    unused->deleter(unused);
  });
}

}  // namespace

std::shared_ptr<DeviceArray> device_array_from(const char* op, const char* name, py::handle object) {
  std::shared_ptr<DeviceArray> array;
  if (py::isinstance<DeviceArray>(object)) {
    array = object.cast<std::shared_ptr<DeviceArray>>();
  } else if (py::hasattr(object, "__dlpack_device__")) {
    const py::tuple device = object.attr("__dlpack_device__")();
    const int type = device[0].cast<int>(), id = device[1].cast<int>();
    if (type != dlpack::cuda && type != dlpack::cuda_managed) return nullptr;
    needed_cuda(op);
    if (id != 0) fail(op, name, " is on CUDA device ", id, ", lamina computes on device 0");
    array = from_dlpack(op, name, object);
  } else if (py::hasattr(object, "__cuda_array_interface__")) {
    needed_cuda(op);
    array = from_interface(op, name, object);
  } else {
    return nullptr;
  }
  array->block->use();
  return array;
}

py::object as_kind_of(const std::shared_ptr<DeviceArray>& array, py::handle like) {
  if (!like || py::isinstance<DeviceArray>(like)) return py::cast(array);
  py::object library = py::none();
  if (py::hasattr(like, "__array_namespace__")) {
    library = like.attr("__array_namespace__")();
  } else {
    const std::string module = py::str(py::type::of(like).attr("__module__"));
    const py::dict modules = py::module_::import("sys").attr("modules");
    const py::str root(module.substr(0, module.find('.')));
    if (modules.contains(root)) library = modules[root];
  }
  return py::hasattr(library, "from_dlpack") ? library.attr("from_dlpack")(array) : py::cast(array);
}

py::capsule to_dlpack(const std::shared_ptr<DeviceArray>& array, py::handle stream, py::handle max_version) {
  // -1 asks for no order; without a stream the default one is meant.
  const int64_t number = stream.is_none() ? 1 : stream.cast<int64_t>();
  if (number == 0) fail("__dlpack__", "stream is 0, which is ambiguous: needs 1 for the default stream");
  if (number != -1) array->block->lend(stream_of(number));
  const bool versioned = !max_version.is_none() && max_version.cast<py::tuple>()[0].cast<int>() >= 1;
  if (versioned) return exported<dlpack::VersionedTensor>(array, array->writeable ? 0 : dlpack::VersionedTensor::read_only);
  if (!array->writeable) throw py::buffer_error("__dlpack__: a read-only array needs a consumer of DLPack 1.0");
  return exported<dlpack::ManagedTensor>(array, 0);
}

}  // namespace lamina
