// Straight to the table of a device; the host records nothing.
#include "ops/step_clock.h"

#include "kernels/kernel_table.h"

namespace lamina {

void begin_step(const Context& context, const StepClock& clock) { context.table->begin_step(context, clock); }
void end_step(const Context& context, const StepClock& clock) { context.table->end_step(context, clock); }

}  // namespace lamina
