// The first and the last thing in a recorded step.
#pragma once

#include "base/context.h"
#include "base/specs.h"

namespace lamina {

void begin_step(const Context& context, const StepClock& clock);
void end_step(const Context& context, const StepClock& clock);  // keeps the loss, and the clock goes on

}  // namespace lamina
