# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a server of their own, a client made of bytes, Maildirs.

Every test runs its own server in its own directory on ports that the kernel chose, so any number of
them can run at once. Servers are stopped by process id and every wait is bounded. SLOWER stretches
the bounds for builds with sanitizers.
"""

import contextlib
import json
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BUILD = pathlib.Path(os.environ.get(
    "GATEPOST_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build" / "gcc"))
GATEPOST = BUILD / "gatepost"
LONG = os.environ.get("GATEPOST_E2E_LONG") == "1"


def is_sanitized():
    with open(GATEPOST, "rb") as program:
        return b"__asan_init" in program.read() or b"__tsan_init" in program.read()


SANITIZED = is_sanitized()
SLOWER = 4 if SANITIZED else 1

CONFIG = """\
hostname: mx.example.test
tables:
  our_domains: [example.test]
targets:
  mailboxes: {{maildir: {{path: mail}}}}
listeners:
  mx: {{address: "127.0.0.1:0", {listener}}}
{chains}
routes:
  - name: mailboxes
    match: {{recipient: our_domains}}
    to: mailboxes
    mode: direct
{log}
{rest}
"""
JSON_LOG = "log: {to: stderr, format: json}"


def config(listener="sessions_per_client: 100000", chain=None, rest="", log=JSON_LOG):
    """A server that keeps mail for example.test in Maildirs below mail/; `chain` are YAML items."""
    chains = ""
    if chain:
        listener += ", chain: edge"
        chains = "chains:\n  edge:\n" + "".join(f"    {line}\n" for line in chain.splitlines())
    return CONFIG.format(listener=listener, chains=chains, log=log, rest=rest)


def wait_until(condition, what, seconds=10.0):
    """The first true answer of condition(); fails the test after that many seconds."""
    end = time.monotonic() + seconds * SLOWER
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.01)


# ---- the server ----------------------------------------------------------------------------------

class Server:
    """`gatepost serve` in a directory, with the configuration of a text."""

    def __init__(self, directory, text, *, wrapper=(), user=None, limits=None,
                 pass_fds=(), environment=None):
        self.directory = pathlib.Path(directory)
        self.config = self.directory / "gatepost.yaml"
        self.config.write_text(text)
        self.errors = self.directory / "stderr"
        self.wrapper = list(wrapper)
        self.user = user
        self.limits = limits or {}
        self.pass_fds = pass_fds
        self.environment = environment or {}
        self.process = None
        self.ended = False  # by the test
        self.listeners = []
        self.program = self._readable_program() if user else GATEPOST

    def copy_program(self):
        """Runs a copy: its processes have another user."""
        self.program = self._readable_program()

    def _readable_program(self):
        """A copy of the build for another user, who may not look into ours (/root)."""
        copy = self.directory / "program"
        copy.mkdir(mode=0o755, exist_ok=True)
        for file in [GATEPOST, *BUILD.glob("libgatepost.so*")]:
            shutil.copy2(file, copy, follow_symlinks=True)
        shutil.copytree(BUILD / "plugins", copy / "plugins", dirs_exist_ok=True)
        return copy / "gatepost"

    def _environment(self):
        environment = {**os.environ, **self.environment}
        if self.program != GATEPOST:
            environment["LD_LIBRARY_PATH"] = str(self.program.parent)
        return environment

    def _prepare(self):
        """In the child: budgets and rights of the process."""
        import resource
        for what, value in self.limits.items():
            resource.setrlimit(what, (value, value))
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    def launch(self):
        """Starts it without waiting for anything."""
        self.ended = False
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(
                [*self.wrapper, str(self.program), "serve", "--config", str(self.config)],
                stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL,
                cwd=self.directory, preexec_fn=self._prepare, env=self._environment(),
                pass_fds=self.pass_fds)
        return self

    def start(self, listeners=1):
        """Starts it and waits until that many addresses are listened on."""
        self.launch()
        self.listeners = []
        pending = b""
        end = time.monotonic() + 20 * SLOWER
        while len(self.listeners) < listeners:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError("the server does not say where it listens:\n" + self.stderr())
            part = os.read(self.process.stdout.fileno(), 4096)
            if not part:
                raise AssertionError("the server does not start:\n" + self.stderr())
            pending += part
            *lines, pending = pending.split(b"\n")
            for line in lines:
                word, name, address = line.decode().split(" ", 2)
                assert word == "listening", line
                self.listeners.append((name, address))
        return self

    @property
    def address(self):
        return self.address_of(self.listeners[0][0])

    @property
    def port(self):
        return self.address[1]

    def address_of(self, name):
        """(host, port), or the path of a UNIX socket."""
        text = dict(self.listeners)[name]
        if text.startswith("unix:"):
            return text[5:]
        host, port = text.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def stderr(self):
        return self.errors.read_text(errors="replace")

    def log(self, event=None):
        """The complete lines of its log as objects."""
        lines = self.stderr().split("\n")[:-1]
        objects = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in objects if event in (None, each["event"])]

    def wait_log(self, event, count=1, seconds=10.0):
        return wait_until(lambda: (lambda got: got if len(got) >= count else None)(self.log(event)),
                          f"{count} × {event} in the log", seconds)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, signo):
        self.process.send_signal(signo)

    def kill(self):
        """kill -9, and nothing left of it."""
        if self.is_running():
            self.process.kill()
        self.wait()

    def wait(self, seconds=10.0):
        self.ended = True
        try:
            code = self.process.wait(seconds * SLOWER)
        finally:
            if self.process.stdout and self.process.poll() is not None:
                self.process.stdout.close()
        return code

    def stop(self):
        """SIGTERM; the exit code. Sessions that are still open make it wait for its drain."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Resident octets."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def reports(self):
        """What sanitizers said."""
        return re.findall(r"^.*(?:ERROR: \w+Sanitizer|runtime error:).*$", self.stderr(), re.M)


