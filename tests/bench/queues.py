# SPDX-License-Identifier: Apache-2.0
"""Servers that queue mail durably and hand it on: to nobody (their own way of dropping it), or over
SMTP to a sink. A private /etc and the folders whose names are compiled into Exim and OpenSMTPD lie
in a mount namespace of the server's own, so nothing of the machine changes.
"""

import json
import os
import shutil
import subprocess

from servers import MASTER_CF, Gatepost, Haraka, Missing, Postfix, Server

SINK = """\
hostname: sink.test
targets: {{store: {{discard: {{}}}}}}
listeners: {{mx: {{address: "127.0.0.1:{port}", sessions: 20000, sessions_per_client: 20000}}}}
routes: [{{name: all, match: {{}}, to: store, mode: direct}}]
control: {{path: ./control}}
log: {{to: ./gatepost.log, level: error}}
plugins: {{path: ["{build}/plugins"]}}
"""


class Sink(Gatepost):
    """Takes whatever comes and counts it."""
    name = "sink"

    def command(self):
        config = self.folder / "gatepost.yaml"
        config.write_text(SINK.format(port=self.port, build=self.build), encoding="utf-8")
        return [str(self.build / "gatepost"), "serve", "--config", str(config)], {}

    def count(self):
        answer = subprocess.run(
            [str(self.build / "gatepost"), "status", "--json", "--socket",
             str(self.folder / "control")], stdout=subprocess.PIPE, check=True).stdout
        return json.loads(answer)["totals"]["messages_accepted"]


QUEUE = """\
hostname: bench.test
targets:
  store: {target}
listeners:
  mx: {{address: "127.0.0.1:{port}", sessions: 20000, sessions_per_client: 20000, relay: ["127.0.0.1"]}}
routes:
  - {{name: all, match: {{recipient: [example.test]}}, to: store, mode: queued}}
spool: {{path: ./spool}}
queue:
  default: {{per_destination: {{connections: 20}}}}
control: {{path: ./control}}
log: {{to: ./gatepost.log, level: info, format: json}}
plugins: {{path: ["{build}/plugins"]}}
"""


class Queueing:
    """What these servers have in common: a sink to which they send, or none."""
    sink = None

    def settled(self):
        return self.queue_empty()

    def stored(self):
        return None


class GatepostQueue(Queueing, Gatepost):
    def __init__(self, build, peers, folder, sink=None):
        super().__init__(build, peers, folder)
        self.sink = sink

    def command(self):
        config = self.folder / "gatepost.yaml"
        target = f'{{smtp: {{to: "127.0.0.1:{self.sink}", tls: none}}}}' if self.sink else \
            "{discard: {}}"
        config.write_text(QUEUE.format(target=target, port=self.port, build=self.build),
                          encoding="utf-8")
        return [str(self.build / "gatepost"), "serve", "--config", str(config)], {}

    def queue_empty(self):
        answer = subprocess.run(
            [str(self.build / "gatepost"), "queue", "stats", "--json", "--socket",
             str(self.folder / "control")], stdout=subprocess.PIPE, check=True).stdout
        return json.loads(answer)["messages"] == 0


# Postfix's own `discard` transport stands for dropping.
POSTFIX_ROUTES = "discard unix - - n - - discard\n"


class PostfixQueue(Queueing, Postfix):
    def __init__(self, build, peers, folder, sink=None):
        super().__init__(build, peers, folder)
        self.sink = sink

    def command(self):
        argv, more = super().command()
        conf = self.folder / "conf"
        relay = f"relay:[127.0.0.1]:{self.sink}" if self.sink else "discard:"
        with open(conf / "main.cf", "a", encoding="ascii") as file:
            file.write(f"virtual_mailbox_domains =\ndefault_transport = {relay}\n"
                       f"relay_domains = example.test\nrelay_transport = {relay}\n")
        (conf / "master.cf").write_text(
            MASTER_CF.format(port=self.port) + POSTFIX_ROUTES, encoding="ascii")
        return argv, more

    def queue_empty(self):
        return Postfix.settled(self)


# ---- in a namespace ----

USERS = ("Debian-exim", "opensmtpd", "opensmtpq", "smtpbench")
FIRST_ID = 64001


def private_etc(folder):
    """A copy of /etc with the accounts that the servers insist on, and no name server to ask."""
    etc = folder / "etc"
    shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True,
                    ignore=lambda _, names: [n for n in names if n in ("ssl", "alternatives")])
    with open(etc / "passwd", "a", encoding="ascii") as users, \
            open(etc / "group", "a", encoding="ascii") as groups:
        for number, name in enumerate(USERS, FIRST_ID):
            users.write(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
            groups.write(f"{name}:x:{number}:\n")
    (etc / "resolv.conf").unlink(missing_ok=True)
    (etc / "resolv.conf").write_text("lookup file\n", encoding="ascii")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n",
                                       encoding="ascii")
    return etc


def in_namespace(mounts, argv):
    """Runs argv with each folder of `mounts` lying over a path of the machine's."""
    lines = "".join(f"mount --bind '{folder}' '{over}' && " for folder, over in mounts)
    return ["unshare", "-m", "sh", "-c", lines + 'exec "$@"', "sh", *argv]


