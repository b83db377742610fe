"""A machine that runs the few instructions of a pickle that hold data, and calls nothing.

A pickle is a small program for a machine with a stack: each byte is an instruction that pushes a
value or combines those on top. Python's own reader runs all of it: it calls any function that the
file names, makes as much room as a number in the file says, and follows any depth of nesting.

This machine knows only the instructions that CIFAR's files use, and none of them calls anything:
a `Name` and a `Call` say what would be called. The number of instructions and of containers and the
length of integers are bounded.

Source: the standard library's `pickletools`, which describes every instruction.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from ...errors import DataError
from ...text import printable

CONTAINERS = 1000  # most lists, tuples, dicts and calls; genuine files have about 20


class Name(NamedTuple):
    """A function or class that the file names; nothing is imported."""

    module: str
    name: str


@dataclass
class Call:
    """A call that the file asks for; nothing is called."""

    function: object
    arguments: tuple
    state: object = None


_MARK = object()


class Machine:
    """Runs the instructions of `blob`, at most `most` of them, up to the one that ends it.

    known: the `Name`s that the file may use.
    """

    def __init__(self, blob, most, known):
        self.blob, self.most, self.known = memoryview(blob), most, known
        self.at, self.containers = 0, 0
        self.stack, self.memo = [], {}

    def run(self):
        """The value that the pickle stands for. Raises DataError, struct.error or the like."""
        for _ in range(self.most):
            code = bytes(self.take(1))
            if code == b".":
                return self.stack.pop()
            if code not in _DO:
                raise DataError(f"it has the instruction {code!r}, which CIFAR never uses")
            _DO[code](self)
        raise DataError(f"it has more than {self.most:,} instructions")

    def take(self, count):
        """The next `count` bytes, as a view."""
        part = self.blob[self.at : self.at + count]
        if len(part) < count:
            raise DataError("it is cut short")
        self.at += count
        return part

    def number(self, form):
        """The next integer, in the form that `struct` names."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self):
        """The next line of text; names have at most 100 characters."""
        line = bytes(self.blob[self.at : self.at + 100]).partition(b"\n")[0]
        self.at += len(line) + 1
        return line.decode("ascii")

    def push(self, value):
        """Put a value on the stack."""
        self.stack.append(value)

    def push_container(self, value):
        """The same for what can contain others. Raises DataError for too many."""
        self.containers += 1
        if self.containers > CONTAINERS:
            raise DataError(f"it has more than {CONTAINERS} lists, tuples and calls")
        self.stack.append(value)

    def pop(self, count):
        """The last `count` values of the stack, removed from it."""
        values = self.stack[-count:]
        if len(values) < count:
            raise DataError("it takes more from its stack than is there")
        del self.stack[-count:]
        return values

    def pop_to_mark(self):
        """The values above the last mark, removed from the stack as the mark is."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise DataError("it goes back to a mark that is not there")

    def name(self, module, name):
        """Push a name, if it is one of those that genuine files have."""
        if Name(module, name) not in self.known:
            asked = f"{str(module)[:100]}.{str(name)[:100]}"
            raise DataError(f"it asks for {printable(asked)}")
        self.push(Name(module, name))

    def call(self):
        """Push a call, of the function and the arguments on the stack."""
        function, arguments = self.pop(2)
        self.push_container(Call(function, arguments))

    def build(self):
        """Give the call on the stack the state above it."""
        call, state = self.pop(2)
        if type(call) is not Call:
            raise DataError("it gives a state to what has none")
        self.push(Call(call.function, call.arguments, state))

    def add(self, values):
        """Add values to the list on top of the stack."""
        if type(self.stack[-1]) is not list:
            raise DataError("it adds to what is no list")
        self.stack[-1].extend(values)

    def update(self, values):
        """Add keys and values, in turns, to the dict on top of the stack."""
        keys = values[::2]
        if type(self.stack[-1]) is not dict or {type(key) for key in keys} - {bytes, str}:
            raise DataError("it adds to what is no dict of named entries")
        self.stack[-1].update(zip(keys, values[1::2], strict=True))

    def remember(self, index):
        """Remember the value on top of the stack by a number."""
        self.memo[index] = self.stack[-1]


def _text(form):
    """The instruction that pushes bytes, whose length stands before them."""
    return lambda machine: machine.push(bytes(machine.take(machine.number(form))))


def _unicode(form):
    """The same for text."""
    return lambda machine: machine.push(str(machine.take(machine.number(form)), "utf-8"))


def _number(form):
    return lambda machine: machine.push(machine.number(form))


_DO = {  # instruction: what it does to the machine
    b"\x80": lambda m: m.take(1),  # the protocol's number
    b"\x95": lambda m: m.take(8),  # a frame's length
    b"(": lambda m: m.push(_MARK),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"K": _number("<B"),
    b"M": _number("<H"),
    b"J": _number("<i"),
    b"\x8a": lambda m: m.push(int.from_bytes(m.take(m.number("<B")), "little", signed=True)),
    b"U": _text("<B"),
    b"T": _text("<I"),
    b"C": _text("<B"),
    b"B": _text("<I"),
    b"\x8e": _text("<Q"),
    b"\x8c": _unicode("<B"),
    b"X": _unicode("<I"),
    b"]": lambda m: m.push_container([]),
    b"}": lambda m: m.push_container({}),
    b")": lambda m: m.push_container(()),
    b"t": lambda m: m.push_container(tuple(m.pop_to_mark())),
    b"\x85": lambda m: m.push_container(tuple(m.pop(1))),
    b"\x86": lambda m: m.push_container(tuple(m.pop(2))),
    b"\x87": lambda m: m.push_container(tuple(m.pop(3))),
    b"a": lambda m: m.add(m.pop(1)),
    b"e": lambda m: m.add(m.pop_to_mark()),
    b"s": lambda m: m.update(m.pop(2)),
    b"u": lambda m: m.update(m.pop_to_mark()),
    b"c": lambda m: m.name(m.line(), m.line()),
    b"\x93": lambda m: m.name(*m.pop(2)),
    b"R": lambda m: m.call(),
    b"b": lambda m: m.build(),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<I")),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"h": lambda m: m.push(m.memo[m.number("<B")]),
    b"j": lambda m: m.push(m.memo[m.number("<I")]),
}
