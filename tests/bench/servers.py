# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: how each is started, what it used, how it is stopped.

A server is a process with its descendants. Its CPU time is user and system of all of them, those
that have ended and were waited for included. Only processes started here are ever signalled.
"""

import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import time

TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
FILES = 25000


class Missing(Exception):
    """This server cannot run here; the text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stat_of(pid):
    """The fields of /proc/PID/stat from the state on: ppid is 1; utime, stime, cutime, cstime are
    11 to 14."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rsplit(")", 1)[1].split()


def descendants(root):
    children = {}
    for name in os.listdir("/proc"):
        fields = stat_of(name) if name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))


class Server:
    name = ""

    def __init__(self, build, peers, folder):
        self.build, self.peers = pathlib.Path(build), pathlib.Path(peers)
        self.folder = pathlib.Path(folder)
        self.port, self.process = free_port(), None

    def command(self):
        """Writes what the server needs into self.folder; returns (argv, environment to add)."""
        raise NotImplementedError

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        argv, more = self.command()
        # The log file is the process's own copy: nothing is read back while it runs.
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                argv, env={**os.environ, **more}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, cwd=self.folder, start_new_session=True,
                preexec_fn=raise_file_limit)
        self.wait_for_greeting()
        return self

    def wait_for_greeting(self, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as probe:
                    if probe.recv(4) == b"220 ":
                        probe.sendall(b"QUIT\r\n")
                        probe.recv(100)
                        return
            except OSError:
                pass
            time.sleep(0.05)
        text = (self.folder / "output").read_text(errors="replace")[-500:]
        self.__exit__()
        raise Missing(f"{self.name} did not start: {text.strip()}")

    def __exit__(self, *_):
        started = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        for pid in started:
            fields = stat_of(pid)
            # What is left of them: children of init now, in the session made for the server.
            if fields and int(fields[3]) == self.process.pid:
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu_us(self):
        """User and system time so far, in microseconds."""
        user = system = 0
        for pid in descendants(self.process.pid):
            fields = stat_of(pid)
            if fields:
                user += int(fields[11]) + int(fields[13])
                system += int(fields[12]) + int(fields[14])
        return user * TICK_US, system * TICK_US

    def memory_kib(self):
        """Proportional set size of all its processes, and what of it is private and dirty."""
        pss = dirty = 0
        for pid in descendants(self.process.pid):
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            except OSError:
                continue
            for line in text.splitlines():
                if line.startswith("Pss:"):
                    pss += int(line.split()[1])
                if line.startswith("Private_Dirty:"):
                    dirty += int(line.split()[1])
        return pss, dirty

    def settled(self):
        """Whether everything that was taken is where it should be in the end."""
        return True

    def stored(self):
        """How many messages are stored; None when it keeps none."""
        return None


CONFIG = """\
hostname: bench.test
tables:
  ours: [example.test]
targets:
  store: {target}
listeners:
  mx:
    address: "127.0.0.1:{port}"
    sessions: 20000
    sessions_per_client: 20000
{tls}{chain}
routes:
  - {{name: all, match: {{recipient: ours}}, to: store, mode: direct}}
