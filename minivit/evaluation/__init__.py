"""How good a trained model is, and where it is wrong.

judge.py     start here: a model on images whose answers are known -> an Evaluation
metrics.py   the mathematics: standard error, confusion, precision, recall, F1, calibration
images.py    which images: by default the test set of the model's own run; at_size.py: at another
             size
report.py    an Evaluation as text in 80 columns; tables.py: its tables
as_json.py   an Evaluation as values that JSON can hold
shift.py     accuracy on images that are moved by some pixels
fitting.py   does a data set fit a model; classes.py: the names of their classes
figures.py   an Evaluation as PNG pictures, and the pictures taken for another class
"""
