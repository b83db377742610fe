"""Exercises: cut from the real source, graded by finite differences, with the mistake named."""

import ast
import json
import re

import numpy as np
import pytest

from minivit.__main__ import main as minivit
from minivit.commands.exits import run
from minivit.exercises.catalogue import EXERCISES
from minivit.exercises.cut import exercise_text, hint, solution
from minivit.exercises.explain import explain, real_class, relation
from minivit.exercises.grade import grade
from minivit.exercises.mistakes import MISTAKES
from minivit.exercises.source import (
    Source,
    absolute_imports,
    edited,
    source_text,
    without_others,
)
from minivit.exercises.subjects import subject

every_exercise = pytest.mark.parametrize("name", EXERCISES)
MARK = "raise NotImplementedError"


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """An empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(capsys, *words):
    """(exit status, stdout, stderr) of `minivit exercise WORDS`."""
    status = run(minivit, ["exercise", *words])
    return status, *capsys.readouterr()


def full_text(exercise, text=None):
    """The whole source, or a changed `text` of it, as a file that stands outside the package."""
    source = Source(exercise, text)
    return absolute_imports(edited(source.lines, without_others(source)), exercise.file)


def answered(name, answer):
    """The exercise's file, with these lines in the place of the missing ones -> its name."""
    file = f"{name}_exercise.py"
    text = exercise_text(EXERCISES[name], file)
    (margin,) = re.findall(rf"^( *){MARK}.*$", text, re.MULTILINE)
    lines = "\n".join(margin + line for line in answer.splitlines())
    with open(file, "w", encoding="utf-8") as new:
        new.write(re.sub(rf"^ *{MARK}.*$", lambda _: lines, text, flags=re.MULTILINE))
    return file


def test_there_are_twelve_in_order_and_each_has_mistakes():
    order = "linear cross_entropy gelu layernorm dropout patchify position softmax attention"
    assert list(EXERCISES) == [*order.split(), "block", "vit", "adamw"]
    assert set(MISTAKES) == set(EXERCISES)
    assert all(len(mistakes) >= 3 for mistakes in MISTAKES.values())


@every_exercise
def test_the_file_has_the_forward_and_not_the_answer(name):
    exercise = EXERCISES[name]
    text = exercise_text(exercise, "file.py")
    tree = ast.parse(text)
    assert text.count(MARK) == 2 and "\t" not in text  # the docstring says it too
    for _, _, answer in solution(exercise):
        assert answer.splitlines()[0] not in text
    assert "from ." not in text and "import numpy as np" in text
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes] == [exercise.owner]
    shown = ast.get_docstring(tree) + ast.get_docstring(classes[0])
    assert "Source" in shown and hint(exercise).splitlines()[0].strip() not in shown
    assert max(map(len, ast.get_docstring(tree).split("\n\n    x = ")[0].splitlines())) <= 80
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            assert {alias.name for alias in node.names} <= used


@every_exercise
def test_an_empty_answer_fails(capsys, name):
    status, out, _ = command(capsys, name)
    assert status == 0 and f"--check {name}_exercise.py" in out
    status, out, err = command(capsys, "--check", f"{name}_exercise.py")
    assert status == 1 and out == ""
    first, second = err.splitlines()
    assert first.startswith(f"error: {name}_exercise.py, line ") and "not written yet" in first
    assert second.strip().startswith(MARK)


@every_exercise
def test_the_real_code_passes(capsys, directory, name):
    """With everything that the exercise takes out, as the real file has it."""
    (directory / "mine.py").write_text(full_text(EXERCISES[name]), encoding="utf-8")
    status, out, err = command(capsys, name, "--check", "mine.py")
    assert (status, err) == (0, "") and "WRONG" not in out
    assert ("is right" if "1 x" in out else "right") in out.splitlines()[-1]
    assert max(map(len, out.splitlines())) <= 80


PLANTED = [(name, number) for name in MISTAKES for number in range(len(MISTAKES[name]))]


