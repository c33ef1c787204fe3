// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A run ends at its deadline, and says that it was that.
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/session/testing.h"
#include "runtime/session/watchdog.h"

namespace kiln::runtime {
namespace {

using std::chrono::milliseconds;

class Deadline : public ::testing::Test {
 protected:
  // Runs the entry that waits for its cancel flag.
  Status runEndless(const RunOptions& options) {
    Tensor started = Tensor::scalar(int64_t{0});
    std::vector<Tensor> out;
    return wait.run({started}, out, options);
  }

  Session session = fakeSession();
  Callable wait = session.prepareEntry("wait").value();
};

TEST_F(Deadline, R0047EndsARunThatWouldNeverEnd) {
  auto before = session.variables();
  expectError(runEndless({.deadline = milliseconds(5)}), "KILN-R0047", "deadline of 5 ms");
  for (const auto& [name, value] : session.variables()) {
    EXPECT_TRUE(value.identicalTo(before.at(name))) << name;
  }
  EXPECT_EQ(runEndless({.deadline = milliseconds(1)}).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(Deadline, TimeThatIsUpAtOnceRunsNothing) {
  expectError(runEndless({.deadline = milliseconds(-1)}), "KILN-R0047", "deadline of -1 ms");
}

TEST_F(Deadline, RunsThatAreDoneInTimeSucceed) {
  Callable predict = session.prepareEntry("predict").value();
  std::vector<Tensor> out;
  for (milliseconds deadline : {milliseconds::max(), milliseconds(3600'000)}) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(predict.run({}, out, {.deadline = deadline}).ok());
    }
  }
}

TEST_F(Deadline, TheCallersFlagIsForwarded) {
  std::atomic<int32_t> cancel{0};
  Status status;
  std::thread runner([&] { status = runEndless({.cancel = &cancel, .deadline = std::chrono::hours(1)}); });
  std::this_thread::sleep_for(milliseconds(2));
  cancel = 1;
  runner.join();
  expectError(status, "KILN-R0040", "cancelled");
  expectError(runEndless({.cancel = &cancel, .deadline = std::chrono::hours(1)}), "KILN-R0040", "cancelled");
}

TEST_F(Deadline, EachRunHasItsOwn) {
  // The later deadline is set first, so the watching thread has to wake for the earlier one.
  std::atomic<int32_t> cancel{0};
  Status late;
  std::thread runner([&] { late = runEndless({.cancel = &cancel, .deadline = std::chrono::hours(1)}); });
  Session other = fakeSession();
  Callable wait2 = other.prepareEntry("wait").value();
  Tensor started = Tensor::scalar(int64_t{0});
  std::vector<Tensor> out;
  expectError(wait2.run({started}, out, {.deadline = milliseconds(3)}), "KILN-R0047", "3 ms");
  cancel = 1;
  runner.join();
  expectError(late, "KILN-R0040", "cancelled");
}

TEST(Watchdog, FlagsAreSetForManyWatchesAtOnce) {
  std::vector<std::unique_ptr<Watchdog::Watch>> watches;
  std::atomic<int32_t> cancel{0};
  for (int i = 0; i < 50; ++i) {
    const auto due = Watchdog::Clock::now() + (i % 2 == 0 ? milliseconds(1 + i) : milliseconds(3600'000));
    watches.push_back(std::make_unique<Watchdog::Watch>(due, i % 2 == 0 ? nullptr : &cancel));
  }
  cancel = 1;
  for (int i = 0; i < 50; ++i) {
    while (watches[i]->flag().load() == 0) {
      std::this_thread::yield();
    }
    EXPECT_EQ(watches[i]->flag().load(), i % 2 == 0 ? Watchdog::kTooLate : Watchdog::kCancelled) << i;
  }
}

}  // namespace
}  // namespace kiln::runtime
