// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs modules that `kiln compile --target wasm32` wrote, in browsers and in Node.js. docs/wasm.md is the manual.

// bool, f16 and bf16 are held as they lie in memory: a byte, and bits.
const ARRAYS = {
  f32: Float32Array, f64: Float64Array, i8: Int8Array, i16: Int16Array, i32: Int32Array, i64: BigInt64Array,
  u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, u64: BigUint64Array, bool: Uint8Array, f16: Uint16Array, bf16: Uint16Array,
};
const FUNCTIONS = {max: Math.max, min: Math.min, floor_div: (a, b) => (b > 0 ? Math.floor(a / b) : 0)};
const list = (items) => items.map(({name}) => `'${name}'`).join(', ') || 'nothing';
const byName = (items, name) => items.find((item) => item.name === name);
const countOf = (dims) => dims.reduce((count, length) => count * length, 1);
const bytesOf = ({dtype, dims}) => countOf(dims) * ARRAYS[dtype].BYTES_PER_ELEMENT;
const textOf = (dims) => `[${dims.map((dim) => dim.text ?? dim).join(', ')}]`;

/** The value of a length: a number, a symbol, or a sum of products. @param {*} dim @param {Object<string, number>} symbols */
function evaluate(dim, symbols) {
  const sum = (terms) => terms.reduce((value, [count, ...factors]) => value + factors.reduce((x, f) => x * factor(f), count), 0);
  const factor = (f) => symbols[f] ?? FUNCTIONS[f.name](sum(f.a), sum(f.b));
  return dim.terms ? sum(dim.terms) : symbols[dim] ?? dim;
}

/** What a model refuses. `id` is for `kiln explain`; `node` and `status` tell where and how compiled code failed. */
export class KilnError extends Error {
  /** @param {string} id @param {string} text With $0, $1 ... for the values. @param {Array} values @param {Object} [details] */
  constructor(id, text, values, details) {
    super(`[KILN-${id}] ${text.replace(/\$(\d)/g, (_, i) => values[i])}`);
    Object.assign(this, {name: 'KilnError', id: `KILN-${id}`}, details);
  }
}

/** A model in memory, with the values of its variables. */
export class Kiln {
  /**
   * Loads a module. Variables without stored values get those of its entry `init`.
   * @param {string|URL|Response|ArrayBuffer|Uint8Array} source A URL, or the module's bytes.
   * @return {Promise<Kiln>}
   */
  static async load(source) {
    const refuse = (why) => {
      throw new KilnError('R0301', "'$0': not a Kiln artifact: $1", [source.url || 'module', why]);
    };
    if (typeof source === 'string' || source instanceof URL) source = await fetch(source);
    if (source.ok === false) refuse(`status ${source.status}`);
    const bytes = source.arrayBuffer ? await source.arrayBuffer() : source;
    const module = await WebAssembly.compile(bytes).catch((error) => refuse(error.message));
    const [section] = WebAssembly.Module.customSections(module, 'kiln');
    const signature = section ? JSON.parse(new TextDecoder().decode(section)) : refuse('it has no section kiln');
    if (signature.format !== 1) refuse(`its format is ${signature.format}, wanted 1`);
    return new Kiln(signature, (await WebAssembly.instantiate(module)).exports);
  }

  /** For load(). @param {Object} signature What the section says. @param {Object} exports */
  constructor(signature, exports) {
    Object.assign(this, {signature, exports, top: Math.ceil(exports.__heap_base.value / 64) * 64});
    this.variables = signature.variables.map((spec) => {
      const isStored = 'offset' in spec;
      return {...spec, known: isStored || !!spec.zero, address: isStored ? this.stored(spec.offset) : this.take(bytesOf(spec))};
    });
    if (byName(signature.entries, 'init') && !this.variables.every(({known}) => known)) this.run('init');
  }

  /** The error of a row of Kiln's table. @param {string} id @param {...*} values */
  error(id, ...values) {
    return new KilnError(id, this.signature.errors[id], values);
  }

  /** The address of stored data. @param {number} offset @return {number} */
  stored(offset) {
    return this.exports.kiln_data.value + offset;
  }

  /** Takes memory, until `top` is set back. @param {number} bytes @return {number} The address, a multiple of 64. */
  take(bytes) {
    const {memory} = this.exports, address = this.top;
    this.top += Math.ceil(bytes / 64) * 64;
    try {
      memory.grow(Math.max(0, Math.ceil((this.top - memory.buffer.byteLength) / 65536)));
    } catch {
      throw this.error('R0028', bytes);
    }
    return address;
  }

  /** Gives a tensor its place. @param {Object} tensor */
  place(tensor) {
    return Object.assign(tensor, {address: this.take(bytesOf(tensor))});
  }

  /** A tensor's elements in memory, until that grows. @param {Object} tensor */
  view({dtype, dims, address}) {
    return new ARRAYS[dtype](this.exports.memory.buffer, address, countOf(dims));
  }

  /** A tensor's elements, copied, with their `shape`. @param {Object} tensor */
  copy(tensor) {
    return Object.assign(this.view(tensor).slice(), {shape: tensor.dims});
  }

  /** Finds a variable. @param {string} name @return {Object} Its name, dtype, dims and place. */
  find(name) {
    const found = byName(this.variables, name);
    if (!found) throw this.error('R0002', name, `: the model has ${list(this.variables)}`);
    return found;
  }

  /** A copy of a variable's value. @param {string} name @return {ArrayLike<number|bigint>} A typed array with its `shape`. */
  variable(name) {
    return this.copy(this.find(name));
  }

