# SPDX-License-Identifier: Apache-2.0
"""The command line: every subcommand, what it prints and how it exits.

config/NAME.yaml are configurations with mistakes, config/NAME.txt is what `check` says about them.
GATEPOST_E2E_UPDATE=1 writes those anew; read the difference before keeping it.
"""

import json
import os
import pathlib
import re
import unittest

import harness
from harness import gatepost

CONFIGS = pathlib.Path(__file__).resolve().parent / "config"
COMMANDS = ["serve", "check", "config show", "schema", "route", "plugin list", "plugin info",
            "plugin test", "version", "help"]
PLUGINS = ["access", "discard", "dnsbl", "early_talker", "header_rules", "maildir", "rewrite",
           "threshold"]


class Command(harness.TestCase):
    """Good and bad command lines."""

    def assert_exit(self, result, code):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)

    def test_help_of_each(self):
        everything = gatepost("help")
        self.assert_exit(everything, 0)
        for name in COMMANDS:
            with self.subTest(command=name):
                self.assertRegex(everything.stdout, rf"\n  {name} +[a-z]")
                by_help = gatepost("help", *name.split())
                self.assert_exit(by_help, 0)
                self.assertTrue(by_help.stdout.startswith(f"usage: gatepost {name} "),
                                by_help.stdout)
                if name != "help":
                    by_option = gatepost(*name.split(), "--help")
                    self.assert_exit(by_option, 0)
                    self.assertEqual(by_option.stdout, by_help.stdout)

    def test_top(self):
        self.assert_exit(gatepost("--help"), 0)
        self.assertEqual(gatepost("-h").stdout, gatepost("help").stdout)
        version = gatepost("version")
        self.assert_exit(version, 0)
        self.assertRegex(version.stdout, r"^gatepost \d+\.\d+\.\d+.*\nplugin interface \d+\.\d+\n")
        self.assertEqual(gatepost("--version").stdout, version.stdout)

    def test_bad_command_lines(self):
        for words, complaint in (
                ([], "usage: gatepost COMMAND"),
                (["chekc"], 'did you mean "check"'),
                (["plugin", "lst"], 'no command "plugin lst"; there is plugin list, plugin info'),
                (["config"], 'no command "config"; there is config show'),
                (["check", "--jsno"], '"--jsno"'),
                (["check", "-x"], "-x"),
                (["check", "--config"], "--config"),
                (["check", "file.yaml"], '"file.yaml"'),
                (["serve", "now"], '"now"'),
                (["config", "show", "all"], '"all"'),
                (["plugin", "list", "all"], '"all"'),
                (["plugin", "info"], "takes the name"),
                (["plugin", "info", "a", "b"], "takes the name"),
                (["route", "<>"], "FROM and TO"),
                (["route", "a", "b", "c"], "FROM and TO"),
                (["version", "now"], '"now"'),
                (["queue", "stats", "extra"], '"extra"'),
                (["queue", "stats", "--sender", "a@b"], "no --sender"),
                (["queue", "stats", "--limit", "2"], "no --limit"),
                (["queue", "watch", "m1"], '"m1"'),
                (["queue", "watch", "--all"], "no --all"),
                (["queue", "list", "--to", "x"], "no --to"),
                (["queue", "list", "--into", "x"], "no --into"),
                (["queue", "list", "--as", "a@b"], "no --as"),
                (["queue", "show"], "which message"),
                (["queue", "show", "--bucket", "x", "m1"], "no --bucket"),
                (["queue", "export", "--into", "x"], "which mail"),
                (["queue", "export", "--all"], "--into DIRECTORY"),
                (["queue", "export", "--all", "--into", "x", "--limit", "2"], "no --limit"),
                (["queue", "hold", "--all", "--as", "a@b"], "no --as"),
                (["queue", "release", "--as", "a@b"], "which mail"),
                (["queue", "release", "--to", "x", "m1"], "no --to"),
                (["queue", "retry", "--into", "x", "m1"], "no --into"),
                (["queue", "delete", "--as", "a@b", "m1"], "no --as"),
                (["queue", "bounce", "--to", "x", "m1"], "no --to"),
                (["queue", "reroute", "--as", "a@b", "m1"], "no --as"),
                (["queue", "pause", "--to", "x", "m1"], "no --to"),
                (["queue", "resume", "--limit", "1", "m1"], "no --limit"),
                (["spool", "verify", "m1"], '"m1"'),
                (["spool", "verify", "--json"], "no --json"),
                (["spool", "list", "--to", "x"], "no --to"),
                (["spool", "show"], "takes an argument"),
                (["spool", "show", "m1", "m2"], '"m2"'),
                (["spool", "show", "--json", "m1"], "no --json"),
                (["spool", "export"], "--to DIR"),
                (["spool", "export", "--to", "x", "--message"], "no --message"),
                (["spool", "import"], "takes an argument"),
                (["spool", "import", "--copy", "a", "m1.json"], "no --copy"),
                (["help", "me"], '"me"'),
        ):
            with self.subTest(words=words):
                result = gatepost(*words)
                self.assert_exit(result, 2)
                self.assertEqual(result.stdout, "")
                self.assertIn(complaint, result.stderr)

    def test_configuration_from_the_environment(self):
        result = gatepost("check", GATEPOST_CONFIG=str(CONFIGS / "good.yaml"))
        self.assert_exit(result, 0)
        result = gatepost("check", GATEPOST_CONFIG=str(CONFIGS / "nowhere.yaml"))
        self.assert_exit(result, 1)
        self.assertIn("No such file", result.stdout + result.stderr)
        self.assertIn("with --config FILE or in GATEPOST_CONFIG", result.stderr)

    def test_output_that_cannot_be_written(self):
        """A full disk under a redirected schema is a failure, not a short schema."""
        with open("/dev/full", "wb") as full:
            result = harness.subprocess.run([harness.GATEPOST, "schema"], stdout=full,
                                            stderr=harness.subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 1)

    def test_manual_page(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        page = root / "docs" / "man" / "gatepost.8"
        if not harness.has("man"):
            self.skipTest("there is no man")
        shown = harness.run("man", "-l", page, MANWIDTH="80")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        words = " ".join(shown.stdout.decode().split())
        synopsis = words[words.index("SYNOPSIS"):words.index("DESCRIPTION")]
        entries = re.split(r" (?=gatepost [a-z])", synopsis)[1:]
        for name in COMMANDS:
            entry = [each for each in entries if re.match(rf"gatepost {name}\b", each)]
            self.assertEqual(len(entry), 1, f"{name} in the synopsis")
            usage = gatepost("help", *name.split()).stdout.split("\n")[0]
            self.assertEqual(set(re.findall("--[a-z-]+", entry[0])),
                             set(re.findall("--[a-z-]+", usage)), name)


class Check(harness.TestCase):
    """What `check` says about wrong configurations."""

    def says(self, name, *options):
        result = gatepost("check", "--config", name, *options, directory=CONFIGS)
        self.assertEqual(result.stderr, "")
        return result.returncode, result.stdout.replace(str(CONFIGS), "DIR")

    def test_catalogue(self):
        for path in sorted(CONFIGS.glob("*.yaml")):
            with self.subTest(configuration=path.name):
                code, text = self.says(path.name)
                text += f"exit code {code}\n"
                golden = path.with_suffix(".txt")
                if os.environ.get("GATEPOST_E2E_UPDATE") == "1":
                    golden.write_text(text)
                self.assertEqual(text, golden.read_text())

    @unittest.skipUnless(os.geteuid() == 0, "only root becomes somebody")
    def test_user_who_is_not_there(self):
        path = self.directory / "gatepost.yaml"
        path.write_text("user: nobody_of_that_name\n" + harness.config())
        result = gatepost("check", "--config", path)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertRegex(result.stdout, r":1:7: warning: there is no user \"nobody_of_that_name\": ")
        result = gatepost("check", "--no-create", "--config", path)
        self.assertNotIn("nobody_of_that_name", result.stdout)

    def test_json_says_the_same(self):
        for path in sorted(CONFIGS.glob("*.yaml")):
            with self.subTest(configuration=path.name):
                code, text = self.says(path.name, "--json")
                objects = json.loads(text)
                code_of_text, plain = self.says(path.name)
                self.assertEqual(code, code_of_text)
                self.assertEqual(code, 1 if any(o["severity"] == "error" for o in objects) else 0)
                wanted = re.findall(r"(?m)^(.+):(\d+):(\d+): (error|warning|notice): ", plain)
                self.assertEqual([(o["file"], str(o["line"]), str(o["column"]), o["severity"])
                                  for o in objects], wanted)

    def test_carets_point_at_the_place(self):
        """Of long lines only a part is shown; what follows the caret is the place all the same."""
        for path in CONFIGS.glob("*.yaml"):
            lines = path.read_text().replace("\t", " ").split("\n")
            for line, column, shown, caret in re.findall(
                    r"(?m)^\S+:(\d+):(\d+): .*\n    (.*)\n    ( *)\^$", self.says(path.name)[1]):
                self.assertEqual(shown[len(caret):][:10],
                                 lines[int(line) - 1][int(column) - 1:][:10], path.name)

    def test_serve_refuses_what_check_refuses(self):
        for name in ("syntax", "no_plugin", "open_relay", "create", "create_table",
                     "listen_name", "no_directory"):
            result = gatepost("serve", "--config", CONFIGS / f"{name}.yaml")
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stdout, "")
            self.assertIn(f"{name}.yaml:", result.stderr)

    def test_secrets_and_endless_files(self):
        """A configuration that includes itself, a directory, a device, a huge file."""
        loop = self.directory / "loop.yaml"
        loop.write_text("include: [loop.yaml]\nhostname: mx.example.test\n")
        (self.directory / "huge.yaml").write_bytes(b"# " + b"x" * (64 << 20) + b"\n")
        for path in (loop, self.directory, "/dev/zero", self.directory / "huge.yaml"):
            with self.subTest(path=str(path)):
                result = gatepost("check", "--config", path)
                self.assertEqual(result.returncode, 1, result.stdout[-500:] + result.stderr[-500:])


