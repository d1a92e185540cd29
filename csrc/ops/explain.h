// What ops ask of the kernels, and how the kernels would go about it, written down while nothing is computed.
#pragma once

#include <memory>
#include <string>

#include "base/context.h"

namespace lamina {

struct PlanNotes;

// An op called with this context takes every decision it takes otherwise; the table it meets notes the calls.
class Explanation {
 public:
  explicit Explanation(const Context& context, std::string indent = "");
  ~Explanation();
  Explanation(const Explanation&) = delete;
  Explanation& operator=(const Explanation&) = delete;

  const Context& context() const { return context_; }
  std::string text() const;  // lines without a last line end

 private:
  Context context_;
  std::unique_ptr<PlanNotes> notes_;
};

// The context of this thread's calls from the bindings: the process's own, but in an ExplanationScope.
Context calling_context();

class ExplanationScope {
 public:
  explicit ExplanationScope(Explanation& explanation);
  ~ExplanationScope();
  ExplanationScope(const ExplanationScope&) = delete;
  ExplanationScope& operator=(const ExplanationScope&) = delete;

 private:
  Explanation* outer_;
};

}  // namespace lamina
