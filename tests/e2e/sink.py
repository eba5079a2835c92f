# SPDX-License-Identifier: Apache-2.0
"""SMTP servers for what Gatepost sends: they keep what they get, and do as they are told."""

import contextlib
import socket
import socketserver
import ssl
import threading


class _Handler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def handle(self):
        with contextlib.suppress(OSError, ssl.SSLError):
            self._talk()
        self.request.close()

    def _talk(self):
        sink = self.server.sink
        sink.connections.append(self.client_address)
        secure = sink.implicit
        if secure:
            self._secure()
        self.say(sink.greeting)
        mail, rcpts = None, []
        while line := self.rfile.readline(4096):
            line = line.rstrip(b"\r\n").decode(errors="replace")
            verb = line.split(" ")[0].split(":")[0].upper()
            sink.commands.append(line)
            if verb in sink.replies:
                self.say(sink.replies[verb])
                if sink.replies[verb].startswith("421"):
                    return
                continue
            if verb in ("EHLO", "LHLO"):
                words = list(sink.extensions)
                if secure and "REQUIRETLS" not in words and sink.requiretls:
                    words.append("REQUIRETLS")
                if sink.tls and not secure:
                    words.append("STARTTLS")
                for each in ["sink.example", *words][:-1]:
                    self.say("250-" + each)
                self.say("250 " + ["sink.example", *words][-1])
            elif verb == "STARTTLS":
                self.say("220 go")
                self._secure()
                secure = True
            elif verb == "MAIL":
                mail, rcpts = line, []
                self.say("250 ok")
            elif verb == "RCPT":
                reply = sink.rcpt(line)
                if reply.startswith("250"):
                    rcpts.append(line)
                self.say(reply)
            elif verb == "DATA" and not rcpts:
                self.say("554 5.5.1 to nobody")
            elif verb == "DATA":
                self.say("354 go")
                lines = []
                while (part := self.rfile.readline(65536)) not in (b".\r\n", b""):
                    lines.append(part[1:] if part.startswith(b".") else part)
                self._keep(mail, rcpts, b"".join(lines), secure)
            elif verb == "BDAT":
                size, last = int(line.split(" ")[1]), line.upper().endswith(" LAST")
                self.body = getattr(self, "body", b"") + self.rfile.read(size)
                if last:
                    body, self.body = self.body, b""
                    self._keep(mail, rcpts, body, secure)
                else:
                    self.say("250 more")
            elif verb in ("RSET", "NOOP"):
                self.say("250 ok")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 what")

    def _secure(self):
        sink = self.server.sink
        self.request = sink.tls.wrap_socket(self.request, server_side=True)
        sink.names.append(getattr(self.request, "server_name", None))
        self.rfile = self.request.makefile("rb")
        self.wfile = self.request.makefile("wb", buffering=0)

    def _keep(self, mail, rcpts, body, secure):
        sink = self.server.sink
        replies = [sink.final(rcpt) for rcpt in (rcpts if sink.lmtp else rcpts[:1])]
        took = [rcpt for rcpt, reply in zip(rcpts, replies) if reply.startswith("2")]
        if took or not replies:
            sink.mails.append({"mail": mail, "rcpt": took if sink.lmtp else rcpts, "body": body,
                               "tls": secure})
        for reply in replies or ["250 2.0.0 kept"]:
            self.say(reply)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256  # with 5 a client can wait minutes for the greeting


class Sink:
    """At an address of ours; `certificate` is (cert, key) and brings STARTTLS, or TLS at once."""

    def __init__(self, host="127.0.0.1", port=0, *, certificate=None, implicit=False, lmtp=False,
                 extensions=("PIPELINING", "8BITMIME", "SIZE 10000000")):
        self.greeting = "220 sink.example ESMTP"
        self.extensions = extensions
        self.implicit, self.lmtp, self.requiretls = implicit, lmtp, False
        self.replies = {}
        self.rcpt = lambda line: "250 ok"
        self.final = lambda line: "250 2.0.0 kept"  # of LMTP, for each recipient
        self.mails, self.commands, self.connections, self.names = [], [], [], []
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*map(str, certificate))
        self._server = _Server((host, port), _Handler)
        self._server.sink = self
        self.address = self._server.server_address
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self):
        return self.address[1]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