# ---- the client ----------------------------------------------------------------------------------

class Reply:
    """One reply, checked to the byte."""

    def __init__(self, raw):
        self.raw = raw
        self.lines = [line[4:].decode() for line in raw.split(b"\r\n")[:-1]]
        self.code = int(raw[:3])

    @property
    def text(self):
        return "\n".join(self.lines)

    def __repr__(self):
        return f"<{self.raw.decode(errors='replace').strip()}>"


class Unexpected(AssertionError):
    """Another reply than the one that was expected."""

    def __init__(self, reply, codes):
        super().__init__(f"{codes} expected, got {reply}")
        self.reply = reply


class Closed(Exception):
    """The server closed the connection."""


class Client:
    """An SMTP client that sends exactly the bytes it is told and believes no reply unchecked."""

    def __init__(self, address, *, timeout=20.0, greeting=True, source=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout * SLOWER)
        self.pending = b""
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
            if family == socket.AF_INET:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if greeting:
                self.expect(220)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Goes away with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _line(self):
        while b"\n" not in self.pending:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError as error:
                raise Closed(f"reset; before that: {self.pending!r}") from error
            if not part:
                raise Closed(f"closed; before that: {self.pending!r}")
            self.pending += part
        line, self.pending = self.pending.split(b"\n", 1)
        if not re.fullmatch(rb"[2-5][0-9]{2}[ -][^\r\n\0]*\r", line) or len(line) > 511:
            raise AssertionError(f"no line of a reply: {line!r}")
        return line + b"\n"

    def reply(self):
        raw = self._line()
        while raw.split(b"\r\n")[-2][3:4] == b"-":
            raw += self._line()
        codes = {line[:3] for line in raw.split(b"\r\n")[:-1]}
        if len(codes) != 1:
            raise AssertionError(f"several codes in one reply: {raw!r}")
        return Reply(raw)

    def expect(self, *codes):
        reply = self.reply()
        if reply.code not in codes:
            raise Unexpected(reply, codes)
        return reply

    def command(self, line, *codes):
        """Sends a line; its reply, which must be one of the codes if there are any."""
        self.send(line.encode() + b"\r\n")
        return self.expect(*codes) if codes else self.reply()

    def rest(self):
        """All replies until the server closes."""
        replies = []
        with contextlib.suppress(Closed):
            while True:
                replies.append(self.reply())
        return replies

    def is_closed(self):
        """Whether the server closed, with nothing said before."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def hello(self):
        return self.command("EHLO client.example", 250)

    def envelope(self, *recipients, sender="s@example.com", parameters=""):
        """MAIL and RCPT, all of them accepted."""
        self.command(f"MAIL FROM:<{sender}>{parameters}", 250)
        for recipient in recipients or ("r@example.test",):
            self.command(f"RCPT TO:<{recipient}>", 250)

    def data(self, content, *codes):
        """DATA with the bytes, which end with CRLF or are empty; dots are stuffed here."""
        self.command("DATA", 354)
        self.send(stuffed(content) + b".\r\n")
        return self.expect(*codes or (250,))

    def bdat(self, chunk, *codes, last=False):
        self.send(b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if last else b"") + chunk)
        return self.expect(*codes or (250,))


def greets(port):
    """Whether an SMTP server at this port of 127.0.0.1 says 220."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as probe:
            return probe.recv(4).startswith(b"220")
    except OSError:
        return False


