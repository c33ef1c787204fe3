// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The numbers without a formula beside them are what torch.nn.functional gives in f64.
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

const char* kPairLosses[] = {"mse_loss", "mae_loss", "huber_loss", "smooth_l1"};

Attributes reduction(const char* name) { return {{"reduction", std::string(name)}}; }

// Values within `relative` of the wanted ones.
void expectClose(const Tensor& found, const std::vector<double>& wanted, double relative = 1e-12) {
  ASSERT_EQ(found.numElements(), static_cast<int64_t>(wanted.size())) << found.toString();
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(found.at(static_cast<int64_t>(i)), wanted[i], relative * std::fabs(wanted[i])) << "element " << i;
  }
}

Tensor vector(const std::vector<double>& values) { return tensor(f64, {static_cast<int64_t>(values.size())}, values); }
Tensor integers(const std::vector<int32_t>& values) {
  return Tensor::of<int32_t>({static_cast<int64_t>(values.size())}, values);
}
const Tensor& prediction() {
  static const Tensor x = vector({0.5, -2, 3, 0.25});
  return x;
}
const Tensor& target() {
  static const Tensor x = vector({1, 0, 2.5, 0.25});
  return x;
}

TEST(PairLosses, c1_types_are_equal) {
  for (const char* op : kPairLosses) {
    EXPECT_THAT(infer(op, {type(f32, {2}), type(f32, {3})}), fails("O0109", "prediction is [2], target is [3]")) << op;
    EXPECT_THAT(infer(op, {type(f32, {2}), type(f64, {2})}), fails("O0108", "target is f64[2]")) << op;
  }
  EXPECT_THAT(infer("bce_with_logits", {type(f32, {2}), type(f32, {1})}), fails("O0109", "logits is [2]"));
  EXPECT_THAT(infer("kl_div", {type(f32, {2}), type(f32, {1})}), fails("O0109", "input is [2]"));
}

TEST(PairLosses, c2_reductions) {
  for (const char* op : {"mse_loss", "mae_loss", "huber_loss", "smooth_l1", "bce_with_logits", "kl_div"}) {
    const std::vector<ValueType> types = {type(f32, {dim("n"), 3}), type(f32, {dim("n"), 3})};
    EXPECT_EQ(infer(op, types), "f32[]") << op;
    EXPECT_EQ(infer(op, types, reduction("sum")), "f32[]") << op;
    EXPECT_EQ(infer(op, types, reduction("none")), "f32[n, 3]") << op;
    EXPECT_THAT(infer(op, types, reduction("median")), fails("O0133", "\"median\", wanted none, mean")) << op;
    EXPECT_EQ(infer(op, types, reduction("batchmean")) == "f32[]", std::string(op) == "kl_div") << op;
  }
}

TEST(PairLosses, nothing_and_one_element) {
  const Tensor none(f64, {0, 2}), zero = Tensor::scalar(0.25);
  for (const char* op : {"mse_loss", "mae_loss", "huber_loss", "smooth_l1", "bce_with_logits", "kl_div"}) {
    expectValues(run(op, {none, none}), {}, {kNan});
    expectValues(run(op, {none, none}, reduction("sum")), {}, {0});
    expectValues(run(op, {none, none}, reduction("none")), {0, 2}, {});
    EXPECT_EQ(run(op, {zero, zero}).rank(), 0) << op;
  }
  expectValues(run("mse_loss", {zero, zero}), {}, {0});
}

TEST(PairLosses, special_values) {
  const Tensor x = vector({kNan, kInf, -kInf, -0.0}), zero = vector({0, 0, 0, 0});
  for (const char* op : kPairLosses) {
    expectValues(run(op, {x, zero}, reduction("none")), {4}, {kNan, kInf, kInf, 0});
  }
  expectClose(run("bce_with_logits", {vector({50, -50, 800, -800}), vector({1, 0, 0, 1})}, reduction("none")),
              {1.9287498479639178e-22, 1.9287498479639178e-22, 800, 800});
  EXPECT_TRUE(std::isnan(run("bce_with_logits", {vector({kNan}), vector({1})}).at(0)));
}

