// Work that a device has been told once and repeats as often as wanted.
#pragma once

#include <functional>
#include <memory>

#include "base/memory.h"

namespace lamina {

class Graph {
 public:
  virtual ~Graph() = default;
  virtual void launch(Stream stream) = 0;
};

class Recorder {
 public:
  // What `work` gives the stream it is told does not run but is recorded; memory that it takes and gives back there stays
  // the graph's. Nobody else knows the stream.
  virtual std::unique_ptr<Graph> record(const std::function<void(Stream)>& work) = 0;

 protected:
  ~Recorder() = default;
};

}  // namespace lamina
