# SPDX-License-Identifier: Apache-2.0
"""A token introspection endpoint (RFC 7662) of the Python library, over TLS."""

import base64
import http.server
import json
import ssl
import threading
import urllib.parse


class Endpoint:
    """Knows `tokens`, a dict of answers; `asked` are those it was asked about. `status` is for all
    answers; `credentials` are the client's, as they are before any encoding."""

    def __init__(self, certificate, key, credentials):
        self.tokens, self.asked, self.status, self.credentials = {}, [], 200, credentials
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/introspect"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def knows(self, authorization):
        """RFC 6749 section 2.3.1."""
        kind, _, encoded = authorization.partition(" ")
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
        return kind == "Basic" and self.credentials == (urllib.parse.unquote_plus(name),
                                                        urllib.parse.unquote_plus(secret))

    def answer(self, request):
        """The status and the object."""
        form = urllib.parse.parse_qs(
            request.rfile.read(int(request.headers["Content-Length"])).decode(),
            strict_parsing=True)
        if not self.knows(request.headers["Authorization"]):
            return 401, {}
        (token,) = form["token"]
        self.asked.append(token)
        return self.status, self.tokens.get(token, {"active": False})

    def _handler(self):
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                status, value = endpoint.answer(self)
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
