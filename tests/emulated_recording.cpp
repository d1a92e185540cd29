// What may be done while a stream records, and what spoils the recording; tests/test_emulation.py names the case.
#include <cstdio>
#include <string>

#include "cuda/emulated/cuda_runtime.h"

int main(int, char** arguments) {
  const std::string what = arguments[1];
  cudaStream_t recording, other;
  cudaEvent_t event;
  void *there, *pinned;
  float ordinary[4] = {};
  cudaStreamCreateWithFlags(&recording, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  cudaMalloc(&there, sizeof(ordinary));
  cudaHostAlloc(&pinned, sizeof(ordinary), cudaHostAllocDefault);

  cudaStreamBeginCapture(recording, cudaStreamCaptureModeRelaxed);
  cudaMemsetAsync(there, 0, sizeof(ordinary), recording);
  cudaError_t error = cudaSuccess;
  if (what == "synchronize_all") {
    error = cudaDeviceSynchronize();
  } else if (what == "synchronize") {
    error = cudaStreamSynchronize(recording);
  } else if (what == "ordinary_memory") {
    error = cudaMemcpyAsync(there, ordinary, sizeof(ordinary), cudaMemcpyHostToDevice, recording);
  } else if (what == "pinned_memory") {
    error = cudaMemcpyAsync(there, pinned, sizeof(ordinary), cudaMemcpyHostToDevice, recording);
  } else if (what == "wait_for_another") {
    cudaEventRecord(event, other);
    error = cudaStreamWaitEvent(recording, event, 0);
  } else if (what == "another_waits") {
    cudaEventRecord(event, recording);
    error = cudaStreamWaitEvent(other, event, 0);
  } else if (what == "ask") {
    cudaEventRecord(event, recording);
    error = cudaEventQuery(event);
  } else if (what == "work_elsewhere") {
    cudaMemsetAsync(there, 0, sizeof(ordinary), other);
    error = cudaStreamSynchronize(other);
  }
  cudaGraph_t graph = nullptr;
  const cudaError_t end = cudaStreamEndCapture(recording, &graph);
  std::printf("%d %d %s\n", error, end, graph ? "graph" : "none");
}
