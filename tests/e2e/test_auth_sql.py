# SPDX-License-Identifier: Apache-2.0
"""The plugin `auth_sql` with SQLite, and with Debian's PostgreSQL, a private instance on a UNIX socket."""

import base64
import os
import pathlib
import pwd
import shutil
import signal
import sqlite3
import subprocess
import threading
import unittest

import harness
import logins

ROWS = "CREATE TABLE users (name text PRIMARY KEY, password text);"


def secrets_of(directory, password):
    """A hash and a SCRAM secret, as `gatepost user` makes them."""
    path = pathlib.Path(directory) / "one"
    result = subprocess.run([str(harness.GATEPOST), "user", "add", "--file", str(path), "x"],
                            input=password + "\n", capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    text = path.read_text().strip()
    path.unlink()
    return text.split(":", 1)[1]


class Sqlite(logins.Case):
    def database(self):
        path = self.directory / "users.db"
        with sqlite3.connect(path) as db:
            db.executescript(ROWS)
            db.execute("INSERT INTO users VALUES (?, ?)",
                       ("anna", secrets_of(self.directory, "se cret")))
        db.close()
        return path

    def test_logins(self):
        path = self.database()
        server = self.start(f"sql: {{sqlite: {path}, scram: sha-256}}")
        self.assert_logins(server, "anna", "se cret")
        with harness.Client(server.address) as client:
            self.assertIn("AUTH SCRAM-SHA-256 PLAIN", client.hello().text)

    def iterations(self, client, name):
        """What SCRAM says of a user before it knows whether there is one."""
        first = base64.b64encode(f"n,,n={name},r=fixed".encode()).decode()
        challenge = client.command(f"AUTH SCRAM-SHA-256 {first}", 334).text
        client.command("*", 501)
        return int(base64.b64decode(challenge).split(b",i=")[1])

    def test_decoy(self):
        """Who is not there costs what the dearest who was found does, or what is configured."""
        path = self.database()
        key = base64.b64encode(bytes(32)).decode()
        secret = f"SCRAM-SHA-256$%d:MDEyMzQ1Njc4OWFiY2RlZg==${key}:{key}"
        with sqlite3.connect(path) as db:
            db.executemany("INSERT INTO users VALUES (?, ?)",
                           [(f"u{count}", secret % count) for count in (5000, 20000, 7000)])
        db.close()
        server = self.start(f"sql: {{sqlite: {path}, scram: sha-256}}")
        with harness.Client(server.address) as client:
            client.hello()
            for count, dearest in ((5000, 5000), (20000, 20000), (7000, 20000)):
                self.assertEqual(self.iterations(client, f"u{count}"), count)
                self.assertEqual(self.iterations(client, "nobody"), dearest)
        server = self.start(f"sql: {{sqlite: {path}, scram: sha-256, decoy: '{secret % 30000}'}}")
        with harness.Client(server.address) as client:
            client.hello()
            self.assertEqual(self.iterations(client, "nobody"), 30000)
            self.assertEqual(self.iterations(client, "u5000"), 5000)
            self.assertEqual(self.iterations(client, "nobody"), 30000)

    def test_the_file_changes(self):
        path = self.database()
        server = self.start(f"sql: {{sqlite: {path}}}")
        self.assertEqual(self.login(server, "anna", "new one").code, 535)
        with sqlite3.connect(path) as db:
            db.execute("UPDATE users SET password = ?", (secrets_of(self.directory, "new one"),))
        db.close()
        self.assertEqual(self.login(server, "anna", "new one").code, 235)
        path.unlink()
        self.assertEqual(self.login(server, "anna", "new one").code, 454)
        path.write_text("this is no database, whatever its name says" * 100)
        self.assertEqual(self.login(server, "anna", "new one").code, 454)


def programs():
    """The folder of the newest PostgreSQL's programs; None: there is none."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@unittest.skipUnless(programs(), "postgresql is not installed")
class Postgresql(logins.Case):
    @classmethod
    def setUpClass(cls):
        """One cluster for all tests: making it takes longer than they do."""
        cls.home = pathlib.Path(harness.tempfile.mkdtemp(prefix="gatepost-sql-"))
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.owner = {}
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(cls.home, user.pw_uid, user.pw_gid)
            cls.owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        password = cls.home / "password"
        password.write_text("hush\n")
        password.chmod(0o644)
        subprocess.run([programs() / "initdb", "-D", cls.home / "data", "-U", "gatepost",
                        "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--locale=C",
                        "--encoding=UTF8"], check=True, capture_output=True, cwd=cls.home,
                       timeout=60 * harness.SLOWER, **cls.owner)

    def setUp(self):
        super().setUp()
        self.conninfo = f"host={self.home} user=gatepost password=hush dbname=postgres"
        self.process = self.launch()
        self.sql("DROP TABLE IF EXISTS users;" + ROWS)
        self.sql(f"INSERT INTO users VALUES ('anna', '{secrets_of(self.directory, 'se cret')}')")

    def launch(self):
        """SIGINT stops it without waiting for its clients."""
        return self.daemon(programs() / "postgres", "-D", self.home / "data", "-k", self.home, "-c",
                           "listen_addresses=", "-c", "fsync=off", ready=self.answers,
                           stop=signal.SIGINT, cwd=self.home, **self.owner)

    def answers(self):
        return self.psql("SELECT 1").returncode == 0

    def psql(self, text):
        return subprocess.run([programs() / "psql", "-X", "-v", "ON_ERROR_STOP=1", self.conninfo,
                               "-c", text], capture_output=True, cwd="/", timeout=60)

    def sql(self, text):
        result = self.psql(text)
        self.assertEqual(result.returncode, 0, result.stderr)

    def backend(self, more=""):
        return f'sql: {{postgresql: "{self.conninfo}"{more}}}'

    def test_logins(self):
        server = self.start(self.backend())
        self.assert_logins(server, "anna", "se cret")
        self.assertEqual(self.login(server, "x' OR '1'='1", "se cret").code, 535)
        self.assertNotIn("hush", server.stderr())

    def test_many_at_once(self):
        server = self.start(self.backend(", keep: 2"))
        results = []
        threads = [threading.Thread(target=lambda: results.append(
            self.login(server, "anna", "se cret").code)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [235] * 8)

    def test_it_goes_and_comes(self):
        """A kept connection that the server has closed is made anew."""
        server = self.start(self.backend())
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                 "WHERE application_name = 'gatepost'")
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)
        self.finish(self.process, signal.SIGINT)
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)
        self.launch()
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)

    def test_what_is_no_answer(self):
        self.sql("INSERT INTO users VALUES ('none', NULL), ('long', repeat('x', 3000))")
        server = self.start(self.backend())
        self.assertEqual(self.login(server, "none", "se cret").code, 535)
        self.assertEqual(self.login(server, "long", "se cret").code, 454)
        self.sql("DROP TABLE users")
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)
        for query in ("SELECT name, password FROM users WHERE name = $1",
                      "SELECT password FROM users WHERE $1 <> ''"):
            with self.subTest(query=query):
                self.sql("DROP TABLE IF EXISTS users;" + ROWS)
                self.sql("INSERT INTO users VALUES ('a', 'x'), ('b', 'x')")
                other = self.start(self.backend(f", query: \"{query}\""))
                self.assertEqual(self.login(other, "a", "x").code, 454)

    def test_wrong_password_of_ours(self):
        server = self.start(f'sql: {{postgresql: "{self.conninfo.replace("hush", "no")}"}}')
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)

    def test_it_never_answers(self):
        """A lock on the table: other sessions are served, and the deadline ends it."""
        server = self.start(self.backend())
        blocker = subprocess.Popen([programs() / "psql", "-X", "-q", self.conninfo],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
        self.addCleanup(blocker.stdout.close)
        self.addCleanup(self.finish, blocker)
        self.addCleanup(blocker.stdin.close)
        blocker.stdin.write(b"BEGIN; LOCK TABLE users; SELECT 'locked';\n")
        blocker.stdin.flush()
        while b"locked" not in blocker.stdout.readline():
            pass
        waiting = harness.Client(server.address, timeout=60)
        self.addCleanup(waiting.close)
        waiting.hello()
        waiting.send(b"AUTH PLAIN " + logins.plain("anna", "se cret").encode() + b"\r\n")
        self.assert_alive(server)
        waiting.expect(454)


if __name__ == "__main__":
    unittest.main()
