"""Options that a command hands on as a whole: the function takes each of them by that name."""

import inspect
from dataclasses import fields
from importlib import import_module

import pytest

HANDED_ON = {
    "distill": "distill:distill",
    "features": "backbones:extract_features",
}
"""Module of the command line -> the function that takes its options."""


@pytest.mark.parametrize("command", HANDED_ON)
def test_the_function_takes_every_option(command: str) -> None:
    package, name = HANDED_ON[command].split(":")
    taken = dict(inspect.signature(getattr(import_module(f"twoalike.{package}"), name)).parameters)
    for parameter in list(taken.values()):
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:  # settings of distill and of fit
            config = {"distill": "DistillConfig", "embedding": "FitConfig"}[package]
            model = getattr(import_module(f"twoalike.{package}"), config)
            taken |= dict.fromkeys(getattr(model, "model_fields", model.__annotations__))
    options = import_module(f"twoalike.cli.{command}").Options
    assert {field.name for field in fields(options)} <= taken.keys()


def test_two_groups_are_sized_with_their_options_and_those_that_are_shared() -> None:
    from twoalike.cli.power import _OF_PREDICTIONS, GroupOptions
    from twoalike.recovery import group_power, power

    given = {*inspect.signature(power).parameters, *(field.name for field in fields(GroupOptions))}
    assert given - set(_OF_PREDICTIONS) == inspect.signature(group_power).parameters.keys()
