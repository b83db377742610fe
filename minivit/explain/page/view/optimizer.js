// One optimizer step on this picture: the probabilities before and after.

const RULES = [
  ["sgd", "SGD"],
  ["adamw", "AdamW"],
  ["muon", "Muon"],
];
let memory = {}; // of the optimizer: {leaf: {m, v}}
let taken = 0; // steps with this memory
let last_step = null; // {before, after, losses, predicted}

function draw_rules() {
  segments(
    "rules",
    RULES,
    () => state.rule,
    (rule) => {
      forget();
      change({ rule });
    },
  );
  by_id("rule-words").textContent = t(`${state.rule}_words`);
  by_id("take").textContent = t("take");
  by_id("lr").value = state.log_lr;
  by_id("lr-words").textContent = short(10 ** state.log_lr);
}

function draw_outcome() {
  by_id("reset").disabled = !state.steps;
  const rule = RULES.find(([name]) => name === state.rule)[1];
  const notice = by_id("stepped");
  notice.hidden = !state.steps;
  notice.replaceChildren(
    t("stepped", { steps: state.steps, rule }),
    make("button", { onclick: back_to_trained }, t("reset")),
  );
  const shown = last_step || { before: state.walked.probabilities, after: null };
  const { label } = state.walked,
    classes = shown_classes(shown.after || shown.before, label);
  by_id("outcome").textContent = last_step ? t("outcome", last_step.words) : "";
  const swatch = (name, kind) => make("span", { class: "legend" }, make("i", { class: kind }), t(name));
  by_id("which").replaceChildren(
    ...(last_step ? [swatch("before", "fill"), swatch("after", "fill warm")] : []),
  );
  by_id("before-after").replaceChildren(
    ...classes.map((c) => {
      const values = [shown.before[c], ...(shown.after ? [shown.after[c]] : [])];
      const tracks = values.map((share, i) =>
        make(
          "div",
          { class: "track" },
          make("div", { class: i ? "fill warm" : "fill", style: `width:${100 * share}%` }),
        ),
      );
      return make(
        "div",
        { class: "bar", "data-class": c },
        make("span", { class: "name" }, DATA.classes[c]),
        make("span", { class: "number" }, values.map(percent).join(" → ")),
        make("span", {}, ...tracks),
      );
    }),
  );
}

// A step, a matrix at a time, so that the page answers in between.
async function take_step() {
  const button = by_id("take"),
    { walked, params } = state,
    grads = {},
    changed = [];
  for (const name of top_layers()) grads[name] = walked.steps[name].grads;
  const how = { rule: state.rule, lr: 10 ** state.log_lr, decay: 0, step: taken + 1 };
  const all = leaves(params);
  let predicted = 0,
    pause = performance.now();
  button.disabled = true;
  for (const [i, [name, old]] of all.entries()) {
    const [[, vector]] = leaves(optimizer_step(tree_from([[name, old]]), grads, memory, DATA.shapes, how));
    const gradient = leaf_of(grads, name);
    for (let j = 0; j < old.length; j++) predicted += gradient[j] * (vector[j] - old[j]);
    changed.push([name, vector]);
    if (performance.now() - pause > 40) {
      button.textContent = t("taking", { done: i + 1, all: all.length });
      await new Promise((go) => setTimeout(go));
      pause = performance.now();
    }
  }
  button.disabled = false;
  button.textContent = t("take");
  if (state.walked !== walked || state.rule !== how.rule) return forget(); // another was chosen
  const next = tree_from(changed);
  const after = walk(CONFIG, next, walked.forward.steps.patchify.x, walked.label);
  if (!Number.isFinite(after.loss)) {
    forget();
    by_id("outcome").textContent = t("diverged");
    return;
  }
  const words = {
    before: short(walked.loss),
    after: short(after.loss),
    predicted: short(predicted),
    actual: short(after.loss - walked.loss),
  };
  last_step = { before: walked.probabilities, after: after.probabilities, words, walked: after };
  taken++;
  change({ params: next, walked: after, steps: state.steps + 1 });
}

function forget() {
  memory = {};
  taken = 0;
}

function back_to_trained() {
  forget();
  last_step = null;
  const { walked } = state,
    params = trained_params();
  change({ params, steps: 0, walked: walk(CONFIG, params, walked.forward.steps.patchify.x, walked.label) });
}

by_id("take").addEventListener("click", take_step);
by_id("reset").addEventListener("click", back_to_trained);
by_id("lr").addEventListener("input", (event) => change({ log_lr: Number(event.target.value) }));
draws(["rule", "log_lr", "language"], draw_rules);
draws(["walked"], () => {
  if (last_step && last_step.walked !== state.walked) last_step = null;
});
draws(["walked", "steps", "language"], draw_outcome);
