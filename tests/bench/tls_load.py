# SPDX-License-Identifier: Apache-2.0
"""A client for the benchmarks that speaks TLS, by STARTTLS.

tls_load.py hold N PORT     N sessions after EHLO in TLS; says so as JSON, and waits for the end of input;
                            if that says something, until the server has ended them
tls_load.py full N PORT     N sessions, one after the other, each with a full handshake
tls_load.py resumed N PORT  the same, each resuming the one before
tls_load.py messages N PORT  N messages of 4 KiB over one connection
tls_load.py logins N PORT   N logins as user0 by AUTH PLAIN, each over a connection of its own, four at a
                            time, until the end of input if N is 0; says how many there were"""

import base64
import contextlib
import json
import resource
import socket
import ssl
import sys
import threading

PASSWORD = "a password for benchmarks"


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


def end_of(sock):
    """What the server said at the end; None: it did not end well."""
    try:
        said = b""
        while part := sock.recv(4096):
            said += part
        return said
    except OSError:
        return None


def hold(count, port):
    raise_file_limit(count + 100)
    context, held = context_of(), []
    with contextlib.suppress(OSError):
        while len(held) < count:
            held.append(connect(port, context))
    print(json.dumps({"held": len(held)}), flush=True)
    if sys.stdin.read(1):
        ends = [end_of(sock) for sock in held]
        print(json.dumps({"closed": sum(end is not None for end in ends),
                          "told": sum(bool(end) for end in ends)}), flush=True)
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


def messages(count, port):
    body = b"Subject: load\r\n\r\n" + b"x" * 76 + b"\r\n"
    body += (b"x" * 76 + b"\r\n") * (4096 // 78) + b"."
    with connect(port, context_of()) as sock:
        for _ in range(count):
            for line in (b"MAIL FROM:<load@client.test>", b"RCPT TO:<user0@example.test>", b"DATA",
                         body):
                answer = say(sock, line)
                if answer[:1] not in b"23":
                    raise RuntimeError(f"{line[:20]}: {answer}")
        say(sock, b"QUIT")
    print(json.dumps({"messages": count}))


def logins(count, port):
    context, done, stop = context_of(), [], threading.Event()
    secret = base64.b64encode(f"\0user0\0{PASSWORD}".encode())

    def one():
        with connect(port, context) as sock:
            answer = say(sock, b"AUTH PLAIN " + secret)
            if answer[:3] != b"235":
                raise RuntimeError(answer)
            done.append(1)
            say(sock, b"QUIT")

    def many():
        while not stop.is_set() and (not count or len(done) < count):
            one()

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    if not count:
        sys.stdin.read()
        stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"logins": len(done)}))


def main():
    how, count, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if how in ("hold", "messages", "logins"):
        {"hold": hold, "messages": messages, "logins": logins}[how](count, port)
    else:
        shake(count, port, how == "resumed")


if __name__ == "__main__":
    main()
