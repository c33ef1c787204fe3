// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A run changes variables as a whole or not at all, and others see it so.
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

const Tensor kGoodIndex = Tensor::scalar(int64_t{2}), kGoodDivisor = Tensor::scalar(int64_t{3});

class Transaction : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<Tensor> out;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(train.run({kGoodIndex, kGoodDivisor}, out).ok());
    }
    before = session.variables();
    ASSERT_EQ(before.at("count").at(0), 3);
  }

  // Bit for bit.
  void expectUnchanged() {
    auto now = session.variables();
    for (const auto& [name, value] : before) {
      EXPECT_TRUE(now.at(name).identicalTo(value)) << name << " is " << now.at(name).toString();
    }
  }

  // The next run works and goes on from the old values.
  void expectUsable() {
    std::vector<Tensor> out;
    ASSERT_TRUE(train.run({kGoodIndex, kGoodDivisor}, out).ok());
    EXPECT_EQ(out[0].at(0), 3);
    EXPECT_EQ(session.variable("w")->at(100), 5);
  }

  Session session = fakeSession(2);
  Callable train = session.prepareEntry("train").value();
  std::map<std::string, Tensor> before;
};

TEST_F(Transaction, index_fault_changes_nothing) {
  std::vector<Tensor> out;
  for (int64_t index : {int64_t{4}, int64_t{-1}, INT64_MAX}) {
    expectError(train.run({Tensor::scalar(index), kGoodDivisor}, out), "KILN-R0030",
                "model.cc:41: kiln.gather 'lookup': [KILN-R0030] index " + std::to_string(index) +
                    " is out of range for an axis of length 4");
    expectUnchanged();
  }
  expectUsable();
}

TEST_F(Transaction, divide_fault_changes_nothing) {
  std::vector<Tensor> out;
  expectError(train.run({kGoodIndex, Tensor::scalar(int64_t{0})}, out), "KILN-R0031",
              "kiln.div 'quotient': [KILN-R0031] integer division by zero");
  expectUnchanged();
  expectUsable();
}

TEST_F(Transaction, cancelled_before_it_starts_changes_nothing) {
  std::atomic<int32_t> cancel{1};
  std::vector<Tensor> out;
  expectError(train.run({kGoodIndex, kGoodDivisor}, out, {.cancel = &cancel}), "KILN-R0040", "cancelled");
  expectUnchanged();
  cancel = 0;
  expectUsable();
}

TEST_F(Transaction, cancelled_in_the_middle_changes_nothing) {
  Callable wait = session.prepareEntry("wait").value();
  std::atomic<int32_t> cancel{0};
  Tensor started = Tensor::scalar(int64_t{0});
  Status status;
  std::thread runner([&] {
    std::vector<Tensor> out;
    status = wait.run({started}, out, {.cancel = &cancel});
  });
  // The run says that it is under way by writing to its feed.
  while (__atomic_load_n(started.data<int64_t>(), __ATOMIC_ACQUIRE) == 0) {
    std::this_thread::yield();
  }
  cancel = 1;
  runner.join();
  expectError(status, "KILN-R0040", "cancelled");
  expectUnchanged();
  expectUsable();
}

TEST_F(Transaction, cancelled_while_it_waits_for_a_variable) {
  Callable wait = session.prepareEntry("wait").value();
  std::atomic<int32_t> cancel{0}, cancelTrain{1};
  Tensor started = Tensor::scalar(int64_t{0});
  std::thread holder([&] {
    std::vector<Tensor> out;
    EXPECT_FALSE(wait.run({started}, out, {.cancel = &cancel}).ok());
  });
  while (__atomic_load_n(started.data<int64_t>(), __ATOMIC_ACQUIRE) == 0) {
    std::this_thread::yield();
  }
  Status status;
  std::thread waiter([&] {
    std::vector<Tensor> out;
    status = train.run({kGoodIndex, kGoodDivisor}, out, {.cancel = &cancelTrain});
  });
  cancel = 1;
  holder.join();
  waiter.join();
  expectError(status, "KILN-R0040", "cancelled");
  expectUnchanged();
}

TEST_F(Transaction, a_feed_that_does_not_fit_changes_nothing) {
  std::vector<Tensor> out;
  expectError(train.run({Tensor::scalar(2.0), kGoodDivisor}, out), "KILN-R0022", "'index'");
  expectError(train.run({kGoodIndex, Tensor(i64, {2})}, out), "KILN-R0021", "'divisor'");
  expectUnchanged();
  expectUsable();
}