log: {{to: ./gatepost.log, level: info, format: json}}
plugins: {{path: [{plugins}]}}
"""
TLS = "tls: {certificates: [{cert: ./cert.pem, key: ./key.pem, self_signed: true}]}\n"


class Gatepost(Server):
    name = "gatepost"

    def __init__(self, build, peers, folder, store="discard", hooks=0, tls=False, wrapper=(),
                 milter=None, password=None):
        super().__init__(build, peers, folder)
        self.store, self.hooks, self.wrapper, self.tls = store, hooks, list(wrapper), tls
        self.milter = milter  # port
        self.password = password  # of user0, who may log in
        if hooks:
            self.name = f"gatepost, {hooks} plugins"

    def chain(self):
        if self.milter:
            return ("    chain: edge\nchains:\n  edge:\n"
                    f"    - milter: {{to: \"127.0.0.1:{self.milter}\"}}\n")
        if not self.hooks:
            return ""
        uses = "".join(f"    - nop: {{}}\n      id: nop{n}\n" for n in range(self.hooks))
        return f"    chain: edge\nchains:\n  edge:\n{uses}"

    def command(self):
        target = "{discard: {}}"
        if self.store == "maildir":
            target = f"{{maildir: {{path: {self.folder}/Maildir, folders: single}}}}"
        plugins = f'"{self.build}/plugins", "{self.build}/tests/bench"'
        config = self.folder / "gatepost.yaml"
        config.write_text(CONFIG.format(target=target, port=self.port, chain=self.chain(),
                                        tls=self.tls_lines(),
                                        plugins=plugins), encoding="utf-8")
        with open(config, "a", encoding="utf-8") as file:
            file.write(TLS if self.tls else "")
            file.write("auth: {staff: {file: {path: ./users}}}\n" if self.password else "")
        program = self.build / "gatepost"
        if not program.exists():
            raise Missing(f"{program} is not built")
        if self.password:
            subprocess.run([str(program), "user", "add", "--file", str(self.folder / "users"),
                            "user0"], input=f"{self.password}\n", text=True, check=True,
                           stdout=subprocess.DEVNULL)
        return [*self.wrapper, str(program), "serve", "--config", str(config)], {}

    def tls_lines(self):
        return ("    tls: optional\n" if self.tls else "") + \
            ("    auth: [staff]\n    relay: [authenticated]\n" if self.password else "")

    def stored(self):
        if self.store != "maildir":
            return None
        return len(os.listdir(self.folder / "Maildir" / "new"))


FILTER = """\
hostname: bench.test
listeners:
  asked: {{address: "127.0.0.1:{port}", protocol: milter, sessions: 20000, chain: edge}}
tables: {{nobody: [nobody@example.com]}}
chains:
  edge:
    - access: {{senders: nobody}}
plugins: {{path: ["{plugins}"]}}
log: {{to: ./gatepost.log, level: error}}
"""


class Filter(Server):
    """A milter that wants to see everything and has no objections."""
    name = "milter"

    def command(self):
        config = self.folder / "gatepost.yaml"
        config.write_text(FILTER.format(port=self.port, plugins=self.build / "plugins"),
                          encoding="utf-8")
        return [str(self.build / "gatepost"), "serve", "--config", str(config)], {}

    def wait_for_greeting(self, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)
        raise Missing("the milter did not start")


class Unpacked(Server):
    """Something of Debian's postfix package, unpacked and not installed."""

    def program(self, path):
        program = self.peers / "postfix" / path
        if not program.exists():
            raise Missing("Postfix is not unpacked below build/peers (see scripts/bench)")
        return str(program)

    def libraries(self):
        root = self.peers / "postfix" / "usr/lib"
        return ":".join([str(root / "postfix"), *map(str, root.glob("*-linux-gnu"))])


class SmtpSink(Unpacked):
    name = "smtp-sink"

    def command(self):
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        return [self.program("usr/sbin/smtp-sink"), *user, "-h", "bench.test", "-m", "20000",
                f"127.0.0.1:{self.port}", "4096"], {"LD_LIBRARY_PATH": self.libraries()}


# Two accounts that Debian always has and that nothing uses: none is made.
OWNER, GROUP = "list", "irc"

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {run}/spool
data_directory = {run}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/etc/postfix
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LD_LIBRARY_PATH={libraries}
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
myhostname = bench.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
message_size_limit = 104857600
smtp_tls_security_level = none
disable_dns_lookups = yes
virtual_mailbox_domains = example.test
virtual_mailbox_base = {run}/mail
virtual_mailbox_maps = static:Maildir/
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""

MASTER_CF = """\
127.0.0.1:{port} inet n - n - 100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
"""


