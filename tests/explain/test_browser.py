"""The page in a real browser: its numbers are NumPy's, and each interaction does what it says."""

import json

import numpy as np
import pytest
from browser import opened_browser, opened_page, settled
from explained import CONFIGS, NAMES, trained_model

from minivit import CrossEntropy, tree
from minivit.explain import assemble, picture
from minivit.explain.record import walk
from minivit.optim import SGD, AdamW, Muon

LABEL, TOLERANCE = 2, 1e-4
PLAIN = """() => {
  const plain = (value) => {
    if (ArrayBuffer.isView(value)) return Array.from(value);
    if (Array.isArray(value)) return value.map(plain);
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
  };
  const image = state.walked.steps.patchify.x;
  const { steps, loss, probabilities } = walk(CONFIG, state.params, image, LABEL);
  for (const step of Object.values(steps)) delete step.layer;
  return JSON.stringify(plain({ steps, loss, probabilities }));
}""".replace("LABEL", str(LABEL))


class Made:
    """A page of a small model on disk, and what NumPy computes for its picture."""

    def __init__(self, folder, config):
        self.trained, self.config = trained_model(config), config
        shape = (2, *config.image_shape)
        self.pixels = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
        self.image = picture.normalised(self.trained, self.pixels[0])
        self.walk = walk(self.trained, self.image, LABEL)
        seen = [
            picture.Picture(f"{name}.png", p) for name, p in zip("ab", self.pixels, strict=True)
        ]
        text = assemble.assemble(self.trained, self.walk, seen, [None, 5], "small </script>")
        self.file = folder / "page.html"
        self.file.write_text(text, encoding="utf-8")

    def loss(self, params=None, image=None):
        """The loss in float64, of other parameters or another picture."""
        double = tree.map(lambda leaf: leaf.astype(float), params or self.trained.params)
        image = np.asarray(self.image if image is None else image, float)
        logits = self.trained.model.predict(double, image[None])
        return float(CrossEntropy().forward(logits, np.array([LABEL]))[0])


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module", params=CONFIGS)
def made(request, browser, tmp_path_factory):
    return Made(tmp_path_factory.mktemp("page"), CONFIGS[request.param])


@pytest.fixture(scope="module")
def overlapping(browser, tmp_path_factory):
    return Made(tmp_path_factory.mktemp("page"), CONFIGS["mean of overlapping patches"])


@pytest.fixture(scope="module")
def tab(browser, overlapping):
    with opened_page(browser, overlapping.file) as page:
        yield page


@pytest.fixture
def page(tab):
    """The page as it is when it has just been opened."""
    tab.reload()
    return tab


def flat(value):
    """The arrays of a cache, in order."""
    if isinstance(value, dict):
        return [array for part in value.values() for array in flat(part)]
    if isinstance(value, (tuple, list)) and not all(np.isscalar(v) for v in value):
        return [array for part in value for array in flat(part)]
    return [] if value is None else [np.asarray(value, float).ravel()]


def same(found, want):
    found, want = np.asarray(found, float).ravel(), np.asarray(want, float).ravel()
    assert found.shape == want.shape
    return np.abs(found - want).max() <= TOLERANCE * max(np.abs(want).max(), 1e-12)


def test_logits_caches_and_gradients_are_numpys(browser, made):
    with opened_page(browser, made.file) as page:
        found = json.loads(page.evaluate(PLAIN))
        assert "small </script>" in page.inner_text("#about")
    assert same(found["loss"], made.walk.loss)
    assert same(found["probabilities"], made.walk.probabilities)
    missing = made.walk.steps.keys() - found["steps"].keys()
    assert list(found["steps"]) == [name for name in made.walk.steps if name not in missing]
    assert missing == {"dropout"}  # which does nothing here
    for name, step in found["steps"].items():
        want = made.walk.steps[name]
        for array in ("x", "y", "dy", "dx"):
            assert same(step[array], getattr(want, array)), (name, array)
        grads = dict(tree.walk(step["grads"]))
        assert grads.keys() == dict(tree.walk(want.grads)).keys()
        for leaf, grad in tree.walk(want.grads):
            assert same(grads[leaf], grad), (name, leaf)
        if name.endswith((".attn", ".norm1", ".fc1", ".proj", "gelu")) or name in ("patch", "norm"):
            part = "heads" if name.endswith(".attn") else None
            kept = flat(step["cache"][part] if part else step["cache"])
            cache = flat(want.cache[part] if part else want.cache)
            assert len(kept) == len(cache) and all(map(same, kept, cache)), name


