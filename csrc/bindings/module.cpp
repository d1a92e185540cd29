// The compiled module lamina._core: errors, configuration, and one bind function per topic.
#include "base/memory.h"
#include "bindings/bind.h"
#include "kernels/cuda_device.h"

namespace lamina {
namespace {
Context context_on(const char* op, py::handle device) { return is_cuda(op, device) ? device_context(op) : current_context(); }

void bind_config(py::module_& m) {
  m.def("available_isas", available_isas);
  m.def("get_isa", get_isa);
  m.def("set_isa", set_isa);
  m.def("get_num_threads", get_num_threads);
  m.def("set_num_threads", set_num_threads);
  m.def("work_alone", work_alone, "What the calling thread asks for is computed by it alone from now on.");
  m.def("get_precision", [] { return precision_name(get_precision()); });
  m.def("set_precision", [](const std::string& name) { set_precision(find_precision("set_precision", name)); });
  m.def(
      "precision_unit",
      [](const std::string& name, const py::object& device) {
        return precision_unit(*context_on("precision_unit", device).table, find_precision("precision_unit", name));
      },
      py::arg("precision"), py::arg("device") = "cpu");
  m.def("get_stream_bytes", get_stream_bytes);
  m.def("set_stream_bytes", set_stream_bytes);
  m.def("memory", [] {
    const MemoryUse use = memory_use();
    py::dict bytes;
    bytes["current"] = use.current;
    bytes["peak"] = use.peak;
    return bytes;
  });
  m.def("reset_peak_memory", reset_peak_memory);
  m.def(
      "explain",
      [](const py::function& call, const py::object& device) {
        Explanation explanation(context_on("explain", device));
        const ExplanationScope scope(explanation);
        call();
        return explanation.text();
      },
      py::arg("call"), py::arg("device") = "cpu", "How the ops that `call` calls would be computed; nothing is.");
  m.def("build", [] {
    py::dict build;
    build["compiler"] = LAMINA_COMPILER;
    build["cuda"] = cuda_status();
    return build;
  });
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "Native kernels and networks of lamina; the public functions are in lamina.ops and lamina itself.";
  py::register_local_exception_translator([](std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const ValueError& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const TypeError& e) {
      PyErr_SetString(PyExc_TypeError, e.what());
    }
  });
  py::register_local_exception<BackendError>(m, "BackendError", PyExc_RuntimeError);
  bind_config(m);
  bind_cuda(m);
  bind_linear(m);
  bind_lamina(m);
  bind_layernorm(m);
  bind_elementwise(m);
  bind_encodings(m);
  bind_rectifiers(m);
  bind_random(m);
  bind_noise(m);
  bind_loss(m);
  bind_optimizer(m);
  bind_network(m);
  bind_trainer(m);
  bind_autoencoder(m);
  bind_rbm(m);
}

}  // namespace lamina
