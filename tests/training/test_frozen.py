"""A partly frozen model: what learns gets the gradients of the whole one, the rest stays."""

from dataclasses import replace

import numpy as np
import pytest
from runs import data

from minivit import Config, ConfigError, CrossEntropy, ViT, gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.gradcheck_cases import MODEL
from minivit.training.frozen import ALL, PartlyFrozen, rate_share
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

SIZES = {"image_size": 8, "patch_size": 2, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]
FROZEN = {  # freeze: the first part that learns
    1: "block1",
    2: "norm",
    ALL: "head",
}


def trainer(workers, xp=np, model=None, **recipe):
    config = Config(**SIZES, dropout=0.1)
    return Trainer(
        config,
        Recipe(**{"warmup": 0, "lr": 0.01, **recipe}),
        20,
        MEAN,
        STD,
        workers,
        xp,
        None,
        model,
    )


def shake(trained):
    """Other weights than the first ones, whose head is zero and hides all else."""
    rng = np.random.default_rng(8)
    for vector in (trained.vector, trained.weights.frozen_vector):
        host = rng.standard_normal(vector.shape).astype(np.float32) * np.float32(0.3)
        vector[...] = to_device(host, trained.xp)


def host(params):
    return {name: np.copy(to_host(leaf)) for name, leaf in tree.walk(params)}


@pytest.mark.parametrize(("freeze", "first"), FROZEN.items())
def test_what_learns_has_the_gradients_of_the_whole_model(freeze, first):
    config = replace(MODEL, dropout=0.0, drop_path=0.0, patch_dropout=0.5)
    frozen, whole = PartlyFrozen(config, freeze), ViT(config)
    rng = np.random.default_rng(0)
    params = gradcheck.redraw(whole.init(None), rng)
    images, dlogits = rng.standard_normal((4, 8, 8, 3)), rng.standard_normal((4, 10))
    key = gradcheck.Key(3)
    logits, cache = frozen.forward(params, images, key)
    same, whole_cache = whole.forward(params, images, key)
    np.testing.assert_array_equal(logits, same)
    assert next(iter(cache)) == first  # nothing is kept of what is frozen
    dimages, grads = frozen.backward(dlogits, cache)
    assert dimages is None and cache == {}
    expected = whole.backward(dlogits, whole_cache)[1]
    assert list(grads) == [name for name in reversed(whole.parts) if name not in frozen.frozen]
    for name in grads:
        for leaf, gradient in tree.walk(grads[name]):
            np.testing.assert_array_equal(gradient, dict(tree.walk(expected[name]))[leaf])


def test_frozen_parts_compute_as_in_evaluation():
    config = Config(**SIZES, dropout=0.5, drop_path=0.5)
    model, rng = PartlyFrozen(config, ALL), np.random.default_rng(0)
    params = gradcheck.redraw(model.init(None), rng)
    images = rng.standard_normal((4, 8, 8, 3))
    logits, _ = model.forward(params, images, gradcheck.Key(3))
    np.testing.assert_allclose(logits, model.predict(params, images), rtol=1e-9)


@pytest.mark.parametrize(("freeze", "first"), FROZEN.items())
@pytest.mark.parametrize("early", [{}, {"early_drop": 0.5}, {"early_size": 4}])
def test_steps_change_what_learns_and_nothing_else(xp, workers, freeze, first, early):
    trained = trainer(workers, xp, freeze=freeze, ema=0.5, optimizer="muon", **early)
    shake(trained)
    names = list(trained.model.parts)
    learning = names[names.index(first) :]
    before = host(trained.params)
    images, labels = data(6, xp=xp)
    for _ in range(2):
        trained.train_step(images, labels)
    for name, leaf in host(trained.params).items():
        moved = not np.array_equal(leaf, before[name])
        assert moved == (name.partition(".")[0] in learning), name
    assert len(trained.update.state["m"]) == len(trained.vector) < trained.weights.count
    arrays = trained.arrays()
    whole = {name for name, _ in tree.walk(trained.model.init(None))}
    for group in ("model", "optimizer/ema"):  # both can be loaded as a model
        assert {n.removeprefix(f"{group}/") for n in arrays if n.startswith(group)} == whole
    assert not any(n.startswith("optimizer/m/patch") for n in arrays)