@pytest.mark.parametrize(("name", "number"), PLANTED)
def test_a_planted_mistake_is_named(name, number):
    exercise, mistake = EXERCISES[name], MISTAKES[name][number]
    tried = subject(exercise)
    right = tried.values(tried.build(real_class(exercise)))
    broken = real_class(exercise, mistake.code, mistake.broken)
    yours = tried.values(tried.build(broken))
    wrong = [leaf for leaf in right if not np.allclose(yours[leaf], right[leaf], 1e-6, 1e-9)]
    assert wrong
    findings = explain(exercise, tried, wrong, yours, right)
    assert [(f.words, f.mistake) for f in findings] == [(mistake.words, True)]


@every_exercise
def test_the_grade_of_a_file_names_its_mistake(directory, name):
    exercise, mistake = EXERCISES[name], MISTAKES[name][0]
    broken = source_text(exercise.file).replace(mistake.code, mistake.broken)
    (directory / "mine.py").write_text(full_text(exercise, broken), encoding="utf-8")
    result = grade(exercise, "mine.py")
    assert not result.right and result.wrong
    assert [finding.words for finding in result.findings] == [mistake.words]


LAYERNORM = """\
dxhat = dy * gamma
dx = rstd * (dxhat - xhat * (dxhat * xhat).mean(-1, keepdims=True))
grads = {"gamma": (dy * xhat).sum((0, 1)), "beta": dy.sum((0, 1))}
"""


PLAIN = {
    "layernorm": LAYERNORM + "dx -= rstd * dxhat.mean(-1, keepdims=True)\nreturn dx, grads",
    "gelu": "slope_piece[...] = s + near*2*s*(1 - s)*ROOT*(1 + 3*CUBIC*near**2)",
    "patchify": """\
dx = np.empty((len(dy), h, w, c))
for n in range(dy.shape[1]):
    i, j = divmod(n, w // q)
    dx[:, i * p : i * p + p, j * q : j * q + q] = dy[:, n].reshape(-1, p, q, c)
return dx, {}""",
    "softmax": "ds = p * (dp - (p * dp).sum(axis=0))",
    "attention": """\
do, grads["proj"] = self.proj.backward(dy, cache.pop("proj"))
do, p = self.split_heads(do), p.transpose(1, 2, 3, 0)
dp = do @ v.swapaxes(-1, -2)
ds = p * (dp - (p * dp).sum(-1, keepdims=True)) * self.scale
parts = ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ do
dqkv = np.stack(parts, 2).transpose(0, 3, 2, 1, 4).reshape(*dy.shape[:2], -1)
dx, grads["qkv"] = self.qkv.backward(dqkv, cache.pop("qkv"))
return dx, grads""",
    "adamw": """\
m += (1 - self.beta1) * (gradient - m)
v += (1 - self.beta2) * (gradient**2 - v)
vector -= lr * decay * vector
vector -= lr * m / (1 - self.beta1**step) / (np.sqrt(v / (1 - self.beta2**step)) + self.eps)""",
}


@pytest.mark.parametrize("name", PLAIN)
def test_an_answer_in_other_words_passes(capsys, name):
    status, out, err = command(capsys, "--check", answered(name, PLAIN[name]))
    assert (status, err) == (0, "") and "WRONG" not in out


def test_a_mistake_in_other_words_is_named(capsys):
    """Whoever writes it otherwise than the source has made the same mistake."""
    status, out, _ = command(
        capsys, "--check", answered("layernorm", f"{LAYERNORM}return dx, grads")
    )
    assert status == 1
    assert "Your gradient of x is exactly what comes out of this mistake:" in out
    assert "the mean's dependence on x is forgotten" in out
    assert out.splitlines()[-1].startswith("1 of 3 wrong. A hint: ")
    assert [line.split()[-1] for line in out.splitlines()[3:6]] == ["WRONG", "ok", "ok"]
    assert max(map(len, out.splitlines())) <= 80


def test_two_mistakes_at_once_are_both_named(capsys):
    answer = f"{LAYERNORM}grads['beta'] = grads['beta'] / 20\nreturn dx, grads"
    out = command(capsys, "--check", answered("layernorm", answer))[1]
    assert "the mean's dependence on x" in out and "dbeta is a mean over tokens" in out


