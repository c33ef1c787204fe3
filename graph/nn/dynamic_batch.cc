// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/dynamic_batch.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "graph/build/control_flow.h"
#include "graph/build/operations.h"

namespace kiln::nn {
namespace {

Status invalid(const std::string& what, const std::string& found, const std::string& wanted) {
  return makeError<ErrorId::kO0145>(what, found, wanted);
}

Status check(const Structure& s, int64_t arity) {
  const int64_t n = s.numNodes();
  if (static_cast<int64_t>(s.firstChild.size()) != n + 1 || s.firstChild.front() != 0 ||
      s.firstChild.back() != static_cast<int64_t>(s.children.size()) || !std::ranges::is_sorted(s.firstChild)) {
    return invalid("firstChild", std::to_string(s.firstChild.size()) + " offsets",
                   std::to_string(n + 1) + " that rise from 0 to the number of children");
  }
  for (int64_t i = 0; i < n; ++i) {
    const std::string node = "node " + std::to_string(i);
    if (s.kinds[static_cast<size_t>(i)] < 0) {
      return invalid("kind of " + node, std::to_string(s.kinds[static_cast<size_t>(i)]), "0 or more");
    }
    const int64_t count = s.firstChild[static_cast<size_t>(i) + 1] - s.firstChild[static_cast<size_t>(i)];
    if (count > arity) {
      return invalid("children of " + node, std::to_string(count), "at most " + std::to_string(arity));
    }
  }
  for (int64_t child : s.children) {
    if (child < 0 || child >= n) {
      return invalid("child", std::to_string(child), "a node below " + std::to_string(n));
    }
  }
  return absl::OkStatus();
}

// The length of the longest path down from each node; one that lies on a circle is an error.
StatusOr<std::vector<int64_t>> depthsOf(const Structure& s) {
  const auto n = static_cast<size_t>(s.numNodes());
  std::vector<int64_t> depths(n, 0), waiting(n), parents(s.children.size()), firstParent(n + 1, 0);
  for (int64_t child : s.children) {
    ++firstParent[static_cast<size_t>(child) + 1];
  }
  for (size_t i = 0; i < n; ++i) {
    firstParent[i + 1] += firstParent[i];
    waiting[i] = s.firstChild[i + 1] - s.firstChild[i];
  }
  std::vector<int64_t> next(firstParent.begin(), firstParent.end() - 1);
  std::vector<size_t> ready;
  for (size_t i = 0; i < n; ++i) {
    for (int64_t c = s.firstChild[i]; c < s.firstChild[i + 1]; ++c) {
      parents[static_cast<size_t>(next[static_cast<size_t>(s.children[static_cast<size_t>(c)])]++)] =
          static_cast<int64_t>(i);
    }
    if (waiting[i] == 0) {
      ready.push_back(i);
    }
  }
  size_t done = 0;
  for (; done < ready.size(); ++done) {
    const size_t node = ready[done];
    for (int64_t p = firstParent[node]; p < firstParent[node + 1]; ++p) {
      const auto parent = static_cast<size_t>(parents[static_cast<size_t>(p)]);
      depths[parent] = std::max(depths[parent], depths[node] + 1);
      if (--waiting[parent] == 0) {
        ready.push_back(parent);
      }
    }
  }
  if (done != n) {
    const auto stuck = std::ranges::find_if(waiting, [](int64_t count) { return count > 0; });
    return invalid("node " + std::to_string(stuck - waiting.begin()), "below itself", "a structure without circles");
  }
  return depths;
}

}  // namespace

int64_t Structure::add(int32_t kind, const std::vector<int64_t>& childrenOfNode) {
  kinds.push_back(kind);
  children.insert(children.end(), childrenOfNode.begin(), childrenOfNode.end());
  firstChild.push_back(static_cast<int64_t>(children.size()));
  return numNodes() - 1;
}

StatusOr<BlockSchedule> scheduleBlocks(const Structure& structure, int64_t width, int64_t arity,
                                       std::optional<int32_t> leafKind) {
  if (width < 1 || arity < 0) {
    return invalid(width < 1 ? "width" : "arity", std::to_string(width < 1 ? width : arity), "at least 1 (arity: 0)");
  }
  KILN_RETURN_IF_ERROR(check(structure, arity));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> depths, depthsOf(structure));
  std::map<std::pair<int64_t, int32_t>, std::vector<int64_t>> groups;  // by depth, then kind
  std::vector<int64_t> leaves;
  const int64_t n = structure.numNodes();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t depth = depths[static_cast<size_t>(i)];
    const int32_t kind = structure.kinds[static_cast<size_t>(i)];
    if (kind != leafKind) {
      groups[{depth, kind}].push_back(i);
    } else if (depth == 0) {
      leaves.push_back(i);
    } else {
      return invalid("node " + std::to_string(i), "of the leaf kind with children", "a leaf");
    }
  }
  int64_t steps = 0;
  for (const auto& [key, nodes] : groups) {
    steps += (static_cast<int64_t>(nodes.size()) + width - 1) / width;
  }
  BlockSchedule schedule{Tensor(i64, {steps}), Tensor(i64, {steps, width}), Tensor(i64, {steps, width}),
                         Tensor(i64, {steps, width, arity}), Tensor(i64, {static_cast<int64_t>(leaves.size())})};
  std::ranges::copy(leaves, schedule.leaves.mutableData<int64_t>());
  int64_t* kinds = schedule.kinds.mutableData<int64_t>();
  int64_t* reads = schedule.reads.mutableData<int64_t>();
  int64_t* writes = schedule.writes.mutableData<int64_t>();
  int64_t* children = schedule.children.mutableData<int64_t>();
  std::fill_n(writes, steps * width, n + 1);
  std::fill_n(children, steps * width * arity, n);
  int64_t step = 0;
  for (const auto& [key, nodes] : groups) {
    for (size_t first = 0; first < nodes.size(); first += static_cast<size_t>(width), ++step) {
      kinds[step] = key.second;
      const size_t end = std::min(nodes.size(), first + static_cast<size_t>(width));
      for (size_t i = first; i < end; ++i) {
        const int64_t place = step * width + static_cast<int64_t>(i - first);
        const auto node = static_cast<size_t>(nodes[i]);
        reads[place] = writes[place] = nodes[i];
        for (int64_t c = structure.firstChild[node]; c < structure.firstChild[node + 1]; ++c) {
          children[place * arity + c - structure.firstChild[node]] = structure.children[static_cast<size_t>(c)];
        }
      }
    }
  }
  return schedule;
}

