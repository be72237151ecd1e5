"""Four unlike programs, each with some hundred MiB of its own kind of data, and cores of them."""

import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

_PYTHON = """
import random, sys
draw = random.Random(int(sys.argv[2]))
words = open(random.__file__).read().split()
kept = []
for number in range(int(sys.argv[1]) * 1000):
    kept.append({"id": number, "name": " ".join(draw.choices(words, k=6)),
                 "scores": [draw.random() for _ in range(8)],
                 "tags": set(draw.choices(words, k=3))})
print("ready", flush=True)
sys.stdin.read()
"""
_NODE = """
const [mib, seed] = process.argv.slice(1).map(Number);
let state = seed;
const draw = n => (state = (state * 1103515245 + 12345) % 2147483648) % n;
const words = require('fs').readFileSync('/etc/services', 'utf8').split(/\\s+/);
const kept = [];
for (let i = 0; i < mib * 1000; i++) {
  const text = Array.from({length: 8}, () => words[draw(words.length)]).join(' ');
  const values = Array.from({length: 12}, () => draw(1e9) / 7);
  kept.push({id: i, text, when: new Date(draw(2 ** 31) * 1000), values});
}
console.log('ready');
process.stdin.resume();
process.stdin.on('end', () => { console.log(kept.length); process.exit(); });
"""
_JAVA = """
import java.nio.file.*;
import java.util.*;
public class Records {
    record Item(long id, String text, double[] values, Map<String, Integer> counts) {}
    public static void main(String[] arguments) throws Exception {
        int mib = Integer.parseInt(arguments[0]);
        Random draw = new Random(Long.parseLong(arguments[1]));
        String[] words = Files.readString(Path.of("/etc/services")).split("\\\\s+");
        List<Item> kept = new ArrayList<>();
        for (int i = 0; i < mib * 1200; i++) {
            StringBuilder text = new StringBuilder();
            Map<String, Integer> counts = new HashMap<>();
            for (int j = 0; j < 8; j++) {
                String word = words[draw.nextInt(words.length)];
                text.append(word).append(' ');
                counts.merge(word, draw.nextInt(100), Integer::sum);
            }
            kept.add(new Item(i, text.toString(), draw.doubles(10).toArray(), counts));
        }
        System.out.println("ready");
        System.in.read();
        System.out.println(kept.size());
    }
}
"""
_READY_SECONDS = 120


@contextmanager
def _talking(*command: object) -> Iterator[int]:
    """A program that says `ready` on stdout and runs until its stdin ends: its PID."""
    with subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"{command[0]} did not start")
            yield process.pid
        finally:
            process.kill()


@contextmanager
def _cpython(mib: int, seed: int) -> Iterator[int]:
    with _talking(sys.executable, "-c", _PYTHON, mib, seed) as pid:
        yield pid


@contextmanager
def _node(mib: int, seed: int) -> Iterator[int]:
    with _talking("node", f"--max-old-space-size={3 * mib}", "-e", _NODE, mib, seed) as pid:
        yield pid


@contextmanager
def _jvm(mib: int, seed: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "Records.java"
        source.write_text(_JAVA)
        # gcore writes reserved memory too, as zeros: reserve little.
        options = [f"-Xmx{2 * mib}m", "-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=32m"]
        options += ["-XX:CompressedClassSpaceSize=32m"]
        with _talking("java", *options, source, mib, seed) as pid:
            yield pid


@contextmanager
def _redis(mib: int, seed: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        command = [
            "redis-server",
            "--port",
            "0",
            "--unixsocket",
            path,
            "--save",
            "",
            "--dir",
            folder,
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                _fill_redis(path, mib, seed)
                yield process.pid
            finally:
                process.kill()


def _fill_redis(path: str, mib: int, seed: int) -> None:
    draw = random.Random(seed)
    words = Path(random.__file__).read_text().split()
    until = time.monotonic() + _READY_SECONDS
    with socket.socket(socket.AF_UNIX) as client:
        while client.connect_ex(path):
            if time.monotonic() > until:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.05)
        for number in range(mib * 1000):
            fields = {
                "id": number,
                "name": draw.choices(words, k=9),
                "token": draw.randbytes(48).hex(),
            }
            value = json.dumps(
                fields | {"history": [draw.randrange(10**9) for _ in range(40)]}
            ).encode()
            key = f"user:{number}".encode()
            client.sendall(
                b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                % (len(key), key, len(value), value)
            )
            if number % 1000 == 999:
                left = 5000  # of 1000 answers "+OK\r\n"
                while left:
                    left -= len(client.recv(left))


PROGRAMS: dict[str, tuple[str, Callable[[int, int], AbstractContextManager[int]]]] = {
    "redis": ("redis-server", _redis),
    "jvm": ("java", _jvm),
    "node": ("node", _node),
    "cpython": (sys.executable, _cpython),
}


def cores(folder: Path, mib: int, seed: int = 1) -> dict[str, Path]:
    """A core of each program that is installed, of about `mib` MiB of data; kept in `folder`."""
    if shutil.which("gcore") is None:
        raise SystemExit("the benchmark takes cores with gcore: install the package gdb")
    folder.mkdir(parents=True, exist_ok=True)
    measured = {}
    for name, (executable, running) in PROGRAMS.items():
        if shutil.which(executable) is None:
            print(f"{name}: {executable} is not installed; left out", file=sys.stderr)
            continue
        kept = folder / f"{name}-{mib}-{seed}.core"
        if not kept.exists():
            print(f"{name}: taking a core", file=sys.stderr)
            with running(mib, seed) as pid:
                subprocess.run(
                    ["gcore", "-o", folder / name, str(pid)], check=True, capture_output=True
                )
                (folder / f"{name}.{pid}").rename(kept)
        measured[name] = kept
    return measured
