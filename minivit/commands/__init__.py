"""The commands of `python -m minivit`, one a file; train.py is the first of them.

    train.py       train a model, or go on with a run; ranks.py: on several machines;
                   train_options.py, target_options.py, train_words.py: its options and words
    predict.py     use a trained model on image files; predict_reports.py, bars.py: as lines
    evaluate.py    how good a trained model is, and where it is wrong
    probe.py       what the blocks of a trained model know
    folds.py       a training and a test for each fold of a directory's images
    ablate.py      a comparison of several models on equal terms
    shift.py       a trained model on shifted images
    figures.py     draw a trained model; figures_subject.py: what its figures are drawn of
    import.py      read the weights of other programs
    export.py      write a trained model for other programs, or as a file worth keeping
    explain.py     one picture through a whole model, forward and backward
    exercise.py    write a backward yourself, and have it graded
    gradcheck.py, summary.py, bench.py, bench_ranks.py
                   look at a model: its gradients, its sizes, its speed
    gradcheck_own.py, gradcheck_table.py
                   a layer of the user's own; how gradients are printed
    arguments.py   what all command lines share: the parser, types of values, settings, MODEL
    progress.py    a progress bar for commands that take long
    exits.py       how every command ends: errors in one line; rank_ends.py: one rank of several

A command is a module with `add_arguments(parser)` and `main(args) -> exit status`, and a line in
COMMANDS. Its `main` raises the project's own errors; only `exits` prints them.
"""

COMMANDS = {  # name of the module here: what it does
    "train": "train a Vision Transformer on images",
    "folds": "train and test once for each fold of images with targets",
    "predict": "say what a trained model sees in image files: classes or numbers",
    "evaluate": "judge a trained model: accuracy, calibration, mistakes",
    "probe": "measure what each block knows: simple classifiers on its features",
    "ablate": "compare several models on equal terms, in a given time",
    "shift": "measure accuracy on shifted images, pixel by pixel",
    "figures": "draw what a model attends to and has learned, and how runs went",
    "import": "read weights of the ViT authors, timm or Hugging Face",
    "export": "write a trained model for timm, Hugging Face or JAX, or to keep",
    "gradcheck": "compare every gradient with finite differences",
    "explain": "follow one picture through a model, forward and backward",
    "exercise": "write a backward yourself, and have it graded",
    "summary": "show a model's layers, shapes, parameters, MACs and memory",
    "bench": "measure the speed of training or prediction, also of PyTorch",
}
