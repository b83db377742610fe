// The answer as bars, the label whose loss is followed, and the choice among pictures.

function bar(name, share, warm = false) {
  const track = make(
    "span",
    { class: "track" },
    make("div", { class: warm ? "fill warm" : "fill", style: `width:${100 * share}%` }),
  );
  return [
    make("span", { class: "name", title: name }, name),
    make("span", { class: "number" }, percent(share)),
    track,
  ];
}

// The classes that are shown: the most probable, and the label.
const MOST_BARS = 10;
function shown_classes(probabilities, label, most = MOST_BARS) {
  const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]);
  const shown = DATA.classes.length <= most ? Array.from(probabilities.keys()) : order.slice(0, most);
  return shown.includes(label) ? shown : [...shown.slice(0, -1), label];
}

function draw_answer() {
  const { probabilities, label, loss } = state.walked,
    focused = by_id("bars").contains(document.activeElement);
  by_id("bars").setAttribute("aria-label", t("answer"));
  by_id("bars").replaceChildren(
    ...shown_classes(probabilities, label).map((c) =>
      make(
        "button",
        {
          class: "bar",
          role: "radio",
          "aria-checked": String(c === label),
          tabindex: c === label ? 0 : -1,
          "data-class": c,
          onclick: () => follow_label(c),
        },
        ...bar(DATA.classes[c], probabilities[c], c === label),
      ),
    ),
  );
  if (focused) by_id("bars").querySelector('[aria-checked="true"]').focus();
  by_id("label").value = label;
  by_id("loss").textContent = t("loss", { label: DATA.classes[label], loss: short(loss) });
}

// Where not all classes have a bar, a list has them.
by_id("all-labels").hidden = DATA.classes.length <= MOST_BARS;
by_id("label").append(...DATA.classes.map((name, c) => make("option", { value: c }, name)));
by_id("label").addEventListener("change", (event) => follow_label(Number(event.target.value)));
by_id("bars").addEventListener("keydown", (event) => {
  const way = { ArrowDown: 1, ArrowUp: -1 }[event.key],
    all = [...by_id("bars").children];
  if (!way) return;
  event.preventDefault();
  const at = all.findIndex((each) => each.getAttribute("aria-checked") === "true");
  follow_label(Number(all[(at + way + all.length) % all.length].dataset.class));
});

function draw_pictures() {
  const focused = [...by_id("thumbs").children].indexOf(document.activeElement);
  by_id("thumbs").replaceChildren(
    ...DATA.pictures.map((picture, i) => {
      const canvas = make("canvas"),
        title = picture.label === null ? picture.name : DATA.classes[picture.label];
      paint_picture(canvas, picture.pixels);
      const chosen = String(i === state.picture);
      return make(
        "button",
        { title, "aria-label": title, "aria-pressed": chosen, onclick: () => show_picture(i) },
        canvas,
      );
    }),
  );
  if (focused >= 0) by_id("thumbs").children[focused].focus();
  const { name, size, here } = DATA.pictures[state.picture];
  const how = size && { name, width: size[0], height: size[1], to_width: WIDTH, to_height: HEIGHT };
  by_id("picture-note").textContent = size ? t(here ? "fitted_here" : "fitted", how) : "";
}

draws(["walked", "language"], draw_answer);
draws(["picture", "language"], draw_pictures);
