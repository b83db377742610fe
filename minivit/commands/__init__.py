"""The commands of `python -m minivit`, one a file; train.py is the first of them.

    train.py       train a model, or go on with a run; train_options.py: its options; ranks.py: on
                   several machines
    predict.py     use a trained model: the classes of image files; bars.py: as bars
    evaluate.py    how good a trained model is, and where it is wrong
    figures.py     draw a trained model; figures_subject.py: what its figures are drawn of
    import.py      read the weights of other programs
    export.py      write a trained model for other programs, or as a file worth keeping
    gradcheck.py, summary.py, bench.py
                   look at a model: its gradients, its sizes, its speed
    arguments.py   what all command lines share: the parser, types of values, settings, MODEL
    progress.py    a progress bar for commands that take long
    exits.py       how every command ends: its exit status, and errors in one line

A command is a module with `add_arguments(parser)` and `main(args) -> exit status`, and a line in
COMMANDS. Its `main` raises the project's own errors; only `exits` prints them.
"""

COMMANDS = {  # name of the module here: what it does
    "train": "train a Vision Transformer on images",
    "predict": "name the classes that a trained model sees in image files",
    "evaluate": "judge a trained model: accuracy, calibration, mistakes",
    "figures": "draw what a model attends to and has learned, and how runs went",
    "import": "read weights of the ViT authors, timm or Hugging Face",
    "export": "write a trained model for timm, Hugging Face or JAX, or to keep",
    "gradcheck": "compare every gradient with finite differences",
    "summary": "show a model's layers, shapes, parameters, MACs and memory",
    "bench": "measure the speed of training or prediction, also of PyTorch",
}
