"""How a model learns.

plain.py           the whole loop on one page: read this first
trainer.py         the same steps with a batch cut up among all cores, by way of
                   micro_batches.py, ranked_sums.py, running_sums.py and update.py;
                   saved_arrays.py: what of it a checkpoint holds
evaluator.py       a model judged by an objective, in training and after it
early_steps.py     fewer tokens in the first part of a run
weights.py, frozen.py
                   the parameters; those that stay as they are
recipe.py          what can be chosen about a run; presets.py: good choices, by name
plan.py            all that is decided before a run, fresh or resumed, by way of
                   fine_tuning.py (it begins with a trained model) and fitting.py
run.py             epochs, validation, checkpoints, the test at the end
feeding.py         how many workers a run has work for
record.py          what a run saves as it goes; description.py: what it says of the run
saved_run.py, run_meta.py, resuming.py, arithmetic.py
                   what a checkpoint says of its run, and which types and ranges that has;
                   where the run goes on, and with the same bits?
progress.py, curves.py
                   what a run prints and draws
endings.py, signals.py
                   how it ends early: words for what happened, and how Ctrl-C is heard
"""
