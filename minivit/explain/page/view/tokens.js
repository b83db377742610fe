// One token through all blocks: its attention in every head, what each branch adds to it, the
// gradient that reaches it, and what the model would answer after each block.

// The answer if the model ended with these tokens (T, D): probabilities.
function lens(x) {
  const names = top_layers();
  for (const name of names.slice(names.indexOf("norm"), -1)) {
    [x] = state.walked.steps[name].layer.forward(state.params[name] || {}, x);
  }
  return new CrossEntropy().forward(x, state.walked.label)[1][0];
}

function lens_bars(x) {
  const D = CONFIG.dim,
    label = state.walked.label;
  const line = (text, p) => {
    const best = largest_index(p),
      mark = make("i", { style: `left:${100 * p[label]}%` });
    const fill = make("div", {
      class: best === label ? "fill warm" : "fill",
      style: `width:${100 * p[best]}%`,
    });
    const answer = `${Math.round(100 * p[best])}% ${DATA.classes[best]}`;
    return [
      make("span", {}, text),
      make("span", { class: "track" }, fill, mark),
      make("b", { title: answer }, answer),
    ];
  };
  return make(
    "div",
    { class: "lens" },
    ...line(t("lens_picture"), lens(x)),
    ...line(t("lens_token"), lens(row_of(x, D, state.token))),
  );
}

function facts(block) {
  const { steps } = state.walked,
    D = CONFIG.dim,
    name = `block${block}`;
  const length = (x) => norm(row_of(x, D, state.token));
  const before = length(steps[name].x),
    middle = length(steps[`${name}.norm2`].x);
  const gradients = BLOCKS.map((b) => length(steps[`block${b}`].dy));
  const most = gradients.reduce((a, b) => Math.max(a, b), 1e-30);
  const line = (text, share, number, warm, title) => [
    make("span", { title }, text),
    make(
      "span",
      { class: "track" },
      make("div", { class: warm ? "fill warm" : "fill", style: `width:${100 * Math.min(1, share)}%` }),
    ),
    make("b", {}, number),
  ];
  const attn = length(steps[`${name}.attn`].y) / before,
    mlp = length(steps[`${name}.mlp`].y) / middle;
  const numbers = make("canvas", { class: "numbers", title: `${name} y[${state.token}]` });
  paint(numbers, row_of(steps[name].y, D, state.token), 1, D, { most: reach(steps[name].y) });
  return make(
    "div",
    { class: "facts" },
    make("span", {}, t("itself")),
    numbers,
    ...line(t("change_attn"), attn, percent(attn), false, t("relative")),
    ...line(t("change_mlp"), mlp, percent(mlp), false, t("relative")),
    ...line(t("gradient"), gradients[block] / most, short(gradients[block]), true, "dLoss/dx"),
  );
}

function maps(block) {
  return make(
    "div",
    { class: "maps" },
    ...HEADS.map((head) => {
      const canvas = make("canvas"),
        map = attention_map(block, head);
      paint(canvas, map, ROWS, COLUMNS, { what: SIZES, most: map.reduce((a, b) => Math.max(a, b), 1e-30) });
      const chosen = state.overlay === "attention" && state.block === block && state.head === head;
      const title = `block${block}, ${head}`;
      return make(
        "button",
        {
          title,
          "aria-label": title,
          "aria-pressed": String(chosen),
          "data-map": `${block}-${head}`,
          onclick: () => change({ block, head, overlay: "attention" }),
        },
        canvas,
      );
    }),
  );
}

function draw_blocks() {
  const focused = document.activeElement?.dataset?.map,
    { steps } = state.walked;
  by_id("token-title").textContent = t("token_title", { where: where_of(state.token) });
  const titles = ["", "heads", "token_facts", "lens"].map((name) => make("span", {}, name && t(name)));
  const heads = make("div", { class: "block heads" }, ...titles);
  const start = make(
    "div",
    { class: "block" },
    make("span", { class: "title" }),
    make("div", { class: "small maps" }),
    make("div", { class: "small" }, t("lens_start")),
    lens_bars(steps.block0.x),
  );
  const rows = BLOCKS.map((block) =>
    make(
      "div",
      { class: "block", "data-block": block },
      make("span", { class: "title" }, `block${block}`),
      maps(block),
      facts(block),
      lens_bars(steps[`block${block}`].y),
    ),
  );
  by_id("blocks").classList.toggle("many", CONFIG.heads > 4);
  by_id("blocks").replaceChildren(heads, start, ...rows);
  if (focused) by_id("blocks").querySelector(`[data-map="${focused}"]`)?.focus();
}

function draw_directions() {
  segments(
    "directions",
    ["to", "by"].map((d) => [d, t(d)]),
    () => state.direction,
    (direction) => change({ direction }),
  );
}

function draw_pin() {
  by_id("pin").textContent = t(state.held ? "unpin" : "pin");
}

by_id("pin").addEventListener("click", () => change({ held: !state.held }));
draws(["token", "direction", "overlay", "block", "head", "scheme"], draw_blocks);
draws(["walked", "language"], draw_blocks, true);
draws(["direction", "language"], draw_directions);
draws(["held", "language"], draw_pin);
