# SPDX-License-Identifier: Apache-2.0
"""The target `http` and a program that answers: what it gets, in each form, and how it checks the
signature; what happens when it is hostile."""

import base64
import email
import hashlib
import hmac
import http.server
import json
import re
import socket
import threading

import harness

MESSAGE = b"Subject: caf\xc3\xa9\r\n\r\n.dot and \xff\r\n"
SECRET = b"hush"

CONFIG = """\
hostname: mx.example.test
targets: {{app: {{http: {{{options}}}}}}}
listeners: {{mx: {{address: "127.0.0.1:0"}}}}
routes: [{{name: app, match: {{recipient: [example.test]}}, to: app, mode: direct}}]
log: {{to: stderr, format: json}}
"""


class App(http.server.ThreadingHTTPServer):
    """Keeps requests; answers what it is told to."""

    daemon_threads = True

    def __init__(self):
        self.requests = []
        self.answer = (200, {}, b"")
        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def url(self):
        return "http://127.0.0.1:%d/in" % self.server_address[1]

    def handle_error(self, *_):
        """A client that closes in the middle is no error of the test."""

    def end(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.headers, body))
        status, fields, content = self.server.answer
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def is_signed(headers, body, envelope=b""):
    """As the README of the plugin says."""
    stamp, digest = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})",
                                 headers["X-Gatepost-Signature"]).groups()
    text = f"{stamp}.{headers['Idempotency-Key']}.".encode() + envelope + body
    return hmac.compare_digest(hmac.new(SECRET, text, hashlib.sha256).hexdigest(), digest)


class HttpTarget(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.app = App()
        self.addCleanup(self.app.end)

    def serve(self, options=""):
        return self.server(CONFIG.format(options=f'url: "{self.app.url}"{options}'))

    def send(self, server, *recipients):
        with harness.Client(server.address) as client:
            client.command("EHLO client.example", 250)
            client.command("MAIL FROM:<a@example.com> BODY=8BITMIME", 250)
            for recipient in recipients or ("b@example.test",):
                client.command(f"RCPT TO:<{recipient}>", 250)
            client.command("DATA", 354)
            client.send(MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            return client.reply()

    def assert_message(self, content):
        self.assertTrue(content.startswith(b"Received: from client.example "), content)
        self.assertTrue(content.endswith(MESSAGE), content)

    def test_raw(self):
        server = self.serve(", secret: hush")
        self.assertEqual(self.send(server, "b@example.test", "c@example.test").code, 250)
        (headers, body), = self.app.requests
        self.assertEqual(headers.get_all("X-Gatepost-Recipient"),
                         ["<b@example.test>", "<c@example.test>"])
        self.assertEqual(headers["Content-Type"], "message/rfc822")
        self.assert_message(body)
        self.assertTrue(is_signed(headers, body,
                                  b"<a@example.com>,<b@example.test>,<c@example.test>."))
        self.assertFalse(is_signed(headers, body, b"<a@example.com>,<b@example.test>."))

    def test_json(self):
        server = self.serve(", secret: hush, format: json")
        self.assertEqual(self.send(server).code, 250)
        (headers, body), = self.app.requests
        self.assertTrue(is_signed(headers, body))
        envelope = json.loads(body)
        self.assertEqual(envelope["sender"], "a@example.com")
        self.assertEqual(envelope["recipients"],
                         [{"to": "b@example.test", "given": "b@example.test"}])
        self.assertEqual(envelope["client"], "127.0.0.1")
        self.assertEqual(envelope["key"], headers["Idempotency-Key"])
        self.assert_message(base64.b64decode(envelope["message"], validate=True))

    def test_multipart(self):
        server = self.serve(", secret: hush, format: multipart")
        self.assertEqual(self.send(server).code, 250)
        (headers, body), = self.app.requests
        self.assertTrue(is_signed(headers, body))
        form = email.message_from_bytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        envelope, message = form.get_payload()
        self.assertEqual(json.loads(envelope.get_payload())["sender"], "a@example.com")
        self.assertEqual(message.get_filename(), "message.eml")
        boundary = form.get_boundary().encode()
        content = body.split(b"message/rfc822\r\n\r\n", 1)[1]
        self.assert_message(content[:-len(b"\r\n--" + boundary + b"--\r\n")])

    def test_a_key_names_what_is_sent_to_whom(self):
        server = self.serve(", answers: true")
        self.app.answer = (503, {}, b"")
        self.assertEqual(self.send(server).code, 451)
        self.assertEqual(self.send(server).code, 451)
        keys = {headers["Idempotency-Key"] for headers, _ in self.app.requests}
        self.assertEqual(len(keys), 2)  # two messages

    def test_large_answers(self):
        server = self.serve()
        self.app.answer = (200, {}, b"x" * (2 << 20))
        self.assertEqual(self.send(server).code, 451)
        self.app.answer = (200, {}, b"x" * 1000)
        self.assertEqual(self.send(server).code, 250)

    def test_hostile_answers(self):
        answers = [b"", b"\0" * 1000, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
                   b"HTTP/1.1 99999 x\r\n\r\n", b"200 OK\r\n\r\n", b"HTTP/1.1 302 x\r\n"
                   b"Location: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
                   b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100000]
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20 * harness.SLOWER)
        self.addCleanup(listener.close)

        def answer():
            for each in answers:
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(20)
                    try:
                        peer.recv(65536)
                        peer.sendall(each)
                    except OSError:
                        pass

        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        server = self.server(CONFIG.format(
            options='url: "http://127.0.0.1:%d/"' % listener.getsockname()[1]))
        for each in answers:
            with self.subTest(answer=each[:40]):
                self.assertEqual(self.send(server).code, 451)
        self.assertTrue(server.is_running())

    def test_nobody_there(self):
        server = self.serve()
        self.app.shutdown()
        self.app.server_close()
        reply = self.send(server)
        self.assertEqual((reply.code, reply.text),
                         (451, "4.4.1 No answer from the target"))

    def test_fallback(self):
        """What the program can't take now goes to a mailbox at once; what it refuses does not."""
        server = self.server(CONFIG.format(options=f'url: "{self.app.url}", answers: true').replace(
            "targets: {", "targets: {box: {maildir: {path: mail}}, ").replace(
                "to: app,", "to: app, fallback: box,"))
        self.app.answer = (503, {}, b"")
        self.assertEqual(self.send(server).code, 250)
        message, = harness.stored(server, "b@example.test")
        self.assertEqual(message.content, MESSAGE)
        self.app.answer = (404, {}, b"")
        self.assertEqual(self.send(server).code, 554)
        self.app.answer = (200, {}, b"")
        self.assertEqual(self.send(server).code, 250)
        self.assertEqual(len(harness.stored(server, "b@example.test")), 1)
