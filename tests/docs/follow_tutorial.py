# SPDX-License-Identifier: Apache-2.0
"""Follows docs/tutorial.md word for word, in an empty directory, with an installed Gatepost.

Blocks with the mark `file` are written, blocks of kind `sh` are run, and each line of a block of
kind `text` must be in what the commands before it said (`…` stands for anything). The marks
`fails` and `background` say what a command does; `skip` is for what the installation is. The port
2525 of the page is replaced by one that is free.

follow_tutorial.py --build DIR --cmake PROGRAM --compiler CC"""

import argparse
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import blocks

SECONDS = 30


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return str(sock.getsockname()[1])


def install(arguments, prefix):
    subprocess.run([arguments.cmake, "--install", arguments.build, "--prefix", str(prefix)],
                   check=True, stdout=subprocess.DEVNULL)
    # The directory that was configured is another one; beside the program it is found as well.
    (prefix / "bin" / "plugins").symlink_to(prefix / "lib" / "gatepost" / "plugins")


class Follower:
    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.port, self.output, self.servers, self.number = free_port(), "", [], 0

    def fail(self, block, text):
        sys.exit(f"{block.place()}: {text}\n{self.output}")

    def write(self, block, text):
        path = self.folder / block.argument
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def start(self, block, text):
        self.number += 1
        path = self.folder / f".server-{self.number}"
        with open(path, "w", encoding="utf-8") as out:
            self.servers.append(subprocess.Popen(["sh", "-c", f"exec {text.strip()}"],
                                                 cwd=self.folder, env=self.environment, stdout=out,
                                                 stderr=subprocess.STDOUT))
        end = time.monotonic() + SECONDS
        while "listening" not in path.read_text(encoding="utf-8"):
            if self.servers[-1].poll() is not None or time.monotonic() > end:
                self.output = path.read_text(encoding="utf-8")
                self.fail(block, "the server did not start")
            time.sleep(0.02)
        self.output = path.read_text(encoding="utf-8")

    def run(self, block, text):
        if "swaks" in text and not shutil.which("swaks"):
            print("swaks is not installed: not everything was tried")
            sys.exit(77)
        result = subprocess.run(["sh", "-ec", text], cwd=self.folder, env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=SECONDS, check=False)
        self.output = result.stdout
        if (result.returncode != 0) != (block.mark == "fails"):
            self.fail(block, f"exit code {result.returncode}")

    def compare(self, block, text):
        for line in filter(None, map(str.strip, text.split("\n"))):
            expression = ".*".join(map(re.escape, line.split("…")))
            if not re.search(expression, self.output):
                self.fail(block, f"was to say: {line}")

    def step(self, block):
        text = block.text.replace("2525", self.port)
        if block.mark == "file":
            self.write(block, text)
        elif block.mark == "skip":
            return
        elif block.mark == "background":
            self.start(block, text)
        elif block.kind == "sh":
            self.run(block, text)
        elif block.kind == "text":
            self.compare(block, text)

    def stop(self):
        for server in self.servers:
            server.terminate()
            server.wait(SECONDS)


def main():
    parser = argparse.ArgumentParser()
    for name in ("build", "cmake", "compiler"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as name:
        prefix, folder = pathlib.Path(name) / "prefix", pathlib.Path(name) / "work"
        folder.mkdir()
        install(arguments, prefix)
        follower = Follower(folder, {**os.environ, "CMAKE_PREFIX_PATH": str(prefix),
                                     "PATH": f"{prefix}/bin:{os.environ['PATH']}",
                                     "CC": arguments.compiler, "NO_COLOR": "1"})
        try:
            for block in blocks.blocks(blocks.ROOT / "docs" / "tutorial.md"):
                follower.step(block)
        finally:
            follower.stop()
    print("followed")


if __name__ == "__main__":
    main()
