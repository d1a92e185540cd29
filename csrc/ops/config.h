// What the process computes with: instruction set, threads.
#pragma once

#include <string>
#include <vector>

#include "base/context.h"

namespace lamina {

Context current_context();

std::vector<std::string> available_isas();  // ascending
std::string get_isa();
void set_isa(const std::string& name);

int get_num_threads();
void set_num_threads(int threads);

}  // namespace lamina
