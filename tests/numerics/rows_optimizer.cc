// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

const std::vector<std::vector<int64_t>> kShapes = {{}, {0}, {1}, {37, 3}};

// A step of an op whose operands are tensors like the parameter, then these, with all results.
void fetchStep(Sweep& s, int numTensors, const std::vector<int64_t>& dims, const Shape& shape,
               const std::vector<Value>& rest, const Attributes& attributes = {}) {
  std::vector<Value> operands;
  for (int i = 0; i < numTensors; ++i) {
    operands.push_back(s.feed(dims, shape, "near one"));
  }
  operands.insert(operands.end(), rest.begin(), rest.end());
  s.fetchAll(s.g.makeNode(s.op.name, operands, attributes, "", std::source_location::current()));
}

// The sweep of an op with so many tensors, then the step if it counts, then the learning rate.
std::function<void(Sweep&)> steps(int numTensors, bool counts, Attributes attributes = {}) {
  return [=](Sweep& s) {
    std::vector<Value> rest;
    if (counts) {
      rest.push_back(s.feedTensor(Tensor::scalar<int64_t>(3)));
    }
    rest.push_back(s.number(1e-3));
    for (const std::vector<int64_t>& dims : kShapes) {
      fetchStep(s, numTensors, dims, Shape::of(dims), rest, attributes);
    }
    fetchStep(s, numTensors, {257, 5}, {n, 5}, rest, attributes);
  };
}

}  // namespace

void addOptimizerRows(SweepRows& rows) {
  rows["sgd"] = steps(2, false, {{"weight_decay", 0.01}});
  rows["momentum"] = [](Sweep& s) {
    for (bool nesterov : {false, true}) {
      steps(3, false, {{"momentum", 0.9}, {"nesterov", nesterov}})(s);
    }
  };
  rows["adam"] = steps(4, true);
  rows["adamw"] = steps(4, true);
  rows["adamax"] = steps(4, true, {{"weight_decay", 0.01}});
  rows["amsgrad"] = steps(5, true, {{"weight_decay", 0.01}});
  rows["adagrad"] = steps(3, true, {{"learning_rate_decay", 0.1}, {"weight_decay", 0.01}});
  rows["adadelta"] = steps(4, false, {{"weight_decay", 0.01}});
  rows["lion"] = steps(3, false, {{"weight_decay", 0.01}});
  rows["lamb"] = steps(4, true, {{"weight_decay", 0.01}});
  rows["nadam"] = [](Sweep& s) {
    const std::vector<Value> rest = {s.feedTensor(Tensor::scalar(0.3)), s.feedTensor(Tensor::scalar<int64_t>(3)),
                                     s.number(1e-3)};
    for (const std::vector<int64_t>& dims : kShapes) {
      fetchStep(s, 4, dims, Shape::of(dims), rest, {{"weight_decay", 0.01}});
    }
  };
  rows["rmsprop"] = [](Sweep& s) {
    for (bool centered : {false, true}) {
      for (double momentum : {0.0, 0.5}) {
        const Value parameter = s.feed({37, 3}, "near one"), gradient = s.feed({37, 3}, "unit");
        std::vector<Value> operands = {parameter, gradient, s.number(1e-3), s.feed({37, 3}, "near one")};
        if (centered) {
          operands.push_back(s.feed({37, 3}, "unit") * 0.5);  // below the root of square_average, as in training
        }
        if (momentum > 0) {
          operands.push_back(s.feed({37, 3}, "near one"));
        }
        s.fetchAll(s.g.makeNode("rmsprop", operands, {{"centered", centered}, {"momentum", momentum}}, "",
                                std::source_location::current()));
      }
    }
  };
  rows["adafactor"] = [](Sweep& s) {
    const Value step = s.feedTensor(Tensor::scalar<int64_t>(3)), rate = s.number(1e-2);
    for (std::vector<int64_t> dims : {std::vector<int64_t>{}, {1}, {37}, {37, 3}, {2, 1, 19}}) {
      std::vector<Value> operands = {s.feed(dims, "near one"), s.feed(dims, "near one"), step, rate};
      if (dims.size() < 2) {
        operands.push_back(s.feed(dims, "near one"));
      } else {
        std::vector<int64_t> rows = dims, columns = dims;
        rows.back() = columns[columns.size() - 2] = 1;
        operands.push_back(s.feed(rows, "near one"));
        operands.push_back(s.feed(columns, "near one"));
      }
      s.fetchAll(s.g.makeNode("adafactor", operands, {{"weight_decay", 0.1}}, "", std::source_location::current()));
    }
  };
}

}  // namespace kiln::numerics
