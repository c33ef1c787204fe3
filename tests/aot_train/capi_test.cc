// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// kiln.h as a program sees it that links nothing but libkiln_runtime: what is refused and how, and what threads may do.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "runtime/capi/kiln.h"
#include "runtime/capi/kiln_host.h"
#include "tests/aot_train/data.h"

namespace {

constexpr int64_t kBatch = 8;
constexpr int64_t kPixels = 64, kClasses = 10;

std::string artifactPath() { return std::string(KILN_AOT_FOLDER) + "/digits.kiln"; }

testing::AssertionResult failsWith(kiln_code found, kiln_code wanted, const std::string& id, const std::string& part) {
  if (found == wanted && kiln_error_id() == id && std::string(kiln_error_message()).find(part) != std::string::npos) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << found << ": " << kiln_error_message();
}
testing::AssertionResult isMisuse(kiln_code found, const std::string& part) {
  return failsWith(found, KILN_INVALID_ARGUMENT, "KILN-R0310", part);
}

kiln_tensor tensorOf(int32_t dtype, const std::vector<int64_t>& dims, void* data, size_t size) {
  kiln_tensor tensor{};
  tensor.dtype = dtype;
  tensor.rank = static_cast<int32_t>(dims.size());
  std::copy(dims.begin(), dims.end(), tensor.dims);
  tensor.data = data;
  tensor.size = size;
  return tensor;
}

class CApi : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(kiln_artifact_open(artifactPath().c_str(), nullptr, &artifact_), KILN_OK) << kiln_error_message();
    ASSERT_EQ(kiln_session_create(artifact_, nullptr, &session_), KILN_OK) << kiln_error_message();
    ASSERT_EQ(kiln_session_prepare(session_, "predict", &predict_), KILN_OK) << kiln_error_message();
    ASSERT_EQ(kiln_session_prepare(session_, "train_step", &step_), KILN_OK) << kiln_error_message();
    pixels_.resize(kBatch * kPixels);
    labels_.resize(kBatch);
    fillFloats(pixels_.data(), pixels_.size(), 1);
    fillIntegers(labels_.data(), labels_.size(), kClasses, 2);
    feeds_[0] = tensorOf(KILN_F32, {kBatch, kPixels}, pixels_.data(), pixels_.size() * sizeof(float));
    feeds_[1] = tensorOf(KILN_I32, {kBatch}, labels_.data(), labels_.size() * sizeof(int32_t));
    folder_ = std::filesystem::temp_directory_path() /
              ("kiln_capi_" + std::to_string(testing::UnitTest::GetInstance()->random_seed()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    kiln_callable_close(step_);
    kiln_callable_close(predict_);
    kiln_session_close(session_);
    kiln_artifact_close(artifact_);
    std::filesystem::remove_all(folder_);
  }

  float train() {
    float loss = 0;
    kiln_tensor fetch = tensorOf(KILN_F32, {}, &loss, sizeof loss);
    EXPECT_EQ(kiln_run(step_, feeds_, 2, &fetch, 1, nullptr), KILN_OK) << kiln_error_message();
    return loss;
  }
  std::vector<float> logits(const kiln_callable* predict) {
    std::vector<float> values(kBatch * kClasses);
    kiln_tensor fetch = tensorOf(KILN_F32, {}, values.data(), values.size() * sizeof(float));
    EXPECT_EQ(kiln_run(predict, feeds_, 1, &fetch, 1, nullptr), KILN_OK) << kiln_error_message();
    return values;
  }
  std::string file(const char* name) const { return (folder_ / name).string(); }

  kiln_artifact* artifact_ = nullptr;
  kiln_session* session_ = nullptr;
  kiln_callable *predict_ = nullptr, *step_ = nullptr;
  std::vector<float> pixels_;
  std::vector<int32_t> labels_;
  kiln_tensor feeds_[2];
  std::filesystem::path folder_;
};

TEST_F(CApi, says_what_the_artifact_has) {
  EXPECT_EQ(kiln_api_version(), KILN_API_VERSION);
  EXPECT_STREQ(kiln_artifact_model(artifact_), "digits");
  std::vector<std::string> entries;
  for (size_t i = 0; i < kiln_artifact_num_entries(artifact_); ++i) {
    entries.emplace_back(kiln_artifact_entry(artifact_, i));
  }
  EXPECT_NE(std::find(entries.begin(), entries.end(), "train_step"), entries.end());
  const kiln_signature* signature = nullptr;
  ASSERT_EQ(kiln_artifact_signature(artifact_, "train_step", &signature), KILN_OK) << kiln_error_message();
  ASSERT_EQ(kiln_signature_num_feeds(signature), 2u);
  kiln_spec spec;
  ASSERT_EQ(kiln_signature_feed(signature, 0, &spec), KILN_OK);
  EXPECT_STREQ(spec.name, "x");
  EXPECT_EQ(spec.dtype, KILN_F32);
  ASSERT_EQ(spec.rank, 2);
  EXPECT_EQ(spec.dims[0], -1);
  EXPECT_STREQ(spec.text[0], "batch");
  EXPECT_EQ(spec.dims[1], kPixels);
  EXPECT_STREQ(spec.text[1], "64");
  ASSERT_EQ(kiln_signature_num_symbols(signature), 1u);
  kiln_symbol symbol;
  ASSERT_EQ(kiln_signature_symbol(signature, 0, &symbol), KILN_OK);
  EXPECT_STREQ(symbol.name, "batch");
  EXPECT_EQ(kiln_signature_num_feeds(kiln_callable_signature(predict_)), 1u);
}

TEST_F(CApi, null_is_an_error_and_no_crash) {
  EXPECT_TRUE(isMisuse(kiln_artifact_open(nullptr, nullptr, &artifact_), "kiln_artifact_open: path is null"));
  EXPECT_TRUE(isMisuse(kiln_artifact_open("x", nullptr, nullptr), "artifact is null"));
  EXPECT_TRUE(isMisuse(kiln_artifact_open_memory(nullptr, 5, nullptr, &artifact_), "bytes is null"));
  const kiln_signature* signature = nullptr;
  EXPECT_TRUE(isMisuse(kiln_artifact_signature(nullptr, "predict", &signature), "artifact is null"));
  EXPECT_TRUE(isMisuse(kiln_artifact_signature(artifact_, nullptr, &signature), "entry is null"));
  kiln_spec spec;
  EXPECT_TRUE(isMisuse(kiln_signature_feed(nullptr, 0, &spec), "null"));
  EXPECT_TRUE(isMisuse(kiln_signature_fetch(kiln_callable_signature(step_), 0, nullptr), "spec is null"));
  kiln_session* session = nullptr;
  EXPECT_TRUE(isMisuse(kiln_session_create(nullptr, nullptr, &session), "artifact is null"));
  EXPECT_TRUE(isMisuse(kiln_session_create(artifact_, nullptr, nullptr), "session is null"));
  kiln_callable* callable = nullptr;
  EXPECT_TRUE(isMisuse(kiln_session_prepare(nullptr, "predict", &callable), "session is null"));
  EXPECT_TRUE(isMisuse(kiln_session_prepare(session_, nullptr, &callable), "entry is null"));
  kiln_tensor tensor{};
  EXPECT_TRUE(isMisuse(kiln_session_get(session_, nullptr, &tensor), "name is null"));
  EXPECT_TRUE(isMisuse(kiln_session_set(nullptr, "w", &tensor), "session is null"));
  EXPECT_TRUE(isMisuse(kiln_session_set_all(session_, nullptr, &tensor, 1), "names is null"));
  EXPECT_TRUE(isMisuse(kiln_session_export_weights(session_, nullptr), "path is null"));
  EXPECT_TRUE(isMisuse(kiln_session_import_weights(nullptr, "x"), "session is null"));
  EXPECT_TRUE(isMisuse(kiln_session_save(session_, nullptr, 1, 1), "folder is null"));
  EXPECT_TRUE(isMisuse(kiln_session_restore(session_, nullptr, nullptr), "folder is null"));
  EXPECT_TRUE(isMisuse(kiln_run(nullptr, feeds_, 1, &tensor, 1, nullptr), "callable is null"));
  EXPECT_TRUE(isMisuse(kiln_run(predict_, nullptr, 1, &tensor, 1, nullptr), "feeds is null"));
  EXPECT_TRUE(isMisuse(kiln_run(predict_, feeds_, 1, nullptr, 1, nullptr), "fetches is null"));
  EXPECT_TRUE(isMisuse(kiln_cancel_set(nullptr, 1), "cancel is null"));
  EXPECT_TRUE(isMisuse(kiln_arena_bytes(predict_, feeds_, 1, nullptr), "bytes is null"));
  kiln_artifact_close(nullptr);
  kiln_session_close(nullptr);
  kiln_callable_close(nullptr);
  kiln_cancel_close(nullptr);
  kiln_tensor_free(nullptr);
  EXPECT_EQ(kiln_artifact_num_entries(nullptr), 0u);
  EXPECT_EQ(kiln_artifact_model(nullptr), nullptr);
  EXPECT_EQ(kiln_session_num_variables(nullptr), 0u);
  EXPECT_EQ(kiln_callable_signature(nullptr), nullptr);
}

TEST_F(CApi, an_index_beyond_the_end_is_an_error) {
  kiln_spec spec;
  EXPECT_TRUE(isMisuse(kiln_signature_feed(kiln_callable_signature(predict_), 1, &spec), "index is 1, there are 1"));
  EXPECT_TRUE(isMisuse(kiln_session_variable(session_, 1000, &spec), "index is 1000"));
  kiln_symbol symbol;
  EXPECT_TRUE(isMisuse(kiln_signature_symbol(kiln_callable_signature(predict_), 1, &symbol), "index is 1"));
  kiln_tensor tensor{};
  EXPECT_TRUE(isMisuse(kiln_fetch_shape(predict_, feeds_, 1, 7, &tensor), "index is 7"));
  EXPECT_EQ(kiln_artifact_entry(artifact_, 1000), nullptr);
}

TEST_F(CApi, options_of_an_unknown_size_are_refused) {
  kiln_artifact_options open{};
  kiln_artifact* artifact = nullptr;
  EXPECT_TRUE(isMisuse(kiln_artifact_open(artifactPath().c_str(), &open, &artifact), "size of the options is 0"));
  kiln_session_options options{};
  options.size = sizeof options + 8;
  kiln_session* session = nullptr;
  EXPECT_TRUE(isMisuse(kiln_session_create(artifact_, &options, &session), "size of the options"));
  options.size = sizeof options;
  options.threads = -1;
  EXPECT_TRUE(isMisuse(kiln_session_create(artifact_, &options, &session), "threads is -1"));
  kiln_run_options run{};
  run.size = sizeof run;
  run.deadline_ms = -5;
  float loss = 0;
  kiln_tensor fetch = tensorOf(KILN_F32, {}, &loss, sizeof loss);
  EXPECT_TRUE(isMisuse(kiln_run(step_, feeds_, 2, &fetch, 1, &run), "deadline_ms is -5"));
}

TEST_F(CApi, a_buffer_that_is_too_small_is_refused_with_the_wanted_size) {
  std::vector<float> values(kBatch * kClasses);
  kiln_tensor fetch = tensorOf(KILN_F32, {}, values.data(), 16);
  EXPECT_TRUE(isMisuse(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), "has 16 bytes, wanted 320"));
  feeds_[0].size -= 4;
  fetch.size = 320;
  EXPECT_TRUE(
      isMisuse(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), "feed 'x': data has 2044 bytes, wanted 2048"));
  kiln_spec spec;
  ASSERT_EQ(kiln_session_variable(session_, 0, &spec), KILN_OK);
  fetch.size = 1;
  EXPECT_TRUE(isMisuse(kiln_session_get(session_, spec.name, &fetch), "has 1 bytes, wanted"));
}