// w = 1 + steps and b = -1 - steps in every element: any mixture of two steps shows.
TEST_F(Transaction, predict_sees_whole_steps_only) {
  Callable predict = session.prepareEntry("predict").value();
  std::atomic<bool> stop{false};
  std::thread trainer([&] {
    std::vector<Tensor> out;
    for (int i = 0; !stop; ++i) {
      // Now and then a step fails.
      Tensor index = Tensor::scalar(int64_t{i % 5 == 0 ? 9 : 1});
      EXPECT_EQ(train.run({index, kGoodDivisor}, out).ok(), i % 5 != 0);
    }
  });
  std::vector<Tensor> out;
  float last = 0;
  int mixed = 0, backwards = 0, steps = 0;
  // Until enough steps were seen to come between two predictions.
  for (int i = 0; i < 2000 || steps < 50; ++i) {
    ASSERT_TRUE(predict.run({}, out).ok());
    const float* both = out[0].data<float>();
    for (int j = 0; j < 256; ++j) {
      mixed += both[j] != both[0] || both[256 + j] != -both[0];
    }
    backwards += both[0] < last;
    steps += both[0] > last;
    last = both[0];
  }
  stop = true;
  trainer.join();
  EXPECT_EQ(mixed, 0);
  EXPECT_EQ(backwards, 0);
}

TEST_F(Transaction, copies_of_all_variables_are_of_one_step) {
  std::atomic<bool> stop{false};
  std::thread trainer([&] {
    std::vector<Tensor> out;
    while (!stop) {
      EXPECT_TRUE(train.run({kGoodIndex, kGoodDivisor}, out).ok());
    }
  });
  int mixed = 0, steps = 0;
  double last = 0;
  for (int i = 0; i < 500 || steps < 50; ++i) {
    auto values = session.variables();
    double count = values.at("count").at(0);
    steps += count != last;
    last = count;
    mixed += values.at("w").at(0) != 1 + count || values.at("w").at(255) != 1 + count ||
             values.at("b").at(128) != -1 - count;
  }
  stop = true;
  trainer.join();
  EXPECT_EQ(mixed, 0);
}

// Every step counts, and no two start from the same values.
TEST_F(Transaction, writers_take_turns) {
  constexpr int kThreads = 3, kSteps = 400;
  std::vector<std::vector<int64_t>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Tensor> out;
      for (int i = 0; i < kSteps; ++i) {
        EXPECT_TRUE(train.run({kGoodIndex, kGoodDivisor}, out).ok());
        seen[static_cast<size_t>(t)].push_back(out[0].data<int64_t>()[0]);
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  std::vector<int> times(3 + kThreads * kSteps, 0);
  for (const auto& list : seen) {
    for (int64_t value : list) {
      ASSERT_LT(value, 3 + kThreads * kSteps);
      ++times[static_cast<size_t>(value)];
    }
  }
  for (size_t i = 3; i < times.size(); ++i) {
    EXPECT_EQ(times[i], 1) << "step " << i;
  }
  EXPECT_EQ(session.variable("count")->at(0), 3 + kThreads * kSteps);
  EXPECT_EQ(session.variable("w")->at(7), 4 + kThreads * kSteps);
}

// Entries that use the same variables in another order do not wait for each other in a circle.
TEST_F(Transaction, opposite_orders_do_not_deadlock) {
  auto source = std::make_shared<FakeSource>();
  source->entries["predict"].manifest.variables = {{1, false}, {0, false}};
  Session other = Session::create(source, {.threads = 1}).value();
  Callable forward = other.prepareEntry("train").value(), backward = other.prepareEntry("predict").value();
  std::thread trainer([&] {
    std::vector<Tensor> out;
    for (int i = 0; i < 1000; ++i) {
      EXPECT_TRUE(forward.run({kGoodIndex, kGoodDivisor}, out).ok());
    }
  });
  std::vector<Tensor> out;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(backward.run({}, out).ok());
    // b comes first here.
    EXPECT_EQ(out[0].at(0), -out[0].at(256));
  }
  trainer.join();
}

TEST_F(Transaction, setting_a_variable_waits_for_runs) {
  std::atomic<bool> stop{false};
  std::thread trainer([&] {
    std::vector<Tensor> out;
    while (!stop) {
      EXPECT_TRUE(train.run({kGoodIndex, kGoodDivisor}, out).ok());
    }
  });
  Tensor w(f32, {256});
  int mixed = 0;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(session.setVariable("w", w).ok());
    Tensor now = session.variable("w").value();
    for (int64_t j = 1; j < 256; ++j) {
      mixed += now.at(j) != now.at(0);
    }
  }
  stop = true;
  trainer.join();
  EXPECT_EQ(mixed, 0);
}

}  // namespace
}  // namespace kiln::runtime