BlockTables blockTables(GraphBuilder& g, std::string_view name, int64_t width, int64_t arity,
                        std::source_location where) {
  const std::string prefix = std::string(name) + "/";
  const Dim steps = dim(std::string(name) + "_steps");
  return {g.placeholder(prefix + "kinds", i64, {steps}, where),
          g.placeholder(prefix + "reads", i64, {steps, width}, where),
          g.placeholder(prefix + "writes", i64, {steps, width}, where),
          g.placeholder(prefix + "children", i64, {steps, width, arity}, where),
          g.placeholder(prefix + "leaves", i64, {dim(std::string(name) + "_leaves")}, where)};
}

std::vector<Value> dynamicBatch(GraphBuilder& g, const BlockTables& tables, const Dim& numNodes,
                                const std::vector<Shape>& states, const std::vector<NodeCell>& cells,
                                const DynamicBatchOptions& options, std::source_location where) {
  if (cells.empty()) {
    g.addError(makeError<ErrorId::kO0145>("cells", "none", "a cell for each kind of node"), where);
    return std::vector<Value>(states.size(), g.poisoned());
  }
  // Every row is written once. Row numNodes stays zero: the child that is not there; the one after it takes what places
  // without a node compute.
  std::vector<Value> buffers;
  for (const Shape& state : states) {
    std::vector<Dim> dims = state.dims();
    dims.insert(dims.begin(), numNodes + Dim(2));
    buffers.push_back(full(g, Shape(std::move(dims)), 0, options.dtype, where));
  }
  if (options.leaf) {
    const Values made = options.leaf({tables.leaves, {}});
    if (made.size() != buffers.size()) {
      g.addError(makeError<ErrorId::kO0145>("leaf", std::to_string(made.size()) + " states",
                                            std::to_string(buffers.size()) + " states"),
                 where);
      return std::vector<Value>(states.size(), g.poisoned());
    }
    for (size_t i = 0; i < buffers.size(); ++i) {
      buffers[i] = scatterAdd(buffers[i], tables.leaves, made[i]);
    }
  }
  auto body = [&](Value, const Values& carried, const Values& rows) {
    NodeBlock block;
    block.nodes = rows[1];
    for (const Value& buffer : carried) {
      block.children.push_back(gather(buffer, rows[3]));
    }
    Values made;
    if (cells.size() == 1) {
      made = cells[0](block);
    } else {
      std::vector<std::function<Values()>> branches;
      for (const NodeCell& cell : cells) {
        branches.push_back([&block, &cell] { return cell(block); });
      }
      made = switchCase(g, rows[0], branches, "cell", where);
    }
    Values next;
    for (size_t i = 0; i < carried.size(); ++i) {
      // The row was zero, so adding to it sets it, and a gradient has nothing to take away.
      next.push_back(i < made.size() ? scatterAdd(carried[i], rows[2], made[i]) : carried[i]);
    }
    return std::pair<Values, Values>{next, {}};
  };
  ScanOptions scanned;
  scanned.name = std::string(options.name);
  std::vector<Value> results = scan(g, std::move(buffers), {tables.kinds, tables.reads, tables.writes, tables.children},
                                    body, std::move(scanned), where)
                                   .carries;
  for (size_t i = 0; i < results.size() && i < states.size(); ++i) {
    std::vector<Dim> ends = states[i].dims();
    ends.insert(ends.begin(), numNodes);
    results[i] = results[i].isPoisoned()
                     ? results[i]
                     : slice(Operand(results[i], where), Shape(std::vector<Dim>(ends.size(), Dim(0))), Shape(ends));
  }
  return results;
}

}  // namespace kiln::nn