TEST_F(CApi, tensors_that_are_none_are_refused) {
  std::vector<float> values(kBatch * kClasses);
  kiln_tensor fetch = tensorOf(KILN_F32, {}, values.data(), 320);
  feeds_[0].dtype = 7777;
  EXPECT_TRUE(isMisuse(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), "dtype 7777"));
  feeds_[0].dtype = KILN_F32;
  feeds_[0].rank = 33;
  EXPECT_TRUE(isMisuse(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), "rank is 33"));
  feeds_[0].rank = 2;
  feeds_[0].dims[1] = 63;
  EXPECT_TRUE(failsWith(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), KILN_INVALID_ARGUMENT, "KILN-R0021", "63"));
  feeds_[0].dims[1] = -4;
  EXPECT_NE(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), KILN_OK);
  EXPECT_TRUE(failsWith(kiln_run(predict_, feeds_, 0, &fetch, 1, nullptr), KILN_INVALID_ARGUMENT, "KILN-R0020", "x"));
  EXPECT_NE(kiln_run(predict_, feeds_, 1, &fetch, 0, nullptr), KILN_OK);
  EXPECT_EQ(kiln_tensor_bytes(KILN_F32, 1, nullptr), -1);
  const int64_t negative = -1;
  EXPECT_EQ(kiln_tensor_bytes(KILN_F32, 1, &negative), -1);
  EXPECT_EQ(kiln_dtype_name(12345), nullptr);
  EXPECT_STREQ(kiln_dtype_name(KILN_BF16), "bf16");
}

