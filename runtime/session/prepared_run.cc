// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/prepared_run.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/abi/sanitize.h"
#include "runtime/session/fault.h"
#include "runtime/session/host_library.h"
#include "runtime/session/watchdog.h"

namespace kiln::runtime {
namespace {

// A fetch of at least this size is tried with memory that may be refused before a tensor is made, which does not return
// when there is none. Below it a machine that runs at all has the memory.
constexpr int64_t kTrialBytes = int64_t{64} << 20;

// So that adding it to the clock stays far from overflow.
constexpr std::chrono::milliseconds kLongestDeadline = std::chrono::hours(24 * 366);

KILN_CALLS_COMPILED_CODE kiln_status_t callRun(const kiln_entry_t& entry, kiln_context_t* context, void* const* buffers,
                                               const int64_t* dims) {
  return entry.run(context, buffers, dims);
}

KILN_CALLS_COMPILED_CODE int64_t callArenaSize(const kiln_entry_t& entry, const int64_t* dims) {
  return entry.arena_size(dims);
}

bool overlap(const void* a, int64_t aBytes, const void* b, int64_t bBytes) {
  auto x = reinterpret_cast<uintptr_t>(a), y = reinterpret_cast<uintptr_t>(b);
  return x < y + static_cast<uintptr_t>(bBytes) && y < x + static_cast<uintptr_t>(aBytes);
}

std::string namesOf(const std::vector<TensorSpec>& specs) {
  std::string names;
  for (const TensorSpec& spec : specs) {
    names += (names.empty() ? "'" : ", '") + spec.name + "'";
  }
  return names.empty() ? "none" : names;
}

}  // namespace

class PreparedRun::HeldVariables {
 public:
  explicit HeldVariables(const std::vector<Use>& uses) : uses_(uses) {
    for (const Use& use : uses_) {
      use.written ? use.lock->lock() : use.lock->lockShared();
    }
  }
  ~HeldVariables() {
    for (const Use& use : uses_) {
      use.written ? use.lock->unlock() : use.lock->unlockShared();
    }
  }
  HeldVariables(const HeldVariables&) = delete;
  HeldVariables& operator=(const HeldVariables&) = delete;

 private:
  const std::vector<Use>& uses_;
};

StatusOr<std::shared_ptr<PreparedRun>> PreparedRun::create(std::shared_ptr<const Executable> executable,
                                                           std::shared_ptr<VariableStore> variables, int maxThreads,
                                                           const std::string& where,
                                                           std::function<void(std::string_view)> print) {
  if (executable == nullptr || executable->image == nullptr) {
    return makeError<ErrorId::kR0006>(where, "there is no code");
  }
  const EntryManifest& manifest = executable->manifest;
  const kiln_executable_t& table = executable->image->table();
  if (executable->entryIndex < 0 || static_cast<uint32_t>(executable->entryIndex) >= table.num_entries) {
    return makeError<ErrorId::kR0006>(where, "entry " + std::to_string(executable->entryIndex) + " of " +
                                                 std::to_string(table.num_entries) + " in the image");
  }
  std::vector<VariableUse> uses = manifest.variables;
  std::ranges::sort(uses, {}, &VariableUse::variable);
  for (size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].variable < 0 || static_cast<size_t>(uses[i].variable) >= variables->size()) {
      return makeError<ErrorId::kR0006>(where, "variable " + std::to_string(uses[i].variable) + " of " +
                                                   std::to_string(variables->size()) + " in the model");
    }
    if (i > 0 && uses[i].variable == uses[i - 1].variable) {
      return makeError<ErrorId::kR0006>(
          where, "variable '" + variables->name(static_cast<size_t>(uses[i].variable)) + "' occurs twice");
    }
  }
  for (const auto& constant : manifest.constants) {
    if (constant == nullptr) {
      return makeError<ErrorId::kR0006>(where, "a constant is missing");
    }
  }
  std::shared_ptr<PreparedRun> prepared(new PreparedRun);
  KILN_ASSIGN_OR_RETURN(Signature signature, Signature::compile(manifest, where));
  prepared->signature_ = std::move(signature);
  for (const VariableUse& use : uses) {
    prepared->uses_.push_back({&variables->lock(static_cast<size_t>(use.variable)), use.written});
  }
  prepared->entry_ = table.entries[executable->entryIndex];
  prepared->firstFetch_ = manifest.feeds.size() + manifest.variables.size() + manifest.constants.size();
  for (size_t i = 0; i < manifest.fetches.size(); ++i) {
    prepared->foundSlots_ +=
        prepared->signature_->isFound(i) ? 1 + static_cast<size_t>(prepared->signature_->fetchRank(i)) : 0;
  }
  prepared->maxThreads_ = maxThreads;
  prepared->print_ = std::move(print);
  prepared->variables_ = std::move(variables);
  prepared->executable_ = std::move(executable);
  return prepared;
}