def test_pointing_at_a_patch_shows_its_attention(page, overlapping):
    grid = overlapping.config.grid[0]
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.1)
    token = grid - 1
    assert page.evaluate("state.token") == token
    assert page.inner_text("#token-title").startswith(f"Patch in row 0, column {token}")
    p = overlapping.walk.steps["block1.attn"].cache["heads"][3][:, 0]  # (keys, heads, queries)
    assert same(page.evaluate("Array.from(attention_map(1, 2))"), p[:, 2, token])
    page.click('#directions [data-value="by"]')
    assert same(page.evaluate("Array.from(attention_map(1, 2))"), p[token, 2])
    page.click('[data-map="0-1"]')
    assert page.evaluate("[state.block, state.head, state.overlay]") == [0, 1, "attention"]
    assert "block0, head 1" in page.inner_text("#overlay-words")
    page.click("#stage", position={"x": 30, "y": box["height"] - 30})  # holds the token
    page.hover("#stage", position={"x": box["width"] - 30, "y": 30})
    assert page.evaluate("[state.token, state.held]") == [grid * (grid - 1), True]


def test_gradients_over_the_picture(page, overlapping):
    steps = overlapping.walk.steps
    page.evaluate(f"follow_label({LABEL})")
    page.click('#overlays [data-value="pixels"]')
    want = np.linalg.norm(steps["patchify"].dx[0], axis=-1)
    assert same(page.evaluate("Array.from(overlay().values)"), want)
    page.click('#overlays [data-value="patches"]')
    want = np.linalg.norm(steps["block1"].dy[0], axis=-1)
    assert same(page.evaluate("Array.from(overlay().values)"), want)
    page.click('#overlays [data-value="none"]')
    assert page.evaluate("overlay()") is None


def test_the_logit_lens_and_the_way_of_a_token(page, overlapping):
    model, params, steps = (
        overlapping.trained.model,
        overlapping.trained.params,
        overlapping.walk.steps,
    )

    def lens(tokens):
        for name in ("norm", "pool", "head"):
            tokens, _ = model.parts[name].forward(params.get(name, {}), tokens)
        return np.exp(tokens[0]) / np.exp(tokens[0]).sum()

    y = steps["block0"].y
    assert same(page.evaluate("Array.from(lens(state.walked.steps.block0.y))"), lens(y))
    alone = "Array.from(lens(row_of(state.walked.steps.block0.y, CONFIG.dim, 3)))"
    assert same(page.evaluate(alone), lens(y[:, 3:4]))
    best = lens(steps["block1"].y)
    shown = page.inner_text('[data-block="1"] .lens b >> nth=0')
    assert shown == f"{round(100 * best.max())}% {NAMES[best.argmax()]}"
    page.evaluate(f"follow_label({LABEL}); change({{ token: 3 }})")
    added = np.linalg.norm(steps["block1.attn"].y[0, 3]) / np.linalg.norm(steps["block1"].x[0, 3])
    numbers = page.locator('[data-block="1"] .facts b').all_inner_texts()
    assert numbers[0] == f"{100 * added:.1f}%"
    gradient = np.linalg.norm(steps["block1"].dy[0, 3])
    assert float(numbers[2].replace("−", "-")) == pytest.approx(gradient, rel=6e-3)


def test_a_label_and_a_picture_are_chosen(page, overlapping):
    page.click(f'#bars [data-class="{LABEL}"]')
    assert same(page.evaluate("state.walked.loss"), overlapping.walk.loss)
    page.keyboard.press("ArrowDown")
    assert page.evaluate("state.walked.label") == LABEL + 1
    page.click("#thumbs button >> nth=1")
    image = picture.normalised(overlapping.trained, overlapping.pixels[1])
    want = walk(overlapping.trained, image, 5)
    assert page.evaluate("state.walked.label") == 5
    assert same(page.evaluate("Array.from(state.walked.probabilities)"), want.probabilities)


