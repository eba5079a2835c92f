# SPDX-License-Identifier: Apache-2.0
"""Both ends of the milter protocol, written from its description and not from our code.

Milter serves one connection after the other and records every command; what it answers is up to the
test. Mta is the other side, for a listener that speaks the protocol.
"""

import contextlib
import os
import socket
import struct
import threading

import harness

ADD_HEADERS, CHANGE_BODY, ADD_RCPT, DELETE_RCPT, CHANGE_HEADERS, QUARANTINE = (
    0x1, 0x2, 0x4, 0x8, 0x10, 0x20)
CHANGE_FROM, ADD_RCPT_PAR, SET_SYMBOLS = 0x40, 0x80, 0x100
EVERY_ACTION = 0x1FF
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH = (1 << i for i in range(7))
NR_HEADER, NO_UNKNOWN, NO_DATA, SKIP = 0x80, 0x100, 0x200, 0x400
NR_CONNECT, NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, NR_UNKNOWN, NR_EOH, NR_BODY = (
    0x1000 << i for i in range(8))
HEADER_SPACE = 0x100000
EVERY_NR = 0xFF000 | NR_HEADER
NAMES = dict(zip("CHMRTLNBEUAQKOD", (
    "connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "end", "unknown", "abort",
    "quit", "quit_nc", "options", "macros")))


def packet(letter, rest=b""):
    return struct.pack(">I", len(rest) + 1) + letter.encode() + rest


def texts(*parts):
    return b"".join(part.encode() if isinstance(part, str) else part for part in
                    (text + ("\0" if isinstance(text, str) else b"\0") for text in parts))


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise harness.Closed(f"{len(data)} of {count} octets")
        data += part
    return data


def read_packet(stream):
    length, = struct.unpack(">I", read_exactly(stream, 4))
    body = read_exactly(stream, length)
    return chr(body[0]), body[1:]


# Answers, and changes before the last answer.
CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD = map(packet, "cartd")
SKIP_REST, PROGRESS, SHUTDOWN, CONNECTION_FAILED = map(packet, "sp4f")


def reply(text):
    return packet("y", texts(text))


def add_header(name, value):
    return packet("h", texts(name, value))


def insert_header(index, name, value):
    return packet("i", struct.pack(">I", index) + texts(name, value))


def change_header(nth, name, value):
    return packet("m", struct.pack(">I", nth) + texts(name, value))


def replace_body(data):
    return packet("b", data)


def change_from(address, *parameters):
    return packet("e", texts(address, *parameters))


def add_rcpt(address):
    return packet("+", texts(address))


def add_rcpt_with(address, parameters):
    return packet("2", texts(address, parameters))


def delete_rcpt(address):
    return packet("-", texts(address))


def quarantine(reason):
    return packet("q", texts(reason))