# The same kind of key and the same versions and ciphers as ours.
TLS_CF = """\
smtpd_tls_security_level = may
smtpd_tls_chain_files = {run}/key.pem, {run}/cert.pem
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_protocols = >=TLSv1.2
tls_random_source = dev:/dev/urandom
"""


class Postfix(Unpacked):
    """Takes mail into its queue, durably, then delivers it into one Maildir."""
    name = "postfix"

    def __init__(self, build, peers, folder, tls=False, milter=None):
        super().__init__(build, peers, folder)
        self.tls, self.milter = tls, milter  # its port

    def certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "10", "-subj",
                        "/CN=bench.test", "-keyout", "key.pem", "-out", "cert.pem"],
                       cwd=self.folder, check=True, capture_output=True)
        return TLS_CF.format(run=self.folder)

    def folders(self):
        owner = pwd.getpwnam(OWNER)
        queue = self.folder / "spool"
        rows = [(self.folder / "mail", "nobody", 0o700), (self.folder / "data", OWNER, 0o700)]
        rows += [(queue / name, OWNER, 0o700) for name in
                 ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                  "private", "saved", "trace")]
        rows += [(queue / "pid", "root", 0o755)]
        for path, user, mode in rows:
            path.mkdir(parents=True)
            shutil.chown(path, user)
            path.chmod(mode)
        for name, mode in (("public", 0o710), ("maildrop", 0o1730)):
            (queue / name).mkdir()
            os.chown(queue / name, owner.pw_uid, -1)
            shutil.chown(queue / name, group=GROUP)
            (queue / name).chmod(mode)

    def command(self):
        if os.getuid() != 0:
            raise Missing("Postfix runs as root only")
        master, nobody = self.program("usr/lib/postfix/sbin/master"), pwd.getpwnam("nobody")
        self.folders()
        conf = self.folder / "conf"
        conf.mkdir()
        (conf / "main.cf").write_text(MAIN_CF.format(
            run=self.folder, root=self.peers / "postfix", libraries=self.libraries(), owner=OWNER,
            group=GROUP, uid=nobody.pw_uid, gid=nobody.pw_gid) +
            (self.certificate() if self.tls else "") +
            (f"smtpd_milters = inet:127.0.0.1:{self.milter}\n" if self.milter else ""),
            encoding="ascii")
        (conf / "master.cf").write_text(MASTER_CF.format(port=self.port), encoding="ascii")
        return [master, "-c", str(conf), "-d"], {"LD_LIBRARY_PATH": self.libraries(),
                                                 "MAIL_CONFIG": str(conf)}

    def settled(self):
        queue = self.folder / "spool"
        return not any(os.listdir(queue / name) for name in ("incoming", "active", "maildrop"))

    def stored(self):
        return len(os.listdir(self.folder / "mail/Maildir/new"))


ACCEPT_JS = "exports.hook_rcpt = function (next) { next(OK) }\n"


class Haraka(Server):
    name = "haraka"

    def command(self):
        module = self.peers / "haraka/node_modules/Haraka"
        if not module.is_dir() or not shutil.which("node"):
            raise Missing("Haraka is not installed below build/peers (npm)")
        for name in ("config", "plugins", "queue"):
            (self.folder / name).mkdir()
        shutil.copy(module / "config/connection.ini", self.folder / "config")
        for name, text in (("config/smtp.ini", f"listen=127.0.0.1:{self.port}\nnodes=0\n"),
                           ("config/me", "bench.test\n"), ("config/host_list", "example.test\n"),
                           ("config/log.ini", "[main]\nlevel=warn\n"),
                           ("config/plugins", "accept_all\nqueue/discard\n"),
                           ("plugins/accept_all.js", ACCEPT_JS)):
            (self.folder / name).write_text(text, encoding="ascii")
        return ["node", str(module / "bin/haraka"), "-c", str(self.folder)], {
            "YES_REALLY_DO_DISCARD": "1"}
