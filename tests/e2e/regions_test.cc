// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Region ops as the compiler's later phases see them, from text to code that runs: what no graph says directly, such as
// sizes that the run finds, and loops gone through in reverse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <numeric>
#include <thread>

#include "compiler/codegen/cpu/emit_entry.h"
#include "compiler/codegen/cpu/emit_matmul.h"
#include "compiler/codegen/cpu/lower.h"
#include "compiler/codegen/cpu/make_units.h"
#include "compiler/emit/link_image.h"
#include "compiler/fuse/pipeline.h"
#include "compiler/plan/pipeline.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/session/host_library.h"
#include "runtime/session/run_memory.h"

namespace kiln::compiler {
namespace {

mlir::DialectRegistry registry() {
  mlir::DialectRegistry registry;
  registerLoweringDialects(registry);
  return registry;
}

/// An entry as text, compiled, with its buffers in the ABI's order.
class Regions : public ::testing::Test {
 protected:
  Regions() : context_(registry(), mlir::MLIRContext::Threading::DISABLED) {
    loadKilnDialects(context_);
    context_.loadAllAvailableDialects();
  }

  /// `text` is what follows `func.func @run`.
  void compile(const std::string& text, std::vector<std::string> symbols = {}) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>("func.func @run" + text, &context_);
    KILN_CHECK(module);
    const TargetInfo target = TargetInfo::host();
    mlir::PassManager passes(&context_);
    buildFusePipeline(passes, {});
    buildPlanPipeline(passes, {.scratchBytes = [target](KernelOp kernel) { return scratchBytes(kernel, target); },
                               .report = &report_});
    KILN_CHECK(mlir::succeeded(passes.run(*module)));
    auto entry = *module->getOps<mlir::func::FuncOp>().begin();
    mlir::OwningOpRef<mlir::ModuleOp> code = mlir::ModuleOp::create(entry.getLoc());
    CodegenContext codegen{
        .target = target, .symbols = std::move(symbols), .symbolValues = {}, .nodeId = [](mlir::Operation*) {
          return 7;
        }};
    auto emitted = emitEntry(entry, *code, codegen);
    KILN_CHECK(mlir::succeeded(emitted));
    kernels_ = emitted->kernels;
    EntryModule made{.code = std::move(code), .emitted = std::move(*emitted)};
    auto units = makeUnits(std::span(&made, 1), {.target = target, .verify = true});
    KILN_CHECK(units.ok());
    image_ = LoadedImage::load(linkImage(units->objects).value()).value();
  }

  kiln_status_t run(std::vector<void*> buffers, std::vector<int64_t> dims = {}) {
    const kiln_entry_t& entry = image_->table().entries[0];
    run_ = kiln_context_t{};
    run_.size = sizeof(kiln_context_t);
    run_.version = KILN_ABI_VERSION;
    memory_.beginRun();
    memory_.maxThreads = 1;
    run_.host = static_cast<runtime::RunHost*>(&memory_);
    run_.parallel_for = runtime::parallelFor;
    run_.library = runtime::hostLibrary();
    run_.allocate = hasMemory_ ? runtime::RunMemory::allocateFor : nullptr;
    run_.cancel = reinterpret_cast<const volatile int32_t*>(&cancel_);
    runtime::AlignedBuffer arena;
    KILN_CHECK(arena.reserve(entry.arena_size(dims.data()) + 64).ok());
    run_.arena = arena.data();
    return entry.run(&run_, buffers.data(), dims.data());
  }

