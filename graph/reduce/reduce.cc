// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/reduce/reduce.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "graph/reduce/program.h"
#include "graph/reduce/rewrite.h"
#include "graph/reduce/tensors.h"
#include "proto/base/sha256.h"

namespace kiln {
namespace {

using reduction::Fate;
using reduction::Fates;
using reduction::LeafKind;
using reduction::Program;
using reduction::Size;
using Names = std::span<const std::string>;

constexpr int64_t kShortLengths[] = {1, 2};

// Tells graphs apart, without reading a tensor twice.
class Identities {
 public:
  Sha256 of(const Graph& graph) {
    std::string text = toString(graph);
    const auto inBody = [&](const Body& body) {
      for (const Node& node : body.nodes) {
        if (node.op->name == "constant") {
          add(node.attributes.get<TensorPtr>("value"), text);
        }
      }
    };
    inBody(graph.body());
    for (const auto& [name, function] : graph.functions()) {
      inBody(function.body);
    }
    for (const auto& [name, value] : graph.weights()) {
      text += name + " ";
      add(value, text);
    }
    return sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

 private:
  void add(const TensorPtr& tensor, std::string& text) {
    auto& [known, digest] = digests_[tensor.get()];
    if (known.lock() != tensor) {
      known = tensor;
      digest = sha256({static_cast<const uint8_t*>(tensor->data()),
                       static_cast<size_t>(byteSize(tensor->dtype(), tensor->numElements()))});
    }
    text.append(digest.begin(), digest.end());
  }

  std::map<const Tensor*, std::pair<std::weak_ptr<const Tensor>, Sha256>> digests_;
};

class Reducer {
 public:
  Reducer(const Graph& graph, const std::function<bool(const Graph&)>& fails, const ReduceOptions& options)
      : best_{graph, reduction::looseNodes(graph)}, fails_(fails), options_(options) {
    size_ = sizeOf(best_);
    progress_.nodes = size_.nodes;
  }

  ReducedGraph run() {
    for (Size before = size_; !isStopped_; before = size_) {
      dropLoose();
      dropEntries();
      dropPorts();
      leaveOut();
      bypass("");
      openBodies();
      dropOperands();
      for (const std::string& place : functionNames()) {
        sweep("cut values of functions loose", workOf(place), [&](Names names) { return cutLoose(place, names); });
        bypass(place);
      }
      fixSymbols();
      shorten();
      makeZero();
      if (size_ == before) {
        break;
      }
    }
    return {best_.graph, progress_, !isStopped_};
  }

 private:
  const GraphData& data() const { return best_.graph.data(); }
  const Body* bodyOf(const std::string& place) const {
    if (place.empty()) {
      return &data().body;
    }
    const auto found = data().functions.find(place);
    return found == data().functions.end() ? nullptr : &found->second.body;
  }
  std::vector<std::string> functionNames() const {
    std::vector<std::string> names;
    for (const auto& [name, function] : data().functions) {
      names.push_back(name);
    }
    return names;
  }

  // Takes the candidate when it is a smaller graph that fails.
  bool accept(std::optional<GraphData> data, std::set<std::string> loose) {
    if (!data || isStopped_) {
      return false;
    }
    std::optional<Program> program = reduction::tidy(*std::move(data), std::move(loose));
    if (!program) {
      return false;
    }
    const Size size = sizeOf(*program);
    if (size >= size_ || !seen_.insert(identities_.of(program->graph)).second) {
      return false;
    }
    const bool isFailing = fails_(program->graph);
    ++progress_.tries;
    if (isFailing) {
      best_ = *std::move(program);
      size_ = size;
      ++progress_.accepted;
      progress_.nodes = size_.nodes;
    }
    isStopped_ = progress_.tries >= options_.maxTries || (options_.progress && !options_.progress(progress_));
    return isFailing;
  }
  bool accept(std::optional<GraphData> data) { return accept(std::move(data), best_.loose); }

  // Calls apply(names) for all names, then for halves, quarters ... from the last to the first; those for which it
  // gives true are not tried again.
  template <class F>
  void sweep(std::string_view pass, std::vector<std::string> names, const F& apply) {
    progress_.pass = pass;
    for (size_t size = names.size(); size > 0 && !names.empty() && !isStopped_;
         size = size == 1 ? 0 : std::min((size + 1) / 2, names.size())) {
      for (size_t end = names.size(); end > 0 && !isStopped_;) {
        const size_t begin = end > size ? end - size : 0;
        if (apply(Names(names).subspan(begin, end - begin))) {
          names.erase(names.begin() + static_cast<std::ptrdiff_t>(begin),
                      names.begin() + static_cast<std::ptrdiff_t>(end));
        }
        end = begin;
      }
    }
  }