TEST(MseLoss, reference) { expectClose(run("mse_loss", {prediction(), target()}), {1.125}); }

TEST(MaeLoss, reference) { expectClose(run("mae_loss", {prediction(), target()}, reduction("sum")), {3}); }

TEST(HuberLoss, reference) {
  expectClose(run("huber_loss", {prediction(), target()}, {{"delta", 0.5}, {"reduction", std::string("none")}}),
              {0.125, 0.875, 0.125, 0});
  expectClose(run("huber_loss", {prediction(), target()}, {{"delta", 0.5}}), {0.28125});
}

TEST(HuberLoss, c3_delta) {
  for (double delta : {0.0, -1.0, kNan}) {
    EXPECT_THAT(infer("huber_loss", {type(f32, {}), type(f32, {})}, {{"delta", delta}}), fails("O0133", "'delta'"));
  }
}

TEST(SmoothL1, reference) {
  expectClose(run("smooth_l1", {prediction(), target()}, {{"beta", 2.0}, {"reduction", std::string("none")}}),
              {0.0625, 1, 0.0625, 0});
  expectClose(run("smooth_l1", {prediction(), target()}, {{"beta", 0.0}, {"reduction", std::string("none")}}),
              {0.5, 2, 0.5, 0});
}

TEST(SmoothL1, c3_beta) {
  EXPECT_THAT(infer("smooth_l1", {type(f32, {}), type(f32, {})}, {{"beta", -1.0}}), fails("O0133", "'beta' is -1"));
}

TEST(BceWithLogits, reference) {
  const Tensor z = vector({1, 0, 0.25, 1});
  expectClose(run("bce_with_logits", {prediction(), z}, reduction("none")),
              {0.4740769841801067, 0.1269280110429727, 2.298587351573742, 0.5759394198788436});
  expectClose(run("bce_with_logits", {prediction(), z}, {{"pos_weight", 3.0}}), {1.399964562645109});
}

TEST(KlDiv, reference) {
  const Tensor input = tensor(f64, {2, 3}, {-1.2, -0.5, -2, -0.3, -3, -1.5});
  const Tensor t = tensor(f64, {2, 3}, {0.2, 0.5, 0.3, 0, 0.4, 0.6});
  expectClose(
      run("kl_div", {input, t}, reduction("none")),
      {-0.0818875824868201, -0.09657359027997264, 0.23880815870221916, 0, 0.8334837072503382, 0.5935046257404055});
  expectClose(run("kl_div", {input, t}), {0.2478892198210283});
  expectClose(run("kl_div", {input, t}, reduction("batchmean")), {0.7436676594630849});
  const Tensor logs = tensor(f64, {2, 3}, {-1, -2, -0.5, -3, -0.1, -4});
  expectClose(run("kl_div", {input, logs}, {{"log_target", true}}), {0.5373638805729223});
}

TEST(KlDiv, c3_batchmean_needs_a_batch) {
  EXPECT_THAT(infer("kl_div", {type(f32, {}), type(f32, {})}, reduction("batchmean")), fails("O0133", "batch axis"));
}

// --- classes
const Tensor& logits() {
  static const Tensor x = tensor(f64, {4, 3}, {1, 2, 0.5, 0, -1, 3, 2, 2, -1, 0.5, 0.25, 0});
  return x;
}
const Tensor& labels() {
  static const Tensor x = integers({1, 2, -100, 0});
  return x;
}
const Tensor& weights() {
  static const Tensor x = vector({0.5, 2, 1.5});
  return x;
}