  mlir::MLIRContext context_;
  std::string report_;
  std::vector<std::string> kernels_;
  std::shared_ptr<const LoadedImage> image_;
  kiln_context_t run_{};
  runtime::RunMemory memory_;
  bool hasMemory_ = true;
  std::atomic<int32_t> cancel_{0};
};

// 200 elements are more than registers hold, so that every test runs kernels within loops.
constexpr int kSize = 200;
constexpr char kType[] = "tensor<200xf64>";

std::string unwindText(int slots, const std::string& count = "") {
  const std::string t = kType;
  return "(%x: " + t + " {kiln.feed = \"x\"}, %d: " + t +
         " {kiln.feed = \"d\"}, %n: tensor<i64> {kiln.feed = \"n\"}, %w: " + t + " {kiln.feed = \"w\"}) -> (" + t +
         " {kiln.fetch = \"r\"}, " + t +
         " {kiln.fetch = \"sum\"}) attributes {kiln.entry} {\n"
         "%shape = kiln.shape_value {shape = #kiln.shape<[200]>} : () -> tensor<1xi64>\n"
         "%zero = kiln.constant {value = dense<0.0> : tensor<f64>} : () -> tensor<f64>\n"
         "%zeros = kiln.broadcast %zero, %shape : (tensor<f64>, tensor<1xi64>) -> " +
         t +
         "\n"
         "%0, %1 = kiln.unwind count(%n) carries(%x) cotangents(%d, %zeros) step {\n"
         "^bb0(%i: tensor<i64>, %h: " +
         t +
         "):\n"
         "%p = kiln.mul %h, %w : (" +
         t + ", " + t + ") -> " + t +
         "\n"
         "%s = kiln.sin %p : (" +
         t + ") -> " + t +
         "\n"
         "kiln.yield %s : " +
         t +
         "\n} adjoint {\n"
         "^bb0(%i: tensor<i64>, %h: " +
         t + ", %c: " + t + ", %g: " + t +
         "):\n"
         "%p = kiln.mul %h, %w : (" +
         t + ", " + t + ") -> " + t +
         "\n"
         "%k = kiln.cos %p : (" +
         t + ") -> " + t +
         "\n"
         "%kc = kiln.mul %k, %c : (" +
         t + ", " + t + ") -> " + t +
         "\n"
         "%next = kiln.mul %kc, %w : (" +
         t + ", " + t + ") -> " + t +
         "\n"
         "%f = kiln.cast %i {to = f64} : (tensor<i64>) -> tensor<f64>\n"
         "%fs = kiln.broadcast %f, %shape : (tensor<f64>, tensor<1xi64>) -> " +
         t +
         "\n"
         "%kf = kiln.mul %kc, %fs : (" +
         t + ", " + t + ") -> " + t +
         "\n"
         "%acc = kiln.add %g, %kf : (" +
         t + ", " + t + ") -> " + t +
         "\n"
         "kiln.yield %next, %acc : " +
         t + ", " + t + "\n} {slots = " + std::to_string(slots) + " : i64" + count + "} : (tensor<i64>, " + t + ", " +
         t + ", " + t + ") -> (" + t + ", " + t +
         ")\n"
         "return %0, %1 : " +
         t + ", " + t + "\n}";
}

TEST_F(Regions, unwindGoesThroughEveryStepOnceWithAnyNumberOfSlots) {
  std::vector<double> x(kSize), d(kSize, 1.0), w(kSize), r(kSize), sum(kSize);
  for (int i = 0; i < kSize; ++i) {
    x[i] = 0.3 + 0.001 * i;
    w[i] = 1.1 - 0.002 * i;
  }
  for (int slots : {2, 3, 5, 64}) {
    compile(unwindText(slots));
    for (int64_t n : {0, 1, 2, 3, 4, 5, 9, 17, 40, 129}) {
      ASSERT_EQ(run({x.data(), d.data(), &n, w.data(), r.data(), sum.data()}), KILN_STATUS_OK);
      for (int e : {0, 1, 77, kSize - 1}) {
        std::vector<double> states{x[e]};
        for (int64_t i = 0; i < n; ++i) {
          states.push_back(std::sin(states.back() * w[e]));
        }
        double c = 1, g = 0;
        for (int64_t i = n - 1; i >= 0; --i) {
          double kc = std::cos(states[i] * w[e]) * c;
          c = kc * w[e];
          g += kc * static_cast<double>(i);
        }
        ASSERT_NEAR(r[e], c, 1e-12 * std::abs(c) + 1e-15) << slots << " slots, " << n << " steps";
        ASSERT_NEAR(sum[e], g, 1e-12 * std::abs(g) + 1e-15) << slots << " slots, " << n << " steps";
      }
    }
    int64_t negative = -1;
    EXPECT_EQ(run({x.data(), d.data(), &negative, w.data(), r.data(), sum.data()}), KILN_STATUS_TRIP_COUNT);
    EXPECT_EQ(run_.error.node_id, 7);
    EXPECT_EQ(run_.error.values[0], -1);
  }
}

// A loop that stacks as many rows as the run says, then one that goes back over them.
constexpr char kStackedByCount[] = R"((%x: tensor<200xf64> {kiln.feed = "x"}, %n: tensor<i64> {kiln.feed = "n"})
    -> (tensor<200xf64> {kiln.fetch = "r"}, tensor<200xf64> {kiln.fetch = "sum"}) attributes {kiln.entry} {
  %t = kiln.bind_dim %n {symbol = "_t"} : (tensor<i64>) -> tensor<i64>
  %0, %1 = kiln.loop count(%t) carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<200xf64>):
    %s = kiln.sin %h : (tensor<200xf64>) -> tensor<200xf64>
    kiln.yield %s, %h : tensor<200xf64>, tensor<200xf64>
  } {length = #kiln.shape<[_t]>} : (tensor<i64>, tensor<200xf64>) -> (tensor<200xf64>, tensor<?x200xf64, #kiln.shape<[_t, 200]>>)
  %2 = kiln.loop count(%t) carries(%0) scanned(%1) body {
  ^bb0(%i: tensor<i64>, %c: tensor<200xf64>, %h: tensor<200xf64>):
    %k = kiln.cos %h : (tensor<200xf64>) -> tensor<200xf64>
    %m = kiln.mul %c, %k : (tensor<200xf64>, tensor<200xf64>) -> tensor<200xf64>
    kiln.yield %m : tensor<200xf64>
  } {length = #kiln.shape<[_t]>, reverse} : (tensor<i64>, tensor<200xf64>, tensor<?x200xf64, #kiln.shape<[_t, 200]>>) -> tensor<200xf64>
  %3 = kiln.reduce_sum %1 {axes = array<i64: 0>} : (tensor<?x200xf64, #kiln.shape<[_t, 200]>>) -> tensor<200xf64>
  return %2, %3 : tensor<200xf64>, tensor<200xf64>
})";

TEST_F(Regions, sizesThatTheRunFindsHaveMemory) {
  compile(kStackedByCount);
  EXPECT_THAT(report_, ::testing::HasSubstr("ahead 0"));
  std::vector<double> x(kSize), r(kSize), sum(kSize);
  for (int i = 0; i < kSize; ++i) {
    x[i] = 0.01 * i;
  }
  for (int64_t n : {0, 1, 7, 1000, 3}) {
    ASSERT_EQ(run({x.data(), &n, r.data(), sum.data()}), KILN_STATUS_OK);
    for (int e : {0, 3, kSize - 1}) {
      double h = x[e], total = 0;
      std::vector<double> states;
      for (int64_t i = 0; i < n; ++i) {
        states.push_back(h);
        total += h;
        h = std::sin(h);
      }
      for (int64_t i = n - 1; i >= 0; --i) {
        h *= std::cos(states[i]);
      }
      ASSERT_NEAR(r[e], h, 1e-12) << n;
      ASSERT_NEAR(sum[e], total, 1e-9) << n;
    }
  }
  int64_t tooMany = (int64_t{1} << 40) + 1;
  EXPECT_EQ(run({x.data(), &tooMany, r.data(), sum.data()}), KILN_STATUS_TRIP_COUNT);
  EXPECT_EQ(run_.error.values[1], int64_t{1} << 40);
  int64_t far = int64_t{1} << 39;
  EXPECT_EQ(run({x.data(), &far, r.data(), sum.data()}), KILN_STATUS_NO_MEMORY);
  EXPECT_EQ(run_.error.values[0], far * kSize * 8);
  hasMemory_ = false;
  int64_t few = 3;
  EXPECT_EQ(run({x.data(), &few, r.data(), sum.data()}), KILN_STATUS_NO_MEMORY);
}

TEST_F(Regions, aSymbolBoundInALoopGetsMemoryAnew) {
  // Step i sums i + 1 copies of the carry's first rows: sizes grow from step to step.
  compile(R"((%x: tensor<200xf64> {kiln.feed = "x"}) -> (tensor<200xf64> {kiln.fetch = "r"}) attributes {kiln.entry} {
    %r = kiln.loop carries(%x) body {
    ^bb0(%i: tensor<i64>, %h: tensor<200xf64>):
      %t = kiln.bind_dim %i {symbol = "_t"} : (tensor<i64>) -> tensor<i64>
      %last, %rows = kiln.loop count(%t) carries(%h) body {
      ^bb1(%j: tensor<i64>, %g: tensor<200xf64>):
        %half = kiln.constant {value = dense<0.5> : tensor<200xf64>} : () -> tensor<200xf64>
        %n = kiln.mul %g, %half : (tensor<200xf64>, tensor<200xf64>) -> tensor<200xf64>
        kiln.yield %n, %g : tensor<200xf64>, tensor<200xf64>
      } {length = #kiln.shape<[_t]>} : (tensor<i64>, tensor<200xf64>) -> (tensor<200xf64>, tensor<?x200xf64, #kiln.shape<[_t, 200]>>)
      %s = kiln.reduce_sum %rows {axes = array<i64: 0>} : (tensor<?x200xf64, #kiln.shape<[_t, 200]>>) -> tensor<200xf64>
      %next = kiln.add %s, %last : (tensor<200xf64>, tensor<200xf64>) -> tensor<200xf64>
      kiln.yield %next : tensor<200xf64>
    } {length = #kiln.shape<[20]>} : (tensor<200xf64>) -> tensor<200xf64>
    return %r : tensor<200xf64>
  })");
  std::vector<double> x(kSize), r(kSize);
  std::iota(x.begin(), x.end(), 1.0);
  ASSERT_EQ(run({x.data(), r.data()}), KILN_STATUS_OK);
  for (int e : {0, 5, kSize - 1}) {
    double h = x[e];
    for (int i = 0; i < 20; ++i) {
      double g = h, s = 0;
      for (int j = 0; j < i; ++j) {
        s += g;
        g *= 0.5;
      }
      h = s + g;
    }
    EXPECT_NEAR(r[e], h, 1e-9 * h);
  }
}

constexpr char kBranches[] = R"((%x: tensor<200xf64> {kiln.feed = "x"}, %n: tensor<i32> {kiln.feed = "n"})
    -> (tensor<200xf64> {kiln.fetch = "r"}, tensor<200xf64> {kiln.fetch = "s"}) attributes {kiln.entry} {
  %0, %1 = kiln.branch(%n) {
    %a = kiln.sin %x : (tensor<200xf64>) -> tensor<200xf64>
    kiln.yield %a, %a : tensor<200xf64>, tensor<200xf64>
  }, {
    %a = kiln.neg %x : (tensor<200xf64>) -> tensor<200xf64>
    kiln.yield %x, %a : tensor<200xf64>, tensor<200xf64>
  }, {
    kiln.yield %x, %x : tensor<200xf64>, tensor<200xf64>
  } : (tensor<i32>) -> (tensor<200xf64>, tensor<200xf64>)
  return %0, %1 : tensor<200xf64>, tensor<200xf64>
})";

TEST_F(Regions, aBranchRunsTheRegionOfItsNumber) {
  compile(kBranches);
  std::vector<double> x(kSize, 0.5), r(kSize), s(kSize);
  int32_t n = 0;
  ASSERT_EQ(run({x.data(), &n, r.data(), s.data()}), KILN_STATUS_OK);
  EXPECT_NEAR(r[199], std::sin(0.5), 1e-15);
  EXPECT_EQ(r, s);
  n = 1;
  ASSERT_EQ(run({x.data(), &n, r.data(), s.data()}), KILN_STATUS_OK);
  EXPECT_EQ(r, x);
  EXPECT_EQ(s[0], -0.5);
  n = 2;
  ASSERT_EQ(run({x.data(), &n, r.data(), s.data()}), KILN_STATUS_OK);
  EXPECT_EQ(s, x);
  for (int32_t wrong : {-1, 3}) {
    EXPECT_EQ(run({x.data(), &wrong, r.data(), s.data()}), KILN_STATUS_INDEX_RANGE);
    EXPECT_EQ(run_.error.values[0], wrong);
    EXPECT_EQ(run_.error.values[1], 3);
    EXPECT_EQ(run_.error.node_id, 7);
  }
}

// Carries that change places, one that stays, one that is a constant from the first step on.
TEST_F(Regions, carriesMayBeAnything) {
  compile(
      R"((%a: tensor<200xf64> {kiln.feed = "a"}, %b: tensor<200xf64> {kiln.feed = "b"},
       %k: tensor<200xf64> {kiln.feed = "k"}, %n: tensor<i64> {kiln.feed = "n"})
      -> (tensor<200xf64> {kiln.fetch = "0"}, tensor<200xf64> {kiln.fetch = "1"}, tensor<200xf64> {kiln.fetch = "2"},
          tensor<200xf64> {kiln.fetch = "3"}, tensor<10x200xf64> {kiln.fetch = "4"}, tensor<10xi64> {kiln.fetch = "5"})
      attributes {kiln.entry} {
    %0, %1, %2, %3, %4, %5 = kiln.loop count(%n) carries(%a, %b, %k, %a) body {
    ^bb0(%i: tensor<i64>, %p: tensor<200xf64>, %q: tensor<200xf64>, %r: tensor<200xf64>, %s: tensor<200xf64>):
      %sum = kiln.add %p, %q : (tensor<200xf64>, tensor<200xf64>) -> tensor<200xf64>
      kiln.yield %q, %sum, %r, %k, %p, %i
        : tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<i64>
    } {length = #kiln.shape<[10]>}
      : (tensor<i64>, tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<200xf64>)
      -> (tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<10x200xf64>, tensor<10xi64>)
    return %0, %1, %2, %3, %4, %5
      : tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<200xf64>, tensor<10x200xf64>, tensor<10xi64>
  })");
  std::vector<double> a(kSize, 0.0), b(kSize, 1.0), k(kSize, 7.0), o0(kSize), o1(kSize), o2(kSize), o3(kSize),
      rows(10 * kSize, -1);
  std::vector<int64_t> numbers(10, -1);
  for (int64_t n : {0, 1, 2, 9, 10}) {
    std::fill(rows.begin(), rows.end(), -1);
    std::fill(numbers.begin(), numbers.end(), -1);
    ASSERT_EQ(run({a.data(), b.data(), k.data(), &n, o0.data(), o1.data(), o2.data(), o3.data(), rows.data(),
                   numbers.data()}),
              KILN_STATUS_OK);
    double p = 0, q = 1;
    for (int64_t i = 0; i < 10; ++i) {
      EXPECT_EQ(rows[i * kSize + 3], i < n ? p : 0) << n << " steps, row " << i;
      EXPECT_EQ(numbers[i], i < n ? i : 0);
      if (i < n) {
        std::tie(p, q) = std::pair(q, p + q);
      }
    }
    EXPECT_EQ(o0[199], p) << n;
    EXPECT_EQ(o1[199], q) << n;
    EXPECT_EQ(o2[0], 7) << n;
    EXPECT_EQ(o3[0], n == 0 ? 0 : 7) << n;
  }
  int64_t tooMany = 11;
  EXPECT_EQ(run({a.data(), b.data(), k.data(), &tooMany, o0.data(), o1.data(), o2.data(), o3.data(), rows.data(),
                 numbers.data()}),
            KILN_STATUS_TRIP_COUNT);
}

TEST_F(Regions, aLoopWithoutKernelsIsCancelled) {
  compile(
      R"((%x: tensor<200xf64> {kiln.feed = "x"}, %go: tensor<i1> {kiln.feed = "go"}) -> (tensor<200xf64> {kiln.fetch = "r"}) attributes {kiln.entry} {
    %0 = kiln.loop carries(%x) while {
    ^bb0(%c: tensor<200xf64>):
      kiln.yield %go : tensor<i1>
    } body {
    ^bb0(%i: tensor<i64>, %h: tensor<200xf64>):
      kiln.yield %h : tensor<200xf64>
    } : (tensor<200xf64>) -> tensor<200xf64>
    return %0 : tensor<200xf64>
  })");
  std::vector<double> x(kSize, 3), r(kSize);
  bool go = false;
  ASSERT_EQ(run({x.data(), &go, r.data()}), KILN_STATUS_OK);
  EXPECT_EQ(r, x);
  go = true;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cancel_ = 1;
  });
  EXPECT_EQ(run({x.data(), &go, r.data()}), KILN_STATUS_CANCELLED);
  canceller.join();
}

}  // namespace
}  // namespace kiln::compiler