class Milter:
    """Answers with answers[NAME]: bytes, a list of bytes (one each time, the last one stays), or a
    function of (this, arguments). None: hangs up. Without an entry it continues."""

    def __init__(self, directory, *, tcp=False, version=6, actions=EVERY_ACTION, steps=0, symbols=None,
                 **answers):
        self.version, self.actions, self.steps = version, actions, steps
        self.symbols = symbols or {}
        self.answers = answers
        self.sessions = []  # of connections: lists of (name, arguments)
        self.macros = {}    # all that were ever defined, the last value of each
        self.by_command = {}
        self.offered = None
        family = socket.AF_INET if tcp else socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.path = os.path.join(directory, "milter.sock")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.socket.bind(("127.0.0.1", 0) if tcp else self.path)
        self.socket.listen(16)
        self.address = (f"127.0.0.1:{self.socket.getsockname()[1]}" if tcp else f"unix:{self.path}")
        self.open = set()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        """Goes away, with all its connections."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # close() alone leaves accept() in its sleep
        self.socket.close()
        for stream in list(self.open):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self.socket.accept()
                self.open.add(stream)
                threading.Thread(target=self._session, args=(stream,), daemon=True).start()

    def _session(self, stream):
        events = []
        self.sessions.append(events)
        try:
            with stream:
                while self._step(stream, events):
                    pass
        except (harness.Closed, OSError):
            events.append(("gone", ()))
        finally:
            self.open.discard(stream)

    def _step(self, stream, events):
        letter, rest = read_packet(stream)
        if letter == "D":
            self._define(rest)
            return True
        name, arguments = NAMES[letter], self._arguments(letter, rest)
        events.append((name, arguments))
        if name == "options":
            self.offered = arguments
            stream.sendall(packet("O", self._options(arguments)))
            return True
        if name in ("quit", "abort", "quit_nc"):
            return name != "quit"
        answer = self._answer(name, arguments)
        if answer is None:
            return False
        nr = {"connect": NR_CONNECT, "helo": NR_HELO, "mail": NR_MAIL, "rcpt": NR_RCPT,
              "data": NR_DATA, "header": NR_HEADER, "eoh": NR_EOH, "body": NR_BODY,
              "unknown": NR_UNKNOWN}.get(name, 0)
        if not self.steps & nr:
            stream.sendall(answer)
        return True

    def _options(self, offered):
        data = struct.pack(">III", min(self.version, offered[0]), self.actions, self.steps)
        for stage, names in self.symbols.items():
            data += struct.pack(">I", stage) + texts(names)
        return data

    def _answer(self, name, arguments):
        answer = self.answers.get(name, CONTINUE)
        if callable(answer):
            return answer(self, arguments)
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer

    def _define(self, rest):
        values = rest[1:].split(b"\0")[:-1]
        pairs = dict(zip((v.decode() for v in values[::2]), (v.decode() for v in values[1::2])))
        self.macros.update(pairs)
        self.by_command.setdefault(NAMES[chr(rest[0])], []).append(pairs)

    @staticmethod
    def _arguments(letter, rest):
        if letter == "O":
            return struct.unpack(">III", rest)
        if letter == "C":
            name, rest = rest.split(b"\0", 1)
            if rest[:1] == b"U":
                return name.decode(), "U", 0, ""
            port, = struct.unpack(">H", rest[1:3])
            return name.decode(), chr(rest[0]), port, rest[3:-1].decode()
        if letter == "B":
            return (rest,)
        if letter in "HMRLU":
            assert rest.endswith(b"\0"), rest
            return tuple(rest[:-1].split(b"\0"))
        assert rest == b"" or letter == "E", (letter, rest)
        return ()

    # What the test looks at.

    def events(self, session=-1):
        return self.sessions[session]

    def names(self, session=-1):
        return [name for name, _ in self.events(session)]

    def all(self, name, session=-1):
        return [arguments for each, arguments in self.events(session) if each == name]

    def body(self, session=-1):
        return b"".join(arguments[0] for arguments in self.all("body", session))

    def wait_for(self, name, count=1, session=-1):
        harness.wait_until(
            lambda: len(self.sessions) > max(session, 0) and
            len(self.all(name, session)) >= count, f"{count} × {name} at the milter")


class Mta:
    """Asks a milter about a session, as an MTA does. Answers are the letters, or what comes with
    them; changes before an answer are kept in `changes`."""

    def __init__(self, address, *, version=6, actions=EVERY_ACTION, steps=0x1FFFFF, piece=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(5 * harness.SLOWER)
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.piece = piece  # send in pieces of so many octets
        self.changes = []
        self.send("O", struct.pack(">III", version, actions, steps))
        letter, rest = self.read()
        assert letter == "O", letter
        self.version, self.actions, self.steps = struct.unpack(">III", rest)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, letter, rest=b""):
        data = packet(letter, rest)
        for at in range(0, len(data), self.piece or len(data)):
            self.socket.sendall(data[at:at + (self.piece or len(data))])

    def read(self):
        return read_packet(self.socket)

    def macros(self, command, **values):
        self.send("D", command.encode() + texts(*(
            text for name, value in values.items()
            for text in (name if len(name) == 1 else "{" + name + "}", value))))

    def ask(self, letter, rest=b"", nr=0):
        """Sends a command; the answer, "" if none is given."""
        self.send(letter, rest)
        if self.steps & nr:
            return ""
        while True:
            answer, rest = self.read()
            if answer in "chimbe+2-q" and answer != "c":
                self.changes.append((answer, rest))
            elif answer == "y":
                return rest[:-1].decode()
            else:
                assert rest == b"", (answer, rest)
                return answer

    def connect(self, name="client.example", ip="192.0.2.7", port=4711):
        family = "6" if ":" in ip else "4"
        return self.ask("C", texts(name) + family.encode() + struct.pack(">H", port) + texts(ip))

    def helo(self, name="client.example"):
        return self.ask("H", texts(name))

    def mail(self, sender="s@example.com", *parameters):
        return self.ask("M", texts(f"<{sender}>", *parameters))

    def rcpt(self, recipient="r@example.test", *parameters):
        return self.ask("R", texts(f"<{recipient}>", *parameters))

    def data(self):
        return self.ask("T")

    def content(self, content):
        """Fields and body; the answer to the end."""
        self.changes = []
        head, body = content.split(b"\r\n\r\n", 1)
        for field in head.replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t").split(b"\r\n"):
            name, value = field.split(b":", 1)
            if not self.steps & HEADER_SPACE:
                value = value.lstrip()
            self.ask("L", name + b"\0" + value + b"\0", NR_HEADER)
        self.ask("N", b"", NR_EOH)
        for at in range(0, len(body), 65535):
            self.ask("B", body[at:at + 65535], NR_BODY)
        return self.ask("E")

    def whole(self, content, *recipients):
        """An accepted envelope and the content."""
        for answer in (self.mail(), *(self.rcpt(r) for r in recipients or ("r@example.test",)),
                       self.data()):
            assert answer == "c", answer
        return self.content(content)


TEXT = b"From: a@example.com\r\nSubject: one\r\nX-Fold: a\r\n b\r\nSubject: two\r\n\r\nline\r\n..dots\r\n"


class Case(harness.TestCase):
    """A server with the plugin, and what is behind it."""

    def milter(self, **options):
        peer = Milter(self.directory, **options)
        self.addCleanup(peer.close)
        return peer

    def serve(self, peer, *options, keys="", **more):
        chain = "- milter: {" + ", ".join([f'to: "{peer.address}"', "bucket: review",
                                           *options]) + "}" + keys
        return self.server(harness.config(
            chain=chain, rest="buckets: {review: {}}\nhold: {path: hold}\n", **more))

    def session(self, server, content=TEXT, *recipients, codes=(250,)):
        return harness.submit(server.address, content, *recipients, codes=codes)

    def stored_content(self, server, who="r@example.test"):
        message, = harness.stored(server, who)
        return message.content
