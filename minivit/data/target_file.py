"""Where the targets of a directory of images are: columns of a CSV file."""

from dataclasses import dataclass, replace

from ..errors import ConfigError


@dataclass(frozen=True)
class TargetFile:
    """A CSV file with a row for each image.

    path: the file; name_column: the column of the images' names, "" for the first one; columns:
    those of the targets, () for the last one; fold, folds: of the images, cut into so many parts,
    which part is the test set, counted from 1.
    """

    path: str
    name_column: str = ""
    columns: tuple = ()
    fold: int = 1
    folds: int = 5

    @classmethod
    def of(cls, options, saved=None):
        """Of the options "targets", "name_column", "target_column" and "fold"; None without.

        saved: that of the run which goes on; options take the place of its fields. Raises
        ConfigError for options that do not go together.
        """
        given = {
            field: options[option]
            for option, field in OPTIONS.items()
            if options.get(option) is not None
        }
        if "columns" in given:
            given["columns"] = tuple(given["columns"])
        if (numbers := given.pop("fold", None)) is not None:
            given["fold"], given["folds"] = numbers
        if saved is not None:
            return replace(saved, **given)
        if given and "path" not in given:
            option = next(o for o in OPTIONS if options.get(o) is not None)
            raise ConfigError(
                f"--{option.replace('_', '-')} is about a CSV file with a target for each image: "
                "name it with --targets FILE.csv"
            )
        return cls(**given) if given else None

    def to_dict(self):
        """The fields as plain values, for JSON."""
        return {**vars(self), "columns": list(self.columns)}

    @classmethod
    def from_dict(cls, values):
        """What `to_dict` gave. Its types have been checked (`training/run_meta.py`)."""
        return cls(**{**values, "columns": tuple(values["columns"])})


OPTIONS = {
    "targets": "path",
    "name_column": "name_column",
    "target_column": "columns",
    "fold": "fold",
}
