"""The formulas behind the figures, on cases made by hand."""

import numpy as np
import pytest

from minivit.figures.distance import distances, mean_distance
from minivit.figures.pca import principal_components
from minivit.figures.positions import cosine_similarity, tiled
from minivit.figures.rollout import rollout


def random_attention(*shape):
    """Weights (..., T, T) whose rows sum to 1."""
    weights = np.random.default_rng(0).random(shape)
    return weights / weights.sum(axis=-1, keepdims=True)


def test_rollout_of_identity_attention_is_the_identity():
    identity = np.broadcast_to(np.eye(5), (2, 4, 3, 5, 5))  # B, depth, heads
    np.testing.assert_allclose(rollout(identity), np.broadcast_to(np.eye(5), (2, 5, 5)))


def test_rollout_of_one_block_is_half_of_its_mean_over_heads_and_half_the_identity():
    attention = random_attention(2, 1, 3, 5, 5)
    want = attention[:, 0].mean(axis=1) / 2 + np.eye(5) / 2
    np.testing.assert_allclose(rollout(attention), want)


def test_rollout_follows_a_path_through_the_blocks_in_their_order():
    """Token 1 takes from 0 in the first block, then 2 takes from 1: 0 reaches 2, a quarter of it.

    In the other order it would not: when 2 takes from 1, there is nothing of 0 in it.
    """
    first, second = np.eye(3), np.eye(3)
    first[1], second[2] = (1, 0, 0), (0, 1, 0)
    result = rollout(np.stack([first, second])[:, None])
    np.testing.assert_allclose(result[2], (0.25, 0.25, 0.5))
    assert rollout(np.stack([second, first])[:, None])[2, 0] == 0


def test_rollout_keeps_rows_that_sum_to_one():
    np.testing.assert_allclose(rollout(random_attention(2, 4, 3, 5, 5)).sum(axis=-1), 1)


def test_distance_of_uniform_attention_by_brute_force():
    grid, (p, q) = (3, 2), (4, 5)
    sum_of_all = 0.0
    for a in np.ndindex(grid):
        for b in np.ndindex(grid):
            sum_of_all += ((p * (a[0] - b[0])) ** 2 + (q * (a[1] - b[1])) ** 2) ** 0.5
    uniform = np.full((2, 5, 6, 6), 1 / 6)
    np.testing.assert_allclose(mean_distance(uniform, grid, (p, q)), sum_of_all / 36)


def test_distance_of_attention_to_the_neighbour_on_the_right():
    """Three of four columns look one patch, 4 pixels, to the right; the last looks at itself."""
    attention = np.zeros((16, 16))
    for row, column in np.ndindex(4, 4):
        attention[4 * row + column, 4 * row + min(column + 1, 3)] = 1
    assert mean_distance(attention, (4, 4), (4, 4)) == pytest.approx(0.75 * 4)
    assert distances((4, 4), (4, 4))[0, 15] == pytest.approx(12 * 2**0.5)


def test_distance_leaves_the_class_token_out():
    patches = random_attention(9, 9)
    with_class = np.full((10, 10), 0.5)
    with_class[1:, 1:] = 0.5 * patches  # half of the weight goes to the class token
    want = mean_distance(patches, (3, 3), (2, 2))
    assert mean_distance(with_class, (3, 3), (2, 2)) == pytest.approx(want)


def test_cosine_similarity():
    x = np.array([[2.0, 0], [0, 3], [-1, 0], [1, 1], [0, 0]])
    h = 0.5**0.5
    want = [[1, 0, -1, h, 0], [0, 1, 0, h, 0], [-1, 0, 1, -h, 0], [h, h, -h, 1, 0], [0] * 5]
    np.testing.assert_allclose(cosine_similarity(x), want, atol=1e-12)


def test_tiles_stand_where_their_patches_are():
    similarity = np.arange(81.0).reshape(9, 9)
    picture, chosen = tiled(similarity, (3, 3))
    assert picture.shape == (11, 11) and [list(c) for c in chosen] == [[0, 1, 2]] * 2
    assert (picture[4:7, 8:11] == similarity[1 * 3 + 2].reshape(3, 3)).all()
    assert np.isnan(picture[3]).all() and np.isnan(picture[:, 7]).all()
    picture, chosen = tiled(similarity, (3, 3), step=2)
    assert [list(c) for c in chosen] == [[1], [1]]
    assert (picture == similarity[4].reshape(3, 3)).all()
    picture, chosen = tiled(similarity[:6, :6], (2, 3), step=2)
    assert [list(c) for c in chosen] == [[1], [1]]
    assert (picture == similarity[4, :6].reshape(2, 3)).all()


def test_principal_components_of_points_on_a_line():
    """Points at -5, 0 and 10 on a line along (3, 4) / 5, moved away from 0."""
    line = np.array([0.6, 0.8])
    x = np.outer([-5.0, 0, 10], line) + np.array([7, 8])
    scores, components, shares = principal_components(x, 2)
    np.testing.assert_allclose(components[0], line)
    np.testing.assert_allclose(scores[:, 0], np.array([-5, 0, 10]) - 5 / 3)
    np.testing.assert_allclose(shares, (1, 0), atol=1e-12)


def test_principal_components_restore_what_they_were_made_of():
    x = np.random.default_rng(0).standard_normal((7, 4)) * (4, 3, 2, 1)
    scores, components, shares = principal_components(x, 4)
    np.testing.assert_allclose(scores @ components + x.mean(axis=0), x)
    np.testing.assert_allclose(components @ components.T, np.eye(4), atol=1e-12)
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    np.testing.assert_allclose(shares, values / values.sum())
    for row in components:
        assert row[abs(row).argmax()] > 0  # a sign that does not depend on the machine


def test_principal_components_of_equal_points():
    scores, _, shares = principal_components(np.ones((4, 3)), 2)
    assert (scores == 0).all() and (shares == 0).all()
