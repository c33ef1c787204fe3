// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Seeded damage to bytes.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace kiln::fuzz {

/// Makes damaged versions of valid inputs, the same ones for the same seed on every machine. Not thread-safe.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  /// One to four kinds of damage, one after another: flipped bits, bytes set to values at limits, cut ends, pieces
  /// removed, repeated, moved or taken from `other`, and numbers that look like lengths (varints, 16 to 64 bits,
  /// decimal digits) made larger.
  std::string mutate(std::string_view valid, std::string_view other);

  /// A number in [0, bound), 0 for bound 0.
  size_t below(size_t bound);

 private:
  void damage(std::string& bytes, std::string_view other);
  void enlargeNumber(std::string& bytes);

  // Its sequence is fixed by the C++ standard; the standard's distributions are not.
  std::mt19937_64 random_;
};

}  // namespace kiln::fuzz