def test_json_has_the_same(capsys):
    file = answered("layernorm", f"{LAYERNORM}return dx, grads")
    status, out, _ = command(capsys, "--check", file, "--json")
    found = json.loads(out)
    assert status == 1 and not found["right"]
    assert [gradient["right"] for gradient in found["gradients"]] == [False, True, True]
    assert found["findings"][0]["of"] == ["x"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: 0 * g, "zero everywhere"),
        (lambda g: -g, "right but for the sign"),
        (lambda g: 2 * g, "2 times as large as it must be"),
        (lambda g: g / 20, "0.05 times as large as it must be (1/20)"),
        (lambda g: g.T, "transposed"),
        (lambda g: g[::-1], "made of the right numbers, but in wrong places"),
        (lambda g: np.where(g == g[0, 0], np.nan, g), "not finite in some elements"),
        (lambda g: g + 1, "wrong in all 25 elements"),
        (lambda g: g + np.eye(5)[2], "wrong in 5 of 25 elements, only where index 1 is 2"),
    ],
)
def test_a_gradient_that_is_wrong_in_a_simple_way_is_described(change, words):
    right = np.random.default_rng(0).standard_normal((5, 5))
    assert relation(change(right), right) == words


def test_the_first_wrong_part_on_the_way_back_is_named(capsys):
    answer = (
        "for name, part in reversed(self.parts.items()):\n"
        "    dx, grads[name] = part.backward(dx, cache.pop(name))\n"
        "    dx = dx * (1.5 if name == 'norm' else 1)\n"
        "return dx, grads"
    )
    status, out, _ = command(capsys, "--check", answered("vit", answer))
    assert status == 1 and "the first wrong gradient is that of block1.mlp.fc2.b" in out
    assert max(map(len, out.splitlines())) <= 80


CRASHES = [
    ("dx = dy * gama", "NameError: name 'gama' is not defined", "dx = dy * gama"),
    ("def (", "SyntaxError: invalid syntax", "def ("),
    ("dx = 1 / 0", "ZeroDivisionError: division by zero", "dx = 1 / 0"),
    ("exit()", "SystemExit", "exit()"),
    ("dy *= gamma", "do not write on them", "dy *= gamma"),
    ("dx = dy @ gamma[:, None].T[:, :2]", "ValueError: matmul", "dx = dy @ gamma"),
]


@pytest.mark.parametrize(("code", "words", "line"), CRASHES)
def test_a_crash_shows_the_learners_line_and_nothing_of_ours(capsys, code, words, line):
    file = answered("layernorm", code)
    with open(file, encoding="utf-8") as text:
        number = text.read().splitlines().index(f"        {code}") + 1
    status, out, err = command(capsys, "--check", file)
    assert (status, out) == (1, "")
    first, second = err.splitlines()
    assert first.startswith(f"error: {file}, line {number}") and words in first
    assert second.strip().startswith(line)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("pass", "must return two things, dx and a dict of gradients; got nothing (None)"),
        ("return dy", "must return two things, dx and a dict of gradients; got float64 (4, 5, 6)"),
        ("return dy, gamma, gamma", "got 3 things: float64 (4, 5, 6), float64 (6,), float64 (6,)"),
        ("return dy, gamma", "must return a dict of gradients second; got float64 (6,)"),
        ("return dy[0], {}", "returned dx as float64 (5, 6); x has shape (4, 5, 6)"),
        ("return [1], {}", "returned dx as a list; x has shape (4, 5, 6)"),
        ("return dy, {'gamma': gamma}", "no gradient 'beta'; the parameters are: gamma, beta"),
        (
            "return dy, {'gamma': gamma, 'beta': dy}",
            "the gradient 'beta' as float64 (4, 5",
        ),
        (
            "return dy, {'gamma': gamma, 'beta': gamma, 'b': gamma}",
            "returned a gradient 'b'; the parameters are: gamma, beta",
        ),
    ],
)
def test_a_wrong_return_is_one_sentence(capsys, code, words):
    status, out, err = command(capsys, "--check", answered("layernorm", code))
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert "LayerNorm.backward" in err and words in err


