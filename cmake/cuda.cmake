# The CUDA side, in one of three ways. LAMINA_CUDA: `auto` compiles cuda/ with nvcc where that is found; `on` insists; `emulated`
# compiles the same files for a device emulated on the CPU, for tests; `off` leaves them out.
set(LAMINA_CUDA auto CACHE STRING "auto, on, emulated or off")
set_property(CACHE LAMINA_CUDA PROPERTY STRINGS auto on emulated off)
set(LAMINA_CUDA_ARCHITECTURES "80-real;90-real;90-virtual" CACHE STRING "as of CMAKE_CUDA_ARCHITECTURES")

file(GLOB LAMINA_CUDA_KERNELS CONFIGURE_DEPENDS cuda/*.cu)
set(LAMINA_CUDA_HOST cuda/allocator.cpp cuda/runtime.cpp)
set(LAMINA_CUDA_WGMMA ${CMAKE_CURRENT_SOURCE_DIR}/cuda/gemm_wgmma.cu)  # whose instructions only sm_90a has

set(LAMINA_CUDA_CHOSEN ${LAMINA_CUDA})
if(LAMINA_CUDA STREQUAL "auto")
  include(CheckLanguage)
  check_language(CUDA)
  set(LAMINA_CUDA_CHOSEN off)
  if(CMAKE_CUDA_COMPILER)
    set(LAMINA_CUDA_CHOSEN on)
  endif()
endif()

if(LAMINA_CUDA_CHOSEN STREQUAL "on")
  set(CMAKE_CUDA_ARCHITECTURES ${LAMINA_CUDA_ARCHITECTURES})
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  set(CMAKE_CUDA_STANDARD 20)
  list(REMOVE_ITEM LAMINA_CUDA_KERNELS ${LAMINA_CUDA_WGMMA})
  set(LAMINA_CUDA_SOURCES ${LAMINA_CUDA_HOST} ${LAMINA_CUDA_KERNELS})
  # The order of arithmetic is a contract here too: no contraction, no flushing of subnormals, IEEE division and roots.
  # 554 is about a view of constants, which converts to itself.
  set(LAMINA_CUDA_FLAGS --expt-relaxed-constexpr -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
    -diag-suppress=554)
  set(LAMINA_CUDA_LIBRARIES CUDA::cudart_static)
  if(LAMINA_CUDA_ARCHITECTURES MATCHES "(^|;)90a?(-|;|$)")
    add_library(lamina_wgmma OBJECT ${LAMINA_CUDA_WGMMA})
    set_target_properties(lamina_wgmma PROPERTIES CUDA_ARCHITECTURES 90a-real POSITION_INDEPENDENT_CODE ON
      CUDA_VISIBILITY_PRESET hidden)
    target_include_directories(lamina_wgmma PRIVATE csrc .)
    target_compile_options(lamina_wgmma PRIVATE ${LAMINA_CUDA_FLAGS})
    list(APPEND LAMINA_CUDA_SOURCES $<TARGET_OBJECTS:lamina_wgmma>)
  else()
    list(APPEND LAMINA_CUDA_SOURCES cuda/no_wgmma.cpp)
  endif()
elseif(LAMINA_CUDA_CHOSEN STREQUAL "emulated")
  set(LAMINA_CUDA_SOURCES ${LAMINA_CUDA_HOST} ${LAMINA_CUDA_KERNELS} cuda/emulated/cuda_runtime.cpp cuda/emulated/fiber.cpp
    cuda/emulated/hopper.cpp cuda/emulated/memory.cpp cuda/emulated/model.cpp cuda/emulated/streams.cpp)
  set_source_files_properties(${LAMINA_CUDA_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas;-Wno-psabi")
  set(LAMINA_CUDA_DEFINITIONS LAMINA_CUDA_EMULATED)
  set(LAMINA_CUDA_INCLUDES cuda/emulated)
elseif(LAMINA_CUDA_CHOSEN STREQUAL "off")
  set(LAMINA_CUDA_SOURCES csrc/kernels/no_cuda.cpp)
else()
  message(FATAL_ERROR "LAMINA_CUDA is ${LAMINA_CUDA}, needs auto, on, emulated or off")
endif()
message(STATUS "lamina: CUDA ${LAMINA_CUDA_CHOSEN}")
