// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "proto/base/sha256_blocks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

namespace kiln {
namespace {

// FIPS 180-4, section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<uint32_t, 64> kRounds = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#if defined(__x86_64__)
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: SHA256RNDS2 does two rounds on the state as
// the words {a, b, e, f} and {c, d, g, h}; SHA256MSG1 and SHA256MSG2 make the message words of four later rounds.
__attribute__((target("sha,sse4.1,ssse3"))) void blocksWithShaInstructions(uint32_t* state, const uint8_t* bytes,
                                                                           size_t count) {
  const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  auto* words = reinterpret_cast<__m128i*>(state);
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (; count > 0; --count, bytes += 64) {
    const __m128i abefBefore = abef, cdghBefore = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; ++i) {
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + i), bigEndian);
    }
#pragma clang loop unroll(full)
    for (int round = 0; round < 64; round += 4) {
      const int at = round / 4;
      const __m128i current = w[at % 4];
      const __m128i sum =
          _mm_add_epi32(current, _mm_loadu_si128(reinterpret_cast<const __m128i*>(kRounds.data() + round)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      if (round < 48) {
        // w[t] = sigma1(w[t-2]) + w[t-7] + sigma0(w[t-15]) + w[t-16], four words at once.
        const __m128i last = w[(at + 3) % 4];
        const __m128i middle = _mm_alignr_epi8(last, w[(at + 2) % 4], 4);
        const __m128i first = _mm_add_epi32(_mm_sha256msg1_epu32(current, w[(at + 1) % 4]), middle);
        w[at % 4] = _mm_sha256msg2_epu32(first, last);
      }
    }
    abef = _mm_add_epi32(abef, abefBefore);
    cdgh = _mm_add_epi32(cdgh, cdghBefore);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

bool hasShaInstructions() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) {
    return false;
  }
  const bool hasShuffles = (c & bit_SSSE3) != 0 && (c & bit_SSE4_1) != 0;
  return hasShuffles && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}
#elif defined(__aarch64__)
// Arm Architecture Reference Manual, SHA256H, SHA256H2, SHA256SU0, SHA256SU1: four rounds at a time.
__attribute__((target("sha2"))) void blocksWithShaInstructions(uint32_t* state, const uint8_t* bytes, size_t count) {
  uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
  for (; count > 0; --count, bytes += 64) {
    const uint32x4_t abcdBefore = abcd, efghBefore = efgh;
    uint32x4_t w[4];
    for (int i = 0; i < 4; ++i) {
      w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes + 16 * i)));
    }
#pragma clang loop unroll(full)
    for (int round = 0; round < 64; round += 4) {
      const int at = round / 4;
      const uint32x4_t sum = vaddq_u32(w[at % 4], vld1q_u32(kRounds.data() + round));
      const uint32x4_t before = abcd;
      abcd = vsha256hq_u32(abcd, efgh, sum);
      efgh = vsha256h2q_u32(efgh, before, sum);
      if (round < 48) {
        w[at % 4] = vsha256su1q_u32(vsha256su0q_u32(w[at % 4], w[(at + 1) % 4]), w[(at + 2) % 4], w[(at + 3) % 4]);
      }
    }
    abcd = vaddq_u32(abcd, abcdBefore);
    efgh = vaddq_u32(efgh, efghBefore);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

bool hasShaInstructions() {
  constexpr unsigned long kHwcapSha2 = 1ul << 6;
  return (getauxval(AT_HWCAP) & kHwcapSha2) != 0;
}
#endif

}  // namespace

void internal::sha256BlocksPortable(uint32_t* state, const uint8_t* bytes, size_t count) {
  for (; count > 0; --count, bytes += 64) {
    std::array<uint32_t, 64> w;
    for (int i = 0; i < 16; ++i) {
      w[i] = uint32_t{bytes[4 * i]} << 24 | uint32_t{bytes[4 * i + 1]} << 16 | uint32_t{bytes[4 * i + 2]} << 8 |
             bytes[4 * i + 3];
    }
    for (int i = 16; i < 64; ++i) {
      uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; ++i) {
      uint32_t t1 =
          h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + kRounds[i] + w[i];
      uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const std::array<uint32_t, 8> added = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) {
      state[i] += added[i];
    }
  }
}

internal::Sha256Blocks internal::sha256BlocksOfThisMachine() {
#if defined(__x86_64__) || defined(__aarch64__)
  static const Sha256Blocks form = hasShaInstructions() ? blocksWithShaInstructions : sha256BlocksPortable;
  return form;
#else
  return sha256BlocksPortable;
#endif
}

void Sha256Stream::block(const uint8_t* bytes) { internal::sha256BlocksOfThisMachine()(state_.data(), bytes, 1); }

void Sha256Stream::update(std::span<const uint8_t> bytes) {
  size_t had = numBytes_ % 64;
  numBytes_ += bytes.size();
  if (had > 0) {
    size_t taken = std::min(64 - had, bytes.size());
    std::copy_n(bytes.begin(), taken, pending_.begin() + had);
    bytes = bytes.subspan(taken);
    if (had + taken < 64) {
      return;
    }
    block(pending_.data());
  }
  internal::sha256BlocksOfThisMachine()(state_.data(), bytes.data(), bytes.size() / 64);
  bytes = bytes.last(bytes.size() % 64);
  std::copy(bytes.begin(), bytes.end(), pending_.begin());
}

Sha256 Sha256Stream::finish() {
  uint64_t numBits = numBytes_ * 8;
  std::vector<uint8_t> tail(1 + (119 - numBytes_ % 64) % 64, 0);
  tail[0] = 0x80;
  for (int shift = 56; shift >= 0; shift -= 8) {
    tail.push_back(static_cast<uint8_t>(numBits >> shift));
  }
  update(tail);
  Sha256 digest;
  auto out = digest.begin();
  for (uint32_t word : state_) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      *out++ = static_cast<uint8_t>(word >> shift);
    }
  }
  return digest;
}

Sha256 sha256(std::span<const uint8_t> bytes) {
  Sha256Stream stream;
  stream.update(bytes);
  return stream.finish();
}

}  // namespace kiln
