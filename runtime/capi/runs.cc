// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Prepared entries of kiln.h: what a step of training or a prediction goes through.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "runtime/abi/sanitize.h"
#include "runtime/capi/handles.h"

using kiln::Status;
using kiln::StatusOr;
using kiln::Tensor;
using kiln::TensorView;
using kiln::capi::guarded;
using kiln::capi::misuse;
using kiln::capi::requirePointer;

namespace {

using Frame = kiln_callable::Frame;

bool isCallers(const kiln_tensor& fetch) { return fetch.data != nullptr && fetch.owner == nullptr; }

std::string fetchName(const kiln_callable& callable, size_t index) {
  return std::string("fetch '") + callable.signature->fetches[index]->spec().name + "'";
}

// Types and shapes of the feeds, and from them the values of the symbols. Says of a wrong number of feeds what a run
// would say.
Status bindShapes(const char* function, const kiln_callable& callable, std::span<const kiln_tensor> feeds,
                  Frame& frame) {
  if (feeds.size() != frame.feeds.size()) {
    const std::vector<TensorView> views(feeds.size());
    frame.fetches.resize(callable.signature->fetches.size());
    return callable.callable.run(views, std::span<Tensor>(frame.fetches));
  }
  for (size_t i = 0; i < feeds.size(); ++i) {
    auto view = kiln::capi::shapeOf(function, callable.signature->feeds[i]->spec().name, feeds[i]);
    KILN_RETURN_IF_ERROR(view.status());
    frame.feeds[i] = *view;
    if (feeds[i].data == nullptr) {
      frame.feeds[i].data = &frame;  // it is not read
    }
  }
  return callable.rules.bind(frame.feeds, frame.symbols.data(), frame.feedBytes.data());
}

// The size of a fetch in bytes; its lengths go to frame.dims.
StatusOr<int64_t> fetchBytes(const char* function, const kiln_callable& callable, size_t index, Frame& frame) {
  if (callable.rules.isFound(index)) {
    return misuse(function, fetchName(callable, index) + ": only the run knows its size: its data has to be null");
  }
  const int64_t bytes = callable.rules.fetchDims(index, frame.symbols.data(), frame.dims.data());
  if (bytes < 0) {
    return callable.rules.badFetch(index, frame.symbols.data());
  }
  return bytes;
}

std::span<const int64_t> dimsOf(const kiln_callable& callable, size_t index, const Frame& frame) {
  return {frame.dims.data(), static_cast<size_t>(callable.rules.fetchRank(index))};
}

// Feeds have the bytes that they say, and buffers of the caller's hold the fetches.
Status checkBuffers(const kiln_callable& callable, std::span<const kiln_tensor> feeds,
                    std::span<const kiln_tensor> fetches, Frame& frame) {
  for (size_t i = 0; i < feeds.size(); ++i) {
    const auto bytes = static_cast<uint64_t>(frame.feedBytes[i]);
    if (feeds[i].size < bytes || (feeds[i].data == nullptr && bytes > 0)) {
      return misuse("kiln_run", std::string("feed '") + callable.signature->feeds[i]->spec().name + "': data has " +
                                    std::to_string(feeds[i].data == nullptr ? 0 : feeds[i].size) + " bytes, wanted " +
                                    std::to_string(bytes));
    }
  }
  for (size_t i = 0; i < fetches.size(); ++i) {
    if (!isCallers(fetches[i])) {
      continue;
    }
    KILN_ASSIGN_OR_RETURN(int64_t bytes, fetchBytes("kiln_run", callable, i, frame));
    if (fetches[i].size < static_cast<uint64_t>(bytes)) {
      return misuse("kiln_run", fetchName(callable, i) + ": the buffer has " + std::to_string(fetches[i].size) +
                                    " bytes, wanted " + std::to_string(bytes));
    }
  }
  return Status();
}

// Lends the tensors that own memory of the library's to a run, in the place of the frame's own.
class LentFetches {
 public:
  LentFetches(std::span<kiln_tensor> fetches, Frame& frame) : fetches_(fetches), frame_(frame) { exchange(); }
  ~LentFetches() { exchange(); }
  LentFetches(const LentFetches&) = delete;
  LentFetches& operator=(const LentFetches&) = delete;

