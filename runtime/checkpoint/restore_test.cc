// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Restoring all, a part, or under other names; all of it or nothing.
#include "runtime/checkpoint/restore.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/checkpoint/checkpoint_testing.h"

namespace kiln::runtime {
namespace {

using Names = std::vector<std::string>;
using Values = std::map<std::string, Tensor>;

Tensor vectorOf(const std::vector<float>& values) {
  return Tensor::of<float>({static_cast<int64_t>(values.size())}, values);
}

class Restore : public ::testing::Test {
 protected:
  void save(const Values& values) { ASSERT_TRUE(saveCheckpoint(sessionOf(values), path, 7).ok()); }
  StatusOr<RestoreReport> restore(Session& session, const RestoreOptions& options = {}) {
    return restoreCheckpoint(session, path, options);
  }
  void expectRefused(const Values& model, const RestoreOptions& options, const std::string& id,
                     const std::string& text) {
    Session session = sessionOf(model);
    expectError(restore(session, options).status(), id, text);
    expectValues(session, model);
  }

  TestFolder folder;
  std::string path = folder / "digits.ckpt";
  Values stored = {{"encoder/w", vectorOf({1, 2})},
                   {"encoder/w/adam/first_moment", vectorOf({3, 4})},
                   {"head/w", vectorOf({5})},
                   {"random_state", Tensor::of<uint64_t>({2}, {11, 12})}};
};

TEST_F(Restore, everything_bit_for_bit) {
  Values all = {{"f16", Tensor(f16, {3})},
                {"bool", Tensor::of<bool>({3}, {true, false, true})},
                {"empty", Tensor(f64, {0, 4})},
                {"scalar", Tensor::scalar(-0.0)},
                {"i8", Tensor::of<int8_t>({3}, {-1, 2, 3})},
                {"u64", Tensor::of<uint64_t>({1}, {~uint64_t{0}})},
                {"odd name / \"quoted\" \xC3\xA4", vectorOf({1e-45f, -0.0f, NAN, INFINITY})}};
  all.at("f16").set(1, 0.5);
  save(all);
  Values zeros = all;
  for (auto& [name, value] : zeros) {
    value = Tensor(value.dtype(), value.dims());
  }
  Session session = sessionOf(zeros);
  auto report = restore(session);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->step, 7);
  EXPECT_EQ(report->restored.size(), all.size());
  expectValues(session, all);
}

TEST_F(Restore, strict_wants_both_sides_whole) {
  save(stored);
  Values model = stored;
  model["head/b"] = vectorOf({9});
  expectRefused(model, {}, "KILN-R0213", "it has nothing for the variables 'head/b'");
  model.erase("head/b");
  model.erase("head/w");
  expectRefused(model, {}, "KILN-R0213", "the model has no variables for the tensors 'head/w'");
}

TEST_F(Restore, report_says_what_was_missing_and_what_unused) {
  save(stored);
  Session session = sessionOf({{"encoder/w", vectorOf({0, 0})}, {"other", vectorOf({8})}});
  auto report = restore(session, {.strict = false});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->restored, (std::vector<std::pair<std::string, std::string>>{{"encoder/w", "encoder/w"}}));
  EXPECT_EQ(report->missing, Names{"other"});
  EXPECT_EQ(report->unused.size(), 3u);
  expectValues(session, {{"encoder/w", vectorOf({1, 2})}, {"other", vectorOf({8})}});
  EXPECT_NE(report->toString().find("1 variables restored"), std::string::npos);
  EXPECT_NE(report->toString().find("'other'"), std::string::npos) << report->toString();
}

TEST_F(Restore, renames_scopes_and_single_names) {
  save(stored);
  Session session = sessionOf({{"backbone/w", vectorOf({0, 0})},
                               {"backbone/w/adam/first_moment", vectorOf({0, 0})},
                               {"out", vectorOf({0})},
                               {"random_state", Tensor(u64, {2})}});
  auto report = restore(session, {.renames = {{"encoder/", "backbone/"}, {"head/w", "out"}}});
  ASSERT_TRUE(report.ok()) << report.status();
  expectValues(session, {{"backbone/w", vectorOf({1, 2})},
                         {"backbone/w/adam/first_moment", vectorOf({3, 4})},
                         {"out", vectorOf({5})},
                         {"random_state", stored.at("random_state")}});
  EXPECT_NE(report->toString().find("3 of them renamed"), std::string::npos);
}