def test_an_interruption_names_the_line(capsys):
    file = answered("linear", "raise KeyboardInterrupt")
    status, out, err = command(capsys, "--check", file)
    assert (status, out) == (130, "")
    assert re.fullmatch(rf"interrupted at {file}, line \d+, in backward: raise Keyb.*\n", err)


def test_nothing_in_a_file_is_run_before_check(capsys, directory):
    trap = "open('ran', 'w')\n" + exercise_text(EXERCISES["linear"], "linear_exercise.py")
    (directory / "linear_exercise.py").write_text(trap, encoding="utf-8")
    for words in ([], ["linear"], ["--hint", "linear"], ["--solution", "linear"]):
        command(capsys, *words)
    assert not (directory / "ran").exists()
    command(capsys, "--check", "linear_exercise.py")
    assert (directory / "ran").exists()


def test_a_file_is_never_written_over(capsys, directory):
    (directory / "linear_exercise.py").write_text("mine", encoding="utf-8")
    status, _, err = command(capsys, "linear")
    assert status == 1 and "linear_exercise.py is there already, and is left as it is" in err
    assert (directory / "linear_exercise.py").read_text(encoding="utf-8") == "mine"
    assert command(capsys, "linear", "--out", "second.py")[0] == 0
    assert command(capsys, "linear", "--out", '\\U"""\'.py')[0] == 0  # no end of the docstring
    assert "not written yet" in command(capsys, "--check", '\\U"""\'.py')[2]
    status, _, err = command(capsys, "--check", "second.py")
    assert status == 1 and "not written yet" in err  # it knows which exercise this is


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        ("x = 1", ["--check", "mine.py"], "mine.py is not an exercise: its first line names none"),
        ("x = 1", ["linear", "--check", "mine.py"], "mine.py has no class Linear"),
        ('"""Exercise tea: x."""', ["--check", "mine.py"], "there is no exercise 'tea'"),
        (
            "class Linear: pass",
            ["linear", "--check", "mine.py"],
            "TypeError: Linear() takes no arg",
        ),
        (b"\xff\xfe", ["--check", "mine.py"], "mine.py is not a Python file"),
        ("x = 1", ["--check", "other.py"], "other.py: there is no such file"),
        ("x = 1", ["linear", "--hint", "linear"], "one thing at a time"),
        ("x = 1", ["--out", "a.py"], "--out names the file of a new exercise"),
        ("x = 1", ["lineer"], "did you mean 'linear'?"),
    ],
)
def test_what_is_no_answer_is_one_sentence(capsys, directory, text, words, sentence):
    data = text if isinstance(text, bytes) else text.encode()
    (directory / "mine.py").write_bytes(data)
    status, out, err = command(capsys, *words)
    assert status in (1, 2) and out == ""
    assert sentence in err and "Traceback" not in err


def test_a_changed_forward_is_noticed(capsys):
    file = answered("linear", "return dy @ w.T, {'w': 0 * w, 'b': dy.sum((0, 1))}")
    with open(file, encoding="utf-8") as old:
        text = old.read().replace('y += params["b"]', 'y += 2 * params["b"]')
    with open(file, "w", encoding="utf-8") as new:
        new.write(text)
    status, out, _ = command(capsys, "--check", file)
    assert status == 1 and "Your y is not what the real forward returns" in out


def test_list_hint_and_solution(capsys):
    status, out, _ = command(capsys)
    assert status == 0 and all(f"  {name} " in out for name in EXERCISES)
    for name in EXERCISES:
        status, hinted, _ = command(capsys, "--hint", name)
        assert status == 0 and f"--solution {name}" in hinted
        status, solved, _ = command(capsys, "--solution", name)
        assert status == 0 and EXERCISES[name].file in solved.splitlines()[0]
        out += hinted
    assert max(map(len, out.splitlines())) <= 88  # an equation may be longer than the text
