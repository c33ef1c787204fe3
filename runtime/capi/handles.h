// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What is behind the handles of kiln.h, and how its functions report.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/capi/kiln.h"
#include "runtime/memory/lease_pool.h"
#include "runtime/session/callable.h"
#include "runtime/session/executable.h"
#include "runtime/session/session.h"
#include "runtime/session/signature.h"

namespace kiln::capi {

/// A TensorSpec in the form of kiln_spec, whose pointers stay valid: it is made once and not moved.
class SpecText {
 public:
  SpecText(const std::string& name, DType dtype, const Shape& shape, bool isFound);
  SpecText(const SpecText&) = delete;
  SpecText& operator=(const SpecText&) = delete;
  const kiln_spec& spec() const { return spec_; }

 private:
  std::string name_;
  std::vector<std::string> text_;
  std::vector<const char*> pointers_;
  kiln_spec spec_{};
};
using SpecTexts = std::vector<std::unique_ptr<SpecText>>;

/// What all handles of one artifact share. Thread-safe.
struct Model {
  std::shared_ptr<ExecutableSource> source;
  SpecTexts variables;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const kiln_signature>> signatures;  // guarded by mutex; made when asked for

  StatusOr<std::shared_ptr<const kiln_signature>> signatureOf(const std::string& entry);
};

/// Keeps the error of `status` for kiln_error_message() of this thread, and returns its code.
kiln_code report(const Status& status) noexcept;
/// Of memory that could not be had where no status could be made.
kiln_code reportNoMemory() noexcept;

/// The result of `body`, which returns a Status and may throw std::bad_alloc.
template <class F>
kiln_code guarded(F&& body) noexcept {
  try {
    return report(body());
  } catch (...) {
    return reportNoMemory();
  }
}

/// KILN-R0310.
Status misuse(const char* function, const std::string& what);
/// KILN-R0310 when `pointer` is null.
Status requirePointer(const char* function, const char* name, const void* pointer);

/// What a caller's tensor describes. Errors: KILN-R0310 for a type that is none, a rank that cannot be, and fewer bytes
/// than type and shape take.
StatusOr<TensorView> viewOf(const char* function, const std::string& what, const kiln_tensor& tensor);
/// The same, without a look at data and size.
StatusOr<TensorView> shapeOf(const char* function, const char* what, const kiln_tensor& tensor);
/// Type and shape of a tensor's value; its memory stays.
void describe(DType dtype, std::span<const int64_t> dims, kiln_tensor& tensor);
/// Puts a value where a kiln_tensor says: into the caller's memory, or the library's. Errors: KILN-R0310 for a buffer
/// that is too small.
Status place(const char* function, const std::string& what, Tensor value, kiln_tensor& tensor);
/// Makes `tensor` describe memory of the library's, which `value` becomes.
void own(Tensor value, kiln_tensor& tensor);

}  // namespace kiln::capi

struct kiln_signature {
  std::string entry;
  std::shared_ptr<const kiln::Executable> executable;
  kiln::capi::SpecTexts feeds, fetches;
};

struct kiln_artifact {
  std::shared_ptr<kiln::capi::Model> model;
};

struct kiln_session {
  std::shared_ptr<kiln::capi::Model> model;
  kiln::Session session;
};

struct kiln_callable {
  // What one run under way needs; kept, so that the next one allocates nothing.
  struct Frame {
    std::vector<int64_t> symbols, feedBytes, dims;
    std::vector<kiln::TensorView> feeds;
    std::vector<kiln::Tensor> fetches;
  };
  std::shared_ptr<kiln::capi::Model> model;
  std::shared_ptr<const kiln_signature> signature;
  kiln::Callable callable;
  kiln::runtime::Signature rules;  // refers to the manifest of the signature's executable
  mutable kiln::runtime::LeasePool<Frame> frames = {};

  std::unique_ptr<Frame> makeFrame() const;
};

struct kiln_cancel {
  std::atomic<int32_t> flag{0};
};