TEST_F(Restore, longest_rule_wins) {
  save(stored);
  Session session = sessionOf({{"a/w", vectorOf({0, 0})}, {"moment", vectorOf({0, 0})}});
  auto report = restore(
      session, {.renames = {{"encoder/w/adam/first_moment", "moment"}, {"encoder/", "a/"}}, .only = {"a", "moment"}});
  ASSERT_TRUE(report.ok()) << report.status();
  expectValues(session, {{"a/w", vectorOf({1, 2})}, {"moment", vectorOf({3, 4})}});
}

TEST_F(Restore, only_a_part) {
  save(stored);
  Session session = sessionOf({{"encoder/w", vectorOf({0, 0})},
                               {"encoder/w/adam/first_moment", vectorOf({0, 0})},
                               {"encoder_two/w", vectorOf({6})},
                               {"head/w", vectorOf({0, 0, 0})}});
  auto report = restore(session, {.only = {"encoder"}});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->missing.empty() && report->unused.empty()) << report->toString();
  EXPECT_EQ(session.variable("encoder/w/adam/first_moment")->at(1), 4);
  EXPECT_EQ(session.variable("encoder_two/w")->at(0), 6);
}

TEST_F(Restore, other_types_and_shapes_name_both_sides) {
  save(stored);
  Values model = stored;
  model["head/w"] = vectorOf({1, 2, 3});
  expectRefused(model, {}, "KILN-R0212", "variable 'head/w' is f32[3], and tensor 'head/w'");
  expectRefused(model, {.strict = false}, "KILN-R0212", "is f32[1]");
  model["head/w"] = Tensor::of<double>({1}, {1});
  expectRefused(model, {}, "KILN-R0212", "f64[1]");
}

TEST_F(Restore, rules_that_fit_nothing_are_refused) {
  save(stored);
  expectRefused(stored, {.renames = {{"encodr/", "x/"}}}, "KILN-R0214", "no tensor fits the rule 'encodr/'");
  expectRefused(stored, {.only = {"heat/w"}}, "KILN-R0214", "did you mean 'head/w'");
  expectRefused(stored, {.renames = {{"encoder/", "x"}}}, "KILN-R0214", "wanted an end in '/'");
  expectRefused(stored, {.renames = {{"encoder/w", "head/w"}}}, "KILN-R0214", "both go to variable 'head/w'");
}

TEST_F(Restore, damage_in_the_last_tensor_changes_nothing) {
  save(stored);
  std::string file = path + "/variables.safetensors";
  for (const auto& [name, value] : stored) {
    int64_t at = offsetOf(file, name);
    flipBit(file, at);
    expectRefused({{"encoder/w", vectorOf({0, 0})},
                   {"encoder/w/adam/first_moment", vectorOf({0, 0})},
                   {"head/w", vectorOf({0})},
                   {"random_state", Tensor(u64, {2})}},
                  {}, "KILN-R0202", "tensor '" + name + "'");
    flipBit(file, at);
  }
}

TEST_F(Restore, runs_beside_it_see_all_of_it_or_nothing) {
  // After k steps the counter is k, and every element of w is a function of k.
  Session session = fakeSession();
  trainStep(session);
  ASSERT_TRUE(saveCheckpoint(session, path, 1).ok());
  Tensor w = *session.variable("w");
  std::atomic<bool> stop{false};
  std::thread trainer([&] {
    while (!stop) {
      trainStep(session);
    }
  });
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(restore(session).ok());
    auto now = session.variables();
    EXPECT_EQ(now.at("w").at(0) - w.at(0), now.at("count").at(0) - 1) << "a step was torn";
  }
  stop = true;
  trainer.join();
}

TEST_F(Restore, saved_step_goes_on_as_if_nothing_had_happened) {
  Session session = fakeSession(), other = fakeSession();
  trainStep(session);
  ASSERT_TRUE(saveCheckpoint(session, path, 1, {{"seed", "3"}}).ok());
  EXPECT_EQ(readCheckpoint(path)->metadata.at("seed"), "3");
  ASSERT_TRUE(restore(other).ok());
  trainStep(session);
  trainStep(other);
  expectValues(other, session.variables());
}

}  // namespace
}  // namespace kiln::runtime