  /** Replaces a variable's value. @param {string} name @param {ArrayLike<number|bigint>} value */
  setVariable(name, value) {
    const found = this.find(name), view = this.view(found);
    if (value.length !== view.length) throw this.error('R0003', name, `of ${value.length} elements`, found.dtype + textOf(found.dims));
    view.set(value);
    found.known = true;
  }

  /**
   * Runs an entry. Variables that it writes keep their new values; where it fails, they keep the old ones.
   * @param {string} name The entry.
   * @param {Object<string, ArrayLike<number|bigint>>} [feeds] Plain arrays, or typed ones of the signature's types.
   * @param {{shapes?: Object<string, number[]>}} [options] Shapes of feeds: otherwise a feed's own `shape` is taken, or
   *     the one that follows from its length.
   * @return {Object<string, ArrayLike<number|bigint>>} The fetches: typed arrays, each with its `shape`.
   */
  run(name, feeds = {}, {shapes = {}} = {}) {
    const {entries} = this.signature, entry = byName(entries, name);
    if (!entry) throw this.error('R0001', name, list(entries));
    const {tensors, symbols} = this.bind(entry, feeds, shapes), variables = entry.variables.map((i) => this.variables[i]);
    const unset = name !== 'init' && variables.find(({known}) => !known);
    if (unset) throw this.error('R0004', unset.name, 'no entry init made one');
    const fetches = entry.fetches.map((spec) => ({...spec, dims: spec.dims.map((dim) => evaluate(dim, symbols))}));
    const kept = this.top;
    try {
      const numbers = (values) => {
        const tensor = this.place({dtype: 'i64', dims: [values.length]});
        this.view(tensor).set(values.map(BigInt));
        return tensor.address;
      };
      const dims = numbers(entry.symbols.map((symbol) => symbols[symbol.name])), fault = numbers([-1, 0, 0]);
      const arena = this.take(Number(this.exports[entry.arena](dims)));
      const constants = entry.constants.map((offset) => ({address: this.stored(offset)}));
      for (const tensor of [...tensors, ...fetches]) this.place(tensor);
      const buffers = numbers([...tensors, ...variables, ...constants, ...fetches].map(({address}) => address));
      for (const tensor of tensors) this.view(tensor).set(tensor.data);
      const status = this.exports[entry.run](arena, buffers, dims, fault);
      if (status) this.fail(entry, status, this.view({dtype: 'i64', dims: [3], address: fault}));
      if (name === 'init') variables.forEach((variable) => (variable.known = true));
      return Object.fromEntries(fetches.map((tensor) => [tensor.name, this.copy(tensor)]));
    } finally {
      this.top = kept;
    }
  }

  /** Checks feeds and finds the values of the symbols in their shapes. @param {Object} entry @param {Object} feeds @param {Object} shapes */
  bind(entry, feeds, shapes) {
    const takes = [`entry '${entry.name}'`, list(entry.feeds)];
    for (const name in feeds) if (!byName(entry.feeds, name)) throw this.error('R0010', name, ...takes);
    const tensors = entry.feeds.map(({name, dtype, dims}) => {
      if (!(name in feeds)) throw this.error('R0011', name, ...takes);
      const given = feeds[name], data = Array.isArray(given) ? ARRAYS[dtype].from(given) : given;
      if (!(data instanceof ARRAYS[dtype])) throw this.error('R0022', name, data?.constructor.name, dtype);
      // Of lengths that are not known, one follows from the others.
      const rest = data.length / countOf(dims.filter(Number)), shape = shapes[name] ?? given.shape ?? dims.map((dim) => (dim >= 0 ? dim : rest));
      const bad = (why) => this.error('R0021', name, textOf(shape), textOf(dims), why);
      if (shape.length !== dims.length) throw bad(`rank ${shape.length}, wanted ${dims.length}`);
      if (countOf(shape) !== data.length) throw bad(`the data have ${data.length} elements`);
      return {name, dtype, wanted: dims, dims: shape, data, bad};
    });
    const symbols = {};
    for (const {name, min, max = Infinity, feed, axis, factor, number} of entry.symbols) {
      const tensor = tensors[feed], value = tensor ? (tensor.dims[axis] - number) / factor : min;
      symbols[name] = value;
      if (value % 1) throw tensor.bad(`dimension ${axis} is ${tensor.dims[axis]}, wanted ${textOf([tensor.wanted[axis]]).slice(1, -1)}`);
      if (value < min || value > max) throw this.error('R0024', tensor.name, textOf(tensor.dims), axis, name, value, min, max);
    }
    for (const {wanted, dims, bad} of tensors) {
      for (const [axis, dim] of wanted.entries()) {
        const length = evaluate(dim, symbols), text = dim.text ?? dim;
        if (length !== dims[axis]) throw bad(`dimension ${axis} is ${dims[axis]}, wanted ${text === length ? text : `${text} = ${length}`}`);
      }
    }
    return {tensors, symbols};
  }

  /** Throws what a status means. @param {Object} entry @param {number} status @param {BigInt64Array} fault */
  fail(entry, status, [number, ...values]) {
    const node = entry.nodes[number], [id, text] = this.signature.faults[status] ?? this.signature.faults[6];
    if (status === 4 && node?.message) values = [node.message, 'its condition does not hold'];
    throw new KilnError(id, text, [node ? `${node.op} '${node.name}'` : 'a node of the run', ...values, status], {node: node?.name, status});
  }
}