class Show(harness.TestCase):
    """config show, schema."""

    def test_shown_configuration_is_one(self):
        """What it prints can be read back, and then prints the same."""
        first = gatepost("config", "show", "--config", CONFIGS / "good.yaml")
        self.assertEqual(first.returncode, 0, first.stderr)
        again = self.directory / "again.yaml"
        again.write_text(first.stdout)
        second = gatepost("config", "show", "--config", again)
        self.assertEqual(second.returncode, 0, second.stderr)

        def bare(text):
            return [re.sub(r"\s*#.*$", "", line) for line in text.splitlines()]
        self.assertEqual(bare(first.stdout), bare(second.stdout))
        self.assertIn("command_timeout: 5m", first.stdout)

    def test_schema(self):
        result = gatepost("schema")
        self.assertEqual(result.returncode, 0, result.stderr)
        schema = json.loads(result.stdout)
        self.assertIn("$schema", schema)
        for plugin in PLUGINS:
            self.assertIn(f'"{plugin}"', result.stdout)
        self.resolve(schema, schema)
        one = gatepost("schema", "maildir")
        self.assertEqual(one.returncode, 0)
        self.assertNotIn('"dnsbl"', one.stdout)
        self.assertEqual(gatepost("schema", "nonsense").returncode, 1)

    def resolve(self, schema, node):
        """Every $ref leads somewhere."""
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str):
                self.assertTrue(reference.startswith("#/"), reference)
                at = schema
                for part in reference[2:].split("/"):
                    at = at[part]
            for value in node.values():
                self.resolve(schema, value)
        elif isinstance(node, list):
            for value in node:
                self.resolve(schema, value)