  void dropLoose() {
    sweep("drop nodes of no entry", {best_.loose.begin(), best_.loose.end()}, [&](Names names) {
      std::set<std::string> loose = best_.loose;
      for (const std::string& name : names) {
        loose.erase(name);
      }
      return accept(data(), std::move(loose));
    });
  }

  void dropEntries() {
    std::vector<std::string> names;
    for (const Entry& entry : data().entries) {
      names.push_back(entry.name);
    }
    sweep("drop entries", std::move(names), [&](Names dropped) {
      GraphData changed = data();
      std::erase_if(changed.entries, [&](const Entry& entry) { return std::ranges::count(dropped, entry.name) > 0; });
      return accept(std::move(changed));
    });
  }

  void dropPorts() {
    for (size_t e = 0; e < data().entries.size() && !isStopped_; ++e) {
      std::vector<std::string> names;
      for (const Port& fetch : data().entries[e].fetches) {
        names.push_back("f" + fetch.name);
      }
      for (NodeId target : data().entries[e].targets) {
        names.push_back("t" + data().body.node(target).name);
      }
      sweep("drop fetches and targets", std::move(names), [&](Names dropped) {
        GraphData changed = data();
        const auto isDropped = [&](const std::string& name) { return std::ranges::count(dropped, name) > 0; };
        std::erase_if(changed.entries[e].fetches, [&](const Port& fetch) { return isDropped("f" + fetch.name); });
        std::erase_if(changed.entries[e].targets,
                      [&](NodeId target) { return isDropped("t" + changed.body.node(target).name); });
        return accept(std::move(changed));
      });
    }
  }

  // The names of the nodes that compute something, in order.
  std::vector<std::string> workOf(const std::string& place) const {
    std::vector<std::string> names;
    if (const Body* body = bodyOf(place)) {
      for (const Node& node : body->nodes) {
        if (reduction::canBeLess(*body, node)) {
          names.push_back(node.name);
        }
      }
    }
    return names;
  }
  // The nodes of these names that still compute something.
  std::vector<NodeId> idsOf(const std::string& place, Names names) const {
    const std::set<std::string_view> wanted(names.begin(), names.end());
    std::vector<NodeId> ids;
    if (const Body* body = bodyOf(place)) {
      for (const Node& node : body->nodes) {
        if (wanted.contains(node.name) && reduction::canBeLess(*body, node)) {
          ids.push_back(node.id);
        }
      }
    }
    return ids;
  }

  // Both ways at once: what is not needed after a fault goes by the first, what is not needed before it by the second.
  void leaveOut() {
    sweep("leave nodes out", workOf(""), [&](Names names) { return dropTail(names) || cutLoose("", names); });
  }

  // Leaves out nodes with all that reads them; what they read is fetched in their place.
  bool dropTail(Names names) {
    const Body& body = data().body;
    std::vector<char> isGone(body.nodes.size(), 0);
    Fates fates;
    for (NodeId id : idsOf("", names)) {
      isGone[static_cast<size_t>(id)] = 1;
    }
    for (const Node& node : body.nodes) {
      char& gone = isGone[static_cast<size_t>(node.id)];
      for (ValueRef input : node.inputs) {
        gone |= isGone[static_cast<size_t>(input.node)];
      }
      if (gone != 0) {
        fates[node.id] = {};
      }
    }
    if (fates.empty()) {
      return false;
    }
    GraphData changed = data();
    std::set<std::string> loose;
    for (const std::string& name : best_.loose) {
      const Node& node = *best_.graph.findNode(name);
      if (isGone[static_cast<size_t>(node.id)] == 0) {
        loose.insert(name);
      } else {
        for (ValueRef value : before({node.id}, isGone)) {
          loose.insert(body.node(value.node).name);
        }
      }
    }
    for (Entry& entry : changed.entries) {
      refetch(entry, isGone);
    }
    return accept(rewrite(changed, "", fates, LeafKind::kPlaceholder), std::move(loose));
  }

  // What the gone nodes that `roots` need read from others that compute.
  std::vector<ValueRef> before(std::vector<NodeId> roots, const std::vector<char>& isGone) const {
    const Body& body = data().body;
    std::set<NodeId> seen(roots.begin(), roots.end());
    std::set<ValueRef> values;
    while (!roots.empty()) {
      const NodeId id = roots.back();
      roots.pop_back();
      for (ValueRef input : body.node(id).inputs) {
        const Node& maker = body.node(input.node);
        if (isGone[static_cast<size_t>(input.node)] == 0) {
          if (!reduction::isLeaf(body, maker) && maker.op->name != "variable") {
            values.insert(input);
          }
        } else if (seen.insert(input.node).second) {
          roots.push_back(input.node);
        }
      }
    }
    return {values.begin(), values.end()};
  }

