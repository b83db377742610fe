"""Changes of bytes, all drawn from a `random.Random`."""

NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**64 - 1]


def mutated(chance, content, others):
    """`content` with one to four changes; `others` are contents that pieces may come from."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        chance.choice(CHANGES)(chance, content, others)
    return bytes(content)


def _place(chance, content):
    """Somewhere in the content; often near its ends, where headers are."""
    where = chance.randrange(len(content) + 1)
    return chance.choice((where, min(where, chance.randrange(600)), max(0, len(content) - where)))


def _flip(chance, content, others):
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _overwrite(chance, content, others):
    where = _place(chance, content)
    content[where : where + 4] = chance.randbytes(chance.randrange(1, 5))


def _number(chance, content, others):
    """A number that means much, in a size and byte order of numbers."""
    size = chance.choice((1, 2, 4, 8))
    number = chance.choice(NUMBERS) & (256**size - 1)
    where = _place(chance, content)
    content[where : where + size] = number.to_bytes(size, chance.choice(("little", "big")))


def _digits(chance, content, others):
    where = _place(chance, content)
    content[where : where + 3] = chance.choice((b"999", b"-1", b"1e9", b"077", b"9" * 30))


def _cut(chance, content, others):
    del content[_place(chance, content) :]


def _remove(chance, content, others):
    where = _place(chance, content)
    del content[where : where + chance.randrange(1, 600)]


def _repeat(chance, content, others):
    where = _place(chance, content)
    piece = content[where : where + chance.randrange(1, 600)]
    content[where:where] = piece * chance.choice((1, 1, 2, 100))


def _insert(chance, content, others):
    """A piece of another file, or of this one's beginning."""
    source = chance.choice([*others, bytes(content)])
    start = chance.choice((0, _place(chance, source)))
    where = _place(chance, content)
    content[where:where] = source[start : start + chance.randrange(1, 2000)]


def _zeros(chance, content, others):
    where = _place(chance, content)
    content[where : where + 64] = bytes(chance.randrange(1, 600))


CHANGES = (_flip, _flip, _overwrite, _number, _number, _digits, _cut, _remove, _repeat, _insert,
           _zeros)  # fmt: skip
