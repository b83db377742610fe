"""Settings: what a field states once is what the class checks, the option takes and help says."""

import math
from dataclasses import dataclass, fields

import pytest

from minivit import Config, ConfigError
from minivit.commands.arguments import Parser, add_settings, flag, given
from minivit.settings import Settings, setting
from minivit.training.recipe import Recipe

FIELDS = [(kind, field) for kind in (Config, Recipe) for field in fields(kind)]
NUMBERS = [pair for pair in FIELDS if type(pair[1].default) in (int, float)]


@dataclass(frozen=True)
class Oven(Settings):
    """One field of each kind."""

    degrees: float = setting(180.0, "how hot", low=0, high=300, low_open=True, metavar="C")
    minutes: int = setting(0, "how long", high=90, unset="until it smells")
    heat: str = setting("top", "where from", choices=("top", "bottom"))
    fan: bool = setting(False, "blow", alias="blower")


def option(kind, name, *words):
    """The value of the option that follows from a field, or the line that refuses it."""
    parser = Parser(prog="test")
    add_settings(parser, kind)
    try:
        return given(parser.parse_args([flag(name), *words]), kind)[name]
    except ConfigError as error:
        return str(error)


def refused(kind, **values):
    """The sentence that refuses such values."""
    with pytest.raises(ConfigError) as error:
        kind(**values)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=lambda value: getattr(value, "name", ""))
def test_every_field_states_its_kind_and_help(kind, field):
    stated = field.metadata["setting"]
    assert type(field.default) is stated.kind
    assert field.type == (int | tuple[int, int] if stated.pair else stated.kind)
    assert stated.help and stated.problem(field.name, field.default) == ""
    assert (stated.range is not None) == (stated.kind in (int, float))
    assert bool(stated.choices) == (stated.kind is str)


@pytest.mark.parametrize(("kind", "field"), NUMBERS, ids=lambda value: getattr(value, "name", ""))
def test_the_class_and_the_option_refuse_the_same_numbers(kind, field):
    limits, words = field.metadata["setting"].range, field.metadata["setting"].words
    outside = [limits.low if limits.low_open else limits.low - 1 - len(words), math.nan]
    if limits.high < math.inf:
        outside.append(limits.high if limits.high_open else limits.high + 1)
    for number in outside:
        sentence = refused(kind, **{field.name: number})
        must, got = sentence.removeprefix(f"{field.name} must be ").split("; got ")
        assert got == str(number)
        line = option(kind, field.name, str(number))
        assert line.startswith(f"{flag(field.name)}: must be {must}; got ")


def test_values_of_each_kind():
    assert option(Oven, "degrees", "2e2") == 200.0
    assert option(Oven, "minutes", "90") == 90
    assert option(Oven, "heat", "Bottom") == "bottom"
    assert option(Oven, "fan") is True
    parser = Parser(prog="test")
    add_settings(parser, Oven)
    assert given(parser.parse_args(["--no-fan"]), Oven) == {"fan": False}
    assert given(parser.parse_args([]), Oven) == {}


def test_values_that_are_refused():
    assert refused(Oven, degrees=0) == (
        "degrees must be a finite number above 0 and at most 300; got 0"
    )
    assert refused(Oven, degrees=True).endswith("at most 300; got True")
    assert refused(Oven, degrees="hot").endswith("at most 300; got 'hot'")
    assert refused(Oven, minutes=1.0) == "minutes must be a whole number of at least 0; got 1.0"
    assert refused(Oven, minutes=91) == "minutes must be a whole number of at most 90; got 91"
    assert refused(Oven, minutes=10**400).startswith("minutes must be a whole number of at most 90")
    assert refused(Oven, heat="botom").startswith("unknown heat 'botom'; did you mean 'bottom'?")
    assert refused(Oven, fan=1) == "fan must be True or False; got 1"


def test_help_says_what_a_field_is_when_it_is_not_given():
    parser = Parser(prog="test")
    add_settings(parser, Oven, names=["degrees", "minutes", "fan"], defaults={"degrees": 250.0})
    words = " ".join(parser.format_help().split())
    assert "--degrees C how hot (default: 250.0)" in words
    assert "--minutes N how long (default: until it smells)" in words
    assert "--fan, --no-fan blow (default: off)" in words and "--heat" not in words


def test_an_older_name_is_read_and_taken_but_not_shown():
    assert Oven.from_dict({"blower": True, "minutes": 3}) == Oven(fan=True, minutes=3)
    assert Oven.from_dict(Oven(fan=True).to_dict()) == Oven(fan=True)
    parser = Parser(prog="test")
    add_settings(parser, Oven)
    assert given(parser.parse_args(["--blower"]), Oven) == {"fan": True}
    assert given(parser.parse_args(["--no-blower"]), Oven) == {"fan": False}
    assert "blower" not in parser.format_help()
    with pytest.raises(ConfigError) as error:
        parser.parse_args(["--blowr"])
    assert "blower" not in str(error.value)


def test_names_that_are_no_fields_are_named():
    names = {"zeal": 1, "fan": True, "blower": True, "door": 2}
    assert Oven.unknown_names(names) == ["door", "zeal"]
    with pytest.raises(ConfigError, match="Oven has no door, zeal"):
        Oven.from_dict({"zeal": 1, "minutes": 2, "door": 2})
    with pytest.raises(ConfigError, match="minutes must be a whole number"):
        Oven.from_dict({"minutes": -1})


def test_the_first_part_of_a_run_had_other_names():
    old = {"first_drop": 0.5, "first_size": 16, "first_share": 0.25}
    assert Recipe.from_dict(old) == Recipe(early_drop=0.5, early_size=16, early_share=0.25)
