// Work that a device has been told once and repeats as often as wanted.
#pragma once

#include <functional>
#include <memory>

#include "base/memory.h"

namespace lamina {

class Graph {
 public:
  virtual ~Graph() = default;
  virtual void launch() = 0;  // on the stream that it was recorded on
};

class Recorder {
 public:
  // What `work` gives the stream does not run but is recorded; memory that it takes and gives back stays the graph's.
  virtual std::unique_ptr<Graph> record(Stream stream, const std::function<void()>& work) = 0;

 protected:
  ~Recorder() = default;
};

}  // namespace lamina