std::unique_ptr<PreparedRun::Frame> PreparedRun::makeFrame() const {
  const EntryManifest& m = manifest();
  auto frame = std::make_unique<Frame>();
  frame->host.maxThreads = maxThreads_;
  frame->host.print = [this](int32_t node, const TensorView& x, int64_t maxElements) {
    printValue(node, x, maxElements);
  };
  frame->context.size = sizeof(kiln_context_t);
  frame->context.version = KILN_ABI_VERSION;
  frame->context.parallel_for = parallelFor;
  frame->context.library = hostLibrary();
  frame->context.host = static_cast<RunHost*>(&frame->host);
  frame->context.allocate = RunMemory::allocateFor;
  frame->buffers.resize(firstFetch_ + m.fetches.size());
  size_t next = m.feeds.size();
  for (const VariableUse& use : m.variables) {
    frame->buffers[next++] = variables_->memory(static_cast<size_t>(use.variable));
  }
  for (const auto& constant : m.constants) {
    frame->buffers[next++] = const_cast<void*>(constant->data());  // Compiled code only reads it.
  }
  frame->symbols = signature_->initialSymbols();
  frame->feedBytes.resize(m.feeds.size());
  frame->dims.resize(static_cast<size_t>(signature_->maxFetchRank()));
  frame->found.resize(foundSlots_);
  for (size_t i = 0, at = 0; i < m.fetches.size(); ++i) {
    if (signature_->isFound(i)) {
      frame->buffers[firstFetch_ + i] = &frame->found[at];
      at += 1 + static_cast<size_t>(signature_->fetchRank(i));
    }
  }
  return frame;
}

void PreparedRun::printValue(int32_t node, const TensorView& x, int64_t maxElements) const {
  const std::vector<NodeInfo>& nodes = manifest().nodes;
  const bool isKnown = node >= 0 && static_cast<size_t>(node) < nodes.size();
  const std::string name = isKnown ? nodes[static_cast<size_t>(node)].name : "a node of the run";
  const std::string line = name + ": " + Tensor(x).toString(maxElements);
  if (print_) {
    print_(line);
  } else {
    const std::string text = line + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);  // one call, so that lines of several threads stay whole
  }
}

Status PreparedRun::run(std::span<const TensorView> feeds, std::span<Tensor> fetches, const RunOptions& options) {
  const EntryManifest& m = manifest();
  if (feeds.size() != m.feeds.size()) [[unlikely]] {
    return wrongFeedCount(feeds.size());
  }
  if (fetches.size() != m.fetches.size()) [[unlikely]] {
    return wrongFetchCount(fetches.size());
  }
  if (!options.profile.empty() && options.profile.size() != m.kernels.size()) [[unlikely]] {
    return makeError<ErrorId::kR0046>(options.profile.size(), m.kernels.size());
  }
  // The clock is read by runs that have a deadline only.
  const bool isTimed = options.deadline != std::chrono::milliseconds::zero();
  const Watchdog::Clock::time_point start = isTimed ? Watchdog::Clock::now() : Watchdog::Clock::time_point();
  auto lease = frames_.take([this] { return makeFrame(); });
  Frame& frame = *lease;
  KILN_RETURN_IF_ERROR(signature_->bind(feeds, frame.symbols.data(), frame.feedBytes.data()));
  for (size_t i = 0; i < feeds.size(); ++i) {
    frame.buffers[i] = const_cast<void*>(feeds[i].data);  // Compiled code only reads it.
  }
  std::vector<Tensor> replaced;  // old memory of fetches that the run also reads
  for (size_t i = 0; i < fetches.size(); ++i) {
    if (!signature_->isFound(i)) {
      KILN_RETURN_IF_ERROR(bindFetch(i, feeds, frame, fetches[i], replaced));
    }
  }
  // Both have the same plan.
  KILN_RETURN_IF_ERROR(frame.arena.reserve(callArenaSize(entry_, frame.symbols.data())));
  frame.context.arena = frame.arena.data();
  frame.context.error.code = KILN_STATUS_OK;
  frame.host.beginRun();
  frame.context.profile = options.profile.data();
  static_assert(sizeof(std::atomic<int32_t>) == sizeof(int32_t) && std::atomic<int32_t>::is_always_lock_free);

  kiln_status_t status = KILN_STATUS_OK;
  if (!isTimed) [[likely]] {
    status = call(frame, options.cancel);
  } else {
    Watchdog::Watch watch(start + std::min(options.deadline, kLongestDeadline), options.cancel);
    status = call(frame, &watch.flag());
    if (status == KILN_STATUS_CANCELLED && watch.flag().load(std::memory_order_relaxed) == Watchdog::kTooLate) {
      return makeError<ErrorId::kR0047>(options.deadline.count());
    }
  }
  if (status != KILN_STATUS_OK) [[unlikely]] {
    return faultStatus(m, status, frame.context.error);
  }
  return foundSlots_ == 0 ? absl::OkStatus() : takeFound(frame, fetches);
}

