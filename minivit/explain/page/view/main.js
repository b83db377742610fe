// Languages, colour schemes, keys; then the first picture.

const LANGUAGES = ["en", "zh"];

function speak(name) {
  language = Math.max(0, LANGUAGES.indexOf(name));
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  const values = { rows: ROWS, columns: COLUMNS, height: PATCH[0], width: PATCH[1] };
  for (const element of document.querySelectorAll("[data-t]"))
    element.textContent = t(element.dataset.t, values);
  const count = Object.values(DATA.shapes).reduce((sum, s) => sum + s.reduce((a, b) => a * b, 1), 0);
  by_id("about").textContent = t("about", {
    source: DATA.source,
    count: count.toLocaleString("en"),
    depth: CONFIG.depth,
    heads: CONFIG.heads,
  });
  document.title = `${DATA.pictures[0].name} · minivit`;
  by_id("footer").textContent = t("footer", { version: DATA.version });
  const help = Object.keys(TEXT).filter((key_) => key_.startsWith("key_"));
  by_id("help-words").replaceChildren(make("ul", {}, ...help.map((key_) => make("li", {}, t(key_)))));
  if (state.walked) change({ language: name });
  segments(
    "languages",
    [
      ["en", "English"],
      ["zh", "中文"],
    ],
    () => LANGUAGES[language],
    speak,
  );
  draw_schemes();
}

const prefers_dark = matchMedia("(prefers-color-scheme: dark)");

function dress(scheme) {
  const dark = scheme === "dark" || (scheme === "auto" && prefers_dark.matches);
  document.documentElement.dataset.scheme = dark ? "dark" : "light";
  state.scheme = scheme;
  if (state.walked) change({ scheme });
  draw_schemes();
}

function draw_schemes() {
  segments(
    "schemes",
    ["auto", "light", "dark"].map((name) => [name, t(name)]),
    () => state.scheme,
    dress,
  );
}

function turn(list, now, by) {
  return list[(list.indexOf(now) + by + list.length) % list.length];
}

const KEYS = {
  g: () => change({ overlay: "pixels" }),
  p: () => change({ overlay: "patches" }),
  a: () => change({ overlay: "attention" }),
  o: () => change({ overlay: "none" }),
  t: () => change({ direction: state.direction === "to" ? "by" : "to" }),
  "[": () => change({ block: turn(BLOCKS, state.block, -1) }),
  "]": () => change({ block: turn(BLOCKS, state.block, 1) }),
  "{": () => change({ head: turn(HEADS, state.head, -1) }),
  "}": () => change({ head: turn(HEADS, state.head, 1) }),
  n: () => show_picture((state.picture + 1) % DATA.pictures.length),
  b: () => show_picture((state.picture - 1 + DATA.pictures.length) % DATA.pictures.length),
  "?": () => by_id("help").showModal(),
};

addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || by_id("help").open || !KEYS[event.key])
    return;
  event.preventDefault();
  KEYS[event.key]();
});
by_id("help-button").addEventListener("click", () => by_id("help").showModal());
prefers_dark.addEventListener("change", () => dress(state.scheme));

for (const picture of DATA.pictures) picture.pixels = bytes_of(picture.pixels);
state.params = trained_params();
dress("auto");
speak(DATA.language);
const first = DATA.pictures[0];
change({
  ...state,
  language: DATA.language,
  walked: walk(CONFIG, state.params, normalised(first.pixels), first.label ?? DATA.label),
});