TEST(ClassLosses, c1_to_c3_types) {
  for (const char* op : {"cross_entropy", "nll_loss"}) {
    const ValueType scores = type(f32, {dim("n"), 3}), classes = type(i32, {dim("n")});
    EXPECT_EQ(infer(op, {scores, classes}), "f32[]") << op;
    EXPECT_EQ(infer(op, {scores, classes, type(f32, {3})}, reduction("none")), "f32[n]") << op;
    EXPECT_EQ(infer(op, {type(f64, {3}), type(i64, {})}, reduction("none")), "f64[]") << op;
    EXPECT_THAT(infer(op, {scores, type(i32, {4})}), fails("O0109", "labels is [4]")) << op;
    EXPECT_THAT(infer(op, {type(f32, {}), type(i32, {})}), fails("O0111", "axis -1")) << op;
    EXPECT_THAT(infer(op, {scores, classes, type(f32, {4})}), fails("O0109", "weights is [4]")) << op;
    EXPECT_THAT(infer(op, {scores, classes, type(f64, {3})}), fails("O0108", "weights is f64[3]")) << op;
    EXPECT_THAT(infer(op, {scores, classes, type(f32, {3}), type(f32, {3})}), fails("O0101", "found 4 operands")) << op;
    EXPECT_THAT(infer(op, {scores, classes}, reduction("batchmean")), fails("O0133", "none, mean or sum")) << op;
    EXPECT_THAT(infer(op, {scores, classes}, {{"ignore_index", int64_t{1} << 40}}), fails("O0133", "32 bits")) << op;
  }
}

TEST(ClassLosses, labels_out_of_range_are_a_fault) {
  for (const char* op : {"cross_entropy", "nll_loss"}) {
    for (int32_t label : {3, -1}) {
      auto result = runReference(op, {logits(), integers({0, label, 1, 1})}, {});
      EXPECT_THAT(std::string(result.status().message()), fails("R0030", "index " + std::to_string(label))) << op;
    }
    // The ignored one may be any, one that is a class too.
    expectClose(run(op, {logits(), integers({-1, -1, -1, 0})}, {{"ignore_index", int64_t{-1}}}),
                {std::string(op) == "nll_loss" ? -0.5 : 0.8693380844056784});
    expectValues(run(op, {logits(), integers({2, 2, 2, 2})}, {{"ignore_index", int64_t{2}}}), {}, {kNan});
  }
}

TEST(CrossEntropy, reference) {
  expectClose(run("cross_entropy", {logits(), labels()}), {0.4665302574236841});
  expectClose(run("cross_entropy", {logits(), labels()}, reduction("none")),
              {0.4643687841079449, 0.06588390375742911, 0, 0.8693380844056784});
  expectClose(run("cross_entropy", {logits(), labels()}, {{"label_smoothing", 0.3}}), {0.8081969240903507});
  expectClose(run("cross_entropy", {logits(), labels(), weights()}, reduction("sum")), {1.4622324660548727});
  expectClose(run("cross_entropy", {logits(), labels(), weights()}, {{"label_smoothing", 0.1}}), {0.48815533060471483});
  expectClose(run("cross_entropy", {logits(), labels(), weights()},
                  {{"label_smoothing", 0.1}, {"reduction", std::string("none")}}),
              {0.9894463159420268, 0.41439445724018653, 0, 0.5487805492366458});
}

TEST(CrossEntropy, an_impossible_class_counts_only_when_smoothed) {
  const Tensor x = tensor(f64, {1, 2}, {0, -kInf});
  expectValues(run("cross_entropy", {x, integers({0})}), {}, {0});
  expectValues(run("cross_entropy", {x, integers({1})}), {}, {kInf});
  expectValues(run("cross_entropy", {x, integers({0})}, {{"label_smoothing", 0.5}}), {}, {kInf});
}

TEST(CrossEntropy, c4_smoothing) {
  EXPECT_THAT(infer("cross_entropy", {type(f32, {3}), type(i32, {})}, {{"label_smoothing", 1.5}}),
              fails("O0133", "'label_smoothing' is 1.5"));
}

TEST(NllLoss, reference) {
  const Tensor x = tensor(f64, {4, 3}, {-1, -2, -0.5, -3, -0.25, -4, -1, -1, -1, -0.75, -2, -5});
  expectClose(run("nll_loss", {x, labels()}), {2.25});
  expectClose(run("nll_loss", {x, labels(), weights()}), {2.59375});
  expectClose(run("nll_loss", {x, labels(), weights()}, reduction("none")), {4, 6, 0, 0.375});
}

