"""Description: what a run is, as JSON values: config.json, and part of every checkpoint."""

import hashlib

import numpy as np

from ..objective import plain_fields
from .arithmetic import arithmetic


def describe(run):
    """What a `Run` is."""
    plan, dataset = run.plan, run.dataset
    return {
        "preset": plan.preset,
        "objective": run.objective.name,
        "device": "cpu" if plan.xp is np else "gpu",
        "arithmetic": arithmetic(plan.xp, plan.config),
        **objective_fields(run.objective),
        "source": {
            "dataset": plan.dataset,
            "data_dir": plan.data_dir,
            **({"targets": plan.targets.to_dict()} if plan.targets else {}),
        },
        **({"from": plan.begun_with} if plan.begun_with else {}),
        "model": plan.config.to_dict(),
        "recipe": plan.recipe.to_dict(),
        "dataset": {
            "name": dataset.name,
            "classes": list(dataset.classes),
            "mean": run.mean,
            "std": run.std,
            "sha256": fingerprint(dataset),
        },
    }


def objective_fields(objective):
    """{"objective_fields": plain values} of an objective that depends on the targets, else {}."""
    depends = hasattr(objective, "for_targets")
    return {"objective_fields": plain_fields(objective)} if depends else {}


def fingerprint(dataset):
    """SHA-256 over all images and labels: the same for any file they came from."""
    digest = hashlib.sha256()
    for split in ("train", "test"):
        digest.update(getattr(dataset, f"{split}_images"))
        digest.update(getattr(dataset, f"{split}_labels"))
    return digest.hexdigest()
