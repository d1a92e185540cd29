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

// See Context; settable so that tests need no huge arrays.
int64_t get_stream_bytes();
void set_stream_bytes(int64_t bytes);

}  // namespace lamina
