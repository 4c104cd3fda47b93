"""Writes the list of functions that the linker puts side by side: ``python benches/order.py WHEEL``.

The wheel has to have its symbols, and its functions in no order: valgrind names what is in ``.text`` alone. An import
and a client's session are run under callgrind, which tells the functions that they enter, the session over TLS 1.3 and
1.2. What an import enters comes first, so that a program that imports azmqtt and makes no client maps little. See
README.md.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from runner.paths import REPOSITORY
from runner.process import sink
from runner.venvs import build_rig

LIST = REPOSITORY / "packaging" / "order.txt"
ENOUGH = 0.4
"""Of a module, the part in bytes that is run from which on the whole module is named instead of its functions."""
ALONE = 0.5
"""The same for a function by its name, which all functions have that were compiled of it for one type or another."""
LITTLE = 24 << 10
"""So much of other functions does no harm, in bytes."""

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
HASH = re.compile(r"17h[0-9a-f]{16}E.*")
"""The end of a name as rustc makes it, with what the optimizer adds."""
OF_RUST = re.compile(r"_ZN(?:\d+_\$LT\$)?(?:4core|5alloc|3std|core\.|alloc\.|std\.)")
METHOD = re.compile(r"_ZN\d+_\$LT\$((?:\w+\.\.)+)")
CRATE = re.compile(r"Cs[0-9A-Za-z]+_")
"""A crate with its hash in the other scheme of names, that of the standard library."""
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


def patterns(name: str) -> list[str]:
    """Return what names a function to the linker: modules, the outermost first, then itself without its hash.

    A name is ``_ZN6rustls6client2hs…17h<hash>E``, or that of a trait's method, ``_ZN142_$LT$rustls..client..hs..…``.
    Functions of Rust's own modules are mostly compiled for one type or another: there no module is named.
    """
    if not name.startswith("_ZN"):
        return [OPTIMIZED.sub("*", CRATE.sub("Cs*_", name))]
    itself = HASH.sub("17h*", name)
    if OF_RUST.match(name):
        return [itself]
    if method := METHOD.match(name):
        parts = method[1].split("..")[:-1]
        return [*(f"_ZN*_$LT${'..'.join(parts[:count])}..*" for count in range(2, len(parts) + 1)), itself]
    return [*(f"{module}*" for module in modules(name)), itself]


def modules(name: str) -> list[str]:
    """``_ZN6rustls6client``, then those within it; not the crate alone, nor the function."""
    ends = []
    at = len("_ZN")
    while length := re.match(r"\d+", name[at:]):
        at += length.end() + int(length[0])
        ends.append(at)
    return [name[:end] for end in ends[1:-2]]


def shortest(run: set[str], size: Mapping[str, int]) -> set[str]:
    """Return the patterns for the functions that were run: a module where enough of it was, or else each function."""
    whole: dict[str, int] = defaultdict(int)
    part: dict[str, int] = defaultdict(int)
    for name, count in size.items():
        for pattern in patterns(name):
            whole[pattern] += count
            part[pattern] += count if name in run else 0
    chosen = set()
    for name in run & size.keys():
        *larger, itself = patterns(name)
        chosen.add(next((each for each in larger if part[each] >= ENOUGH * whole[each]), itself))
    return chosen


def alone(run: set[str], size: Mapping[str, int]) -> set[str]:
    """Return the patterns of single functions that stand for little else than what was run."""
    whole: dict[str, int] = defaultdict(int)
    part: dict[str, int] = defaultdict(int)
    for name, count in size.items():
        itself = patterns(name)[-1]
        whole[itself] += count
        part[itself] += count if name in run else 0
    enough = {pattern: min(ALONE * whole[pattern], whole[pattern] - LITTLE) for pattern in whole}
    return {pattern for pattern, count in part.items() if count > 0 and count >= enough[pattern]}


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
        first = alone(imported, size)
        then = shortest({name for name in run | imported if patterns(name)[-1] not in first}, size)
    LIST.write_text("\n".join([FIRST_LINE, *sorted(first), *sorted(then), ""]))
    print(f"{LIST}: {len(first)} patterns for an import, {len(then)} for a client of {len(run)} functions")


if __name__ == "__main__":
    main()