  void refetch(Entry& entry, const std::vector<char>& isGone) const {
    std::vector<NodeId> gone;
    std::set<std::string> names;
    std::set<ValueRef> fetched;
    std::erase_if(entry.fetches, [&](const Port& fetch) {
      if (isGone[static_cast<size_t>(fetch.value.node)] != 0) {
        gone.push_back(fetch.value.node);
        return true;
      }
      names.insert(fetch.name);
      fetched.insert(fetch.value);
      return false;
    });
    for (NodeId target : entry.targets) {
      if (isGone[static_cast<size_t>(target)] != 0) {
        gone.push_back(target);
      }
    }
    for (ValueRef value : before(gone, isGone)) {
      if (fetched.insert(value).second) {
        std::string name = "value";
        for (int i = 1; !names.insert(name).second; ++i) {
          name = "value_" + std::to_string(i);
        }
        entry.fetches.push_back({name, value});
      }
    }
  }

  // Puts leaves in the place of nodes.
  bool cutLoose(const std::string& place, Names names) {
    Fates fates;
    for (NodeId id : idsOf(place, names)) {
      fates[id] = {Fate::Kind::kLeaf};
    }
    if (fates.empty()) {
      return false;
    }
    const LeafKind first = leaf_, second = first == LeafKind::kZeros ? LeafKind::kPlaceholder : LeafKind::kZeros;
    if (accept(rewrite(data(), place, fates, first))) {
      return true;
    }
    if (place.empty() && accept(rewrite(data(), place, fates, second))) {
      leaf_ = second;  // What a command can do with now it likely can the next time.
      return true;
    }
    return false;
  }

  void bypass(const std::string& place) {
    const auto operandsOf = [&](NodeId id) {
      const Body& body = *bodyOf(place);
      const Node& node = body.node(id);
      std::vector<int> operands;
      for (size_t i = 0; node.outputs.size() == 1 && i < node.inputs.size(); ++i) {
        const auto same =
            std::find(node.inputs.begin(), node.inputs.begin() + static_cast<std::ptrdiff_t>(i), node.inputs[i]);
        if (body.type(node.inputs[i]) == node.outputs[0] && *same == node.inputs[i] &&
            same == node.inputs.begin() + static_cast<std::ptrdiff_t>(i)) {
          operands.push_back(static_cast<int>(i));
        }
      }
      return operands;
    };
    sweep("put operands in the place of nodes", workOf(place), [&](Names names) {
      const std::vector<NodeId> ids = idsOf(place, names);
      if (ids.size() == 1) {
        for (int operand : operandsOf(ids[0])) {
          if (accept(rewrite(data(), place, {{ids[0], {Fate::Kind::kOperand, operand}}}, leaf_))) {
            return true;
          }
        }
        return false;
      }
      Fates fates;
      for (NodeId id : ids) {
        if (const std::vector<int> operands = operandsOf(id); !operands.empty()) {
          fates[id] = {Fate::Kind::kOperand, operands[0]};
        }
      }
      return !fates.empty() && accept(rewrite(data(), place, fates, leaf_));
    });
  }

  // Puts a function's nodes in the place of the node that names it, also within functions.
  void openBodies() {
    progress_.pass = "put bodies in the place of nodes";
    for (bool isChanged = true; isChanged && !isStopped_;) {
      isChanged = false;
      std::vector<std::string> places = functionNames();
      places.insert(places.begin(), "");
      for (const std::string& place : places) {
        for (const std::string& name : workOf(place)) {
          isChanged = openBody(place, name) || isChanged;
        }
      }
    }
  }

  bool openBody(const std::string& place, const std::string& name) {
    const std::vector<NodeId> ids = idsOf(place, Names(&name, 1));
    if (ids.empty()) {
      return false;
    }
    const Node& node = bodyOf(place)->node(ids[0]);
    const int count = static_cast<int>(calleesOf(*node.op, node.attributes).size());
    for (int i = 0; i < count; ++i) {
      for (LeafKind leaf : {LeafKind::kZeros, LeafKind::kPlaceholder}) {
        if (accept(rewrite(data(), place, {{ids[0], {Fate::Kind::kBody, i}}}, leaf))) {
          return true;
        }
      }
    }
    return false;
  }

