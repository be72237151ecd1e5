"""In a guest: real programs under a skewed load, their idle pages measured and then reclaimed.

Arguments: the tracker, for how many seconds, in `single` or `huge` pages, and which programs. Each
holds some 12 MiB of records of its own kind, or as many as another guest program asks for; a few of
them are read again and again, most of them hardly ever. Prints, by program, what
tests.vm.guest.idle prints of its own.
"""

import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.vm.guest.idle import GROUP, multigenerational, truth, zram_swap
from tests.vm.guest.swapping import only_huge_pages_asked_for, run

_RECORDS = 12_000  # of about a KiB
_SENT_AT_ONCE = 100  # records, lest each waits for its answer
_SKEW = 6  # half of the reads go to 2 % of the records
_READS, _PAUSE = 20, 0.1  # so many at once, and then so many seconds of rest
_STARTS_WITHIN = 120.0

_PYTHON = """
import random, sys, time
draw = random.Random(7)
words = open(random.__file__).read().split()
kept = [{"id": number, "name": " ".join(draw.choices(words, k=6)),
         "scores": [draw.random() for _ in range(8)]} for number in range(int(sys.argv[1]))]
print("ready", flush=True)
while True:
    for _ in range(int(sys.argv[2])):
        sum(kept[int(len(kept) * draw.random() ** int(sys.argv[4]))]["scores"])
    time.sleep(float(sys.argv[3]))
"""
_NODE = """
const [records, reads, pause, skew] = process.argv.slice(1).map(Number);
let state = 7, sum = 0;
const draw = n => (state = (state * 1103515245 + 12345) % 2147483648) % n;
const words = require('fs').readFileSync('/etc/services', 'utf8').split(/\\s+/);
const kept = [];
for (let i = 0; i < records; i++) {
  const text = Array.from({length: 8}, () => words[draw(words.length)]).join(' ');
  kept.push({id: i, text, values: Array.from({length: 12}, () => draw(1e9) / 7)});
}
console.log('ready');
setInterval(() => {
  for (let i = 0; i < reads; i++)
    sum += kept[Math.floor(records * Math.random() ** skew)].values[0];
}, pause * 1000);
"""
_JAVA = """
import java.nio.file.*;
import java.util.*;
public class Records {
    record Item(long id, String text, double[] values) {}
    public static void main(String[] words) throws Exception {
        int records = Integer.parseInt(words[0]), reads = Integer.parseInt(words[1]);
        long pause = Math.round(1000 * Double.parseDouble(words[2]));
        int skew = Integer.parseInt(words[3]);
        Random draw = new Random(7);
        String[] services = Files.readString(Path.of("/etc/services")).split("\\\\s+");
        List<Item> kept = new ArrayList<>();
        for (int i = 0; i < records; i++) {
            StringBuilder text = new StringBuilder();
            for (int j = 0; j < 8; j++) {
                text.append(services[draw.nextInt(services.length)]).append(' ');
            }
            kept.add(new Item(i, text.toString(), draw.doubles(10).toArray()));
        }
        System.out.println("ready");
        double sum = 0;
        while (true) {
            for (int i = 0; i < reads; i++) {
                sum += kept.get((int) (records * Math.pow(draw.nextDouble(), skew))).values()[0];
            }
            Thread.sleep(pause);
        }
    }
}
"""


@contextmanager
def _started(*command: object) -> Iterator[subprocess.Popen[bytes]]:
    """A program in the group that is reclaimed from."""
    with subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: (GROUP / "cgroup.procs").write_text("0"),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _reading(records: int, *command: object) -> Iterator[int]:
    """A program that makes so many records, says `ready`, and then reads them."""
    with _started(*command, records, _READS, _PAUSE, _SKEW) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", command
        yield process.pid


@contextmanager
def _jvm(records: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "Records.java"
        source.write_text(_JAVA)
        run("javac", "-d", folder, source)  # by itself: its memory is no server's
        words = ("-Xmx48m", "-XX:+UseSerialGC", "-cp", folder, "Records")
        with _reading(records, "java", *words) as pid:
            yield pid


@contextmanager
def _redis(records: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        words = ("--port", 0, "--unixsocket", path, "--save", "", "--dir", folder)
        with _started("redis-server", *words) as server, socket.socket(socket.AF_UNIX) as client:
            until = time.monotonic() + _STARTS_WITHIN
            while client.connect_ex(path):
                assert time.monotonic() < until, "redis-server did not start"
                time.sleep(0.05)
            _fill(client, records)
            asking = subprocess.Popen(
                [sys.executable, "-m", "tests.vm.guest.servers", path, str(records)]
            )
            try:
                yield server.pid
            finally:
                asking.kill()


def _command(*words: bytes) -> bytes:
    head = b"*%d\r\n" % len(words)
    return head + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _fill(client: socket.socket, records: int) -> None:
    draw = random.Random(7)
    words = Path(random.__file__).read_text().split()

    def record(number: int) -> bytes:
        fields = {"id": number, "name": draw.choices(words, k=9), "token": draw.randbytes(48).hex()}
        value = json.dumps(fields | {"history": [draw.randrange(10**9) for _ in range(40)]})
        return _command(b"SET", b"record:%d" % number, value.encode())

    with client.makefile("rb") as answers:
        for first in range(0, records, _SENT_AT_ONCE):
            sent = range(first, min(first + _SENT_AT_ONCE, records))
            client.sendall(b"".join(map(record, sent)))
            assert all(answers.readline() == b"+OK\r\n" for _ in sent)


def ask(path: str, records: int) -> None:
    """Read the records of the redis-server at `path` for ever."""
    draw = random.Random(8)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        while True:
            for _ in range(_READS):
                number = int(records * draw.random() ** _SKEW)
                client.sendall(_command(b"GET", b"record:%d" % number))
                while not client.recv(1 << 16).endswith(b"\r\n"):
                    pass
            time.sleep(_PAUSE)


PROGRAMS: dict[str, Callable[[int], Any]] = {
    "redis": _redis,
    "jvm": _jvm,
    "node": lambda records: _reading(records, "node", "-e", _NODE),
    "cpython": lambda records: _reading(records, sys.executable, "-c", _PYTHON),
}
"""Contexts, by name, of a program that holds so many records; each gives its process's number."""


def main(tracker: str, seconds: float, kind: str, names: list[str]) -> dict[str, Any]:
    """Each program by itself."""
    multigenerational()
    if kind == "single":
        only_huge_pages_asked_for()
    Path("/sys/fs/cgroup/cgroup.subtree_control").write_text("+memory")
    GROUP.mkdir()
    zram_swap()
    measured = {}
    for name in names:
        with PROGRAMS[name](_RECORDS) as pid:
            measured[name] = truth(pid, tracker, seconds)[0]
    return measured


if __name__ == "__main__":
    if len(sys.argv) == 3:
        ask(sys.argv[1], int(sys.argv[2]))
    else:
        print(json.dumps(main(sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4:])))
