// Nudge a number: what the gradient predicts, what a new forward gives, and the V of the check.

const KINDS = ["pixel", "weight", "activation"];
let nudged = {}; // Nudged in float64 and float32, made when first needed
let sweep = null; // what the curves show so far, and the timer that goes on with it

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
    const own = leaves(step.params).map(([leaf]) => leaf).filter((leaf) => !leaf.includes("."));
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
  return make("select", { id, onchange: (event) => choose(event.target.value) }, ...options.map(([value, text]) =>
    make("option", { value, ...(value === current ? { selected: "" } : {}) }, text)));
}

function draw_target() {
  const now = state.nudge, found = targets(now.kind), focused = document.activeElement?.id;
  const [values] = arrays_of(now), [rows, cols] = matrix_of(now.name, now.leaf, values.length);
  const pick = (part) => change({ nudge: { ...steepest(now.kind, now.name, now.leaf), ...part } });
  const parts = [
    field(t("kind"), choice("kind", KINDS.map((k) => [k, t(k)]), now.kind, (kind) => {
      const all = targets(kind), name = all[now.name] ? now.name : Object.keys(all)[0];
      change({ nudge: steepest(kind, name, all[name][0]) });
    })),
    field(t("layer"), choice("layer", Object.keys(found).map((n) => [n, n]), now.name, (name) =>
      change({ nudge: steepest(now.kind, name, found[name][0]) }))),
    field(t("leaf"), choice("leaf", found[now.name].map((n) => [n, n]), now.leaf, (leaf) =>
      change({ nudge: steepest(now.kind, now.name, leaf) }))),
    field(`${t("index")} (0 … ${values.length - 1})`, make("input", {
      id: "index", type: "number", min: 0, max: values.length - 1, value: now.index,
      onchange: (event) => pick({ index: Math.max(0, Math.min(values.length - 1, Math.round(event.target.value) || 0)) }),
    })),
    make("button", { id: "steepest", onclick: () => pick({}) }, t("steepest")),
    make("button", { id: "any", onclick: () => pick({ index: Math.floor(Math.random() * values.length) }) }, t("any")),
  ];
  by_id("target").replaceChildren(...parts);
  if (focused && by_id("target").querySelector(`#${focused}`)) by_id(focused).focus();
  const name = `${now.name}.${now.leaf}[${index_text(now.index, rows, cols)}]`, [, gradient] = arrays_of(now);
  by_id("target-words").textContent = t("target", { name, value: short(values[now.index]), gradient: short(gradient[now.index]) });
}

// The new forward of the size at hand, at once; then the curves, a few forwards at a time.
function draw_changes() {
  const h = 10 ** state.log_size, gradient = arrays_of(state.nudge)[1][state.nudge.index], start = performance.now();
  const actual = nudger(false).loss(state.nudge, h) - state.walked.loss, took = performance.now() - start;
  by_id("size").value = state.log_size;
  by_id("size-words").textContent = short(h);
  const predicted = gradient * h;
  const cells = [["predicted", short(predicted), ""], ["actual", short(actual), t("took", { ms: took.toFixed(0) })],
    ["difference", short(actual - predicted), ""]];
  by_id("changes").replaceChildren(...cells.map(([key_, value, more]) => make("div", { "data-change": key_ },
    make("span", {}, t(key_) + (more && ` · ${more}`)), make("b", {}, value))));
  by_id("changes").dataset.ms = took;
}

function draw_curve(points, gradient, h) {
  const ys = [...points.map(([, y]) => y), gradient * h, -gradient * h].map(Math.abs);
  const most = ys.reduce((a, b) => Math.max(a, b), 1e-300) * 1.05;
  const frame = plot_frame(t("curve_title"), { x: [-h, h], y: [-most, most] }, {
    x: [-h, -h / 2, 0, h / 2, h].map((v) => [v, short(v)]), y: [-most / 1.05, 0, most / 1.05].map((v) => [v, short(v)]) });
  frame.root.append(svg("line", { class: "axis", x1: frame.x(0), x2: frame.x(0), y1: frame.top, y2: frame.bottom }));
  curve(frame, [[-h, -gradient * h], [h, gradient * h]], "two");
  curve(frame, points, "one");
  key(frame, [["one", t("forward_again")], ["two", t("tangent")]]);
  by_id("curve").replaceChildren(frame.root);
}

function draw_v(curves) {
  const log = (v) => Math.log10(Math.max(v, 1e-13));
  const frame = plot_frame(t("v_title"), { x: [-10, 1], y: [-12, 1] }, {
    x: [-10, -8, -6, -4, -2, 0].map((v) => [v, v ? `1e${v}`.replace("-", "−") : "1"]),
    y: [-12, -9, -6, -3, 0].map((v) => [v, v ? `1e${v}`.replace("-", "−") : "1"]) });
  const at = frame.x(state.log_size);
  frame.root.append(svg("line", { class: "here", x1: at, x2: at, y1: frame.top, y2: frame.bottom }));
  curve(frame, curves.double.map(([h, e]) => [h, log(e)]), "one");
  curve(frame, curves.single.map(([h, e]) => [h, log(e)]), "two");
  key(frame, [["one", "float64"], ["two", "float32"]]);
  by_id("v").replaceChildren(frame.root);
}

// What is still to be computed: a generator, so that the page answers in between.
function* sweeping(curves) {
  const { nudge, log_size } = state, h = 10 ** log_size, gradient = arrays_of(nudge)[1][nudge.index];
  for (let i = 0; i <= 16; i++) {
    const by = h * (i / 8 - 1);
    curves.points.push([by, by ? nudger(false).loss(nudge, by) - state.walked.loss : 0]);
    yield;
  }
  if (curves.double.length) return;
  for (let e = 1; e >= -10; e -= 0.5) {
    for (const kind of ["double", "single"]) {
      const size = 10 ** e, run = nudger(kind === "single");
      const slope = (run.loss(nudge, size) - run.loss(nudge, -size)) / (2 * size);
      curves[kind].push([e, Math.abs(slope - gradient) / Math.abs(gradient)]);
      yield;
    }
  }
}

function start_sweep(anew) {
  const old = sweep && !anew && !sweep.left ? sweep.curves : null;
  if (sweep) clearTimeout(sweep.timer);
  const gradient = arrays_of(state.nudge)[1][state.nudge.index];
  if (!gradient) {
    sweep = null;
    by_id("curve").textContent = by_id("v").textContent = t("flat");
    return;
  }
  const curves = { points: [], double: old?.double || [], single: old?.single || [] }, work = sweeping(curves);
  sweep = { curves, left: true, timer: 0 };
  const mine = sweep;
  const go = () => {
    const { done } = work.next();
    draw_curve(curves.points, gradient, 10 ** state.log_size);
    draw_v(curves);
    mine.left = !done;
    if (!done) mine.timer = setTimeout(go, 0);
  };
  mine.timer = setTimeout(go, 250);
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
draws(["walked", "nudge", "language", "scheme"], () => start_sweep(true), true);
draws(["log_size"], () => start_sweep(false));
