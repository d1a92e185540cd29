// A layer that a user wrote in Python, as the network asks for it.
#pragma once

#include <memory>

#include "bindings/bind.h"
#include "nn/foreign_layer.h"

namespace lamina {

// `layer` is a lamina.PythonLayer; see its methods _initial, _forward and _backward.
std::shared_ptr<const ForeignLayer> python_layer(const py::object& layer);

}  // namespace lamina
