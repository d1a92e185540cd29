// Streams as queues of closures, events as places in them, and graphs as queues that were recorded.
#include <cstdio>

#include "base/fp_environment.h"
#include "cuda/emulated/device.h"

namespace lamina::emulated {

EmulatedStream& of(cudaStream_t stream) { return stream ? *stream : device().default_stream; }

// Runs what was given to the stream before its `until`-th task.
void finish(EmulatedStream& stream, uint64_t until) {
  if (stream.finished >= until || stream.tasks.empty()) return;
  const lamina::FloatingPointScope rounding;
  const Open open;
  while (stream.finished < until && !stream.tasks.empty()) {
    const Task task = std::move(stream.tasks.front());
    stream.tasks.pop_front();
    ++stream.finished;
    if (device().broken) continue;
    if (std::string failure = task(); !failure.empty()) {
      device().broken = true;
      device().why = failure;
      std::fprintf(stderr, "emulated CUDA device: %s\n", failure.c_str());
    }
  }
}
void finish(EmulatedStream& stream) { finish(stream, stream.finished + stream.tasks.size()); }
void finish_all() {
  for (EmulatedStream* stream : device().streams) finish(*stream);
}

// What a recording does not allow is an error, and spoils it.
cudaError_t spoil(EmulatedStream& stream, cudaError_t error) {
  stream.spoilt = true;
  return answer(error);
}
cudaError_t give(cudaStream_t stream_, Task task) {
  EmulatedStream& stream = of(stream_);
  if (stream.capturing) {
    stream.capturing->tasks.push_back(std::move(task));
  } else {
    stream.tasks.push_back(std::move(task));
  }
  return answer(cudaSuccess);
}

cudaError_t launch(const char* name, dim3 grid, dim3 block, size_t dynamic_bytes, cudaStream_t stream, std::function<void()> thread) {
  LOCK;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z, most = 1024, most_shared = 227 << 10;
  const bool fits = threads > 0 && threads <= most && threads % 32 == 0 && dynamic_bytes <= most_shared && grid.x > 0 && grid.y > 0 &&
                    grid.z > 0 && grid.y <= 65535 && grid.z <= 65535;
  if (!fits) return answer(cudaErrorInvalidValue);
  return give(stream, [=, kernel = std::string(name), thread = std::move(thread)] {
    ++device().runs[kernel];
    if (kernel == device().to_break) return kernel + ": broken for a test";
    const std::string failure =
        run(grid, block, dynamic_bytes, [](const void* t) { (*static_cast<const std::function<void()>*>(t))(); }, &thread);
    return failure.empty() ? failure : kernel + ": " + failure;
  });
}
}  // namespace lamina::emulated

using namespace lamina::emulated;

namespace {

// Whoever waits for all work waits for streams that record, too.
bool spoils_any() {
  bool any = false;
  for (EmulatedStream* stream : device().streams) {
    if (stream->capturing) any = stream->spoilt = true;
  }
  return any;
}

}  // namespace

cudaError_t cudaDeviceSynchronize() {
  LOCK;
  if (spoils_any()) return answer(cudaErrorStreamCaptureUnsupported);
  finish_all();
  return answer(cudaSuccess);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  LOCK;
  *stream = new EmulatedStream;
  device().streams.insert(*stream);
  return answer(cudaSuccess);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  LOCK;
  finish(*stream);
  device().streams.erase(stream);
  delete stream;
  return answer(cudaSuccess);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  LOCK;
  if (of(stream).capturing) return spoil(of(stream), cudaErrorStreamCaptureUnsupported);
  finish(of(stream));
  return answer(cudaSuccess);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  LOCK;
  if (!event->stream || event->stream == &of(stream)) return answer(cudaSuccess);
  // A stream that waits for recorded work would join the recording, one that records cannot wait for other work.
  if (event->captured) return spoil(*event->stream, cudaErrorStreamCaptureIsolation);
  if (of(stream).capturing) return spoil(of(stream), cudaErrorStreamCaptureIsolation);
  return give(stream, [other = event->stream, task = event->task] {
    if (device().streams.count(other)) finish(*other, task);
    return std::string();
  });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new EmulatedEvent;
  return answer(cudaSuccess);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return answer(cudaSuccess);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  LOCK;
  event->stream = &of(stream);
  event->task = event->stream->finished + event->stream->tasks.size();
  event->captured = static_cast<bool>(event->stream->capturing);
  return answer(cudaSuccess);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  LOCK;
  if (event->captured) return spoil(*event->stream, cudaErrorStreamCaptureUnsupported);
  const bool passed = !event->stream || !device().streams.count(event->stream) || event->stream->finished >= event->task;
  return passed ? answer(cudaSuccess) : cudaErrorNotReady;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  LOCK;
  if (!stream || stream->capturing) return answer(cudaErrorStreamCaptureUnsupported);
  stream->capturing = std::make_unique<EmulatedGraph>();
  stream->spoilt = false;
  return answer(cudaSuccess);
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  LOCK;
  if (!stream || !stream->capturing) return answer(cudaErrorInvalidValue);
  *graph = stream->capturing.release();
  if (stream->spoilt) {
    delete std::exchange(*graph, nullptr);
    return answer(cudaErrorStreamCaptureInvalidated);
  }
  return answer(cudaSuccess);
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  *count = graph->tasks.size();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new EmulatedGraph(*graph);
  return answer(cudaSuccess);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  LOCK;
  for (const Task& task : exec->tasks) give(stream, task);
  return answer(cudaSuccess);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  LOCK;
  delete exec;
  return answer(cudaSuccess);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return cudaGraphExecDestroy(graph); }
