"""Writes the list of functions that the linker puts side by side: ``python benches/order.py WHEEL``.

The wheel has to have its symbols, in rustc's scheme "v0", and its functions in no order: valgrind names what is in
``.text`` alone. An import and a client's session are run under callgrind, which tells the functions that they enter,
the session over TLS 1.3 and 1.2. What an import enters comes first, so that a program that imports azmqtt and makes no
client maps little. See README.md.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.paths import REPOSITORY
from runner.process import sink
from runner.venvs import build_rig

LIST = REPOSITORY / "packaging" / "order.txt"
FIRST_LINE = "Functions that every client runs, as python benches/order.py found them; read by build.rs."

IMPORT = """
import os, sys
sys.path.insert(0, sys.argv[1])
import azmqtt
os._exit(0)
"""

SESSION = """
import asyncio, itertools, os, sys
sys.path.insert(0, sys.argv[1])
import azmqtt

def client(name):
    text = f"HostName=localhost;DeviceId={name};SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    return azmqtt.DeviceClient.from_connection_string(text, port=int(sys.argv[2]), trust=sys.argv[3], timeout=300)

def blocking(device):
    device.connect()
    device.send_message(b"bytes")
    device.send_message({"reading": 1}, properties={"unit": "K"})
    device.send_messages([b"one", b"two"])
    device.patch_reported_properties({"firmware": "1.0"})
    device.get_twin()
    messages = device.messages(timeout=300)
    device.send_message(b"FLOOD 20 1")
    for _ in itertools.islice(messages, 20):
        pass
    device.close()

async def awaited(device):
    await device.connect_async()
    await device.send_message_async(b"bytes")
    await device.patch_reported_properties_async({"temperature": 21.5})
    await device.get_twin_async()
    await device.close_async()

blocking(client("blocking"))
asyncio.run(awaited(client("awaited")))
os._exit(0)
"""

LINE = re.compile(r"(ob|cob|fn|cfn)=\((\d+)\)(?: (.*))?")
TOKEN = re.compile(
    r"(?P<crate>Cs[0-9A-Za-z]*_)|(?P<again>B[0-9A-Za-z]*_)|[LGs][0-9A-Za-z]*_|[a-z]n?[0-9][0-9a-f]*_"
    r"|(?P<length>u?[1-9][0-9]*)_?|."
)
"""A part of a name in rustc's scheme "v0": a crate with its hash, a reference to a part before, a number, a word."""
OPTIMIZED = re.compile(r"\.llvm\.\d+$")


def entered(program: str, arguments: Iterable[str], library: Path) -> set[str]:
    """Return the names of the library's functions that a program enters."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.NamedTemporaryFile("r") as out:
        callgrind = ["valgrind", "--quiet", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={out.name}"]
        subprocess.run([*callgrind, sys.executable, "-I", "-c", program, *arguments], check=True, env=environment)
        return set(functions(out, library))


def session(wheel: Path, library: Path, programs: Path, *, tls12: bool) -> set[str]:
    """Return the names of the library's functions that a client's session enters."""
    with sink(programs, delay_ms=0, tls12=tls12) as target:
        return entered(SESSION, [str(wheel), str(target.port), target.ca], library)


def functions(lines: Iterable[str], library: Path) -> Iterator[str]:
    """Read what callgrind has written: names have numbers, and stand there once."""
    names: dict[tuple[str, str], str] = {}
    within = ""
    for line in lines:
        if not (found := LINE.fullmatch(line.rstrip())):
            continue
        key, number, name = found.groups()
        kind = key.removeprefix("c")
        if name:
            names[kind, number] = name
        if key == "ob":
            within = names[kind, number]
        elif key == "fn" and within == str(library):
            # "'2" and so on: a function that calls itself.
            yield names[kind, number].partition("'")[0]


def sizes(library: Path) -> dict[str, int]:
    """Return the size of each function of the library, in bytes."""
    nm = ["nm", "--print-size", str(library)]
    output = subprocess.run(nm, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in output.splitlines()]
    return {row[3]: int(row[1], 16) for row in rows if len(row) == 4 and row[2] in "tTwW"}


def pattern(name: str) -> str:
    """Return what names a function to the linker in any build.

    A name is ``_RNvNtCs6vKc9sYbzDe_6rustls6client…``, with all types for which the function was compiled. What differs
    between builds are hashes of crates, and references, which count the bytes of hashes of different lengths.
    """
    name = OPTIMIZED.sub("*", name)
    if not name.startswith("_R"):
        return name
    parts = ["_R"]
    at = len("_R")
    while token := TOKEN.match(name, at):
        end = token.end()
        if token["length"]:
            end += int(token["length"].removeprefix("u"))
        parts.append("Cs*_" if token["crate"] else "B*_" if token["again"] else name[at:end])
        at = end
    return "".join(parts)


def main() -> None:
    """Run the sessions and write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    wheel = parser.parse_args().wheel
    programs = build_rig()
    with tempfile.TemporaryDirectory() as directory:
        zipfile.ZipFile(wheel).extractall(directory)
        unpacked = Path(directory).resolve()
        (library,) = unpacked.glob("azmqtt/_core.*.so")
        if b"\0.text.client\0" in library.read_bytes():
            sys.exit(f"{wheel} was built with an order: README.md says how to build it without")
        imported = entered(IMPORT, [str(unpacked)], library)
        run = {name for tls12 in (False, True) for name in session(unpacked, library, programs, tls12=tls12)}
        size = sizes(library)
    first = {pattern(name) for name in imported & size.keys()}
    then = {pattern(name) for name in run & size.keys()} - first
    LIST.write_text("\n".join([FIRST_LINE, *sorted(first), *sorted(then), ""]))
    print(f"{LIST}: {len(first)} functions of an import, {len(then)} more of a client")


if __name__ == "__main__":
    main()
