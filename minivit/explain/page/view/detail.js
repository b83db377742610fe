// What an open layer shows: a pair of arrays, forward and backward, mirrored; equations; source.

function detail(step) {
  const pairs = pairs_of(step),
    box = make("div", { class: "detail", "data-detail": step.name });
  const told = DATA.lessons[step.layer.constructor.name];
  const about = (language && ABOUT_ZH[told.name]) || told.about;
  box.append(make("p", { class: "tell" }, about, make("br"), cost_words(step)));
  const chips = make("div", { class: "chips" });
  const fill = () => {
    const pair = state.chosen[step.name] in pairs ? state.chosen[step.name] : "y";
    chips.replaceChildren(
      ...Object.entries(pairs).map(([name, [, back]]) =>
        make(
          "button",
          {
            "aria-pressed": String(name === pair),
            "data-pair": name,
            onclick: () => {
              state.chosen[step.name] = name;
              fill();
            },
          },
          back ? `${name} | d${name}` : name,
        ),
      ),
    );
    arrays.replaceChildren(...mirrored(step, pair, pairs[pair]));
  };
  const arrays = make("div");
  box.append(
    make(
      "div",
      { class: "mirror words" },
      lesson_box(step, told, "forward"),
      lesson_box(step, told, "backward"),
    ),
    chips,
    arrays,
  );
  fill();
  return box;
}

function cost_words(step) {
  const count = leaves(step.params).reduce((sum, [, leaf]) => sum + leaf.length, 0);
  const all = leaves(state.params).reduce((sum, [, leaf]) => sum + leaf.length, 0);
  if (!count) return t("no_parameters");
  const macs = DATA.macs[step.name] || 0;
  return t("cost", {
    parameters: count.toLocaleString("en"),
    share: percent(count / all),
    macs: macs.toLocaleString("en"),
  });
}

function lesson_box(step, told, way) {
  const { file, line, text } = told.source[way],
    name = `${step.name} ${way}`;
  const keep = (event) => state.sources[event.target.open ? "add" : "delete"](name);
  const open = state.sources.has(name) ? "" : null;
  return make(
    "div",
    {},
    make("pre", { tabindex: 0 }, told[way]),
    make(
      "details",
      { open, ontoggle: keep },
      make("summary", {}, t("source_of", { method: `${told.name}.${way}`, file, line })),
      make("pre", { tabindex: 0 }, text),
    ),
  );
}

// The two heat maps of a pair, with one cursor for both, and the button that nudges its number.
function mirrored(step, pair, [forward, backward]) {
  const [rows, cols] = cache_matrix(step, pair, forward.length),
    under = make("div", { class: "nudge-row" }, nudge_of(step, pair, 0) ? t("point_here") : "");
  const sides = [
    [pair, forward],
    [`d${pair}`, backward],
  ].map(([name, x]) => {
    if (!x) return make("div", {}, make("p", { class: "small" }, t("not_returned")));
    return heat_box(step, name, x, rows, cols);
  });
  const boxes = sides.filter((side) => side.point);
  const point = (index) => {
    for (const side of boxes) side.point(index);
    const target = nudge_of(step, pair, index);
    under.replaceChildren(
      ...(target
        ? [
            make(
              "button",
              { class: "to-nudge", onclick: () => go_nudge(target) },
              t("nudge_this", { number: `${pair}[${index_text(index, rows, cols)}]` }),
            ),
          ]
        : []),
    );
  };
  for (const side of boxes)
    listen(side, rows, cols, point, (index) => {
      const target = nudge_of(step, pair, index);
      if (target) go_nudge(target);
    });
  return [make("div", { class: "mirror" }, ...sides), under];
}

function index_text(index, rows, cols) {
  return rows === 1 ? String(index) : `${Math.floor(index / cols)}, ${index % cols}`;
}

// The shape of what attention keeps by head, which lies in the heat map in two dimensions.
function kept_shape(step, name) {
  const { heads, dim } = CONFIG;
  if (!(step.layer instanceof Attention)) return "";
  if (name === "p") return t("p_shape", { heads, tokens: TOKENS });
  return ["q", "k", "v"].includes(name) ? `${heads} × ${TOKENS} × ${dim / heads}` : "";
}

function heat_box(step, name, x, rows, cols) {
  const canvas = make("canvas", {
    class: "heat",
    tabindex: 0,
    role: "application",
    "aria-label": `${step.name} ${name}`,
  });
  const cursor = make("div", { class: "cursor", hidden: "" }),
    value = make("div", { class: "value" }, " ");
  const low = x.reduce((a, b) => Math.min(a, b)),
    high = x.reduce((a, b) => Math.max(a, b));
  const mean = x.reduce((a, b) => a + b) / x.length;
  const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length);
  const near_0 = Math.abs(mean) < 1e-9 * deviation; // what rounding leaves of a sum that is 0
  const stats = t("stats", {
    mean: short(near_0 ? 0 : mean),
    deviation: short(deviation),
    low: short(low),
    high: short(high),
  });
  paint_soon(canvas, () => paint(canvas, x, rows, cols));
  canvas.style.height = `${rows === 1 ? 1.6 : Math.min(20, Math.max(3, (16 * rows) / cols))}rem`;
  const side = make(
    "div",
    {},
    make("h4", {}, `${name}  ${kept_shape(step, name) || shape_text(step.name, name, x.length)}`),
    make("div", { class: "heat-box" }, canvas, cursor),
    value,
    histogram(x),
    make("p", { class: "small" }, stats),
  );
  side.canvas = canvas;
  side.point = (index) => {
    const row = Math.floor(index / cols),
      column = index % cols;
    cursor.hidden = false;
    cursor.style.cssText = `left:${(100 * column) / cols}%;top:${(100 * row) / rows}%;width:${100 / cols}%;height:${100 / rows}%`;
    value.textContent = `${name}[${index_text(index, rows, cols)}] = ${short(x[index])}`;
    side.index = index;
  };
  return side;
}

function listen(side, rows, cols, point, choose) {
  const { canvas } = side;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (place, count) => Math.max(0, Math.min(count - 1, Math.floor(place * count)));
    return (
      cell((event.clientY - box.top) / box.height, rows) * cols +
      cell((event.clientX - box.left) / box.width, cols)
    );
  };
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") point(at(event));
  });
  canvas.addEventListener("click", (event) => point(at(event)));
  canvas.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key],
      now = side.index ?? 0;
    if (event.key === "Enter" && side.index !== undefined) choose(now);
    else if (way) {
      const row = Math.floor(now / cols) + way[0],
        column = (now % cols) + way[1];
      if (row >= 0 && row < rows && column >= 0 && column < cols) point(row * cols + column);
    } else return;
    event.preventDefault();
  });
}

// What a number of this pair is as a nudge, or null where the loss does not depend on it alone.
function nudge_of(step, pair, index) {
  if (pair === "y" && step.name !== "loss") return { kind: "activation", name: step.name, leaf: "y", index };
  if (pair === "x" && step.name === "patchify") return { kind: "pixel", name: step.name, leaf: "x", index };
  if (pair in step.grads) return { kind: "weight", name: step.name, leaf: pair, index };
  return null;
}
