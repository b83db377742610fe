"""Changes below the checksums: a container is opened, something in it mutated, and closed again.

A flipped bit seldom gets past a checksum. These changes do, and reach the code behind it.
"""

import io
import struct
import zipfile
import zlib

from .mutate import mutated


def repaired(chance, name, content, others):
    """`content`, of the file `name`, changed inside of its container and with right checksums.

    Another kind of file that has checksums is another line of CONTAINERS.
    """
    change = CONTAINERS.get(name.rpartition(".")[2], mutated)
    return change(chance, content, others)


def _npz(chance, content, others):
    """One member mutated, left out, doubled, renamed or packed otherwise."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    chosen, packed = chance.choice(list(members)), io.BytesIO()
    what = chance.choice(("mutate", "mutate", "mutate", "leave", "double", "rename", "other"))
    method = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(packed, "w", method, compresslevel=1) as archive:
        for name, data in members.items():
            if name == chosen:
                if what == "leave":
                    continue
                if what == "mutate":
                    data = mutated(chance, data, [*others, *list(members.values())[:3]])
                if what == "other":
                    data = chance.choice(list(members.values()))
                if what == "rename":
                    name = chance.choice(("", "a", "a.npy", "../a.npy", "model/head.w.npy", name))
            archive.writestr(zipfile.ZipInfo(name), data, method)
            if name == chosen and what == "double" and name not in archive.namelist()[:-1]:
                archive.writestr(zipfile.ZipInfo(name + "2.npy"), data, method)
    return packed.getvalue()


def _tar(chance, content, others):
    """One header mutated, and its checksum made right."""
    content = bytearray(content)
    start = 512 * chance.randrange(max(1, len(content) // 512))
    header = bytearray(mutated(chance, bytes(content[start : start + 512]), others)[:512])
    header += bytes(512 - len(header))
    if chance.random() < 0.3:  # its kind
        header[156:157] = chance.choice((b"0", b"1", b"2", b"5", b"x", b"g", b"L", b"S", b"\xff"))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % (sum(header) & 0o777777)
    content[start : start + 512] = header
    return bytes(content)


def _gz(chance, content, others):
    """The archive inside mutated, its headers made right in half of the cases."""
    inside = zlib.decompress(content, wbits=31)
    inside = chance.choice((_tar, mutated))(chance, inside, others)
    pack = zlib.compressobj(1, wbits=31)
    return pack.compress(inside) + pack.flush()


def _png(chance, content, others):
    """One chunk mutated, and its checksum made right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    chosen = chance.randrange(len(chunks))
    kind, data = chunks[chosen]
    if kind == b"IDAT" and chance.random() < 0.7:
        data = zlib.compress(mutated(chance, zlib.decompress(data), others), 1)
    else:
        data = mutated(chance, data, others)
    chunks[chosen] = kind, data
    if chance.random() < 0.2:
        chance.shuffle(chunks)
    sealed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return content[:8] + b"".join(sealed)


CONTAINERS = {"npz": _npz, "tar": _tar, "gz": _gz, "png": _png}