TEST_F(CApi, unknown_names_are_answered_with_what_there_is) {
  kiln_callable* callable = nullptr;
  EXPECT_EQ(kiln_session_prepare(session_, "predikt", &callable), KILN_NOT_FOUND);
  EXPECT_STREQ(kiln_error_id(), "KILN-R0001");
  const kiln_signature* signature = nullptr;
  EXPECT_TRUE(
      failsWith(kiln_artifact_signature(artifact_, "predikt", &signature), KILN_NOT_FOUND, "KILN-R0001", "predict"));
  kiln_tensor value{};
  EXPECT_TRUE(failsWith(kiln_session_get(session_, "out/v", &value), KILN_NOT_FOUND, "KILN-R0002", "out/w"));
  kiln_artifact* artifact = nullptr;
  EXPECT_NE(kiln_artifact_open("/none.kiln", nullptr, &artifact), KILN_OK);
  EXPECT_EQ(artifact, nullptr);
  const char junk[] = "this is no artifact at all";
  EXPECT_TRUE(failsWith(kiln_artifact_open_memory(junk, sizeof junk, nullptr, &artifact), KILN_INVALID_ARGUMENT,
                        "KILN-R0301", ""));
}

TEST_F(CApi, memory_of_the_library_is_used_again_and_given_back) {
  kiln_tensor fetch{};
  ASSERT_EQ(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), KILN_OK) << kiln_error_message();
  ASSERT_NE(fetch.owner, nullptr);
  EXPECT_EQ(fetch.size, 320u);
  EXPECT_EQ(fetch.dims[0], kBatch);
  EXPECT_EQ(fetch.dims[1], kClasses);
  EXPECT_EQ(std::memcmp(fetch.data, logits(predict_).data(), fetch.size), 0);
  void* data = fetch.data;
  ASSERT_EQ(kiln_run(predict_, feeds_, 1, &fetch, 1, nullptr), KILN_OK);
  EXPECT_EQ(fetch.data, data);
  kiln_tensor_free(&fetch);
  EXPECT_EQ(fetch.data, nullptr);
  EXPECT_EQ(fetch.owner, nullptr);
  kiln_tensor_free(&fetch);
}