def stuffed(content):
    return re.sub(rb"(?m)^\.", b"..", content)


def submit(address, content, *recipients, codes=(250,)):
    """One whole session for one message; the last reply."""
    with Client(address) as client:
        client.hello()
        client.envelope(*recipients)
        reply = client.data(content, *codes)
        client.command("QUIT", 221)
    return reply


# ---- Maildirs ------------------------------------------------------------------------------------

TRACE = re.compile(rb"(?:Return-Path|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*")


class Stored:
    """A message in a Maildir: trace fields of ours, then what the client sent."""

    def __init__(self, path):
        self.path = path
        self.raw = path.read_bytes()
        self.trace, end = [], 0
        while len(self.trace) < 64:
            match = TRACE.match(self.raw, end)
            if not match:
                break
            self.trace.append(match.group())
            end = match.end()
            if match.group().startswith(b"Received:"):
                break  # ours is the first; others came with the message
        self.content = self.raw[end:]

    def field(self, name):
        for field in self.trace:
            if field.startswith(name.encode() + b":"):
                return field.split(b":", 1)[1].strip().decode()
        return None


def folder(server, recipient="r@example.test", root="mail"):
    local, domain = recipient.rsplit("@", 1)
    return server.directory / root / domain / local


def stored(server, recipient="r@example.test", root="mail"):
    """The messages in `new` of a recipient."""
    new = folder(server, recipient, root) / "new"
    return [Stored(path) for path in sorted(new.iterdir())] if new.is_dir() else []


def leftovers(server, root="mail"):
    """Files in tmp of any Maildir."""
    return [path for path in (server.directory / root).glob("**/tmp/*") if path.is_file()]


# ---- tests ---------------------------------------------------------------------------------------

class TestCase(unittest.TestCase):
    """Gives each test a directory and stops what it started."""

    maxDiff = 4000

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="gatepost-e2e-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def server(self, text=None, *, listeners=1, directory=None, **options):
        server = Server(directory or self.directory, text or config(), **options)
        self.addCleanup(self._finish, server)
        return server.start(listeners)

    def _finish(self, server):
        if not server.ended and not server.is_running():
            self.fail(f"the server ended with {server.wait()}:\n{server.stderr()[-3000:]}")
        server.kill()
        self.assertEqual(server.reports(), [])

    def client(self, server, **options):
        client = Client(server if isinstance(server, (str, tuple)) else server.address, **options)
        self.addCleanup(client.close)
        return client

    def assert_alive(self, server):
        """It serves the next client as if nothing had been."""
        self.assertTrue(server.is_running(), server.stderr()[-2000:])
        with Client(server.address) as client:
            client.hello()
            client.command("QUIT", 221)

    def assert_serves_nobody(self, address):
        """Who connects is refused; or, in a queue that is closed a moment later, reset."""
        with self.assertRaises((OSError, Closed)):
            Client(address).close()

    def assert_stored(self, server, content, recipient="r@example.test", count=1):
        messages = stored(server, recipient)
        self.assertEqual(len(messages), count)
        for message in messages:
            if message.content != content:
                self.fail(different(message.content, content))
        return messages


def different(got, wanted):
    """Where two texts part, without printing megabytes."""
    at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
              min(len(got), len(wanted)))
    return (f"{len(got)} octets, {len(wanted)} expected; they differ at {at}: "
            f"{got[max(0, at - 20):at + 40]!r} instead of {wanted[max(0, at - 20):at + 40]!r}")


def run(*words, directory=None, stdin=None, seconds=60, **environment):
    """A program and its exit code and output."""
    return subprocess.run([str(word) for word in words], cwd=directory, input=stdin,
                          capture_output=True, timeout=seconds * SLOWER,
                          env={**os.environ, **environment}, check=False)


def gatepost(*words, directory=None, **environment):
    """A command of gatepost, with its output as text."""
    result = run(GATEPOST, *words, directory=directory, **environment)
    result.stdout = result.stdout.decode()
    result.stderr = result.stderr.decode()
    return result


def unprivileged():
    """The user that a server must run as for rights to mean something; None: we are one."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else None


def has(program):
    return shutil.which(program) is not None or shutil.which(program, path="/usr/sbin:/sbin")
