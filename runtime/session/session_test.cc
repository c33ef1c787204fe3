// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/session.h"

#include <thread>

#include <gtest/gtest.h>

#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

Tensor vectorOf(const std::vector<float>& values) {
  return Tensor::of<float>({static_cast<int64_t>(values.size())}, values);
}

// Stands for the graph's values, which convert to endpoints.
struct NamedValue {
  std::string name;
  operator Endpoint() const { return name; }  // NOLINT
};

TEST(Session, prepares_what_converts_to_endpoints) {
  Session session = fakeSession();
  NamedValue x{"x"}, y{"y"}, z{"z"};
  Callable run = session.prepare({x, y}, {z}, {}).value();
  std::vector<Tensor> out;
  ASSERT_TRUE(run.run({vectorOf({1, 2}), vectorOf({3, 4})}, out).ok());
  EXPECT_TRUE(out[0].identicalTo(vectorOf({4, 6})));
  EXPECT_EQ(run.signature().feeds[1].name, "y");
  EXPECT_TRUE(session.prepare({"x", y}, {"z"}).ok());
}

TEST(Session, equal_requests_are_found_once) {
  auto source = std::make_shared<FakeSource>();
  Session session = Session::create(source, {}).value();
  int before = source->numFinds;
  ASSERT_TRUE(session.prepare({"x", "y"}, {"z"}).ok());
  ASSERT_TRUE(session.prepare({"x", "y"}, {"z"}).ok());
  ASSERT_TRUE(session.run({{"x", vectorOf({1})}, {"y", vectorOf({1})}}, {"z"}).ok());
  EXPECT_EQ(source->numFinds, before + 1);
  // Another request whose names give the same text when strung together.
  EXPECT_FALSE(session.prepare({"x"}, {"y", "z"}).ok());
  EXPECT_EQ(source->numFinds, before + 2);
}

TEST(Session, runs_by_name) {
  Session session = fakeSession();
  auto result = session.run({{"y", vectorOf({1, 2})}, {"x", vectorOf({10, 20})}}, {"z"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->at("z").identicalTo(vectorOf({11, 22})));
  auto entry = session.runEntry("add", {{"y", vectorOf({1})}, {"x", vectorOf({2})}});
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->at("z").at(0), 3);
  EXPECT_EQ(session.runEntry("add", {{"y", vectorOf({1})}, {"x", vectorOf({2})}}, {"z"})->at("z").at(0), 3);
}

TEST(Session, other_fetches_of_an_entry_are_the_sources_to_find) {
  Session session = fakeSession();
  auto result = session.runEntry("add", {{"x", vectorOf({1})}}, {"w"});
  EXPECT_EQ(result.status().message(), "the fake only adds x and y");
}

TEST(Session, r0001_unknown_entry) {
  Session session = fakeSession();
  expectError(session.prepareEntry("training").status(), "KILN-R0001",
              "unknown entry 'training': the model has 'add', 'init', 'predict', 'train'");
  expectError(session.runEntry("ad", {}).status(), "KILN-R0001", "'add'");
}

TEST(Session, r0010_unknown_feed) {
  Session session = fakeSession();
  expectError(session.runEntry("add", {{"x", vectorOf({1})}, {"q", vectorOf({1})}}).status(), "KILN-R0010",
              "[KILN-R0010] unknown feed 'q': the entry 'add' takes 'x', 'y'");
  expectError(session.runEntry("init", {{"x", vectorOf({1})}}).status(), "KILN-R0010", "takes no feeds");
}

TEST(Session, r0010_names_the_nearest_of_many) {
  auto source = std::make_shared<FakeSource>();
  for (int i = 0; i < 30; ++i) {
    source->info.entries[0].feeds.push_back("feature_" + std::to_string(i));
  }
  Session session = Session::create(source, {}).value();
  expectError(session.runEntry("add", {{"featur_7", vectorOf({1})}}).status(), "KILN-R0010", "'feature_7'");
}

TEST(Session, r0011_missing_feed) {
  Session session = fakeSession();
  expectError(session.runEntry("add", {{"x", vectorOf({1})}}).status(), "KILN-R0011",
              "feed 'y' is missing: the entry 'add' takes 'x', 'y'");
}

TEST(Session, variables_are_read_and_set) {
  Session session = fakeSession();
  EXPECT_EQ(session.variableNames(), (std::vector<std::string>{"w", "b", "count"}));
  EXPECT_EQ(session.variable("w")->at(3), 1);
  Tensor value(f32, {256});
  value.set(3, 42);
  ASSERT_TRUE(session.setVariable("w", value).ok());
  EXPECT_TRUE(session.variable("w")->identicalTo(value));
  EXPECT_EQ(session.runEntry("predict", {})->at("both").at(3), 42);
  EXPECT_EQ(session.variables().size(), 3u);
}

TEST(Session, r0002_unknown_variable) {
  Session session = fakeSession();
  expectError(session.variable("coun").status(), "KILN-R0002", "unknown variable 'coun'; did you mean 'count'");
  expectError(session.setVariable("coun", Tensor::scalar(int64_t{1})), "KILN-R0002", "'count'");
}

