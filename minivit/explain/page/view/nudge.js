// Nudge a number: what the gradient predicts, and what a new forward gives.

const KINDS = ["pixel", "weight", "activation"];
let nudged = {}; // Nudged in float64 and float32, made when first needed

function go_nudge(target) {
  change({ nudge: target });
  by_id("nudge").scrollIntoView();
}

// The names of the steps that have numbers of a kind, and of which array.
function targets(kind) {
  const { steps } = state.walked;
  if (kind === "pixel") return { patchify: ["x"] };
  const found = {};
  for (const [name, step] of Object.entries(steps)) {
    const own = leaves(step.params)
      .map(([leaf]) => leaf)
      .filter((leaf) => !leaf.includes("."));
    if (kind === "activation" && name !== "loss") found[name] = ["y"];
    if (kind === "weight" && own.length) found[name] = own;
  }
  return found;
}

// The array that a nudge is of, and its gradient.
function arrays_of({ kind, name, leaf }) {
  const step = state.walked.steps[name];
  if (kind === "weight") return [step.params[leaf], step.grads[leaf]];
  return kind === "pixel" ? [step.x, step.dx] : [step.y, step.dy];
}

function steepest(kind, name, leaf) {
  const gradient = arrays_of({ kind, name, leaf })[1];
  return { kind, name, leaf, index: largest_index(gradient.map(Math.abs)) };
}

function nudger(single) {
  const kind = single ? "single" : "double";
  if (!nudged[kind]) nudged[kind] = new Nudged(CONFIG, state.params, state.walked, single);
  return nudged[kind];
}

function field(text, ...inputs) {
  return make("label", { class: "field" }, text, ...inputs);
}

function choice(id, options, current, choose) {
  return make(
    "select",
    { id, onchange: (event) => choose(event.target.value) },
    ...options.map(([value, text]) =>
      make("option", { value, ...(value === current ? { selected: "" } : {}) }, text),
    ),
  );
}

function draw_target() {
  const now = state.nudge,
    found = targets(now.kind),
    focused = document.activeElement?.id;
  const [values] = arrays_of(now),
    [rows, cols] = matrix_of(now.name, now.leaf, values.length);
  const pick = (part) => change({ nudge: { ...steepest(now.kind, now.name, now.leaf), ...part } });
  const parts = [
    field(
      t("kind"),
      choice(
        "kind",
        KINDS.map((k) => [k, t(k)]),
        now.kind,
        (kind) => {
          const all = targets(kind),
            name = all[now.name] ? now.name : Object.keys(all)[0];
          change({ nudge: steepest(kind, name, all[name][0]) });
        },
      ),
    ),
    field(
      t("layer"),
      choice(
        "layer",
        Object.keys(found).map((n) => [n, n]),
        now.name,
        (name) => change({ nudge: steepest(now.kind, name, found[name][0]) }),
      ),
    ),
    field(
      t("leaf"),
      choice(
        "leaf",
        found[now.name].map((n) => [n, n]),
        now.leaf,
        (leaf) => change({ nudge: steepest(now.kind, now.name, leaf) }),
      ),
    ),
    field(
      `${t("index")} (0 … ${values.length - 1})`,
      make("input", {
        id: "index",
        type: "number",
        min: 0,
        max: values.length - 1,
        value: now.index,
        onchange: (event) =>
          pick({ index: Math.max(0, Math.min(values.length - 1, Math.round(event.target.value) || 0)) }),
      }),
    ),
    make("button", { id: "steepest", onclick: () => pick({}) }, t("steepest")),
    make(
      "button",
      { id: "any", onclick: () => pick({ index: Math.floor(Math.random() * values.length) }) },
      t("any"),
    ),
  ];
  by_id("target").replaceChildren(...parts);
  if (focused && by_id("target").querySelector(`#${focused}`)) by_id(focused).focus();
  const name = `${now.name}.${now.leaf}[${index_text(now.index, rows, cols)}]`,
    [, gradient] = arrays_of(now);
  by_id("target-words").textContent = t("target", {
    name,
    value: short(values[now.index]),
    gradient: short(gradient[now.index]),
  });
}

// The new forward of the size at hand, at once; then the curves, a few forwards at a time.
function draw_changes() {
  const h = 10 ** state.log_size,
    gradient = arrays_of(state.nudge)[1][state.nudge.index],
    start = performance.now();
  const actual = nudger(false).loss(state.nudge, h) - state.walked.loss,
    took = performance.now() - start;
  by_id("size").value = state.log_size;
  by_id("size-words").textContent = short(h);
  const predicted = gradient * h;
  const cells = [
    ["predicted", short(predicted), ""],
    ["actual", short(actual), t("took", { ms: took.toFixed(0) })],
    ["difference", short(actual - predicted), ""],
  ];
  by_id("changes").replaceChildren(
    ...cells.map(([key_, value, more]) =>
      make(
        "div",
        { "data-change": key_ },
        make("span", {}, t(key_) + (more && ` · ${more}`)),
        make("b", {}, value),
      ),
    ),
  );
  by_id("changes").dataset.ms = took;
}

by_id("size").addEventListener("input", (event) => change({ log_size: Number(event.target.value) }));
draws(["walked"], () => {
  nudged = {};
  if (!state.nudge) state.nudge = steepest("weight", "block0.attn.qkv", "w");
});
draws(["nudge"], draw_target);
draws(["walked", "language"], draw_target, true);
draws(["nudge", "log_size"], draw_changes);
draws(["walked", "language"], draw_changes, true);