ROUTES = """\
hostname: mx.example.test
tables:
  ours: [example.test, plain.test]
  people: [jo@example.test]
  both: [jo@xn--bcher-kva.test, jo@ü.test]
  tenants: [{tenant.test: '{"to": ["gw.tenant.test:587", "[::1]:25"], "user": "t", "password": "hush"}'}]
targets:
  mailboxes: {maildir: {path: mail}}
  outside: {discard: {}}
  hosts: {smtp: {to: "gw.example:25", per_recipient: tenants}}
listeners:
  mx: {address: "127.0.0.1:0", relay: [192.0.2.0/24]}
  other: {address: "127.0.0.1:0"}
routes:
  - {name: people, match: {recipient: example.test}, valid: people, to: mailboxes, mode: direct}
  - {name: plain, match: {recipient: ours}, to: mailboxes, mode: direct}
  - {name: in_u, match: {recipient: bücher.test}, valid: both, to: mailboxes, mode: direct}
  - {name: in_a, match: {recipient: XN--tda.test}, valid: both, to: mailboxes, mode: direct}
  - {name: tenants, match: {recipient: [tenant.test, other.test]}, to: hosts, mode: direct}
  - {name: world, match: {relay: true}, to: outside, mode: direct}
"""


class Route(harness.TestCase):
    """Explanations of where a recipient would go."""

    def route(self, *words):
        path = self.directory / "gatepost.yaml"
        path.write_text(ROUTES)
        result = gatepost("route", "--config", path, *words)
        return result.returncode, result.stdout, result.stderr

    def test_ours(self):
        code, out, _ = self.route("<>", "jo@example.test")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"route people +matches")
        self.assertIn("valid by table people: yes", out)
        self.assertIn("to target mailboxes, class ours", out)

    def test_second_route(self):
        code, out, _ = self.route("s@example.com", "any@plain.test")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"route people +does not match\n +route plain +matches")

    def test_unknown_user(self):
        """The first match owns it: no other route is tried."""
        code, out, _ = self.route("s@example.com", "nobody@example.test")
        self.assertEqual(code, 1)
        self.assertIn("no such recipient", out)
        self.assertRegex(out, r"answer: 550 5\.1\.1 ")
        self.assertNotIn("route plain", out)

    def test_both_notations(self):
        """U-labels and A-labels are one domain, whichever the configuration has (RFC 5890)."""
        for to, key in (("jo@xn--bcher-kva.test", None), ("jo@bücher.test", "xn--bcher-kva.test"),
                        ("jo@BÜCHER.test", "xn--bcher-kva.test"), ("jo@xn--tda.test", None),
                        ("jo@ü.test", "xn--tda.test")):
            code, out, _ = self.route("<>", to)
            self.assertEqual(code, 0, out)
            self.assertRegex(out, r"route (in_u|in_a) +matches")
            self.assertIn("valid by table both: yes", out)
            self.assertEqual(f"its domain is compared as {key}" in out, key is not None, out)
        code, _, errors = self.route("<>", "jo@☃.test")
        self.assertEqual(code, 1)
        self.assertIn("Bad domain", errors)

    def test_postmaster(self):
        """Without a domain it is this host's (RFC 5321 4.5.1)."""
        code, out, _ = self.route("<>", "postmaster")
        self.assertEqual(code, 1)
        self.assertIn("recipient postmaster@mx.example.test\n", out)

    def test_tenant(self):
        """What a table says of the recipient is shown, its secrets are not."""
        code, out, _ = self.route("<>", "jo@tenant.test")
        self.assertEqual(code, 0)
        self.assertIn("by table tenants:\n    to gw.tenant.test:587, [::1]:25\n    user t\n"
                      "    password (secret)\n", out)
        self.assertNotIn("hush", out)
        self.assertIn("by table tenants: nothing\n", self.route("<>", "jo@other.test")[1])
        shown = gatepost("config", "show", "--config", self.directory / "gatepost.yaml")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("tenant.test: (secret)", shown.stdout)
        self.assertNotIn("hush", shown.stdout)

    def test_relay_denied(self):
        code, out, _ = self.route("s@example.com", "x@elsewhere.test")
        self.assertEqual(code, 1)
        self.assertIn("right to relay: no", out)
        self.assertRegex(out, r"answer: 550 5\.7\.1 ")

    def test_relay_allowed(self):
        code, out, _ = self.route("--ip", "192.0.2.9", "s@example.com", "x@elsewhere.test")
        self.assertEqual(code, 0)
        self.assertIn("to target outside, class relay", out)
        code, out, _ = self.route("--ip", "192.0.2.9", "--listener", "other", "s@example.com",
                                  "x@elsewhere.test")
        self.assertEqual(code, 1)

    def test_strangers(self):
        """A route that would send anybody's mail to anybody is refused; loopback is nobody."""
        def check(match, address="0.0.0.0:2525", more=""):
            (self.directory / "open.yaml").write_text(
                "hostname: mx.example.test\ntargets: {out: {mx: {}}}\n"
                f"listeners: {{mx: {{address: \"{address}\"{more}}}}}\n"
                f"routes: [{{name: out, {match}to: out, mode: direct}}]\n")
            result = gatepost("check", "--config", "open.yaml", directory=self.directory)
            return result.returncode, result.stdout + result.stderr

        for match in ("", "match: {sender: example.com}, ", "match: {recipient_not: example.com}, ",
                      "match: {any: [{relay: true}, {sender: example.com}]}, ",
                      "match: {authenticated: false}, ", "match: {none: [{relay: true}]}, "):
            code, out = check(match)
            self.assertEqual(code, 1, match + out)
            self.assertIn('"out" relays for strangers', out)
            self.assertEqual(check(match, "127.0.0.1:2525")[0], 0)
        for match in ("match: {relay: true}, ", "match: {recipient: example.com}, ",
                      "match: {sender: example.com, relay: true}, ",
                      "match: {client: 192.0.2.0/24}, ", "match: {authenticated: true}, ",
                      "match: {any: [{relay: true}, {recipient: example.com}]}, "):
            code, out = check(match, more=", relay: [192.0.2.0/24]")
            self.assertNotIn("strangers", out)

    def test_as_somebody(self):
        """A login, and a program on a UNIX socket: what they may, and routes that ask for them."""
        text = """\
hostname: mx.example.test
auth: {staff: {file: {path: users}}}
targets: {a: {discard: {}}, b: {http: {url: "http://127.0.0.1:1/"}}}
listeners:
  submit: {address: ["127.0.0.1:0"], auth: [staff], tls: off, auth_plaintext: true, relay: [authenticated, local]}
routes:
  - {name: anna, match: {user: anna, relay: true}, to: b, fallback: a, mode: direct}
  - {name: world, match: {relay: true}, to: a, mode: direct}
"""
        (self.directory / "users").write_text("")
        (self.directory / "as.yaml").write_text(text)

        def route(*words):
            result = gatepost("route", "--config", "as.yaml", *words, "s@example.com", "x@e.example",
                              directory=self.directory)
            return result.returncode, result.stdout + result.stderr

        code, out = route()
        self.assertEqual(code, 1, out)
        self.assertIn("login none, right to relay: no", out)
        self.assertRegex(out, r"answer: 550 5\.7\.1 ")
        code, out = route("--as", "anna")
        self.assertEqual(code, 0, out)
        self.assertIn("login anna, right to relay: yes", out)
        self.assertIn("to target b, class relay\n  and to target a what that cannot take now\n", out)
        code, out = route("--as", "bob")
        self.assertRegex(out, r"route anna +does not match\n  route world +matches")
        code, out = route("--ip", "unix")
        self.assertEqual(code, 0, out)
        self.assertIn("client unix, login none, right to relay: yes", out)

    def test_mistakes(self):
        for words, complaint in ((("s@example.com", "no address"), '"no address"'),
                                 (("no address", "jo@example.test"), '"no address"'),
                                 (("--ip", "300.1.1.1", "<>", "jo@example.test"), "300.1.1.1"),
                                 (("--listener", "none", "<>", "jo@example.test"), '"none"')):
            code, _, errors = self.route(*words)
            self.assertEqual(code, 1)
            self.assertIn(complaint, errors)

    def test_says_what_serve_does(self):
        server = self.server(ROUTES + "log: {to: stderr, format: json}\n", listeners=2)
        with harness.Client(server.address_of("mx")) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com> SMTPUTF8", 250)
            for to in ("jo@example.test", "any@plain.test", "nobody@example.test",
                       "x@elsewhere.test", "jo@bücher.test", "jo@xn--bcher-kva.test",
                       "jo@xn--tda.test", "jo@ü.test", "x@ü.test"):
                code, out, _ = self.route("s@example.com", to)
                reply = client.command(f"RCPT TO:<{to}>")
                self.assertEqual(reply.code == 250, code == 0, (out, reply))
                if code:
                    self.assertIn(f"answer: {reply.code} {reply.text}", out)