 private:
  void exchange() {
    for (size_t i = 0; i < fetches_.size(); ++i) {
      if (fetches_[i].owner != nullptr) {
        std::swap(frame_.fetches[i], *static_cast<Tensor*>(fetches_[i].owner));
      }
    }
  }
  std::span<kiln_tensor> fetches_;
  Frame& frame_;
};

// After a run, also one that failed: the library's memory may have moved.
void describeOwned(std::span<kiln_tensor> fetches) {
  for (kiln_tensor& fetch : fetches) {
    if (fetch.owner != nullptr) {
      auto& owned = *static_cast<Tensor*>(fetch.owner);
      kiln::capi::describe(owned.dtype(), owned.dims(), fetch);
      fetch.data = owned.mutableData();
      fetch.size = owned.data() == nullptr ? 0 : static_cast<size_t>(owned.numBytes());
    }
  }
}

Status run(const kiln_callable& callable, std::span<const kiln_tensor> feeds, std::span<kiln_tensor> fetches,
           const kiln::RunOptions& options) {
  auto lease = callable.frames.take([&] { return callable.makeFrame(); });
  Frame& frame = *lease;
  frame.fetches.resize(fetches.size());
  if (fetches.size() != callable.signature->fetches.size()) {
    return callable.callable.run(frame.feeds, std::span<Tensor>(frame.fetches), options);  // says so
  }
  KILN_RETURN_IF_ERROR(bindShapes("kiln_run", callable, feeds, frame));
  KILN_RETURN_IF_ERROR(checkBuffers(callable, feeds, fetches, frame));
  for (size_t i = 0; i < feeds.size(); ++i) {
    frame.feeds[i].data = feeds[i].data;
  }
  Status status;
  {
    const LentFetches lent(fetches, frame);
    status = callable.callable.run(frame.feeds, std::span<Tensor>(frame.fetches), options);
  }
  describeOwned(fetches);
  KILN_RETURN_IF_ERROR(status);
  for (size_t i = 0; i < fetches.size(); ++i) {
    Tensor& value = frame.fetches[i];
    if (fetches[i].data == nullptr && fetches[i].owner == nullptr) {
      kiln::capi::own(std::exchange(value, Tensor()), fetches[i]);
    } else if (isCallers(fetches[i])) {
      kiln::capi::describe(value.dtype(), value.dims(), fetches[i]);
      if (value.numBytes() > 0) {
        std::memcpy(fetches[i].data, value.data(), static_cast<size_t>(value.numBytes()));
      }
    }
  }
  return Status();
}

KILN_CALLS_COMPILED_CODE int64_t callArenaSize(const kiln_entry_t& entry, const int64_t* dims) {
  return entry.arena_size(dims);
}

Status checkArrays(const char* function, const kiln_callable* callable, const kiln_tensor* feeds, size_t numFeeds) {
  KILN_RETURN_IF_ERROR(requirePointer(function, "callable", callable));
  return numFeeds == 0 ? Status() : requirePointer(function, "feeds", feeds);
}

}  // namespace

std::unique_ptr<kiln_callable::Frame> kiln_callable::makeFrame() const {
  auto frame = std::make_unique<Frame>();
  frame->symbols = rules.initialSymbols();
  frame->feedBytes.resize(signature->feeds.size());
  frame->dims.resize(static_cast<size_t>(rules.maxFetchRank()));
  frame->feeds.resize(signature->feeds.size());
  frame->fetches.resize(signature->fetches.size());
  return frame;
}

