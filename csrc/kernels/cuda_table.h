// The CUDA table: filled by cuda/ or, in a build without it, absent; chosen when linking, never by #ifdef.
#pragma once

namespace lamina {

struct KernelTable;

const KernelTable* cuda_table();  // null where it is not built or has no device
const char* cuda_status();        // why, in words

}  // namespace lamina