// --- distances
const Tensor& anchors() {
  static const Tensor x = tensor(f64, {3, 3}, {1, 2, 3, 0.5, -1, 2, 1, 1, 0});
  return x;
}
const Tensor& others() {
  static const Tensor x = tensor(f64, {3, 3}, {2, -1, 0.5, 1, 2, 3, 1, 0, 1});
  return x;
}

TEST(CosineSimilarity, c1_to_c3) {
  EXPECT_EQ(
      infer("cosine_similarity", {type(f32, {2, dim("n"), 4}), type(f32, {2, dim("n"), 4})}, {{"axis", int64_t{0}}}),
      "f32[n, 4]");
  EXPECT_THAT(infer("cosine_similarity", {type(f32, {2}), type(f32, {3})}), fails("O0109", "x is [2], y is [3]"));
  EXPECT_THAT(infer("cosine_similarity", {type(f32, {}), type(f32, {})}), fails("O0111", "axis -1"));
  EXPECT_THAT(infer("cosine_similarity", {type(f32, {2}), type(f32, {2})}, {{"epsilon", -1.0}}),
              fails("O0133", "'epsilon'"));
}

TEST(CosineSimilarity, reference) {
  const Tensor x = tensor(f64, {2, 3}, {1, 2, 3, 0, 0, 0}), y = tensor(f64, {2, 3}, {2, -1, 0.5, 1, 2, 3});
  expectClose(run("cosine_similarity", {x, y}), {0.1749635530559413, 0});
  const Tensor a = tensor(f64, {3, 2}, {1, 0, 2, 0, 3, 0}), b = tensor(f64, {3, 2}, {2, 1, -1, 2, 0.5, 3});
  expectClose(run("cosine_similarity", {a, b}, {{"axis", int64_t{0}}}), {0.1749635530559413, 0});
}

TEST(CosineEmbeddingLoss, c1_to_c3) {
  EXPECT_EQ(infer("cosine_embedding_loss", {type(f32, {2, 3}), type(f32, {2, 3}), type(i64, {2})}, reduction("none")),
            "f32[2]");
  EXPECT_THAT(infer("cosine_embedding_loss", {type(f32, {2, 3}), type(f32, {2, 2}), type(i64, {2})}),
              fails("O0109", "y is [2, 2]"));
  EXPECT_THAT(infer("cosine_embedding_loss", {type(f32, {2, 3}), type(f32, {2, 3}), type(i64, {3})}),
              fails("O0109", "labels is [3]"));
  EXPECT_THAT(infer("cosine_embedding_loss", {type(f32, {2, 3}), type(f32, {2, 3}), type(i64, {2})}, reduction("no")),
              fails("O0133", "\"no\""));
}

TEST(CosineEmbeddingLoss, reference) {
  const std::vector<Tensor> operands = {anchors(), others(), integers({1, -1, -1})};
  expectClose(run("cosine_embedding_loss", operands, {{"margin", 0.2}, {"reduction", std::string("none")}}),
              {0.8250364469440816, 0.3248906591677551, 0.29999999999974997});
  expectClose(run("cosine_embedding_loss", operands), {0.6166423687038622});
  expectValues(run("cosine_embedding_loss", {anchors(), others(), integers({0, 2, 7})}), {}, {0});
}

TEST(TripletMarginLoss, c1_to_c3) {
  const ValueType x = type(f32, {2, 3});
  EXPECT_EQ(infer("triplet_margin_loss", {x, x, x}, reduction("none")), "f32[2]");
  EXPECT_THAT(infer("triplet_margin_loss", {x, type(f32, {2}), x}), fails("O0109", "positive is [2]"));
  EXPECT_THAT(infer("triplet_margin_loss", {x, x, type(f32, {2})}), fails("O0109", "negative is [2]"));
  EXPECT_THAT(infer("triplet_margin_loss", {type(f32, {}), type(f32, {}), type(f32, {})}), fails("O0111", "axis -1"));
  EXPECT_THAT(infer("triplet_margin_loss", {x, x, x}, {{"p", 0.0}}), fails("O0133", "'p' is 0"));
  EXPECT_THAT(infer("triplet_margin_loss", {x, x, x}, reduction("all")), fails("O0133", "\"all\""));
}

