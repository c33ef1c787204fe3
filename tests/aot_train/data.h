/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The training data of these tests: numbers that follow from the step, the same in C and in C++. */
#ifndef KILN_TESTS_AOT_TRAIN_DATA_H_
#define KILN_TESTS_AOT_TRAIN_DATA_H_

#include <stddef.h>
#include <stdint.h>

enum { kTrainingSteps = 200, kPredictionSeed = 1000000 };

/* SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014). */
static inline uint64_t nextNumber(uint64_t* state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Numbers from 0 to 1, of 24 bits, so that both languages have the same. */
static inline void fillFloats(float* values, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; ++i) {
    values[i] = (float)(nextNumber(&seed) >> 40) / 16777216.0f;
  }
}

/* Numbers below `limit`. */
static inline void fillIntegers(int32_t* values, size_t count, int32_t limit, uint64_t seed) {
  for (size_t i = 0; i < count; ++i) {
    values[i] = (int32_t)(nextNumber(&seed) % (uint64_t)limit);
  }
}

/* Of feed `feed` in a step. */
static inline uint64_t seedOf(int64_t step, size_t feed) { return (uint64_t)step * 16 + feed; }

#endif /* KILN_TESTS_AOT_TRAIN_DATA_H_ */
