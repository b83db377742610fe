"""The commands of `python -m minivit`, one file each: add_arguments(parser) and main(args)."""
