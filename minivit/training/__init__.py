"""How a model learns.

trainer.py       one training step after another: the batch through the model, on all cores
update.py        from gradient to new weights
early_steps.py   fewer tokens in the first part of a run
recipe.py        what can be chosen about a run, and presets
run.py           epochs, validation, checkpoints, the test at the end
record.py, saved_run.py, progress.py, curves.py, signals.py
                 what a run leaves behind, takes up again, says, draws and heeds
"""