@pytest.mark.parametrize("kind", ["pixel", "weight", "activation"])
def test_a_nudge_is_what_a_new_forward_gives(page, overlapping, kind):
    made, h = overlapping, 10**-1.5
    name, leaf, index = {
        "pixel": ("patchify", "x", 50),
        "weight": ("block1.mlp.fc1", "w", 33),
        "activation": ("block1.attn", "y", 20),
    }[kind]
    target = {"kind": kind, "name": name, "leaf": leaf, "index": index}
    page.evaluate(f"follow_label({LABEL}); change({{log_size: -1.5, nudge: {json.dumps(target)}}})")
    if kind == "pixel":
        image = made.image.copy()
        image.reshape(-1)[index] += h
        want = made.loss(image=image) - made.loss()
        gradient = made.walk.steps["patchify"].dx.ravel()[index]
    elif kind == "weight":
        params = tree.map(np.copy, made.trained.params)
        params["block1"]["mlp"]["fc1"]["w"].reshape(-1)[index] += np.float32(h)
        want = made.loss(params) - made.loss()
        gradient = made.walk.steps[name].grads["w"].ravel()[index]
    else:
        steps, model = made.walk.steps, made.trained.model
        x = steps["block1"].x + 0
        params = tree.map(lambda leaf: leaf.astype(float), made.trained.params)
        attn = steps[name].y.copy().astype(float)
        attn.reshape(-1)[index] += h
        x = x + attn
        block = model.parts["block1"]
        normed, _ = block.norm2.forward(params["block1"]["norm2"], x)
        x = x + block.mlp.forward(params["block1"]["mlp"], normed)[0]
        for part in ("norm", "pool", "head"):
            x, _ = model.parts[part].forward(params.get(part, {}), x)
        want = float(CrossEntropy().forward(x, np.array([LABEL]))[0]) - made.loss()
        gradient = steps[name].dy.ravel()[index]
    found = page.evaluate(f"nudger(false).loss(state.nudge, {h}) - state.walked.loss")
    assert found == pytest.approx(want, rel=2e-3, abs=1e-7)
    shown = page.locator("#changes b").all_inner_texts()
    numbers = [float(text.replace("−", "-")) for text in shown]
    assert numbers[0] == pytest.approx(gradient * h, rel=6e-3)
    assert numbers[1] == pytest.approx(found, rel=6e-3)
    settled(page, curves=True)
    double, single = page.evaluate("[sweep.curves.double, sweep.curves.single]")
    errors, rough = dict(double), dict(single)
    best, best_rough = min(errors, key=errors.get), min(rough, key=rough.get)
    assert errors[best] < 1e-7 and -7 <= best <= -2  # the V, and its lowest point
    assert errors[1] > 1e3 * errors[best] and errors[-10] > 30 * errors[best]
    assert rough[best_rough] > 10 * errors[best] and best_rough > best
    stored = "nudger(true).inputs.norm.every((v) => Math.fround(v) === v)"
    assert page.evaluate(stored) and not page.evaluate(stored.replace("true", "false"))
    assert page.locator("#v polyline").count() == 2 and page.locator("#curve polyline").count() == 2


def test_a_number_of_a_heat_map_becomes_the_nudge(page):
    page.click('[data-layer="patch"]')
    settled(page)
    page.click('[data-detail="patch"] [data-pair="w"]')
    heat = page.locator('[data-detail="patch"] canvas.heat').first
    box = heat.bounding_box()
    heat.click(position={"x": 1, "y": 1})
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    cols = 12
    values = page.locator('[data-detail="patch"] .value').all_inner_texts()
    assert values[0].startswith("w[1, 1] = ") and values[1].startswith("dw[1, 1] = ") and box
    page.keyboard.press("Enter")
    target = {"kind": "weight", "name": "patch", "leaf": "w", "index": cols + 1}
    assert page.evaluate("state.nudge") == target
    assert "patch.w[1, 1] = " in page.inner_text("#target-words")
    page.select_option("#kind", "activation")
    page.select_option("#layer", "block0.mlp.gelu")
    assert page.evaluate("state.nudge.name") == "block0.mlp.gelu"
    page.fill("#index", "7")
    page.press("#index", "Tab")
    assert page.evaluate("state.nudge.index") == 7
    assert "def forward" in page.locator('[data-detail="patch"] pre').nth(1).text_content()


RULES = {"sgd": (SGD(), SGD()), "adamw": (AdamW(), AdamW()), "muon": (Muon(), AdamW())}


