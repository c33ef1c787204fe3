# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a graph in text form, of 200 nodes with one kiln.erf, `bad`: make_graph.py KIND OUTPUT.pbtxt. KIND is chain, where it is
one of the nodes, or loop, where it is in the body of a loop."""
import sys

kind, output = sys.argv[1:]


def attribute(name, value):
    return f'attr {{ key: "{name}" value {{ {value} }} }}'


SHAPE = attribute("shape", 'shape { dim { size: -1 name: "batch" } dim { size: 8 } }')


def node(name, op, inputs=(), *attributes):
    lines = [f'name: "{name}"', f'op: "{op}"', *(f'input: "{i}"' for i in inputs), *attributes]
    return "{ " + " ".join(lines) + " }"


def chain(first, count, bad):
    """`count` nodes that depend on each other, with an erf at `bad`."""
    nodes, values = [], [first, first]
    for i in range(count):
        name = "bad" if i == bad else f"n{i}"
        if i == bad:
            nodes.append(node(name, "erf", [values[-1]]))
        elif i % 3 == 0:
            nodes.append(node(name, "add", [values[-1], values[-2]]))
        else:
            nodes.append(node(name, ["tanh", "sigmoid", "exp"][i % 7 % 3], [values[-1]]))
        values.append(name)
    return nodes, values[-1]


text = ["kiln_format: 1", 'name: "chain"', 'symbols { name: "batch" max: 1099511627776 }']
text.append("node " + node("x", "placeholder", [], attribute("dtype", "type: DT_FLOAT"), SHAPE))
if kind == "chain":
    nodes, last = chain("x", 199, 120)
    text += ["node " + n for n in nodes]
else:
    nodes, last = chain("x", 100, -1)
    text += ["node " + n for n in nodes]
    tensor = "tensor { dtype: DT_INT64 tensor_shape { } int64_val: 4 }"
    text.append("node " + node("count", "constant", [], attribute("value", tensor)))
    text.append("node " + node("loop", "for_range", ["count", last], attribute("body", 'func { name: "body" }'),
                               attribute("num_carries", "i: 1")))
    inner, result = chain("carry", 95, 50)
    arguments = 'input_arg { name: "i" type: DT_INT64 } input_arg { name: "carry" type: DT_FLOAT }'
    body = [node("i", "placeholder", [], attribute("dtype", "type: DT_INT64"), attribute("shape", "shape { }")),
            node("carry", "placeholder", [], attribute("dtype", "type: DT_FLOAT"), SHAPE), *inner]
    text.append(f'library {{ function {{ signature {{ name: "body" {arguments} output_arg {{ name: "r" type: DT_FLOAT }} }}')
    text += ["node_def " + n for n in body]
    text.append(f'ret {{ key: "r" value: "{result}" }} }} }}')
    last = "loop"
text.append('entries { name: "predict" feeds { name: "x" endpoint: "x" } fetches { name: "y" endpoint: "%s" } }' % last)
text.append('entries { name: "other" feeds { name: "x" endpoint: "x" } fetches { name: "z" endpoint: "n9" } }')
with open(output, "w", encoding="utf-8") as file:
    file.write("\n".join(text) + "\n")
