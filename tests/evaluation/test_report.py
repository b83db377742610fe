"""What was found, as text, as JSON and as pictures."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from minivit.errors import BackendError
from minivit.evaluation import figures, tables
from minivit.evaluation.as_json import as_json
from minivit.evaluation.images import Part
from minivit.evaluation.judge import Classified, Evaluation
from minivit.evaluation.report import report
from minivit.objective import Classification, Metric


def found(classes=10, count=400, seed=0, flip=False, channels=3, names=None):
    """An Evaluation of scores drawn at random, and the Part it is of."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    scores = 2 * rng.standard_normal((count, classes)).astype(np.float32)
    scores[np.arange(count), labels] += 2
    details = Classified(labels, scores, Classification(classes).predict(scores))
    values = {"loss": details.loss, "accuracy": details.accuracy}
    names = names or tuple(f"class {k}" for k in range(classes))
    images = rng.integers(0, 256, (count, 8, 8, channels), dtype=np.uint8)
    part = Part("dots", "val", names, images, labels, 1000 + np.arange(count), ("it rained",))
    flipped = details if flip else None
    return Evaluation(Classification.metrics, values, count, details, flipped), part


def test_the_text_says_what_was_found():
    evaluation, part = found(flip=True)
    text, details = report(evaluation, part), evaluation.details
    assert text.startswith("dots: 400 validation images, 10 classes\nnote: it rained\n")
    error = f"± {details.standard_error:.2%} (standard error)"
    assert f"accuracy            {details.accuracy:.2%} {error}" in text
    assert f"loss                {details.loss:.3f} nats" in text
    assert f"top-5 accuracy      {details.top5:.2%}" in text
    assert f"calibration error   {details.calibration.error:.2%}" in text
    assert "which is not the model's accuracy" in text
    assert text.index("test-time flip") > text.index("calibration error")
    worst = details.mistakes(1)[0]
    assert f"{1000 + worst}" in text and f"{details.confidences[worst]:.1%}" in text
    row = next(line for line in text.splitlines() if line.startswith(" 3 class 3"))
    assert row.replace(".", "0").split()[3:] == [str(n) for n in details.matrix[3]]
    assert "test-time flip" not in report(*found())


@pytest.mark.parametrize("classes", [2, 10, 20, 100, 1000])
def test_the_text_fits_into_80_columns_and_two_screens(classes):
    names = tuple(f"a rather long name of a class that ends in {k}" for k in range(classes))
    lines = report(*found(classes, 2000, names=names)).splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) <= 90
    assert any("lowest F1" in line for line in lines) == (classes > 20)


def test_of_many_classes_the_worst_and_the_best_are_listed():
    evaluation, part = found(30, 600)
    order = np.argsort(evaluation.details.class_scores.f1, kind="stable")
    text = tables.class_table(evaluation.details, part.classes)
    listed = [line.split()[1] for line in text.splitlines() if line.startswith("class ")][1:]
    assert listed == [str(k) for k in [*order[:10], *order[-5:][::-1]]]


def test_a_model_without_mistakes(monkeypatch):
    labels = np.arange(12) % 3
    scores = 20 * np.eye(3, dtype=np.float32)[labels]
    details = Classified(labels, scores, Classification(3).predict(scores))
    evaluation, part = found(3, 12)
    evaluation = Evaluation(evaluation.metrics, {"loss": 0.0, "accuracy": 1.0}, 12, details)
    text = report(evaluation, part)
    assert "100.00% ± 0.00%" in text and "no image was taken for another class" in text
    assert "top-5" not in text
    pytest.importorskip("matplotlib", reason="figures need it")
    monkeypatch.setattr(figures, "_png", lambda figure: b"")
    assert list(figures.draw(evaluation, part)) == [
        "reliability.png",
        "confusion.png",
        "classes.png",
    ]


def test_names_that_cannot_be_printed_or_are_too_long():
    assert tables.shown("red\x1b[31m\n") == "red?[31m?"
    assert tables.shown("long" * 9, 10) == "longlon..."
    assert tables.shown("short", 10) == "short" and tables.cell("short", 10) == "short     "


def test_the_json_holds_everything_unrounded():
    evaluation, part = found(flip=True)
    details, values = evaluation.details, as_json(evaluation, part)
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["accuracy"] == details.accuracy and values["loss"] == details.loss
    assert values["split"] == "val" and values["images"] == 400 and values["notes"] == ["it rained"]
    assert values["confusion_matrix"] == details.matrix.tolist()
    assert values["expected_calibration_error"] == details.calibration.error
    assert sum(bin_["images"] for bin_ in values["calibration"]) == 400
    assert values["classes"][3]["name"] == "class 3" and values["classes"][3]["images"] == 40
    assert values["classes"][3]["recall"] == details.class_scores.recall[3]
    worst, i = values["most_confident_mistakes"][0], details.mistakes(1)[0]
    assert worst["index"] == 1000 + i and worst["confidence"] == details.confidences[i]
    assert worst["class"] == f"class {details.labels[i]}" != worst["predicted"]
    assert values["with_test_time_flip"]["accuracy"] == details.accuracy
    assert "with_test_time_flip" not in as_json(*found())