TEST(TripletMarginLoss, reference) {
  const std::vector<Tensor> operands = {anchors(), others(), tensor(f64, {3, 3}, {1, 0, 1, 0, 0, 2.5, 3, 1, 1})};
  const auto losses = [&](double p, bool swap) {
    return run("triplet_margin_loss", operands, {{"p", p}, {"swap", swap}, {"reduction", std::string("none")}});
  };
  expectClose(losses(2, false), {2.202701451502174, 2.976816658256766, 0.17814692651488384});
  expectClose(losses(1, false), {3.4999979999999997, 3.4999979999999997, 1.9999999998354667e-06}, 1e-9);
  expectClose(losses(3, true), {3.2346508141723866, 2.963883406231319, 0.17983838244630146});
}

// --- ctc
const Tensor& frames() {
  static const Tensor x =
      tensor(f64, {4, 2, 3}, {-1.464368784107945,   -0.4643687841079449,  -1.964368784107945,   -1.2248057281763145,
                              -2.4748057281763143,  -0.47480572817631445, -2.1698460195562856,  -3.1698460195562856,
                              -0.16984601955628567, -0.34901221676818633, -1.3490122167681864,  -3.349012216768186,
                              -1.1041306053367284,  -0.6041306053367284,  -2.1041306053367284,  -0.4076059644443804,
                              -1.4076059644443804,  -2.4076059644443806,  -0.5514447139320511,  -1.551444713932051,
                              -1.551444713932051,   -3.1698460195562856,  -0.16984601955628548, -2.1698460195562856});
  return x;
}

std::vector<Tensor> ctcOperands() {
  return {frames(), tensor(i32, {2, 2}, {1, 2, 2, 0}), integers({4, 3}), integers({2, 1})};
}

// Minus the log of the sum over all paths, one by one, whose labels are `wanted`; class 0 is the blank.
double lossOfPaths(const Tensor& scores, int64_t n, int64_t times, const std::vector<int64_t>& wanted) {
  const int64_t batch = scores.dims()[1], classes = scores.dims()[2];
  double sum = 0;
  for (int64_t path = 0; path < static_cast<int64_t>(std::pow(classes, times)); ++path) {
    std::vector<int64_t> found;
    double score = 0;
    for (int64_t t = 0, rest = path, before = 0; t < times; ++t, rest /= classes) {
      const int64_t k = rest % classes;
      if (k != 0 && k != before) {
        found.push_back(k);
      }
      before = k;
      score += scores.at((t * batch + n) * classes + k);
    }
    sum += found == wanted ? std::exp(score) : 0;
  }
  return -std::log(sum);
}

TEST(CtcLoss, c1_to_c3_types) {
  const ValueType scores = type(f32, {dim("t"), 2, 5}), labels = type(i32, {2, dim("s")}), lengths = type(i32, {2});
  auto types = inferTypes("ctc_loss", {scores, labels, lengths, lengths}, {});
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_EQ((*types)[0].toString(), "f32[2]");
  EXPECT_EQ((*types)[1].toString(), "f32[2, t, 2*s+1]");
  EXPECT_THAT(infer("ctc_loss", {type(f32, {2, 5}), labels, lengths, lengths}), fails("O0110", "log_probabilities"));
  EXPECT_THAT(infer("ctc_loss", {scores, type(i32, {2}), lengths, lengths}), fails("O0110", "labels"));
  EXPECT_THAT(infer("ctc_loss", {scores, type(i32, {3, 2}), lengths, lengths}), fails("O0109", "labels is [3, 2]"));
  EXPECT_THAT(infer("ctc_loss", {scores, labels, type(i64, {2}), lengths}), fails("O0108", "input_lengths"));
  EXPECT_THAT(infer("ctc_loss", {scores, labels, lengths, type(i32, {3})}), fails("O0109", "label_lengths is [3]"));
  EXPECT_THAT(infer("ctc_loss", {scores, labels, lengths, lengths}, {{"blank", int64_t{-1}}}),
              fails("O0133", "'blank' is -1"));
}

