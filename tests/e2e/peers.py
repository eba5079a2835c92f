# SPDX-License-Identifier: Apache-2.0
"""MTAs that can't be installed beside each other: their packages are unpacked into a folder (scripts/
bootstrap --test does that), and run in a mount namespace of their own, with the users and the
directories that they want."""

import grp
import os
import pathlib
import pwd
import subprocess

import harness

PEERS = pathlib.Path(os.environ.get("GATEPOST_PEERS", "/var/cache/gatepost/peers"))
NOBODY = 65500  # user ids that nobody has


def program(package, path):
    """The program of an unpacked package, or None."""
    found = PEERS / package / path
    return found if found.exists() else None


def can_unshare():
    return os.getuid() == 0 and subprocess.run(
        ["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


def own_world(directory, users, more=""):
    """A script that makes the namespace and becomes the program that is its arguments. `users` are
    names that the program looks for; `more` are lines of the script."""
    passwd = [":".join((p.pw_name, "x", str(p.pw_uid), str(p.pw_gid), "", p.pw_dir, p.pw_shell))
              for p in pwd.getpwall() if p.pw_name not in users]
    group = [f"{g.gr_name}:x:{g.gr_gid}:" for g in grp.getgrall() if g.gr_name not in users]
    for number, name in enumerate(users, NOBODY):
        passwd.append(f"{name}:x:{number}:{number}::/nonexistent:/bin/false")
        group.append(f"{name}:x:{number}:")
    (directory / "passwd").write_text("\n".join(passwd) + "\n")
    (directory / "group").write_text("\n".join(group) + "\n")
    script = directory / "world.sh"
    script.write_text(f"""\
set -e
mount --make-rprivate /
mount --bind {directory}/passwd /etc/passwd
mount --bind {directory}/group /etc/group
{more}
exec "$@"
""")
    return ["unshare", "-m", "sh", str(script)]


EXIM = """\
primary_hostname = exim.example.net
spool_directory = {dir}/spool
log_file_path = {dir}/log/%slog
exim_path = {program}
keep_environment =
tls_advertise_hosts = {tls}
tls_certificate = {cert}
tls_privatekey = {key}
host_lookup =
rfc1413_hosts =
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  transport = out
  self = send
begin transports
out:
  driver = smtp
  port = {next}
  hosts_avoid_tls = *
begin retry
* * F,1h,1s
"""


def exim(test, port, next_port, certificate):
    """Relays all to 127.0.0.1:next_port."""
    binary = program("exim4-daemon-light", "usr/sbin/exim4")
    home = test.directory / "exim"
    for name in ("", "spool", "log"):
        (home / name).mkdir()
    world = own_world(home, ["Debian-exim"])
    for name in ("spool", "log"):
        os.chown(home / name, NOBODY, NOBODY)
    test.directory.chmod(0o755)
    conf = home / "conf"
    conf.write_text(EXIM.format(dir=home, program=binary, next=next_port, tls="*",
                                cert=certificate[0], key=certificate[1]))
    os.chown(certificate[1], NOBODY, -1)
    test.daemon(*world, binary, "-C", conf, "-bdf", "-oX", f"127.0.0.1.{port}", "-oP", home / "pid",
                ready=lambda: harness.greets(port))


OPENSMTPD = """\
listen on 127.0.0.1 port {port}
action "out" relay host smtp://127.0.0.1:{next}
match from any for any action "out"
"""


def opensmtpd(test, port, next_port):
    """The same; its control socket and its queue are where it wants them, and nobody else sees them."""
    home = test.directory / "opensmtpd"
    home.mkdir()
    world = own_world(home, ["opensmtpd", "opensmtpq"], """\
mount -t tmpfs none /run
mount -t tmpfs none /var/spool
mount -t tmpfs none /var/lib
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/spool/smtpd
""")
    conf = home / "conf"
    conf.write_text(OPENSMTPD.format(port=port, next=next_port))
    test.daemon(*world, program("opensmtpd", "usr/sbin/smtpd"), "-d", "-f", conf,
                ready=lambda: harness.greets(port))