def test_what_is_0_over_0_is_null_in_json_and_a_dash_in_text():
    labels, scores = np.zeros(4, int), np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    details = Classified(labels, scores, Classification(3).predict(scores))
    _, part = found(3)
    evaluation = Evaluation((), {}, 4, details)
    assert as_json(evaluation, part)["classes"][2] == {
        "name": "class 2", "images": 0, "precision": None, "recall": None, "f1": None
    }  # fmt: skip
    assert "class 2                        0          -        -        -" in report(
        evaluation, part
    )


def test_mistakes_are_named_by_their_files_where_there_are_some():
    evaluation, part = found()
    files = tuple(f"class {i % 10}/a picture from the seaside {i:03}.jpg" for i in range(400))
    named = replace(part, files=files)
    text, worst = tables.mistakes_table(evaluation.details, named), evaluation.details.mistakes(1)
    assert max(map(len, text.splitlines())) <= 80
    assert f"...re from the seaside {worst[0]:03}.jpg" in text.splitlines()[2]
    assert as_json(evaluation, named)["most_confident_mistakes"][0]["file"] == files[worst[0]]
    assert "file" not in as_json(evaluation, part)["most_confident_mistakes"][0]


def test_another_objective_says_nothing_of_classes():
    metrics = (Metric("squared_error", "", False), Metric("far_off", "%", False))
    evaluation = Evaluation(metrics, {"squared_error": 0.5, "far_off": 0.25}, 400)
    _, part = found()
    assert report(evaluation, part) == (
        "dots: 400 validation images\nnote: it rained\n\n"
        "squared error       0.500\nfar off             25.00%"
    )
    values = as_json(evaluation, part)
    assert values["squared_error"] == 0.5 and not {"classes", "accuracy"} & set(values)


def test_the_pictures():
    """Also of grey images, and with names that are no formulas and not in the font."""
    pytest.importorskip("matplotlib", reason="figures need it")
    image = pytest.importorskip("PIL.Image", reason="matplotlib writes PNG with it")
    names = ("$x_1 \\foo$", "犬", *"abcdefghijklmnopqrs")
    pictures = figures.draw(*found(21, 400, channels=1, names=names))
    assert list(pictures) == ["reliability.png", "confusion.png", "classes.png", "mistakes.png"]
    for name, png in pictures.items():
        with image.open(io.BytesIO(png)) as opened:
            assert 500 < opened.width < 1600 and 250 < opened.height < 1300, (name, opened.size)


def test_names_that_are_alike_once_they_are_cut_are_numbered():
    names = ("cat", *(f"a rather long name {k}" for k in range(2)))
    evaluation, part = found(3, 30, names=names)
    panel = figures.confusion(evaluation.details, part.classes, "dots").axes[0]
    shown = [label.get_text() for label in panel.get_yticklabels()]
    assert shown == ["0 cat", "1 a rather lo...", "2 a rather lo..."]
    evaluation, part = found(3, 30, names=("cat", "cow", "a rather long name"))
    panel = figures.confusion(evaluation.details, part.classes, "dots").axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()][:2] == ["cat", "cow"]


def test_what_the_reliability_diagram_shows():
    pytest.importorskip("matplotlib", reason="figures need it")
    evaluation, _ = found()
    details = evaluation.details
    upper, lower = figures.reliability(details, "dots").axes
    bars, gaps = upper.containers
    calibration = details.calibration
    np.testing.assert_allclose(
        [bar.get_height() for bar in bars], np.nan_to_num(calibration.accuracy)
    )
    tops = [bar.get_y() + bar.get_height() for bar in gaps]
    np.testing.assert_allclose(tops, np.nan_to_num(calibration.confidence), atol=1e-12)
    assert [bar.get_height() for bar in lower.containers[0]] == calibration.images.tolist()
    assert f"{calibration.error:.1%}" in upper.get_title()


def test_the_pictures_of_the_mistakes_are_the_most_confident_ones():
    pytest.importorskip("matplotlib", reason="figures need it")
    evaluation, part = found()
    details = evaluation.details
    panels = [panel for panel in figures.mistakes(details, part).axes if panel.images]
    assert len(panels) == 24
    for panel, i in zip(panels, details.mistakes(24), strict=True):
        assert (panel.images[0].get_array() == part.images[i]).all()
        assert panel.get_title().endswith(f"is {part.classes[details.labels[i]]}")


def test_without_matplotlib_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(BackendError, match="figures need matplotlib: pip install matplotlib"):
        figures.require_matplotlib()


def test_settings_of_matplotlib_that_break_it_are_left_aside_or_said(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib", reason="figures need it")
    monkeypatch.setitem(matplotlib.rcParams, "text.usetex", True)  # there is no TeX
    evaluation, part = found(2, 20)
    arguments = evaluation.details, part.classes, "dots"
    monkeypatch.setattr(figures, "_figures", lambda *_: {"a.png": figures.classes(*arguments)})
    assert figures.draw(evaluation, part)["a.png"][:4] == b"\x89PNG"
    assert matplotlib.rcParams["text.usetex"] is True
    monkeypatch.setattr(figures, "_figures", lambda *_: 1 / 0)
    with pytest.raises(BackendError, match=r"could not draw the figures \(ZeroDivisionError"):
        figures.draw(evaluation, part)
