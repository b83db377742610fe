// A forward and a backward that note what every layer takes and returns, as explain/record.py.

// A layer in whose place Watched stands. see.out(name, y) may return another y (a nudge, rounding).
class Watched {
  constructor(layer, name, see) {
    const inner = Object.assign(Object.create(Object.getPrototypeOf(layer)), layer);
    for (const [key, part] of Object.entries(layer)) {
      if (part && part.forward) inner[key] = new Watched(part, `${name}.${key}`, see);
    }
    Object.assign(this, { inner, layer, name, see });
  }

  forward(params, x) {
    this.see.into(this.name, this.layer, params, x);
    const [y, cache] = this.inner.forward(params, x);
    return [this.see.out(this.name, y, cache), cache];
  }

  backward(dy, cache) {
    const [dx, grads] = this.inner.backward(dy, cache);
    this.see.back(this.name, dy, dx, grads);
    return [dx, grads];
  }
}

function watched_model(config, see) {
  const model = new ViT(config);
  for (const name of Object.keys(model.parts)) {
    model.parts[name] = new Watched(model.parts[name], name, see);
  }
  return model;
}

// Forward and backward of a picture, normalised: {forward, steps, loss, probabilities, label}.
// label: the class whose loss is differentiated; null: the one that the model answers.
// steps: {name: {layer, params, x, y, cache, dy, dx, grads}}, then "loss". The backward waits until
// they are asked for: so the answer is on the screen before. forward.steps have what the forward gave.
function walk(config, params, image, label = null) {
  const see = {
    steps: {},
    into: (name, layer, of, x) => {
      see.steps[name] = { name, layer, params: of, x, grads: {} };
    },
    out: (name, y, cache) => {
      Object.assign(see.steps[name], { y, cache });
      return y;
    },
    back: (name, dy, dx, grads) => {
      Object.assign(see.steps[name], { dy, dx, grads });
    },
  };
  const model = watched_model(config, see),
    [logits, cache] = model.forward(params, image);
  return walk_back({ model, see, logits, cache, steps: see.steps }, label ?? largest_index(logits));
}

// The way back from another label: a forward, {model, see, logits, cache, steps}, serves them all.
function walk_back(forward, label) {
  const loss = new CrossEntropy(),
    [nats, cache] = loss.forward(forward.logits, label);
  let steps = null;
  return {
    forward,
    label,
    loss: nats[0],
    probabilities: cache[0],
    get steps() {
      return (steps ??= steps_back(forward, loss, nats, cache));
    },
  };
}

function steps_back({ model, see, logits, cache, steps }, loss, nats, loss_cache) {
  const dlogits = loss.backward(1, loss_cache);
  const ends = { params: {}, x: logits, y: nats, dy: new Float64Array([1]), dx: dlogits, grads: {} };
  see.steps = Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, { ...step }]));
  see.steps.loss = { name: "loss", layer: loss, cache: loss_cache, ...ends };
  model.backward(dlogits, cache);
  return see.steps;
}

function largest_index(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

// The loss where one number is another one; all layers before it are taken from `walked`.
// nudge: {kind: "pixel" | "weight" | "activation", name: of a step, leaf: of a weight, index}.
// single: round what each layer returns to float32, as NumPy stores it.
class Nudged {
  constructor(config, params, walked, single = false) {
    this.nudge = null;
    this.single = single;
    this.walked = walked;
    const see = {
      into: () => {},
      back: () => {},
      out: (name, y) => {
        if (this.single) y = y.map(Math.fround);
        const { nudge } = this;
        if (nudge.kind !== "activation" || nudge.name !== name) return y;
        const other = y.slice();
        other[nudge.index] = this.rounded(other[nudge.index] + nudge.by);
        return other;
      },
    };
    this.model = watched_model(config, see);
    this.params = params;
    this.inputs = {};
    for (const [name, step] of Object.entries(walked.forward.steps)) this.inputs[name] = step.x;
    if (single) this.single_inputs();
  }

  rounded(number) {
    return this.single ? Math.fround(number) : number;
  }

  // What each part takes if all before it is rounded.
  single_inputs() {
    let x = this.walked.steps.patchify.x.map(Math.fround);
    this.nudge = {};
    for (const [name, part] of Object.entries(this.model.parts)) {
      this.inputs[name] = x;
      [x] = part.forward(this.params[name] || {}, x);
    }
  }

  // The loss if the number is changed by `by`.
  loss(nudge, by) {
    this.nudge = { ...nudge, by };
    const first = nudge.kind === "pixel" ? "patchify" : nudge.name.split(".")[0];
    let x = this.inputs[first],
      restore = () => {};
    if (nudge.kind === "pixel") {
      x = x.slice();
      x[nudge.index] = this.rounded(x[nudge.index] + by);
    } else if (nudge.kind === "weight") {
      const values = this.walked.steps[nudge.name].params[nudge.leaf],
        { index } = nudge;
      const before = values[index];
      values[index] = this.rounded(before + by);
      restore = () => {
        values[index] = before;
      };
    }
    try {
      const [logits] = this.model.forward(this.params, x, first);
      const [nats] = new CrossEntropy().forward(logits, this.walked.label);
      return this.rounded(nats[0]);
    } finally {
      restore();
    }
  }
}

// The leaf of a tree with a dotted name.
function leaf_of(tree, dotted) {
  return dotted.split(".").reduce((branch, name) => branch[name], tree);
}

// [dotted name, array] for every leaf.
function leaves(tree, prefix = "") {
  return Object.entries(tree).flatMap(([name, value]) =>
    value.length === undefined ? leaves(value, `${prefix}${name}.`) : [[prefix + name, value]],
  );
}

function tree_from(pairs) {
  const tree = {};
  for (const [dotted, leaf] of pairs) {
    const path = dotted.split("."),
      last = path.pop();
    path.reduce((branch, name) => (branch[name] ??= {}), tree)[last] = leaf;
  }
  return tree;
}