  // Leaves out operands of ops that take any number of them.
  void dropOperands() {
    for (const std::string& name : workOf("")) {
      const Node* node = best_.graph.findNode(name);
      if (node == nullptr || node->op->operands.empty() || !node->op->operands.back().isVariadic ||
          !calleesOf(*node->op, node->attributes).empty()) {
        continue;
      }
      std::vector<std::string> operands;
      for (ValueRef input : node->inputs) {
        operands.push_back(endpointName(data().body, input));
      }
      sweep("drop operands", std::move(operands), [&](Names dropped) {
        const Node* now = best_.graph.findNode(name);
        if (now == nullptr) {
          return false;
        }
        GraphData changed = data();
        Node& target = changed.body.nodes[static_cast<size_t>(now->id)];
        std::erase_if(target.inputs, [&](ValueRef input) {
          return std::ranges::count(dropped, endpointName(data().body, input)) > 0;
        });
        forgetTypes(changed);
        return accept(std::move(changed));
      });
    }
  }

  static void forgetTypes(GraphData& data) {
    for (Node& node : data.body.nodes) {
      node.outputs.clear();
    }
  }

  void fixSymbols() {
    progress_.pass = "give dimensions a length";
    std::set<std::string> symbols;
    const auto inBody = [&](const Body& body) {
      for (const Node& node : body.nodes) {
        for (const ValueType& type : node.outputs) {
          for (const Dim& length : type.shape) {
            const std::vector<std::string> own = length.symbols();
            symbols.insert(own.begin(), own.end());
          }
        }
      }
    };
    inBody(data().body);
    for (const auto& [name, function] : data().functions) {
      inBody(function.body);
    }
    for (const std::string& symbol : symbols) {
      std::vector<int64_t> lengths(std::begin(kShortLengths), std::end(kShortLengths));
      if (const auto range = data().symbols.find(symbol); range != data().symbols.end() && range->second.min > 0) {
        lengths = {range->second.min};
      }
      for (int64_t length : lengths) {
        if (accept(reduction::withSymbol(data(), symbol, length))) {
          break;
        }
      }
    }
  }

  void shorten() {
    progress_.pass = "make axes shorter";
    for (int64_t from : reduction::lengthsOf(data())) {
      for (int64_t to : {int64_t{1}, int64_t{2}, from / 4, from / 2}) {
        if (to > 0 && to < from && accept(reduction::withLength(data(), from, to))) {
          break;
        }
      }
    }
  }

  void makeZero() {
    std::vector<std::string> names;
    const auto fromBody = [&](const std::string& place, const Body& body) {
      for (const Node& node : body.nodes) {
        if (node.op->name == "constant" && !reduction::isZero(*node.attributes.get<TensorPtr>("value"))) {
          names.push_back(place + "\n" + node.name);
        }
      }
    };
    fromBody("", data().body);
    for (const auto& [place, function] : data().functions) {
      fromBody(place, function.body);
    }
    for (const auto& [name, value] : data().weights) {
      if (!reduction::isZero(*value)) {
        names.push_back("\n\n" + name);
      }
    }
    sweep("make values zero", std::move(names), [&](Names chosen) {
      const std::set<std::string> wanted(chosen.begin(), chosen.end());
      GraphData changed = data();
      const auto inBody = [&](const std::string& place, Body& body) {
        for (Node& node : body.nodes) {
          if (node.op->name == "constant" && wanted.contains(place + "\n" + node.name)) {
            const TensorPtr value = node.attributes.get<TensorPtr>("value");
            node.attributes.set("value", reduction::zeros(value->dtype(), value->dims()));
          }
        }
      };
      inBody("", changed.body);
      for (auto& [place, function] : changed.functions) {
        inBody(place, function.body);
      }
      for (auto& [name, value] : changed.weights) {
        if (wanted.contains("\n\n" + name)) {
          value = reduction::zeros(value->dtype(), value->dims());
        }
      }
      return accept(std::move(changed));
    });
  }

  Program best_;
  Size size_;
  const std::function<bool(const Graph&)>& fails_;
  const ReduceOptions& options_;
  ReduceProgress progress_;
  LeafKind leaf_ = LeafKind::kPlaceholder;
  Identities identities_;
  std::set<Sha256> seen_;
  bool isStopped_ = false;
};

}  // namespace

ReducedGraph reduceGraph(const Graph& graph, const std::function<bool(const Graph&)>& fails,
                         const ReduceOptions& options) {
  return Reducer(graph, fails, options).run();
}

}  // namespace kiln
