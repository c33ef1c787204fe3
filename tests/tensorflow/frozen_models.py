#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Frozen TensorFlow graphs of small models of many kinds, with random weights.

Each model is a function that gives a frozen GraphDef, the names of its outputs, and feeds for some batch size (and
length, where that is open). Models of TensorFlow 1 are built as graphs, with loops and branches in the form of
`control_flow`: "v1" (Switch, Merge, Enter) or "v2" (functions).
"""
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

tf1 = tf.compat.v1
MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


class Weights:
    """Variables of a graph, with a scale that keeps activations near 1."""

    def __init__(self, seed=0):
        self.random = np.random.default_rng(seed)
        self.count = 0

    def __call__(self, *shape, scale=None):
        fan = int(np.prod(shape[:-1])) or 1
        scale = fan**-0.5 if scale is None else scale
        self.count += 1
        value = (self.random.standard_normal(shape) * scale).astype(np.float32)
        return tf1.get_variable(f"w{self.count}", initializer=value)

    def positive(self, *shape):
        self.count += 1
        value = self.random.uniform(0.5, 1.5, shape).astype(np.float32)
        return tf1.get_variable(f"w{self.count}", initializer=value)


def freeze_v1(build, outputs, control_flow="v1"):
    """The frozen graph of what `build(weights)` makes."""
    (tf1.disable_control_flow_v2 if control_flow == "v1" else tf1.enable_control_flow_v2)()
    try:
        graph = tf.Graph()
        with graph.as_default(), tf1.variable_scope("", auxiliary_name_scope=False, use_resource=False):
            build(Weights())
        with tf1.Session(graph=graph) as session:
            with graph.as_default():
                session.run(tf1.global_variables_initializer())
            return tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), outputs)
    finally:
        tf1.enable_control_flow_v2()


def freeze_v2(function, signature, lower):
    """The frozen graph of a function of TensorFlow 2, and the names of its inputs and outputs."""
    concrete = convert_variables_to_constants_v2(
        tf.function(function).get_concrete_function(*signature), lower_control_flow=lower)
    return (concrete.graph.as_graph_def(), [t.name.split(":")[0] for t in concrete.inputs],
            [t.name.split(":")[0] for t in concrete.outputs])


def images(batch, height, width, channels=3, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (batch, height, width, channels)).astype(np.float32)


def words(batch, length, vocabulary, seed=2):
    return np.random.default_rng(seed).integers(0, vocabulary, (batch, length)).astype(np.int32)


# --- vision


@model
def lenet():
    def build(w):
        x = tf1.placeholder(tf.float32, [None, 28, 28, 1], "x")
        y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w(5, 5, 1, 6), 1, "SAME"), w(6)))
        y = tf.nn.max_pool2d(y, 2, 2, "VALID")
        y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(y, w(5, 5, 6, 16), 1, "VALID"), w(16)))
        y = tf.nn.avg_pool2d(y, 2, 2, "SAME")
        y = tf.reshape(y, [-1, 400])
        y = tf.tanh(tf.matmul(y, w(400, 120)) + w(120))
        tf.nn.softmax(tf.matmul(y, w(120, 10)) + w(10), name="y")

    return freeze_v1(build, ["y"]), ["y"], lambda batch: {"x": images(batch, 28, 28, 1)}


@model
def alexnet_with_groups():
    def build(w):
        x = tf1.placeholder(tf.float32, [None, 63, 63, 3], "x")
        y = tf.nn.relu(tf.nn.conv2d(x, w(7, 7, 3, 16), 2, "VALID") + w(16))
        y = tf.nn.local_response_normalization(y, 2, 1.0, 1e-1, 0.75)
        y = tf.nn.max_pool2d(y, 3, 2, "VALID")
        parts = [tf.nn.conv2d(part, w(5, 5, 8, 12), 1, "SAME") for part in tf.split(y, 2, axis=3)]
        y = tf.nn.relu(tf.concat(parts, 3))
        y = tf.nn.max_pool2d(y, 3, 2, "SAME")
        size = y.shape[1] * y.shape[2] * y.shape[3]
        y = tf.reshape(y, tf.stack([tf.shape(y)[0], size]))
        y *= tf1.placeholder_with_default(1.0, [], "scale")
        tf.identity(tf1.nn.xw_plus_b(y, w(size, 10), w(10)), name="y")

    return freeze_v1(build, ["y"]), ["y"], lambda batch: {"x": images(batch, 63, 63)}


@model
def mobilenet():
    def build(w):
        def norm(y):
            c = y.shape[-1]
            return tf1.nn.fused_batch_norm(y, w.positive(c), w(c), w(c), w.positive(c), epsilon=1e-3,
                                           is_training=False)[0]

        x = tf1.placeholder(tf.float32, [None, 32, 32, 3], "x")
        y = tf.nn.relu6(norm(tf.nn.conv2d(x, w(3, 3, 3, 8), 2, "SAME")))
        for stride, channels in ((1, 16), (2, 24), (1, 24), (2, 32)):
            before = y
            y = tf.nn.relu6(norm(tf.nn.depthwise_conv2d(y, w(3, 3, y.shape[-1], 1, scale=0.4), [1, stride, stride, 1],
                                                        "SAME")))
            y = norm(tf.nn.conv2d(y, w(1, 1, y.shape[-1], channels), 1, "SAME"))
            y = y + before if before.shape[1:] == y.shape[1:] else y
        y = tf.reduce_mean(y, [1, 2], keepdims=True)
        y = tf.squeeze(tf.nn.conv2d(y, w(1, 1, 32, 7), 1, "SAME"), [1, 2])
        tf.nn.softmax(y, name="y")

    return freeze_v1(build, ["y"]), ["y"], lambda batch: {"x": images(batch, 32, 32)}


@model
def channels_first():
    # Convolutions on the CPU take channels last alone, so the expected values come from the same graph in that layout.
    def build(w):
        x = tf1.placeholder(tf.float32, [None, 3, 16, 16], "x")
        y = tf.transpose(x, [0, 2, 3, 1])
        y = tf.nn.relu(tf.nn.conv2d(y, w(3, 3, 3, 8), [1, 2, 2, 1], [[0, 0], [1, 1], [1, 0], [0, 0]]))
        y = tf.transpose(y, [0, 3, 1, 2])
        y = tf.nn.bias_add(y, w(8), data_format="NCHW")
        tf.reduce_max(y, [2, 3], name="y")

    return freeze_v1(build, ["y"]), ["y"], lambda batch: {"x": images(batch, 3, 16, 16)}


@model
def segmenter():
    def build(w):
        x = tf1.placeholder(tf.float32, [None, 32, 32, 3], "x")
        a = tf.nn.relu(tf.nn.conv2d(x, w(3, 3, 3, 8), 1, "SAME"))
        b = tf.nn.relu(tf.nn.conv2d(tf.nn.max_pool2d(a, 2, 2, "SAME"), w(3, 3, 8, 16), 1, "SAME"))
        c = tf.nn.elu(tf.nn.convolution(b, w(3, 3, 16, 16), padding="SAME", dilations=[2, 2]))
        # Dilation by other means, as old graphs have it.
        d = tf.space_to_batch(c, [2, 2], [[2, 2], [2, 2]])
        d = tf.batch_to_space(tf.nn.conv2d(d, w(3, 3, 16, 16), 1, "VALID"), [2, 2], [[0, 0], [0, 0]])
        shape = tf.shape(a)
        up = tf.nn.conv2d_transpose(d, w(2, 2, 8, 16), tf.stack([shape[0], shape[1], shape[2], 8]), 2, "SAME")
        y = tf.concat([up, a], 3)
        y = tf.nn.conv2d(y, w(1, 1, 16, 4), 1, "SAME")
        y = tf1.image.resize_bilinear(y, [48, 40], align_corners=True)
        tf.identity(y, name="scores")
        tf.argmax(y, 3, name="classes")
        tf1.image.resize_nearest_neighbor(y[:, ::2, 1:-1, :], [20, 30], name="small")

    return freeze_v1(build, ["scores", "classes", "small"]), ["scores", "classes", "small"], lambda batch: {
        "x": images(batch, 32, 32)}


@model
def super_resolution():
    def build(w):
        x = tf1.placeholder(tf.float32, [None, 12, 10, 3], "x")
        y = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]], "REFLECT")
        y = tf.nn.leaky_relu(tf.nn.conv2d(y, w(5, 5, 3, 12), 1, "VALID"), 0.1)
        y = tf.nn.depth_to_space(tf.nn.conv2d(y, w(3, 3, 12, 12), 1, "SAME"), 2)
        mean, variance = tf.nn.moments(y, [1, 2], keepdims=True)
        y = (y - mean) * tf.math.rsqrt(variance + 1e-5)
        y = tf1.image.resize_bicubic(y, [30, 30], half_pixel_centers=True)
        tf.clip_by_value(y, -1.0, 1.0, name="y")

    return freeze_v1(build, ["y"]), ["y"], lambda batch: {"x": images(batch, 12, 10)}


# --- text


@model
def text_cnn():
    def build(w):
        ids = tf1.placeholder(tf.int32, [None, 20], "ids")
        y = tf.expand_dims(tf.nn.embedding_lookup(w(100, 16, scale=1.0), ids), -1)
        pooled = []
        for width in (3, 4, 5):
            part = tf.nn.relu(tf.nn.conv2d(y, w(width, 16, 1, 8), 1, "VALID") + w(8))
            pooled.append(tf.nn.max_pool2d(part, [1, 21 - width, 1, 1], 1, "VALID"))
        y = tf.reshape(tf.concat(pooled, 3), [-1, 24])
        scores = tf1.nn.xw_plus_b(y, w(24, 4), w(4), name="scores")
        tf.argmax(scores, 1, name="classes")

    return freeze_v1(build, ["scores", "classes"]), ["scores", "classes"], lambda batch: {"ids": words(batch, 20, 100)}


def lstm_classifier(control_flow):
    units, vocabulary = 12, 50

    def build(w):
        ids = tf1.placeholder(tf.int32, [None, None], "ids")
        lengths = tf1.placeholder(tf.int32, [None], "lengths")
        x = tf.transpose(tf.nn.embedding_lookup(w(vocabulary, units, scale=1.0), ids), [1, 0, 2])
        kernel, bias = w(2 * units, 4 * units), w(4 * units)
        steps, batch = tf.shape(x)[0], tf.shape(x)[1]
        given = tf.TensorArray(tf.float32, steps).unstack(x)
        outputs = tf.TensorArray(tf.float32, steps)

        def body(t, h, c, outputs):
            gates = tf.matmul(tf.concat([given.read(t), h], 1), kernel) + bias
            i, j, f, o = tf.split(gates, 4, 1)
            next_c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(j)
            next_h = tf.sigmoid(o) * tf.tanh(next_c)
            goes_on = tf.tile(tf.expand_dims(t < lengths, 1), [1, units])
            outputs = outputs.write(t, tf.where(goes_on, next_h, tf.zeros_like(next_h)))
            return t + 1, tf.where(goes_on, next_h, h), tf.where(goes_on, next_c, c), outputs

        zeros = tf.zeros(tf.stack([batch, units]))
        _, h, _, outputs = tf1.while_loop(lambda t, *_: t < steps, body, [0, zeros, zeros, outputs])
        tf.nn.softmax(tf.matmul(h, w(units, 3)), name="y")
        tf.transpose(outputs.stack(), [1, 0, 2], name="states")

    def feeds(batch):
        length = 5 + batch
        return {"ids": words(batch, length, vocabulary),
                "lengths": np.random.default_rng(3).integers(1, length + 1, batch).astype(np.int32)}

    return freeze_v1(build, ["y", "states"], control_flow), ["y", "states"], feeds


@model
def lstm_with_frames():
    return lstm_classifier("v1")


@model
def lstm_with_functions():
    return lstm_classifier("v2")


def greedy_decoder(control_flow):
    def build(w):
        context = tf1.placeholder(tf.float32, [None, 8], "context")
        table, kernel, head = w(20, 8, scale=1.0), w(16, 8), w(8, 20)
        batch = tf.shape(context)[0]
        written = tf.TensorArray(tf.int32, 6, element_shape=[None])

        def body(t, state, token, written):
            state = tf.tanh(tf.matmul(tf.concat([tf.gather(table, token), state], 1), kernel))
            token = tf.cast(tf.argmax(tf.matmul(state, head), 1), tf.int32)
            state = tf1.cond(tf.equal(t % 2, 0), lambda: state * 0.5, lambda: tf1.cond(
                tf.reduce_sum(state) > 0, lambda: state + 1.0, lambda: -state))
            return t + 1, state, token, written.write(t, token)

        _, state, _, written = tf1.while_loop(lambda t, *_: t < 6, body,
                                              [0, context, tf.zeros([batch], tf.int32), written])
        tf.identity(state, name="state")
        tf.transpose(written.stack(), name="tokens")

    return freeze_v1(build, ["state", "tokens"], control_flow), ["state", "tokens"], lambda batch: {
        "context": np.random.default_rng(4).standard_normal((batch, 8)).astype(np.float32)}


@model
def decoder_with_frames():
    return greedy_decoder("v1")


@model
def decoder_with_functions():
    return greedy_decoder("v2")


@model
def nested_branches():
    def build(w):
        x = tf1.placeholder(tf.float32, [None, 4], "x")
        deep = tf1.placeholder(tf.bool, [], "deep")

        def loop():
            return tf1.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.matmul(v, w_square)), [0, x])[1]

        w_square = w(4, 4)
        a, b = tf1.cond(deep, lambda: (loop(), tf.reduce_sum(x)), lambda: (x * 2.0, tf.constant(7.0)))
        tf.identity(a, name="a")
        tf.identity(b, name="b")

    return freeze_v1(build, ["a", "b"]), ["a", "b"], lambda batch: {
        "x": np.random.default_rng(5).standard_normal((batch, 4)).astype(np.float32), "deep": np.array(batch % 2 == 0)}


class Cell:
    """A GRU in the form that tf.nn.dynamic_rnn takes."""

    def __init__(self, w, width, units):
        self.units = units
        self.gates, self.candidate = w(width + units, 2 * units), w(width + units, units)

    state_size = output_size = property(lambda self: self.units)

    def zero_state(self, batch, dtype):
        return tf.zeros([batch, self.units], dtype)

    def __call__(self, x, state, scope=None):
        r, u = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, state], 1), self.gates)), 2, 1)
        candidate = tf.tanh(tf.matmul(tf.concat([x, r * state], 1), self.candidate))
        state = u * state + (1 - u) * candidate
        return state, state

    call = __call__


@model
def bidirectional_rnn():
    def build(w):
        ids = tf1.placeholder(tf.int32, [None, None], "ids")
        lengths = tf1.placeholder(tf.int32, [None], "lengths")
        x = tf.nn.embedding_lookup(w(30, 8, scale=1.0), ids)
        outputs, states = tf1.nn.bidirectional_dynamic_rnn(Cell(w, 8, 6), Cell(w, 8, 6), x, lengths, dtype=tf.float32)
        tf.concat(outputs, 2, name="outputs")
        tf.concat(states, 1, name="states")

    def feeds(batch):
        length = 4 + batch
        return {"ids": words(batch, length, 30),
                "lengths": np.random.default_rng(7).integers(1, length + 1, batch).astype(np.int32)}

    return freeze_v1(build, ["outputs", "states"]), ["outputs", "states"], feeds


@model
def detections():
    def build(w):
        boxes = tf1.placeholder(tf.float32, [None, 4], "boxes")
        features = tf1.placeholder(tf.float32, [None, 6], "features")
        scores = tf.sigmoid(tf.squeeze(tf.matmul(features, w(6, 1)), 1))
        corners = tf.concat([boxes[:, :2] - tf.abs(boxes[:, 2:]), boxes[:, :2] + tf.abs(boxes[:, 2:])], 1)
        kept = tf.image.non_max_suppression(corners, scores, 5, iou_threshold=0.4, score_threshold=0.2)
        tf.gather(corners, kept, name="kept")
        tf.identity(tf.boolean_mask(scores, scores > 0.5), name="likely")
        tf.identity(tf1.where(scores > 0.5), name="places")
        tf.identity(tf.reduce_sum(tf.boolean_mask(features, scores > 0.4), 0), name="total")

    def feeds(batch):
        random = np.random.default_rng(8)
        return {"boxes": random.uniform(0, 1, (10 * batch, 4)).astype(np.float32),
                "features": random.standard_normal((10 * batch, 6)).astype(np.float32)}

    outputs = ["kept", "likely", "places", "total"]
    return freeze_v1(build, outputs), outputs, feeds


# --- many operations, one output each


def operations(build, feeds):
    names = []

    def wrapped(w):
        for value in build(w):
            names.append(f"out{len(names)}")
            tf.identity(value, name=names[-1])

    graph = tf.Graph()
    with graph.as_default():
        wrapped(None)
    return graph.as_graph_def(), names, feeds


@model
def elementwise_operations():
    def build(_):
        x = tf1.placeholder(tf.float32, [None, 5], "x")
        y = tf1.placeholder(tf.float32, [5], "y")
        i = tf1.placeholder(tf.int32, [None, 5], "i")
        j = tf1.placeholder(tf.int32, [5], "j")
        p = tf.abs(x) + 0.1
        yield from (f(x) for f in (
            tf.abs, tf.negative, tf.exp, tf.square, tf.tanh, tf.sigmoid, tf.sin, tf.cos,
            tf.tan, tf.atan, tf.sinh, tf.cosh, tf.asinh, tf.floor, tf.math.ceil, tf.round, tf.math.rint, tf.sign, tf.math.erf,
            tf.math.erfc, tf.math.expm1, tf.nn.relu, tf.nn.relu6, tf.nn.elu, tf.nn.selu, tf.nn.softplus, tf.nn.softsign,
            tf.nn.leaky_relu, tf.nn.softmax, tf.nn.log_softmax, tf.math.is_finite, tf.zeros_like, tf.ones_like, tf.nn.l2_loss,
            tf.stop_gradient))
        yield from (f(p) for f in (tf.math.log, tf.sqrt, tf.math.rsqrt, tf.math.reciprocal, tf.math.log1p, tf.math.lgamma,
                                   tf.math.digamma))
        yield from (f(x, y) for f in (
            tf.add, tf.subtract, tf.multiply, tf.math.divide, tf.math.floordiv, tf.math.floormod, tf.maximum, tf.minimum,
            tf.math.squared_difference, tf.math.divide_no_nan, tf.math.atan2, tf.less, tf.less_equal, tf.greater, tf.equal,
            tf.not_equal))
        yield tf.pow(p, y)
        yield tf.math.xlogy(x, p[0])
        yield from (f(i, j) for f in (tf.math.floordiv, tf.math.floormod, tf1.div, tf.truncatediv, tf.truncatemod,
                                      tf.bitwise.bitwise_and, tf.bitwise.bitwise_or, tf.bitwise.bitwise_xor, tf.maximum))
        yield tf.pow(i, 3)
        yield tf.cast(x, tf.int32)
        yield tf.cast(i, tf.float32)
        yield tf.cast(x, tf.bool)
        yield tf.add_n([x, x, x * 2.0])
        yield tf1.where(x > y, x, tf.zeros_like(x))
        yield tf.where(x[:, :1] > 0, x, y)
        yield tf.logical_and(x > 0, tf.logical_not(x > y))
        yield tf.clip_by_value(x, -0.5, 0.5)
        yield tf.quantization.fake_quant_with_min_max_args(x, -1, 2)
        yield tf.quantization.fake_quant_with_min_max_vars(x, -1.5, 2.5, narrow_range=True)

    def feeds(batch):
        random = np.random.default_rng(9)
        return {"x": random.standard_normal((batch, 5)).astype(np.float32) * 2,
                "y": random.standard_normal(5).astype(np.float32),
                "i": random.integers(-20, 20, (batch, 5)).astype(np.int32), "j": np.array([3, -3, 1, -7, 2], np.int32)}

    return operations(build, feeds)


@model
def arrangement_operations():
    def build(_):
        x = tf1.placeholder(tf.float32, [None, 6, 4], "x")
        n = tf1.placeholder(tf.int32, [], "n")  # decides a shape
        i = tf1.placeholder(tf.int32, [3], "i")
        yield from (x[:, 1:5:2], x[:, ::-1], x[:, -2], x[..., 1:], x[:, tf.newaxis, 2, -3:-1], x[:, 4:1:-2, ::3], x[-1],
                    x[:, :3, i[0]], x[0, i[1]])
        yield from (f(x, axis) for f in (tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.reduce_min, tf.reduce_prod,
                                         tf.argmax, tf.argmin, tf.cumsum, tf.math.cumprod) for axis in (1, -1))
        yield tf.reduce_any(x > 1, [1, 2])
        yield tf.reduce_all(x > -2, [1, 2], keepdims=True)
        yield tf.norm(x, axis=1)
        yield tf.cumsum(x, 1, exclusive=True, reverse=True)
        yield tf.transpose(x, [2, 0, 1])
        yield tf.reshape(x, [-1, 8])
        yield tf.reshape(x, tf.concat([tf.shape(x)[:1], [24]], 0))
        yield tf.reshape(x, [n, -1, 2])
        yield tf.expand_dims(x, -1)
        yield tf.squeeze(x[:, :1], 1)
        yield from tf.split(x, 3, 1)
        yield from tf.split(x, [1, -1], 2)
        yield from tf.unstack(x, axis=2)
        yield tf.stack([x, x + 1], 1)
        yield tf.concat([x, x[:, :2]], 1)
        yield tf.tile(x, [1, 2, 3])
        yield tf.pad(x, [[0, 0], [1, 2], [0, 3]], constant_values=7.0)
        yield tf.pad(x, [[0, 0], [1, 2], [2, 1]], "REFLECT")
        yield tf.pad(x, [[0, 0], [6, 2], [2, 4]], "SYMMETRIC")
        yield tf.reverse(x, [1, 2])
        yield tf.roll(x, [1, -2], [1, 2])
        yield tf.gather(x, i, axis=1)
        yield tf.gather(x, tf.tile([[1, 3]], [tf.shape(x)[0], 1]), batch_dims=1, axis=1)
        yield tf.gather_nd(x, [[0, 1], [1, 5]])
        yield tf.scatter_nd(tf.expand_dims(i, 1), tf.ones([3, 2]), [6, 2])
        yield tf.tensor_scatter_nd_update(x, [[0, 1], [1, 2]], x[0, :2])
        yield tf.tensor_scatter_nd_add(x, [[0, 1], [0, 1]], x[0, :2])
        yield tf.one_hot(i, 5, 2.0, -1.0, axis=0)
        yield from tf.math.top_k(x, 3)
        yield tf.range(0, tf.shape(x)[0] * 2, 2)
        yield tf.fill([2, tf.shape(x)[0]], 3.5)
        yield tf.linspace(0.0, 1.0, 7)
        yield tf.linalg.band_part(x[:, :4], 1, 0)
        yield tf.linalg.diag(x[0])
        yield tf.linalg.diag_part(x[:, :4])
        yield tf.broadcast_to(x[:, :1], tf.shape(x))
        yield tf.matmul(x, x, transpose_b=True)
        yield tf.einsum("bij,bkj->ik", x, x)
        yield tf.nn.space_to_depth(tf.expand_dims(x, -1), 2)
        yield tf.unique(i)[0]
        yield tf.unique(i)[1]
        yield tf.shape(x)
        yield tf.size(x)
        yield tf.rank(x)
        yield tf.math.unsorted_segment_sum(x[0], [0, 1, 0, 2, 1, 0], 3)

    def feeds(batch):
        random = np.random.default_rng(10)
        return {"x": random.standard_normal((batch, 6, 4)).astype(np.float32), "n": np.array(batch * 3, np.int32),
                "i": np.array([3, 0, 3], np.int32)}

    return operations(build, feeds)


@model
def window_operations():
    def build(_):
        x = tf1.placeholder(tf.float32, [None, 9, 10, 4], "x")
        v = tf1.placeholder(tf.float32, [None, 4, 6, 5, 2], "v")
        random = np.random.default_rng(11)

        def w(*shape):
            return tf.constant(random.standard_normal(shape).astype(np.float32) * 0.3)

        for padding in ("SAME", "VALID"):
            for stride in (1, 2):
                yield tf.nn.conv2d(x, w(3, 2, 4, 5), stride, padding)
                yield tf.nn.max_pool2d(x, 3, stride, padding)
                yield tf.nn.avg_pool2d(x, [2, 3], stride, padding)
                yield tf.nn.depthwise_conv2d(x, w(3, 3, 4, 2), [1, stride, stride, 1], padding)
                yield tf.nn.conv3d(v, w(2, 3, 2, 2, 3), [1, stride, stride, stride, 1], padding)
                yield tf.nn.max_pool3d(v, 2, stride, padding)
        yield tf.nn.conv2d(x, w(3, 3, 4, 5), 1, "SAME", dilations=2)
        yield tf.nn.conv2d(x, w(3, 3, 4, 5), [1, 2, 1, 1], [[0, 0], [2, 1], [0, 1], [0, 0]])
        yield tf.nn.conv2d_transpose(x, w(3, 3, 5, 4), tf.stack([tf.shape(x)[0], 18, 20, 5]), 2, "SAME")
        yield tf.nn.conv2d_transpose(x, w(3, 3, 5, 4), tf.stack([tf.shape(x)[0], 17, 19, 5]), 2, "SAME")
        yield tf.nn.conv2d_transpose(x, w(2, 3, 5, 4), tf.stack([tf.shape(x)[0], 18, 21, 5]), 2, "VALID")
        yield tf.nn.conv3d_transpose(v, w(2, 2, 2, 3, 2), tf.stack([tf.shape(v)[0], 8, 12, 10, 3]), 2, "SAME")
        for size in ([18, 5], [7, 13]):
            for corners, half in ((False, False), (True, False), (False, True)):
                yield tf1.image.resize_bilinear(x, size, align_corners=corners, half_pixel_centers=half)
                yield tf1.image.resize_nearest_neighbor(x, size, align_corners=corners, half_pixel_centers=half)
                yield tf1.image.resize_bicubic(x, size, align_corners=corners, half_pixel_centers=half)
        yield tf.nn.lrn(x, 1, 2.0, 0.5, 0.75)

    def feeds(batch):
        return {"x": images(batch, 9, 10, 4), "v": np.random.default_rng(12).standard_normal(
            (batch, 4, 6, 5, 2)).astype(np.float32)}

    return operations(build, feeds)


# --- from TensorFlow 2


def keras_text(lower):
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    network = tf.keras.Sequential([
        layers.Embedding(40, 12),
        layers.Bidirectional(layers.LSTM(10, return_sequences=True)),
        layers.GRU(8),
        layers.Dense(3, activation="softmax")])
    graph, inputs, outputs = freeze_v2(lambda ids: network(ids, training=False), [tf.TensorSpec([None, 9], tf.int32)],
                                       lower)
    return graph, outputs, lambda batch: {inputs[0]: words(batch, 9, 40)}


@model
def keras_lstm_lowered():
    return keras_text(True)


@model
def keras_lstm_functions():
    return keras_text(False)


@model
def keras_mobilenet_v2():
    tf.keras.utils.set_random_seed(0)
    network = tf.keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, weights=None, classes=10)
    graph, inputs, outputs = freeze_v2(lambda x: network(x, training=False),
                                       [tf.TensorSpec([None, 64, 64, 3], tf.float32)], False)
    return graph, outputs, lambda batch: {inputs[0]: images(batch, 64, 64)}


@model
def transformer():
    heads, width, vocabulary = 2, 16, 30
    random = np.random.default_rng(6)

    def w(*shape):
        return tf.constant((random.standard_normal(shape) * shape[0]**-0.5).astype(np.float32))

    table, places = w(vocabulary, width) * 4, w(32, width)
    q, k, v = (w(width, heads, width // heads) for _ in range(3))
    o = w(heads, width // heads, width)
    up, down = w(width, 32), w(32, width)

    def normed(x):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, tf.ones([width]), None, 1e-6)

    def apply(ids):
        length = tf.shape(ids)[1]
        x = tf.gather(table, ids) + places[tf.newaxis, :length]
        y = normed(x)
        scores = tf.einsum("bshd,bthd->bhst", tf.einsum("bsw,whd->bshd", y, q), tf.einsum("bsw,whd->bshd", y, k))
        mask = tf.linalg.band_part(tf.ones([length, length]), -1, 0)
        scores = tf.nn.softmax(scores / np.sqrt(width // heads).astype(np.float32) - 1e9 * (1 - mask))
        mixed = tf.einsum("bhst,bthd->bshd", scores, tf.einsum("bsw,whd->bshd", y, v))
        x = x + tf.einsum("bshd,hdw->bsw", mixed, o)
        hidden = tf.matmul(normed(x), up)
        hidden = 0.5 * hidden * (1.0 + tf.math.erf(hidden / np.sqrt(2).astype(np.float32)))
        x = x + tf.matmul(hidden, down)
        return tf.nn.log_softmax(tf.matmul(x, table, transpose_b=True))

    graph, inputs, outputs = freeze_v2(apply, [tf.TensorSpec([None, None], tf.int32)], False)
    return graph, outputs, lambda batch: {inputs[0]: words(batch, 4 + batch, vocabulary)}