@pytest.mark.parametrize("rule", RULES)
def test_an_optimizer_step_is_minivits(page, overlapping, rule):
    page.evaluate(f"follow_label({LABEL})")
    page.click(f'#rules [data-value="{rule}"]')
    page.evaluate("change({ log_lr: -2 })")
    params = tree.map(lambda leaf: leaf.astype(float), overlapping.trained.params)
    image, model, loss = (
        overlapping.image[None].astype(float),
        overlapping.trained.model,
        CrossEntropy(),
    )
    memory = {n: {"m": np.zeros_like(x), "v": np.zeros_like(x)} for n, x in tree.walk(params)}
    losses = [overlapping.loss()]
    for step in (1, 2):
        page.locator("#take").press("Enter")  # a click may miss while the page moves
        page.locator("#stepped", has_text=f"{step} taken").wait_for()
        found = dict(page.evaluate("leaves(state.params).map(([n, x]) => [n, Array.from(x)])"))
        logits, cache = model.forward(params, image)
        _, loss_cache = loss.forward(logits, np.array([LABEL]))
        grads = dict(tree.walk(model.backward(loss.backward(1.0, loss_cache), cache)[1]))
        predicted = 0.0
        for name, leaf in tree.walk(params):
            old, optimizer = leaf.copy(), RULES[rule][not tree.is_hidden_matrix(name)]
            optimizer.update(leaf, grads[name], memory[name], 0.01, step, 0.0)
            predicted += float((grads[name] * (leaf - old)).sum())
            # g / (|g| + eps) is about the sign of g, which is left to rounding where g is about 0
            sure = np.abs(grads[name]) > 1e-6
            there = np.reshape(found[name], leaf.shape)
            assert np.allclose(there[sure], leaf[sure], rtol=1e-5, atol=1e-5), name
            leaf[...] = there
        losses.append(overlapping.loss(params))
        assert page.evaluate("state.walked.loss") == pytest.approx(losses[step], rel=1e-6)
    words = page.inner_text("#outcome").replace("−", "-").split()
    said = [float(words[i].rstrip(".,")) for i in (1, 3)]
    assert said == pytest.approx(losses[1:], rel=6e-3)
    assert float(words[words.index("change") + 2].rstrip(",")) == pytest.approx(predicted, rel=1e-2)
    assert page.locator("#before-after .number").first.inner_text().count("→") == 1
    page.click("#reset")
    assert same(page.evaluate("state.walked.loss"), losses[0])
    page.evaluate("change({ log_lr: 200 })")
    page.click("#take")
    page.locator("#outcome", has_text="would no longer be finite").wait_for()
    assert page.evaluate("[state.steps, Number.isFinite(state.walked.loss)]") == [0, True]


def test_a_picture_of_ones_own(page, overlapping, tmp_path):
    image_library = pytest.importorskip("PIL.Image")
    exact, wide, none = (tmp_path / name for name in ("exact.png", "wide.png", "none.png"))
    image_library.fromarray(overlapping.pixels[1]).save(exact)
    image_library.fromarray(np.full((30, 50, 3), 90, np.uint8)).save(wide)
    none.write_text("no picture")
    want = walk(overlapping.trained, picture.normalised(overlapping.trained, overlapping.pixels[1]))
    page.set_input_files("#own", exact)
    page.wait_for_selector("#thumbs button >> nth=2")
    assert same(page.evaluate("Array.from(state.walked.probabilities)"), want.probabilities)
    page.set_input_files("#own", none)
    page.locator("#picture-note", has_text="none.png cannot be read as a picture").wait_for()
    page.evaluate(
        """async (bytes) => {
          const file = new File([Uint8Array.from(bytes)], "wide.png", { type: "image/png" });
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(file);
          dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
        }""",
        list(wide.read_bytes()),
    )
    page.locator("#picture-note", has_text="wide.png: 50 × 30 pixels, fitted to 8 × 8").wait_for()
    assert page.evaluate("DATA.pictures[3].pixels[10]") == 90


def test_keys(page):
    page.focus("#stage")
    start = page.evaluate("state.token")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("[state.token, state.held]") == [start - 1, True]
    for key, name, value in (
        ("g", "overlay", "pixels"), ("p", "overlay", "patches"), ("o", "overlay", "none"),
        ("a", "overlay", "attention"), ("t", "direction", "by"), ("[", "block", 0),
        ("]", "block", 1), ("}", "head", 1), ("{", "head", 0), ("n", "picture", 1),
        ("b", "picture", 0), ("Enter", "held", False),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(f"state.{name}") == value, key
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    page.focus('[data-layer="block1"]')
    page.keyboard.press("Enter")
    assert page.locator('[data-layer="block1.attn"]').is_visible()


def test_touch_languages_schemes_and_widths(browser, overlapping):
    wide = "document.documentElement.scrollWidth <= innerWidth"
    for width, scheme in ((360, "dark"), (768, "light"), (3840, "dark")):
        how = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        with opened_page(browser, overlapping.file, has_touch=True, **how) as page:
            assert page.evaluate("document.documentElement.dataset.scheme") == scheme
            page.tap("#stage", position={"x": 30, "y": 60})
            assert page.evaluate("[state.token, state.held]") == [0, True]
            page.evaluate("change({ open: new Set(['block0', 'block0.attn', 'block0.attn.qkv']) })")
            settled(page)
            assert page.evaluate(wide), width
            page.tap('#languages [data-value="zh"]')
            settled(page)
            assert page.evaluate(wide) and page.inner_text("#nudge h2") == "扰动"
            assert page.evaluate("document.documentElement.lang") == "zh-CN"
            for id_ in ("about", "overlay-words", "loss", "token-title", "target-words"):
                assert page.inner_text(f"#{id_}")
            assert "Whom the boxed" not in page.inner_text("main")
            other = "light" if scheme == "dark" else "dark"
            page.tap(f'#schemes [data-value="{other}"]')
            assert page.evaluate("document.documentElement.dataset.scheme") == other
