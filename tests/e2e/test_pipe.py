# SPDX-License-Identifier: Apache-2.0
"""The target `pipe`: programs are started by the master (or by the only process), get the message and a
clean environment, keep to their limits, and end with whoever waits for them."""

import os
import signal
import stat

import harness
import processes

MESSAGE = b"Subject: x\r\n\r\n.dot\r\n" + b"line of the body\r\n" * 20000

CONFIG = """\
hostname: mx.example.test
{process}
targets:
  program:
    pipe: {{command: {command}, timeout: {timeout}}}
listeners: {{mx: {{address: "127.0.0.1:0"}}}}
routes: [{{name: program, match: {{recipient: [example.test]}}, to: program, mode: direct}}]
log: {{to: stderr, format: json, level: info}}
"""


class Pipe(processes.Processes):
    modes = ("workers: 0", "workers: 1")

    def program(self, text):
        path = self.directory / "script"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        # Who runs it may be another user, who writes here.
        self.directory.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
        return path

    def serve(self, text, process="workers: 1", timeout="30s", **limits):
        path = self.program(text)
        words = "".join(f", {key}: {value}" for key, value in limits.items())
        if harness.unprivileged() and process != "workers: 0":
            process += "\nuser: nobody"
        return self.launch(CONFIG.format(
            process=process, command=f"{{argv: [{path}, --argument], directory: {self.directory}{words}}}",
            timeout=timeout))

    def send(self, server, recipient="b@example.test", message=MESSAGE):
        with harness.Client(server.address) as client:
            client.command("EHLO client.example", 250)
            client.command("MAIL FROM:<a@example.com>", 250)
            client.command(f"RCPT TO:<{recipient}>", 250)
            client.command("DATA", 354)
            client.send(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            return client.reply()

    def test_what_it_gets(self):
        for process in self.modes:
            with self.subTest(process=process):
                os.environ["SECRET_OF_OURS"] = "1"
                server = self.serve("cat > input; env > environment; echo $1 > arguments\n"
                                    "ls /proc/self/fd > descriptors; umask > mask\n", process)
                del os.environ["SECRET_OF_OURS"]
                self.assertEqual(self.send(server, '"x y"@example.test').code, 250)
                content = (self.directory / "input").read_bytes()
                self.assertTrue(content.startswith(
                    b"Return-Path: <a@example.com>\r\nDelivered-To: \"x y\"@example.test\r\n"),
                    content[:200])
                self.assertTrue(content.endswith(b"\r\n" + MESSAGE))
                variables = dict(line.split("=", 1) for line in
                                 (self.directory / "environment").read_text().splitlines())
                for name in ("PWD", "SHLVL", "_", "OLDPWD"):  # the shell's
                    variables.pop(name, None)
                delivery = variables.pop("DELIVERY")
                self.assertRegex(delivery, r"^[0-9a-z]{16}\.1\.a\.1$|^[0-9a-z.]+$")
                self.assertEqual(variables, {
                    "SENDER": "a@example.com", "RECIPIENT": '"x y"@example.test',
                    "LOCAL": '"x y"', "DOMAIN": "example.test",
                    "ORIGINAL_RECIPIENT": '"x y"@example.test', "CLIENT_ADDRESS": "127.0.0.1",
                    "CLIENT_HELO": "client.example", "USER_LOGIN": "",
                    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/"})
                self.assertEqual((self.directory / "arguments").read_text(), "--argument\n")
                self.assertEqual((self.directory / "mask").read_text(), "0077\n")
                # 3 is the folder that ls looks into
                self.assertEqual((self.directory / "descriptors").read_text().split(),
                                 ["0", "1", "2", "3"])
                server.stop()
                for name in ("input", "environment", "arguments", "descriptors", "mask"):
                    (self.directory / name).unlink()

    def test_exit_codes(self):
        server = self.serve("cat > /dev/null; echo some reason; echo and more >&2; "
                            "exit ${LOCAL}\n")
        for code, reply in ((0, 250), (67, 550), (75, 451), (1, 451), (64, 451), (77, 550)):
            self.assertEqual(self.send(server, f"{code}@example.test").code, reply)
        texts = [each["text"] for each in server.log() if "ended with 67" in each.get("text", "")]
        self.assertEqual(len(texts), 1, server.stderr()[-2000:])
        self.assertIn("some reason", texts[0])
        self.assertIn("and more", texts[0])

    def test_it_does_not_read(self):
        server = self.serve("exit 0\n")
        self.assertEqual(self.send(server).code, 250)

    def test_it_says_too_much(self):
        server = self.serve("i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789; "
                            "i=$((i+1)); done; exit 69\n")
        self.assertEqual(self.send(server).code, 554)

    def test_not_there(self):
        server = self.serve("exit 0\n")
        (self.directory / "script").unlink()
        self.assertEqual(self.send(server).code, 451)

    def test_whom_it_runs_as(self):
        if not harness.unprivileged():
            self.skipTest("not root")
        server = self.serve("id -un; id -G; exit 69\n", user="games")
        self.assertEqual(self.send(server).code, 554)
        text, = [each["text"] for each in server.log() if "ended with 69" in each.get("text", "")]
        self.assertRegex(text, r": games\W+60$")

    def test_a_user_that_is_not_there(self):
        if not harness.unprivileged():
            self.skipTest("not root")
        path = self.program("exit 0\n")
        server = self.launch(CONFIG.format(
            process="workers: 1\nuser: nobody", timeout="1s",
            command=f"{{argv: [{path}], user: nobody-like-that}}"), listeners=0)
        self.assertEqual(server.wait(20), 1)
        self.assertIn("nobody-like-that", server.stderr())

    def test_limits(self):
        server = self.serve("ulimit -t; ulimit -v; ulimit -f; ulimit -c; exit 69\n", cpu="7s",
                            memory="64MiB", files="1MiB")
        self.assertEqual(self.send(server).code, 554)
        text, = [each["text"] for each in server.log() if "ended with 69" in each.get("text", "")]
        # files in blocks of 512 bytes, or of a KiB
        self.assertRegex(text, r": 7\W+65536\W+(1024|2048)\W+0$")

    def test_too_slow_and_what_it_started(self):
        """The whole process group is told to end."""
        for process in self.modes:
            with self.subTest(process=process):
                server = self.serve("sleep 300 & echo $! > children; echo $$ >> children; wait\n",
                                    process, timeout="1s")
                self.assertEqual(self.send(server).code, 451)
                for pid in map(int, (self.directory / "children").read_text().split()):
                    harness.wait_until(lambda pid=pid: not is_running(pid), f"{pid} ends")
                server.stop()

    def test_who_ignores_the_signal_is_killed(self):
        server = self.serve("trap '' TERM; echo $$ > pid; while :; do sleep 1; done\n", timeout="1s")
        self.assertEqual(self.send(server).code, 451)
        pid = int((self.directory / "pid").read_text())
        harness.wait_until(lambda: not is_running(pid), "it is killed", 20)

    def test_a_client_that_leaves_ends_the_run(self):
        server = self.serve("echo $$ > pid; sleep 300\n")
        with harness.Client(server.address) as client:
            client.command("EHLO client.example", 250)
            client.envelope("b@example.test")
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\n.\r\n")
            harness.wait_until(lambda: (self.directory / "pid").exists() and
                               (self.directory / "pid").read_text().strip(), "it runs")
        pid = int((self.directory / "pid").read_text())
        harness.wait_until(lambda: not is_running(pid), "it ends", 20)

    def test_a_worker_that_dies_ends_its_runs(self):
        server = self.serve("echo $$ $PPID > pid; sleep 300\n")
        with harness.Client(server.address) as client:
            client.command("EHLO client.example", 250)
            client.envelope("b@example.test")
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\n.\r\n")
            harness.wait_until(lambda: (self.directory / "pid").exists() and
                               len((self.directory / "pid").read_text().split()) == 2, "it runs")
            pid, parent = map(int, (self.directory / "pid").read_text().split())
            self.assertEqual(parent, server.process.pid)  # the master, no worker
            for worker in children_of(parent):
                if worker != pid:
                    os.kill(worker, signal.SIGKILL)
            harness.wait_until(lambda: not is_running(pid), "it ends", 20)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