class Plugins(harness.TestCase):
    """plugin list and info, and files that are no plugins."""

    def test_list(self):
        result = gatepost("plugin", "list")
        self.assertEqual(result.returncode, 0, result.stderr)
        names = [line.split()[0] for line in result.stdout.splitlines()]
        self.assertEqual(names, sorted(names))
        for plugin in PLUGINS:
            self.assertIn(plugin, names)
        self.assertNotIn("can't be used", result.stdout)

    def test_info(self):
        for plugin in PLUGINS:
            result = gatepost("plugin", "info", plugin)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(result.stdout.startswith(f"{plugin} "))
            for heading in ("hooks:", "roles:", "needs:", "on_error:"):
                self.assertIn(heading, result.stdout)
        self.assertIn("| `path`", gatepost("plugin", "info", "maildir", "--markdown").stdout)
        missing = gatepost("plugin", "info", "nonsense")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("nonsense", missing.stderr)

    def check(self, *complaints):
        """What `check` says when a plugin of this directory is used."""
        path = self.directory / "gatepost.yaml"
        path.write_text(harness.config(rest=f"plugins: {{path: [{self.directory / 'lib'}]}}")
                        .replace("maildir: {path: mail}", "broken: {}"))
        result = gatepost("check", "--config", path)
        self.assertEqual(result.returncode, 1, result.stdout)
        for complaint in complaints:
            self.assertIn(complaint, result.stdout)
        return result.stdout

    def put(self, content, mode=0o644):
        (self.directory / "lib").mkdir(exist_ok=True)
        path = self.directory / "lib" / "broken.so"
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def test_missing(self):
        self.check('there is no plugin "broken"')

    def test_no_plugin(self):
        self.put(b"this is no shared object\n")
        self.check("broken.so")

    def test_truncated(self):
        self.put((harness.BUILD / "plugins/maildir.so").read_bytes()[:5000])
        self.check("broken.so")

    def test_other_library(self):
        self.put((harness.BUILD / "plugins/maildir.so").read_bytes())
        self.check("broken")  # its descriptor has another name

    def test_writable_by_all(self):
        self.put((harness.BUILD / "plugins/maildir.so").read_bytes(), 0o666)
        self.check("broken.so", "writ")

    def test_directory_writable_by_all(self):
        path = self.put((harness.BUILD / "plugins/maildir.so").read_bytes())
        path.parent.chmod(0o777)
        self.check("writ")

    def test_directory_named_like_one(self):
        (self.directory / "lib/broken.so").mkdir(parents=True)
        self.check("broken")


if __name__ == "__main__":
    unittest.main()
