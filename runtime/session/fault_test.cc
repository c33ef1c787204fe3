// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/fault.h"

#include <gtest/gtest.h>

#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

Status runReport(int64_t code, int64_t first, int64_t second) {
  Session session = fakeSession();
  std::vector<Tensor> out;
  return session.prepareEntry("report")->run({Tensor::scalar(code), Tensor::scalar(first), Tensor::scalar(second)},
                                             out);
}

TEST(Fault, each_status_has_its_error) {
  EXPECT_TRUE(runReport(0, 0, 0).ok());
  expectError(runReport(KILN_STATUS_CANCELLED, 0, 0), "KILN-R0040", "cancelled");
  expectError(runReport(KILN_STATUS_INDEX_RANGE, 9, 4), "KILN-R0030",
              "model.cc:7: kiln.op 'check': [KILN-R0030] index 9 is out of range for an axis of length 4");
  expectError(runReport(KILN_STATUS_DIVIDE_BY_ZERO, 12, 0), "KILN-R0031",
              "kiln.op 'check': [KILN-R0031] integer division by zero");
  expectError(runReport(KILN_STATUS_ASSERT, 1, 2), "KILN-R0043", "'check'");
  expectError(runReport(KILN_STATUS_DIM_MISMATCH, 3, 5), "KILN-R0044", "found 3, wanted 5");
  expectError(runReport(KILN_STATUS_NOT_POSITIVE_DEFINITE, 3, 1), "KILN-R0032",
              "kiln.op 'check': [KILN-R0032] matrix 1 is not positive definite: its leading minor of order 3");
  expectError(runReport(KILN_STATUS_SINGULAR, 2, 0), "KILN-R0033",
              "kiln.op 'check': [KILN-R0033] matrix 0 is singular: its column 2");
  expectError(runReport(KILN_STATUS_TRIP_COUNT, -3, 100), "KILN-R0034",
              "'check': the trip count -3 is not between 0 and 100");
  expectError(runReport(KILN_STATUS_NO_MEMORY, 4096, 0), "KILN-R0036", "'check': no memory for 4096 bytes");
  expectError(runReport(KILN_STATUS_INTERNAL, 1, 2), "KILN-R0045", "status 6");
  expectError(runReport(-77, 1, 2), "KILN-R0045", "status -77");
}

TEST(Fault, codes_are_those_of_grpc) {
  EntryManifest manifest;
  kiln_error_t error{};
  EXPECT_EQ(faultStatus(manifest, KILN_STATUS_CANCELLED, error).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(faultStatus(manifest, KILN_STATUS_INDEX_RANGE, error).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(faultStatus(manifest, KILN_STATUS_INTERNAL, error).code(), absl::StatusCode::kInternal);
}

// What compiled code leaves in the slot is not trusted.
TEST(Fault, nodes_that_do_not_exist) {
  EntryManifest manifest;
  for (int32_t node : {-1, 0, 1 << 30}) {
    expectError(faultStatus(manifest, KILN_STATUS_INDEX_RANGE, {KILN_STATUS_INDEX_RANGE, node, {1, 1}}), "KILN-R0030",
                "a node of the run");
  }
  expectError(faultStatus(manifest, KILN_STATUS_ASSERT, {KILN_STATUS_OK, 0, {8, 9}}), "KILN-R0043", "0, 0");
}

TEST(Fault, an_assertion_says_its_message_and_a_tap_its_name) {
  EntryManifest manifest;
  manifest.nodes.push_back({.name = "finite", .op = "kiln.assert_that", .location = "", .message = "loss is finite"});
  manifest.nodes.push_back(
      {.name = "tap/assert_that", .op = "kiln.assert_that", .location = "", .message = "if//then/y"});
  expectError(faultStatus(manifest, KILN_STATUS_ASSERT, {KILN_STATUS_ASSERT, 0, {0, 0}}), "KILN-R0043",
              "kiln.assert_that 'finite': assertion failed: loss is finite");
  expectError(faultStatus(manifest, KILN_STATUS_NOT_TAKEN, {KILN_STATUS_NOT_TAKEN, 1, {0, 0}}), "KILN-R0035",
              "'if//then/y': the tapped value was not computed");
  expectError(faultStatus(manifest, KILN_STATUS_NOT_TAKEN, {KILN_STATUS_NOT_TAKEN, 9, {0, 0}}), "KILN-R0035",
              "a node of the run");
}

}  // namespace
}  // namespace kiln::runtime