TEST(CtcLoss, reference) {
  const Tensor loss = run("ctc_loss", ctcOperands());
  expectClose(loss, {1.7290708672610884, 1.0941403371799334});
  EXPECT_NEAR(loss.at(0), lossOfPaths(frames(), 0, 4, {1, 2}), 1e-13);
  EXPECT_NEAR(loss.at(1), lossOfPaths(frames(), 1, 3, {2}), 1e-13);
}

TEST(CtcLoss, labels_that_no_path_gives) {
  std::vector<Tensor> operands = ctcOperands();
  operands[1] = tensor(i32, {2, 2}, {1, 1, 2, 0});  // two equal labels need a blank between: three frames
  operands[2] = integers({2, 0});
  expectValues(run("ctc_loss", operands), {2}, {kInf, kInf});
  expectValues(run("ctc_loss", operands, {{"zero_infinity", true}}), {2}, {0, 0});
  operands[3] = integers({0, 0});
  expectClose(run("ctc_loss", operands), {1.464368784107945 + 2.1698460195562856, 0});
}

TEST(CtcLoss, what_is_out_of_range_is_a_fault) {
  for (size_t operand : {size_t{1}, size_t{2}, size_t{3}}) {
    for (int32_t wrong : {-1, 5}) {
      std::vector<Tensor> operands = ctcOperands();
      operands[operand].set(0, wrong);
      EXPECT_THAT(std::string(runReference("ctc_loss", operands, {}).status().message()), fails("R0030", "index"));
    }
  }
  EXPECT_THAT(std::string(runReference("ctc_loss", ctcOperands(), {{"blank", int64_t{3}}}).status().message()),
              fails("R0030", "index 3"));
}

TEST(CtcLossGradient, c4_log_alpha) {
  const ValueType scores = type(f32, {4, 2, 5}), labels = type(i32, {2, 3}), lengths = type(i32, {2});
  EXPECT_EQ(infer("ctc_loss_gradient", {scores, labels, lengths, lengths, type(f32, {2, 4, 7})}), "f32[4, 2, 5]");
  EXPECT_THAT(infer("ctc_loss_gradient", {scores, labels, lengths, lengths, type(f32, {2, 4, 6})}),
              fails("O0109", "log_alpha is [2, 4, 6]"));
  EXPECT_THAT(infer("ctc_loss_gradient", {scores, labels, lengths, lengths, type(f64, {2, 4, 7})}),
              fails("O0108", "log_alpha"));
}

TEST(CtcLossGradient, reference) {
  std::vector<Tensor> operands = ctcOperands();
  auto forward = runReference("ctc_loss", operands, {});
  ASSERT_TRUE(forward.ok()) << forward.status();
  operands.push_back((*forward)[1]);
  const Tensor gradient = run("ctc_loss_gradient", operands);
  const double h = 1e-5;
  for (int64_t i = 0; i < 24; ++i) {
    const int64_t n = i / 3 % 2;
    const auto lossAt = [&](double step) {
      Tensor moved = frames();
      moved.set(i, moved.at(i) + step);
      return n == 0 ? lossOfPaths(moved, 0, 4, {1, 2}) : lossOfPaths(moved, 1, 3, {2});
    };
    EXPECT_NEAR(gradient.at(i), (lossAt(h) - lossAt(-h)) / (2 * h), 1e-9) << "element " << i;
  }
}

TEST(CtcLossGradient, of_labels_that_no_path_gives) {
  std::vector<Tensor> operands = ctcOperands();
  operands[2] = integers({1, 3});
  operands.push_back((*runReference("ctc_loss", operands, {}))[1]);
  const Tensor gradient = run("ctc_loss_gradient", operands);
  EXPECT_TRUE(std::isnan(gradient.at(0)));
  EXPECT_EQ(gradient.at(6), 0);  // beyond the length
  EXPECT_EQ(run("ctc_loss_gradient", operands, {{"zero_infinity", true}}).at(0), 0);
}

}  // namespace
}  // namespace kiln::ops
