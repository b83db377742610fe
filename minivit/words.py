"""Words for people: how counts are spelt."""


def counted(number, noun):
    """1, "step" -> "1 step"; 1000, "step" -> "1,000 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
