// The three errors a caller can meet; bindings turn them into ValueError, TypeError and lamina.BackendError.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace lamina {

struct ValueError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct TypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct BackendError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "op: what was given, what is needed", put together from any printable parts.
template <class Error = ValueError, class... Parts>
[[noreturn]] void fail(const char* op, const Parts&... parts) {
  std::ostringstream message;
  message << op << ": ";
  (message << ... << parts);
  throw Error(message.str());
}

}  // namespace lamina
