# SPDX-License-Identifier: Apache-2.0
"""A client for the benchmarks that speaks TLS, by STARTTLS.

tls_load.py hold N PORT     N sessions after EHLO in TLS; says so as JSON, and waits for the end of input
tls_load.py full N PORT     N sessions, one after the other, each with a full handshake
tls_load.py resumed N PORT  the same, each resuming the one before"""

import contextlib
import json
import resource
import socket
import ssl
import sys


def raise_file_limit(files):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(files, hard)), hard))


def context_of():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def reply(sock):
    """Until the last line of a reply is there; nothing is pipelined."""
    text = b""
    while not text.endswith(b"\r\n") or text[text.rfind(b"\n", 0, -1) + 4:][:1] == b"-":
        part = sock.recv(4096)
        if not part:
            raise ConnectionError("closed")
        text += part
    return text


def say(sock, line):
    sock.sendall(line + b"\r\n")
    return reply(sock)


def connect(port, context, session=None):
    sock = socket.create_connection(("127.0.0.1", port), timeout=60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reply(sock)
    say(sock, b"EHLO bench.test")
    say(sock, b"STARTTLS")
    sock = context.wrap_socket(sock, session=session)
    say(sock, b"EHLO bench.test")
    return sock


def hold(count, port):
    raise_file_limit(count + 100)
    context, held = context_of(), []
    with contextlib.suppress(OSError):
        while len(held) < count:
            held.append(connect(port, context))
    print(json.dumps({"held": len(held)}), flush=True)
    sys.stdin.read()
    for sock in held:
        sock.close()


def shake(count, port, resume):
    context, session, resumed = context_of(), None, 0
    for _ in range(count):
        with connect(port, context, session) as sock:
            resumed += sock.session_reused
            session = sock.session if resume else None
            say(sock, b"QUIT")
    print(json.dumps({"sessions": count, "resumed": resumed}))


def main():
    how, count, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if how == "hold":
        hold(count, port)
    else:
        shake(count, port, how == "resumed")


if __name__ == "__main__":
    main()