TEST_F(CApi, handles_keep_what_they_need) {
  const std::vector<float> before = logits(predict_);
  kiln_session_close(session_);
  kiln_artifact_close(artifact_);
  session_ = nullptr;
  artifact_ = nullptr;
  EXPECT_EQ(logits(predict_), before);
}

TEST_F(CApi, variables_are_read_and_set_together_or_not_at_all) {
  kiln_spec spec;
  ASSERT_EQ(kiln_session_variable(session_, 0, &spec), KILN_OK);
  kiln_tensor value{};
  ASSERT_EQ(kiln_session_get(session_, spec.name, &value), KILN_OK) << kiln_error_message();
  EXPECT_EQ(value.dtype, spec.dtype);
  std::vector<uint8_t> old(static_cast<uint8_t*>(value.data), static_cast<uint8_t*>(value.data) + value.size);
  std::memset(value.data, 0, value.size);
  const char* names[] = {spec.name, "none"};
  kiln_tensor values[] = {value, value};
  EXPECT_EQ(kiln_session_set_all(session_, names, values, 2), KILN_NOT_FOUND);
  names[1] = spec.name;
  EXPECT_TRUE(isMisuse(kiln_session_set_all(session_, names, values, 2), "given twice"));
  ASSERT_EQ(kiln_session_get(session_, spec.name, &value), KILN_OK);
  EXPECT_EQ(std::memcmp(value.data, old.data(), old.size()), 0);
  std::memset(value.data, 0, value.size);
  ASSERT_EQ(kiln_session_set(session_, spec.name, &value), KILN_OK) << kiln_error_message();
  std::memset(value.data, 1, value.size);
  ASSERT_EQ(kiln_session_get(session_, spec.name, &value), KILN_OK);
  EXPECT_EQ(static_cast<uint8_t*>(value.data)[0], 0);
  kiln_tensor_free(&value);
}

