// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Lends objects to threads; what comes back is lent again.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace kiln::runtime {

/// Owns the objects it has made, as many as were ever out at once. Thread-safe. Must outlive its leases.
template <class T>
class LeasePool {
 public:
  /// Holds one object until destroyed. Thread-compatible.
  class Lease {
   public:
    Lease(LeasePool* pool, T* object) : pool_(pool), object_(object) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_->giveBack(object_); }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }

   private:
    LeasePool* pool_;
    T* object_;
  };

  LeasePool() = default;
  LeasePool(const LeasePool&) = delete;
  LeasePool& operator=(const LeasePool&) = delete;

  /// Lends the object that came back last, or a new one from `make` (returns std::unique_ptr<T>) when all are out.
  template <class Make>
  Lease take(Make&& make) {
    if (T* object = warm_.exchange(nullptr, std::memory_order_acquire)) {
      return Lease(this, object);
    }
    std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) {
      // Room for every object to come back, so that giveBack() never allocates.
      idle_.reserve(all_.size() + 1);
      all_.push_back(make());
      return Lease(this, all_.back().get());
    }
    T* object = idle_.back();
    idle_.pop_back();
    return Lease(this, object);
  }

  /// How many objects were made.
  size_t size() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return all_.size();
  }

 private:
  void giveBack(T* object) {
    T* empty = nullptr;
    if (!warm_.compare_exchange_strong(empty, object, std::memory_order_release, std::memory_order_relaxed)) {
      std::lock_guard<std::mutex> lock(mutex_);
      idle_.push_back(object);
    }
  }

  // One object bypasses the lock: a single thread that runs in a loop meets only this slot.
  std::atomic<T*> warm_{nullptr};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<T>> all_;
  std::vector<T*> idle_;
};

}  // namespace kiln::runtime
