# Flags of the kernel files: one translation unit per instruction set, and no other file gets any of them.
# Products and sums are never contracted or reordered: the order of arithmetic is a contract (csrc/math/order.h).
set(LAMINA_NUMERIC_FLAGS -ffp-contract=off -fno-math-errno -fno-trapping-math)

set(LAMINA_KERNELS csrc/kernels/fill_generic.cpp)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND LAMINA_KERNELS csrc/kernels/fill_avx2.cpp csrc/kernels/fill_avx512.cpp
    csrc/kernels/fill_avx512_bf16.cpp csrc/kernels/fill_amx.cpp)
  set_source_files_properties(csrc/kernels/fill_avx2.cpp PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mbmi2")
  # GCC's own AVX-512 header trips the warnings about uninitialised values.
  set(LAMINA_AVX512 -mavx2 -mfma -mbmi2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512 -Wno-uninitialized
    -Wno-maybe-uninitialized)
  set_source_files_properties(csrc/kernels/fill_avx512.cpp PROPERTIES COMPILE_OPTIONS "${LAMINA_AVX512}")
  set_source_files_properties(csrc/kernels/fill_avx512_bf16.cpp PROPERTIES COMPILE_OPTIONS "${LAMINA_AVX512};-mavx512bf16")
  set_source_files_properties(csrc/kernels/fill_amx.cpp PROPERTIES COMPILE_OPTIONS "${LAMINA_AVX512};-mavx512bf16;-mamx-tile;-mamx-bf16")
elseif(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
  message(FATAL_ERROR "lamina builds on Linux x86-64 and aarch64, not on ${CMAKE_SYSTEM_PROCESSOR}")
endif()