TEST_F(CApi, a_cancelled_or_late_run_changes_no_variable) {
  const std::vector<float> before = logits(predict_);
  kiln_cancel* cancel = nullptr;
  ASSERT_EQ(kiln_cancel_create(&cancel), KILN_OK);
  ASSERT_EQ(kiln_cancel_set(cancel, 1), KILN_OK);
  kiln_run_options options{};
  options.size = sizeof options;
  options.cancel = cancel;
  float loss = 0;
  kiln_tensor fetch = tensorOf(KILN_F32, {}, &loss, sizeof loss);
  EXPECT_EQ(kiln_run(step_, feeds_, 2, &fetch, 1, &options), KILN_CANCELLED);
  EXPECT_EQ(logits(predict_), before);
  ASSERT_EQ(kiln_cancel_set(cancel, 0), KILN_OK);
  options.deadline_ms = 60000;
  EXPECT_EQ(kiln_run(step_, feeds_, 2, &fetch, 1, &options), KILN_OK) << kiln_error_message();
  EXPECT_NE(logits(predict_), before);
  kiln_cancel_close(cancel);
}

TEST_F(CApi, checkpoints_are_written_and_taken_up_again) {
  for (int i = 0; i < 5; ++i) {
    train();
  }
  const std::vector<float> trained = logits(predict_);
  const std::string folder = file("checkpoints");
  ASSERT_EQ(kiln_session_save(session_, folder.c_str(), 5, 2), KILN_OK) << kiln_error_message();
  EXPECT_NE(kiln_session_save(session_, folder.c_str(), 5, 2), KILN_OK);
  EXPECT_STREQ(kiln_error_id(), "KILN-R0210");
  EXPECT_TRUE(isMisuse(kiln_session_save(session_, folder.c_str(), 6, 0), "keep_last is 0"));
  train();
  EXPECT_NE(logits(predict_), trained);
  int64_t step = 0;
  ASSERT_EQ(kiln_session_restore(session_, folder.c_str(), &step), KILN_OK) << kiln_error_message();
  EXPECT_EQ(step, 5);
  EXPECT_EQ(logits(predict_), trained);
  EXPECT_EQ(kiln_session_restore(session_, file("none").c_str(), nullptr), KILN_NOT_FOUND);
}

