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
void work_alone();  // from now on what the calling thread asks for is computed by it alone

const char* precision_name(Precision p);
Precision find_precision(const char* op, const std::string& name);
Precision get_precision();
void set_precision(Precision p);
std::string precision_unit(const KernelTable& table, Precision p);  // what multiplies at this precision; empty where `highest` does

// See Context; settable so that tests need no huge arrays.
int64_t get_stream_bytes();
void set_stream_bytes(int64_t bytes);

}  // namespace lamina
