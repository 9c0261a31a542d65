"""Puts together the little program that the kernel runs before each call of a process. Pure.

It looks at the architecture, the call's number and its arguments, and lets through what is on a
list. All else fails as if it were not permitted; another architecture's calls, whose numbers mean
other things, end the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

LOAD: Final = 0x20
EQUAL: Final = 0x15
AT_LEAST: Final = 0x35
ANY_BIT: Final = 0x45
RETURN: Final = 0x06

ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
REFUSE: Final = 0x00050000 | 1
"""The call fails with `EPERM`."""

_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_HALF: Final = 4
"""Each argument is two halves, the low one first on the machines we know."""
OTHER_NUMBERS: Final = 0x40000000
"""From here on x86-64 has the calls of its 32-bit form, by numbers of their own."""


class Step(NamedTuple):
    """What the kernel calls a `sock_filter`: jumps count the steps to pass over."""

    code: int
    yes: int
    no: int
    value: int


@dataclass(frozen=True, slots=True)
class Among:
    """The low half of an argument is one of these."""

    argument: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """The low half of an argument has none of these bits."""

    argument: int
    bits: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """An argument is zero: a pointer that points nowhere."""

    argument: int


Test = Among | Without | Nothing


@dataclass(frozen=True, slots=True)
class Allowed:
    """A call that may be made where all its tests hold."""

    number: int
    tests: tuple[Test, ...] = ()


def program(architecture: int, allowed: Sequence[Allowed]) -> tuple[Step, ...]:
    """Every call on the list, and no other."""
    return (
        Step(LOAD, 0, 0, _ARCHITECTURE_AT),
        Step(EQUAL, 1, 0, architecture),
        Step(RETURN, 0, 0, KILL),
        Step(LOAD, 0, 0, _NUMBER_AT),
        Step(AT_LEAST, 0, 1, OTHER_NUMBERS),
        Step(RETURN, 0, 0, KILL),
        *(step for each in allowed for step in _steps(each)),
        Step(RETURN, 0, 0, REFUSE),
    )


def _steps(allowed: Allowed) -> Iterator[Step]:
    tests = [step for test in allowed.tests for step in _tested(test)]
    yield Step(EQUAL, 0, len(tests) + 1, allowed.number)
    yield from tests
    yield Step(RETURN, 0, 0, ALLOW)


def _tested(test: Test) -> Iterator[Step]:
    """Falls through where the test holds; otherwise the call is refused."""
    low = _ARGUMENTS_AT + 2 * _HALF * test.argument
    match test:
        case Among(values=values):
            yield Step(LOAD, 0, 0, low)
            for place, value in enumerate(values):
                yield Step(EQUAL, len(values) - place, 0, value & 0xFFFFFFFF)
            yield Step(RETURN, 0, 0, REFUSE)
        case Without(bits=bits):
            yield Step(LOAD, 0, 0, low)
            yield Step(ANY_BIT, 0, 1, bits)
            yield Step(RETURN, 0, 0, REFUSE)
        case Nothing():
            for half in (low, low + _HALF):
                yield Step(LOAD, 0, 0, half)
                yield Step(EQUAL, 1, 0, 0)
                yield Step(RETURN, 0, 0, REFUSE)