def test_restored_weights_are_the_frozen_ones_too(workers):
    first = trainer(workers, freeze=1)
    shake(first)
    second = trainer(workers, freeze=1, seed=7)
    second.restore(first.arrays(), 3)
    assert second.step == 3
    for name, leaf in host(second.params).items():
        np.testing.assert_array_equal(leaf, host(first.params)[name])


def test_rates_fall_towards_the_image():
    shares = {name: rate_share(name, 3, 0.5) for name in (
        "patch.w", "class_token.cls", "position.pos", "block0.attn.qkv.w", "block2.norm1.beta",
        "norm.gamma", "pool.w", "pre_logits.w", "head.w",
    )}  # fmt: skip
    assert list(shares.values()) == [1 / 16] * 3 + [1 / 8, 1 / 2] + [1] * 4
    assert rate_share("block10.mlp.fc1.w", 12, 1.0) == 1.0


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_a_step_with_layer_decay_is_that_share_of_a_step(workers, optimizer):
    steps = {}
    for decay in (1.0, 0.5):
        trained = trainer(
            workers, layer_decay=decay, optimizer=optimizer, weight_decay=0.1, clip=9e9
        )
        shake(trained)
        before = host(trained.params)
        trained.train_step(*data(6))
        steps[decay] = {name: leaf - before[name] for name, leaf in host(trained.params).items()}
    for name, step in steps[0.5].items():
        share = rate_share(name, 2, 0.5)
        np.testing.assert_allclose(
            step, share * steps[1.0][name], rtol=1e-2, atol=2e-6, err_msg=name
        )


def test_more_blocks_than_there_are_cannot_be_frozen():
    with pytest.raises(ConfigError, match="freeze 3: the model has 2 blocks; freeze 2 leaves the"):
        PartlyFrozen(Config(**SIZES), 3)


def test_nothing_left_to_learn_is_an_error(workers):
    model = PartlyFrozen(Config(**SIZES), ALL)
    model.frozen = list(model.parts)
    with pytest.raises(ConfigError, match="nothing is left to learn: all parameters are frozen"):
        trainer(workers, model=model)


def test_the_loss_reaches_what_learns(workers):
    """The gradient of the frozen model through the loss, against finite differences."""
    config = replace(MODEL, dropout=0.0)
    model, rng = PartlyFrozen(config, 1), np.random.default_rng(1)
    params = {n: p for n, p in gradcheck.redraw(model.init(None), rng).items()}
    images, labels, key = (
        rng.standard_normal((3, 8, 8, 3)),
        rng.integers(0, 10, 3),
        gradcheck.Key(2),
    )
    logits, cache = model.forward(params, images, key)
    loss_layer = CrossEntropy()
    grads = model.backward(loss_layer.backward(1.0, loss_layer.forward(logits, labels)[1]), cache)[
        1
    ]
    w = params["block1"]["mlp"]["fc2"]["w"]

    def loss():
        return float(loss_layer.forward(model.forward(params, images, key)[0], labels)[0])

    check = gradcheck.check_leaf("w", loss, w, grads["block1"]["mlp"]["fc2"]["w"])
    assert check.error < 1e-6


def test_positions_of_a_block_learn_with_it():
    model = PartlyFrozen(replace(MODEL, position="every-block", patch_dropout=0.0), 1)
    assert "block0" in model.frozen and not {"position1", "block1"} & set(model.frozen)
    assert rate_share("position1.pos", 3, 0.5) == rate_share("block1.mlp.fc1.w", 3, 0.5) == 0.25
    assert rate_share("position.pos", 3, 0.5) == 0.0625


def test_positions_that_blocks_share_cannot_be_frozen_in_part():
    with pytest.raises(ConfigError, match="every-block-shared positions are those of frozen"):
        PartlyFrozen(replace(MODEL, position="every-block-shared", patch_dropout=0.0), 1)