TEST_F(CApi, weights_of_another_model_change_nothing) {
  const std::vector<float> before = logits(predict_);
  kiln_artifact* other = nullptr;
  kiln_session* otherSession = nullptr;
  ASSERT_EQ(kiln_artifact_open((std::string(KILN_AOT_FOLDER) + "/lenet.kiln").c_str(), nullptr, &other), KILN_OK)
      << kiln_error_message();
  ASSERT_EQ(kiln_session_create(other, nullptr, &otherSession), KILN_OK) << kiln_error_message();
  const std::string path = file("lenet.safetensors");
  ASSERT_EQ(kiln_session_export_weights(otherSession, path.c_str()), KILN_OK) << kiln_error_message();
  EXPECT_TRUE(
      failsWith(kiln_session_import_weights(session_, path.c_str()), KILN_FAILED_PRECONDITION, "KILN-R0311", ""));
  EXPECT_EQ(logits(predict_), before);
  kiln_session_close(otherSession);
  kiln_artifact_close(other);
}

// Each prediction is wholly of the old weights or wholly of the new ones.
TEST_F(CApi, weights_are_swapped_while_other_threads_predict) {
  const std::string first = file("a.safetensors"), second = file("b.safetensors");
  ASSERT_EQ(kiln_session_export_weights(session_, first.c_str()), KILN_OK) << kiln_error_message();
  const std::vector<float> ofFirst = logits(predict_);
  for (int i = 0; i < 3; ++i) {
    train();
  }
  ASSERT_EQ(kiln_session_export_weights(session_, second.c_str()), KILN_OK) << kiln_error_message();
  const std::vector<float> ofSecond = logits(predict_);
  ASSERT_NE(ofFirst, ofSecond);
  std::atomic<bool> isDone{false};
  std::atomic<int> firsts{0}, seconds{0}, others{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!isDone) {
        const std::vector<float> found = logits(predict_);
        (found == ofFirst ? firsts : found == ofSecond ? seconds : others)++;
      }
    });
  }
  // Until both have been seen, with a bound for machines that starve a thread.
  for (int i = 0; i < 2000 && (i < 40 || firsts == 0 || seconds == 0); ++i) {
    EXPECT_EQ(kiln_session_import_weights(session_, (i % 2 == 0 ? first : second).c_str()), KILN_OK)
        << kiln_error_message();
  }
  isDone = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(others, 0);
  EXPECT_GT(firsts, 0);
  EXPECT_GT(seconds, 0);
}

TEST_F(CApi, errors_belong_to_the_thread_that_made_them) {
  EXPECT_TRUE(isMisuse(kiln_cancel_set(nullptr, 1), "kiln_cancel_set"));
  std::string elsewhere = "unset";
  std::thread([&] { elsewhere = kiln_error_message(); }).join();
  EXPECT_EQ(elsewhere, "");
  EXPECT_NE(std::string(kiln_error_message()).find("kiln_cancel_set"), std::string::npos);
}

// What objects made by kiln compile call.
TEST(HostFunctions, loops_run_every_item_once_and_report_the_lowest_fault) {
  struct Task {
    std::atomic<int> items[100];
    int64_t failing;
  } task{};
  task.failing = 1000;
  auto run = [](kiln_context_t* context, void* argument, int64_t begin, int64_t end) -> kiln_status_t {
    auto& work = *static_cast<Task*>(argument);
    for (int64_t i = begin; i < end; ++i) {
      work.items[i]++;
      if (i >= work.failing) {
        context->error.code = KILN_STATUS_ASSERT;
        context->error.values[0] = i;
        return KILN_STATUS_ASSERT;
      }
    }
    return KILN_STATUS_OK;
  };
  kiln_context_t context{};
  context.size = sizeof context;
  EXPECT_EQ(kiln_parallel_for(&context, 100, 7, run, &task), KILN_STATUS_OK);
  for (const std::atomic<int>& item : task.items) {
    EXPECT_EQ(item, 1);
  }
  EXPECT_EQ(context.host, nullptr);
  task.failing = 50;
  EXPECT_EQ(kiln_parallel_for(&context, 100, 7, run, &task), KILN_STATUS_ASSERT);
  EXPECT_EQ(context.error.values[0], 50);
  ASSERT_NE(kiln_host_library(), nullptr);
  EXPECT_EQ(kiln_host_library()->exp(0), 1);
}

}  // namespace
