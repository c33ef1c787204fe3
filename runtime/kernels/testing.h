// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Calls kernels as compiled code does.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "proto/base/tensor.h"
#include "runtime/kernels/table.h"
#include "runtime/threads/parallel_for.h"

namespace kiln::runtime::kernels {

/// What one call gave.
struct CallResult {
  kiln_status_t status = KILN_STATUS_INTERNAL;
  kiln_error_t error{};
  std::vector<Tensor> results;
};

inline int64_t attribute(double value) { return std::bit_cast<int64_t>(value); }

/// Calls `kernel` as node 7, with results of these types (filled with a pattern before, so that what is not written
/// shows) and attributes as the ABI lays them out, on at most `threads` threads or for the host `as`.
inline CallResult call(int kernel, const std::vector<Tensor>& operands,
                       const std::vector<std::pair<DType, std::vector<int64_t>>>& results,
                       const std::vector<int64_t>& attributes, int threads = 1, RunHost* as = nullptr) {
  CallResult called;
  std::vector<void*> buffers;
  std::vector<int64_t> arguments = {7};
  const auto append = [&](const Tensor& tensor, void* buffer) {
    buffers.push_back(buffer);
    arguments.push_back(static_cast<int64_t>(tensor.dtype()));
    arguments.push_back(tensor.rank());
    arguments.insert(arguments.end(), tensor.dims().begin(), tensor.dims().end());
  };
  for (const Tensor& operand : operands) {
    append(operand, const_cast<void*>(operand.data()));
  }
  for (const auto& [dtype, dims] : results) {
    called.results.emplace_back(dtype, dims);
  }
  for (Tensor& result : called.results) {
    if (result.numElements() > 0) {
      std::memset(result.mutableData(), 0x5A, static_cast<size_t>(byteSize(result.dtype(), result.numElements())));
    }
    append(result, result.mutableData());
  }
  arguments.insert(arguments.end(), attributes.begin(), attributes.end());
  RunHost host;
  host.maxThreads = threads;
  kiln_context_t context{};
  context.size = sizeof(context);
  context.version = KILN_ABI_VERSION;
  context.parallel_for = runtime::parallelFor;
  context.host = as != nullptr ? as : &host;
  called.status = kernelTable()[kernel](&context, buffers.data(), arguments.data());
  called.error = context.error;
  return called;
}

/// Numbers between -1 and 1 that look random and are the same everywhere.
inline Tensor numbers(DType dtype, std::vector<int64_t> dims, uint64_t seed = 1) {
  Tensor tensor(dtype, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    tensor.set(i, static_cast<double>(static_cast<int64_t>(seed) >> 40) / (1 << 23));
  }
  return tensor;
}

}  // namespace kiln::runtime::kernels