class Namespaced(Queueing, Server):
    package, root = "", ""

    def __init__(self, build, peers, folder, sink=None):
        super().__init__(build, peers, folder)
        self.sink = sink

    def unpacked(self, path):
        program = self.peers / self.root / path
        if not program.exists():
            raise Missing(f"{self.name} is not unpacked below build/peers (see scripts/bench)")
        if os.getuid() != 0:
            raise Missing(f"{self.name} runs as root only")
        return program

    def libraries(self):
        root = self.peers / self.root / "usr/lib"
        return {"LD_LIBRARY_PATH": ":".join(map(str, root.glob("*-linux-gnu")))}

    def own(self, path, user, mode=0o700):
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, FIRST_ID + USERS.index(user), FIRST_ID + USERS.index(user))
        path.chmod(mode)
        return path


EXIM = """\
exim_path = {program}
spool_directory = {run}/spool
log_file_path = {run}/log/%slog
pid_file_path = {run}/exim.pid
primary_hostname = bench.test
qualify_domain = bench.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 4096
host_lookup =
rfc1413_hosts =
message_size_limit = 100M
dns_dnssec_ok = 0
acl_smtp_rcpt = accept
never_users =
keep_environment = LD_LIBRARY_PATH
begin routers
{router}
begin transports
out:
  driver = smtp
  allow_localhost
  hosts_avoid_tls = *
begin retry
* * F,2h,1m
"""
EXIM_RELAY = """\
all:
  driver = manualroute
  route_list = * 127.0.0.1::{sink} byname
  self = send
  transport = out"""
EXIM_DROP = """\
all:
  driver = redirect
  data = :blackhole:"""


class Exim(Namespaced):
    """Delivers in a process of its own for each message."""
    name = root = "exim"

    def command(self):
        program = self.unpacked("usr/sbin/exim4")
        for name in ("spool", "log"):
            self.own(self.folder / name, "Debian-exim", 0o750)
        self.folder.chmod(0o755)
        config = self.folder / "exim.conf"
        router = EXIM_RELAY.format(sink=self.sink) if self.sink else EXIM_DROP
        config.write_text(EXIM.format(program=program, run=self.folder, port=self.port,
                                      router=router), encoding="ascii")
        etc = private_etc(self.folder)
        (etc / "exim4").mkdir(exist_ok=True)
        (etc / "exim4/trusted_configs").write_text(f"{config}\n", encoding="ascii")
        return in_namespace([(etc, "/etc")],
                            [str(program), "-C", str(config), "-bdf", "-q1m"]), self.libraries()

    def queue_empty(self):
        return not any(files for _, _, files in os.walk(self.folder / "spool/input"))


OPENSMTPD = """\
smtp limit max-mails 10000000
smtp max-message-size 100M
listen on 127.0.0.1 port {port} hostname bench.test
table users {{ "@" = "smtpbench" }}
action "x" {action}
match from any for any action "x"
"""


class OpenSmtpd(Namespaced):
    """Its 250 does not survive a power failure: no sync. It relays 100 messages, then pauses."""
    name, root = "opensmtpd", "opensmtpd"

    def command(self):
        program = self.unpacked("usr/sbin/smtpd")
        queue = self.folder / "varspool" / "smtpd"
        self.own(queue, "opensmtpd", 0o711)
        os.chown(queue, 0, 0)
        for name in ("purge", "queue", "incoming", "corrupt"):
            os.chown(self.own(queue / name, "opensmtpq"), -1, 0)
        offline = self.own(queue / "offline", "opensmtpq", 0o770)
        os.chown(offline, 0, -1)
        (self.folder / "varlib/opensmtpd/empty").mkdir(parents=True)
        libexec = self.folder / "libexec"
        libexec.mkdir()
        (libexec / "opensmtpd").symlink_to(self.peers / "opensmtpd/usr/libexec/opensmtpd")
        action = f"relay host smtp://127.0.0.1:{self.sink}" if self.sink else \
            'mda "cat >/dev/null" virtual <users>'
        config = self.folder / "smtpd.conf"
        config.write_text(OPENSMTPD.format(port=self.port, action=action), encoding="ascii")
        self.folder.chmod(0o755)
        mounts = [(private_etc(self.folder), "/etc"), (self.folder / "varspool", "/var/spool"),
                  (self.folder / "varlib", "/var/lib"), (libexec, "/usr/libexec")]
        return in_namespace(mounts, [str(program), "-F", "-f", str(config)]), self.libraries()

    def queue_empty(self):
        queue = self.folder / "varspool/smtpd"
        return not any(files for name in ("queue", "incoming")
                       for _, _, files in os.walk(queue / name))


RELAY_JS = """\
exports.hook_connect = function (next, connection) { connection.relaying = true; next() }
exports.hook_rcpt = function (next) { next(OK) }
exports.hook_get_mx = function (next) { next(OK, {priority: 0, exchange: '127.0.0.1', port: %d}) }
"""


class HarakaQueue(Queueing, Haraka):
    """A file of its own for each message, synced before its rename."""

    def __init__(self, build, peers, folder, sink=None):
        super().__init__(build, peers, folder)
        self.sink = sink

    def command(self):
        argv, _ = super().command()
        if not self.sink:
            raise Missing("Haraka has no way to queue and then drop")
        (self.folder / "config/plugins").write_text("send_on\n", encoding="ascii")
        (self.folder / "plugins/send_on.js").write_text(RELAY_JS % self.sink, encoding="ascii")
        (self.folder / "config/outbound.ini").write_text(
            "concurrency_max=100\nenable_tls=false\nlocal_mx_ok=true\n", encoding="ascii")
        return argv, {}

    def queue_empty(self):
        return not any(name[0] != "." or "__tmp__" in name
                       for name in os.listdir(self.folder / "queue"))
