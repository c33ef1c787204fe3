// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/specializer.h"

#include <thread>

#include <gtest/gtest.h>

#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

using Dims = std::vector<int64_t>;

// Keeps the questions, to be answered when the test wants.
struct Questions {
  std::mutex mutex;
  std::vector<std::pair<Dims, Specializer::Done>> all;

  Specializer::Ask ask() {
    return [this](std::span<const int64_t> dims, Specializer::Done done) {
      std::lock_guard<std::mutex> lock(mutex);
      all.emplace_back(Dims(dims.begin(), dims.end()), std::move(done));
    };
  }
};

std::shared_ptr<const Executable> addition() {
  static FakeSource source;
  return source.find({.entry = "add", .feeds = {}, .fetches = {}, .targets = {}}, {}).value();
}

std::shared_ptr<Specializer> specializer(Questions& questions, int after) {
  return std::make_shared<Specializer>(addition(), after, questions.ask());
}

TEST(Specializer, AsksOnceForSizesThatComeBack) {
  Questions questions;
  auto s = specializer(questions, 4);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(s->entryFor(Dims{7}), nullptr);
  }
  EXPECT_TRUE(questions.all.empty());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(s->entryFor(Dims{7}), nullptr);  // the answer is still out, and nobody waits
  }
  ASSERT_EQ(questions.all.size(), 1u);
  EXPECT_EQ(questions.all[0].first, Dims{7});
  questions.all[0].second(addition());
  EXPECT_NE(s->entryFor(Dims{7}), nullptr);
  EXPECT_EQ(s->entryFor(Dims{8}), nullptr);
  EXPECT_EQ(s->numSpecialized(), 1);
}

TEST(Specializer, SizesThatDoNotComeBackAreNotAskedFor) {
  Questions questions;
  auto s = specializer(questions, 4);
  for (int64_t i = 0; i < 1000; ++i) {
    s->entryFor(Dims{i});
  }
  EXPECT_TRUE(questions.all.empty());
}

TEST(Specializer, AsksForAtMostSoMany) {
  Questions questions;
  auto s = specializer(questions, 1);
  for (int64_t i = 0; i < 200; ++i) {
    s->entryFor(Dims{i});
    s->entryFor(Dims{i});
  }
  EXPECT_EQ(questions.all.size(), Specializer::kMost);
}

TEST(Specializer, FailedAndForeignAnswersAreCounted) {
  Questions questions;
  auto s = specializer(questions, 1);
  s->entryFor(Dims{1});
  s->entryFor(Dims{2});
  ASSERT_EQ(questions.all.size(), 2u);
  questions.all[0].second(absl::InternalError("no code"));
  FakeSource source;
  questions.all[1].second(source.find({.entry = "train", .feeds = {}, .fetches = {}, .targets = {}}, {}));
  EXPECT_EQ(s->entryFor(Dims{1}), nullptr);
  EXPECT_EQ(s->entryFor(Dims{2}), nullptr);
  EXPECT_EQ(s->numFailed(), 2);
}

TEST(Specializer, AnswersMayComeAfterItHasGone) {
  Questions questions;
  auto s = specializer(questions, 1);
  s->entryFor(Dims{1});
  ASSERT_EQ(questions.all.size(), 1u);
  s.reset();
  questions.all[0].second(addition());
}

TEST(Specializer, ManyThreadsSeeWholeAnswers) {
  Questions questions;
  auto s = specializer(questions, 3);
  std::atomic<bool> isDone{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!isDone) {
        for (int64_t d = 0; d < 4; ++d) {
          const kiln_entry_t* entry = s->entryFor(Dims{d});
          EXPECT_TRUE(entry == nullptr || entry->run == addition()->image->table().entries[kAdd].run);
        }
      }
    });
  }
  int answered = 0;
  while (answered < 4) {
    std::pair<Dims, Specializer::Done> question;
    {
      std::lock_guard<std::mutex> lock(questions.mutex);
      if (static_cast<size_t>(answered) == questions.all.size()) {
        continue;
      }
      question = questions.all[static_cast<size_t>(answered++)];
    }
    question.second(addition());
  }
  isDone = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(s->numSpecialized(), 4);
}

// A session's source that specialises, when told to.
class SpecializingSource : public FakeSource {
 public:
  bool specializes() const override { return true; }
  void findAsync(const ExecutableRequest&, std::span<const int64_t> dims, Specializer::Done done) override {
    questions.ask()(dims, std::move(done));
  }
  Questions questions;
};

TEST(Specializer, SessionsAskTheirSource) {
  auto source = std::make_shared<SpecializingSource>();
  std::vector<Tensor> out;
  const Tensor x = Tensor::of<float>({2}, {1, 2});
  {
    Session session = Session::create(source, {.specializeAfter = 2}).value();
    Callable add = session.prepareEntry("add").value();
    for (int i = 0; i < 6; ++i) {
      ASSERT_TRUE(add.run({x, x}, out).ok());
      if (i == 3) {
        ASSERT_EQ(source->questions.all.size(), 1u);
        EXPECT_EQ(source->questions.all[0].first, Dims{2});
        source->questions.all[0].second(addition());
      }
      EXPECT_EQ(out[0].at(1), 4);
    }
  }
  source->questions.all.clear();
  Session never = Session::create(source, {.specializeAfter = 0}).value();
  Callable add = never.prepareEntry("add").value();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(add.run({x, x}, out).ok());
  }
  EXPECT_TRUE(source->questions.all.empty());
}

}  // namespace
}  // namespace kiln::runtime