Status PreparedRun::takeFound(const Frame& frame, std::span<Tensor> fetches) const {
  static_assert(sizeof(kiln_found_t) == sizeof(int64_t));
  for (size_t i = 0; i < fetches.size(); ++i) {
    if (!signature_->isFound(i)) {
      continue;
    }
    const auto* found = static_cast<const kiln_found_t*>(frame.buffers[firstFetch_ + i]);
    const std::span dims(reinterpret_cast<const int64_t*>(found + 1), static_cast<size_t>(signature_->fetchRank(i)));
    Tensor& out = fetches[i];
    if (out.dtype() != signature_->fetchDType(i) || out.data() == nullptr || !std::ranges::equal(out.dims(), dims)) {
      const int64_t bytes = byteSize(signature_->fetchDType(i), checkedNumElements(dims).value_or(0));
      if (bytes >= kTrialBytes) {
        AlignedBuffer trial;
        KILN_RETURN_IF_ERROR(trial.reserve(bytes));
      }
      out.resize(signature_->fetchDType(i), dims);
    }
    if (out.numBytes() > 0) {
      std::memcpy(out.mutableData(), found->data, static_cast<size_t>(out.numBytes()));
    }
  }
  return absl::OkStatus();
}

kiln_status_t PreparedRun::call(Frame& frame, const std::atomic<int32_t>* flag) {
  frame.context.cancel = reinterpret_cast<const volatile int32_t*>(flag);
  const kiln_entry_t* special = specializer_ != nullptr ? specializer_->entryFor(frame.symbols) : nullptr;
  HeldVariables held(uses_);
  // Waiting for the variables may have taken long, and small entries do not look at the flag.
  if (flag != nullptr && flag->load(std::memory_order_relaxed) != 0) [[unlikely]] {
    return KILN_STATUS_CANCELLED;
  }
  return callRun(special != nullptr ? *special : entry_, &frame.context, frame.buffers.data(), frame.symbols.data());
}

void PreparedRun::specialize(int after, Specializer::Ask ask) {
  if (!manifest().symbols.empty()) {
    specializer_ = std::make_shared<Specializer>(executable_, after, std::move(ask));
  }
}

Status PreparedRun::bindFetch(size_t index, std::span<const TensorView> feeds, Frame& frame, Tensor& out,
                              std::vector<Tensor>& replaced) const {
  const Signature& signature = *signature_;
  int64_t bytes = signature.fetchDims(index, frame.symbols.data(), frame.dims.data());
  if (bytes < 0) [[unlikely]] {
    return signature.badFetch(index, frame.symbols.data());
  }
  std::span<const int64_t> dims(frame.dims.data(), static_cast<size_t>(signature.fetchRank(index)));
  DType dtype = signature.fetchDType(index);
  if (out.data() != nullptr) {
    int64_t outBytes = std::max<int64_t>(out.numBytes(), 1);
    for (size_t f = 0; f < feeds.size(); ++f) {
      if (overlap(out.data(), outBytes, feeds[f].data, frame.feedBytes[f])) [[unlikely]] {
        // The run would read what it has written over: it writes elsewhere, and what is read lives until it ends.
        replaced.push_back(std::move(out));
        out = Tensor();
        break;
      }
    }
  }
  if (out.dtype() != dtype || out.data() == nullptr || !std::ranges::equal(out.dims(), dims)) [[unlikely]] {
    if (bytes >= kTrialBytes) {
      AlignedBuffer trial;
      KILN_RETURN_IF_ERROR(trial.reserve(bytes));
    }
    out.resize(dtype, dims);
  }
  frame.buffers[firstFetch_ + index] = out.mutableData();
  return absl::OkStatus();
}

Status PreparedRun::wrongFeedCount(size_t found) const {
  return makeError<ErrorId::kR0020>(found, manifest().feeds.size(), namesOf(manifest().feeds));
}

Status PreparedRun::wrongFetchCount(size_t found) const {
  return makeError<ErrorId::kR0026>(found, manifest().fetches.size(), namesOf(manifest().fetches));
}

}  // namespace kiln::runtime