TEST(Session, r0003_values_that_do_not_fit) {
  Session session = fakeSession();
  expectError(session.setVariable("w", Tensor(f32, {255})), "KILN-R0003",
              "variable 'w': a value f32[255] does not fit its type f32[256]");
  expectError(session.setVariable("w", Tensor(f64, {256})), "KILN-R0003", "f64[256]");
  expectError(session.setVariable("count", TensorView{.dtype = i64, .dims = {}, .data = nullptr}), "KILN-R0003",
              "without data");
  EXPECT_EQ(session.variable("w")->at(0), 1);
  auto source = std::make_shared<FakeSource>();
  source->info.variables[0].initialValue = std::make_shared<Tensor>(f32, std::vector<int64_t>{2});
  expectError(Session::create(source).status(), "KILN-R0003", "f32[2]");
}

TEST(Session, weights_come_before_init) {
  auto source = std::make_shared<FakeSource>();
  Tensor weights(f32, {256});
  weights.set(0, 5);
  source->info.variables[1].initialValue = std::make_shared<Tensor>(weights);
  Session session = Session::create(source).value();
  EXPECT_TRUE(session.variable("b")->identicalTo(weights));
  EXPECT_EQ(session.variable("w")->at(0), 1);
}

TEST(Session, with_all_weights_init_is_not_run) {
  auto source = std::make_shared<FakeSource>();
  for (VariableSpec& spec : source->info.variables) {
    spec.initialValue = std::make_shared<Tensor>(spec.dtype, spec.dims);
  }
  Session session = Session::create(source).value();
  EXPECT_EQ(source->numFinds, 0);
  EXPECT_EQ(session.variable("w")->at(0), 0);
}

TEST(Session, r0004_no_value) {
  auto source = std::make_shared<FakeSource>();
  std::erase_if(source->info.entries, [](const EntryInfo& e) { return e.name == "init"; });
  expectError(Session::create(source).status(), "KILN-R0004", "variable 'w' has no value");
  source = std::make_shared<FakeSource>();
  source->entries["init"].manifest.variables[2].written = false;
  expectError(Session::create(source).status(), "KILN-R0004",
              "variable 'count' has no value: the model has no weights for it, and its entry 'init'");
}

TEST(Session, r0005_init_with_feeds) {
  auto source = std::make_shared<FakeSource>();
  source->entries["init"] = source->entries["add"];
  expectError(Session::create(source).status(), "KILN-R0005", "'x'");
}

// Manifests come from files: what they claim is checked before it is used.
TEST(Session, r0006_manifests_that_contradict) {
  auto withAdd = [](auto change) {
    auto source = std::make_shared<FakeSource>();
    change(source->entries["add"]);
    return Session::create(source)->prepareEntry("add").status();
  };
  expectError(withAdd([](Executable& e) { e.entryIndex = 99; }), "KILN-R0006", "the entry 'add'");
  expectError(withAdd([](Executable& e) { e.entryIndex = -1; }), "KILN-R0006", "entry -1 of");
  expectError(withAdd([](Executable& e) { e.image = nullptr; }), "KILN-R0006", "no code");
  expectError(withAdd([](Executable& e) { e.manifest.variables = {{3, true}}; }), "KILN-R0006", "variable 3 of 3");
  expectError(withAdd([](Executable& e) { e.manifest.variables = {{-1, true}}; }), "KILN-R0006", "variable -1");
  expectError(withAdd([](Executable& e) { e.manifest.variables = {{1, true}, {1, false}}; }), "KILN-R0006",
              "'b' occurs twice");
  expectError(withAdd([](Executable& e) { e.manifest.constants = {nullptr}; }), "KILN-R0006", "constant");
  expectError(withAdd([](Executable& e) { e.manifest.symbols.clear(); }), "KILN-R0006", "'n'");
  expectError(withAdd([](Executable& e) { e.manifest.feeds[0].dtype = DType::kInvalid; }), "KILN-R0006", "'x'");

  auto source = std::make_shared<FakeSource>();
  source->entries["add"].manifest.feeds.pop_back();
  source->entries["add"].manifest.feeds.pop_back();
  source->entries["add"].manifest.symbols[0].range = {2, 2};
  EXPECT_EQ(errorIdOf(Session::create(source)->prepare({"x", "y"}, {"z"}).status()), "KILN-R0006");
  source = std::make_shared<FakeSource>();
  source->info.variables.push_back(source->info.variables[0]);
  expectError(Session::create(source).status(), "KILN-R0006", "twice");
  source = std::make_shared<FakeSource>();
  source->info.variables[0].dims = {-2};
  expectError(Session::create(source).status(), "KILN-R0006", "[-2]");
}

TEST(Session, threads_may_prepare_at_once) {
  Session session = fakeSession(2);
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        auto add = session.prepare({"x", "y"}, {"z"});
        std::vector<Tensor> out;
        failed += !add.ok() || !add->run({vectorOf({1}), vectorOf({2})}, out).ok() || out[0].at(0) != 3;
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace kiln::runtime