extern "C" {

kiln_code kiln_session_prepare(kiln_session* session, const char* entry, kiln_callable** callable) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_prepare", "session", session));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_prepare", "entry", entry));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_prepare", "callable", callable));
    KILN_ASSIGN_OR_RETURN(kiln::Callable prepared, session->session.prepareEntry(entry));
    KILN_ASSIGN_OR_RETURN(auto signature, session->model->signatureOf(entry));
    KILN_ASSIGN_OR_RETURN(
        kiln::runtime::Signature rules,
        kiln::runtime::Signature::compile(signature->executable->manifest, std::string("the entry '") + entry + "'"));
    *callable = new kiln_callable{session->model, std::move(signature), std::move(prepared), std::move(rules)};
    return Status();
  });
}

void kiln_callable_close(kiln_callable* callable) { delete callable; }

const kiln_signature* kiln_callable_signature(const kiln_callable* callable) {
  return callable == nullptr ? nullptr : callable->signature.get();
}

kiln_code kiln_fetch_shape(const kiln_callable* callable, const kiln_tensor* feeds, size_t num_feeds, size_t index,
                           kiln_tensor* fetch) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(checkArrays("kiln_fetch_shape", callable, feeds, num_feeds));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_fetch_shape", "fetch", fetch));
    if (const size_t count = callable->signature->fetches.size(); index >= count) {
      return misuse("kiln_fetch_shape", "index is " + std::to_string(index) + ", there are " + std::to_string(count));
    }
    auto lease = callable->frames.take([&] { return callable->makeFrame(); });
    KILN_RETURN_IF_ERROR(bindShapes("kiln_fetch_shape", *callable, {feeds, num_feeds}, *lease));
    KILN_ASSIGN_OR_RETURN(int64_t bytes, fetchBytes("kiln_fetch_shape", *callable, index, *lease));
    kiln::capi::describe(callable->rules.fetchDType(index), dimsOf(*callable, index, *lease), *fetch);
    fetch->size = static_cast<size_t>(bytes);
    return Status();
  });
}

kiln_code kiln_arena_bytes(const kiln_callable* callable, const kiln_tensor* feeds, size_t num_feeds, int64_t* bytes) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(checkArrays("kiln_arena_bytes", callable, feeds, num_feeds));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_arena_bytes", "bytes", bytes));
    auto lease = callable->frames.take([&] { return callable->makeFrame(); });
    KILN_RETURN_IF_ERROR(bindShapes("kiln_arena_bytes", *callable, {feeds, num_feeds}, *lease));
    const kiln::Executable& executable = *callable->signature->executable;
    *bytes = callArenaSize(executable.image->table().entries[executable.entryIndex], lease->symbols.data());
    return Status();
  });
}

kiln_code kiln_cancel_create(kiln_cancel** cancel) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_cancel_create", "cancel", cancel));
    *cancel = new kiln_cancel;
    return Status();
  });
}

kiln_code kiln_cancel_set(kiln_cancel* cancel, int32_t value) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_cancel_set", "cancel", cancel));
    cancel->flag.store(value != 0 ? 1 : 0, std::memory_order_relaxed);
    return Status();
  });
}

void kiln_cancel_close(kiln_cancel* cancel) { delete cancel; }

kiln_code kiln_run(const kiln_callable* callable, const kiln_tensor* feeds, size_t num_feeds, kiln_tensor* fetches,
                   size_t num_fetches, const kiln_run_options* options) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(checkArrays("kiln_run", callable, feeds, num_feeds));
    if (num_fetches > 0) {
      KILN_RETURN_IF_ERROR(requirePointer("kiln_run", "fetches", fetches));
    }
    kiln::RunOptions given;
    if (options != nullptr) {
      if (options->size != sizeof *options) {
        return misuse("kiln_run", "size of the options is " + std::to_string(options->size) + ", wanted " +
                                      std::to_string(sizeof *options));
      }
      if (options->deadline_ms < 0) {
        return misuse("kiln_run", "deadline_ms is " + std::to_string(options->deadline_ms) + ", wanted 0 or more");
      }
      given.deadline = std::chrono::milliseconds(options->deadline_ms);
      given.cancel = options->cancel == nullptr ? nullptr : &options->cancel->flag;
    }
    return run(*callable, {feeds, num_feeds}, {fetches, num_fetches}, given);
  });
}

}  // extern "C"
