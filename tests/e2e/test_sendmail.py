# SPDX-License-Identifier: Apache-2.0
"""`gatepost sendmail` as programs use it: by its name, from cron, from mail(1), by SMTP; exit codes."""

import os
import pwd
import shutil
import subprocess
import unittest

import harness

UNAVAILABLE, TEMPFAIL, DATAERR, USAGE, NOPERM, CONFIG = 69, 75, 65, 64, 77, 78
USER = pwd.getpwuid(os.getuid()).pw_name


class SendmailCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.socket = f"unix:{self.directory}/submit"
        self.conf = self.directory / "sendmail.conf"
        self.conf.write_text(f"# how programs send\nserver {self.socket}\n\ndomain example.test\n")
        self.program = self.directory / "sendmail"
        self.program.symlink_to(harness.GATEPOST.resolve())

    def serve(self, **options):
        text = harness.config(**options).replace("127.0.0.1:0", self.socket)
        return self.server(text)

    def sendmail(self, *words, stdin=b"Subject: x\n\nbody\n", program=None, code=0, **environment):
        result = subprocess.run([program or self.program, *words], input=stdin, check=False,
                                capture_output=True, timeout=60, cwd=self.directory,
                                env={**os.environ, "GATEPOST_SENDMAIL_CONF": str(self.conf),
                                     **environment})
        self.assertEqual(result.returncode, code, result.stderr + result.stdout)
        return result


class Sendmail(SendmailCase):
    def message(self, server, recipient="r@example.test"):
        message, = harness.stored(server, recipient)
        return message

    def test_completed(self):
        server = self.serve()
        self.sendmail("-F", "Anna Muster", "r@example.test")
        message = self.message(server)
        self.assertEqual(message.field("Return-Path"), f"<{USER}@example.test>")
        self.assertIn(f'From: "Anna Muster" <{USER}@example.test>\r\n'.encode(), message.content)
        self.assertIn(b"\r\nDate: ", message.content)
        self.assertIn(b"\r\nMessage-ID: <", message.content)
        self.assertTrue(message.content.endswith(b"\r\n\r\nbody\r\n"), message.content)

    def test_what_is_there_stays(self):
        server = self.serve()
        text = (b"From: <a@example.com>\nDate: Mon, 23 Nov 2026 14:05:17 +0000\n"
                b"Message-ID: <m@example.com>\nSubject: folded\n\tsubject\n\nbody\n")
        self.sendmail("-f", "s@example.com", "r@example.test", stdin=text)
        self.assertEqual(self.message(server).content, text.replace(b"\n", b"\r\n"))

    def test_recipients_of_the_header(self):
        server = self.serve()
        self.sendmail("-t", "-oi", stdin=b'To: "R, the first" <r@example.test>, group: a@example.test;\n'
                      b"Cc: c\nBcc: hidden@example.test,\n other@example.test\nSubject: x\n\nbody\n")
        for recipient in ("r", "a", "c", "hidden", "other"):
            content = self.message(server, recipient + "@example.test").content
            self.assertNotIn(b"hidden", content)
            self.assertNotIn(b"other", content)
            self.assertIn(b"\r\nCc: c\r\nSubject: x\r\n", content)

    def test_more_recipients_than_at_once(self):
        server = self.serve(listener="limits: {recipients: 100}")
        names = [f"r{i}@example.test" for i in range(250)]
        self.sendmail(*names)
        for name in names:
            self.message(server, name)
        self.assertEqual([len(each["recipients"]) for each in server.log("message")], [100, 100, 50])
        result = self.sendmail("wrong@example.org", *names, code=NOPERM)
        self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def test_stray_cr(self):
        """It makes no field of what follows it."""
        server = self.serve()
        self.sendmail("-t", stdin=b"To: r@example.test\r\r\nSubject: x\rBcc: hidden@example.test\n\nbody\n")
        self.assertTrue(self.message(server).content.startswith(
            b"To: r@example.test \r\nSubject: x Bcc: hidden@example.test\r\n"))

    def test_resent(self):
        server = self.serve()
        self.sendmail("-t", stdin=b"Resent-To: a@example.test\nResent-Bcc: b@example.test\n"
                      b"To: r@example.test\n\nx\n")
        self.assertEqual(harness.stored(server), [])
        for recipient in ("a@example.test", "b@example.test"):
            self.assertNotIn(b"Resent-Bcc", self.message(server, recipient).content)

    def test_no_header(self):
        server = self.serve()
        self.sendmail("r@example.test", stdin=b"just a line: not\nand another\n")
        self.assertTrue(self.message(server).content.endswith(
            b"\r\n\r\njust a line: not\r\nand another\r\n"))

    def test_mbox_line(self):
        server = self.serve()
        self.sendmail("r@example.test", stdin=b"From a@b Mon Nov 23 14:05:17 2026\nSubject: x\n\ny\n")
        self.assertNotIn(b"From a@b", self.message(server).content)

    def test_dots(self):
        server = self.serve()
        text = b"Subject: x\n\none\n.\ntwo\n..three\n"
        self.sendmail("dots@example.test", stdin=text)
        self.assertTrue(self.message(server, "dots@example.test").content.endswith(
            b"\r\n\r\none\r\n"))
        for option in ("-i", "-oi"):
            self.sendmail(option, "r@example.test", stdin=text)
        for message in harness.stored(server):
            self.assertTrue(message.content.endswith(b"one\r\n.\r\ntwo\r\n..three\r\n"))

    def test_bare_cr_and_nothing_at_the_end(self):
        server = self.serve()
        self.sendmail("r@example.test", stdin=b"Subject: x\r\n\r\na\rb\r\nlast")
        self.assertTrue(self.message(server).content.endswith(b"\r\na\r\nb\r\nlast\r\n"))

    def test_null_sender_and_parameters(self):
        server = self.serve()
        self.sendmail("-f", "<>", "-N", "failure,delay", "-R", "hdrs", "-V", "id =1", "r")
        message = self.message(server)
        self.assertEqual(message.field("Return-Path"), "<>")
        self.assertIn(b"From: ", message.content)
        self.assertIn(b"<MAILER-DAEMON@example.test>", message.content)

    def test_options_of_sendmail(self):
        server = self.serve()
        self.sendmail("-odi", "-oem", "-om", "-bm", "-G", "-U", "-L", "tag", "-O", "Timeout=1",
                      "-p", "X", "-v", "--", "r@example.test")
        self.message(server)

    def test_one_of_two_is_refused(self):
        server = self.serve()
        result = self.sendmail("r@example.test", "x@elsewhere.example", code=NOPERM)
        self.assertIn(b"x@elsewhere.example: 550 5.7.1 ", result.stderr)
        self.message(server)

    def test_nobody_listens(self):
        result = self.sendmail("r@example.test", code=TEMPFAIL)
        self.assertIn(b"no connection", result.stderr)
        self.assertIn(b"the message was not sent", result.stderr)

    def test_mistakes(self):
        self.serve()
        cases = [
            ((), USAGE, b"no recipient"),
            (("-t",), DATAERR, b"no recipient in To, Cc or Bcc"),
            (("a b@example.test",), DATAERR, b"a b@example.test: "),
            (("-f", "@", "r"), DATAERR, b"sendmail: "),
            (("-N", "sometimes", "r"), USAGE, b"-N is"),
            (("-R", "half", "r"), USAGE, b"-R is"),
            (("-B", "9BIT", "r"), USAGE, b"-B is"),
            (("-bd",), USAGE, b"gatepost serve"),
            (("-Z", "r"), USAGE, b"unknown option"),
            (("-q",), UNAVAILABLE, b"gatepost queue retry"),
            (("-q30m",), UNAVAILABLE, b"gatepost queue retry"),
        ]
        for words, code, text in cases:
            with self.subTest(words=words):
                self.assertIn(text, self.sendmail(*words, code=code).stderr)
        result = self.sendmail("-t", code=DATAERR, stdin=b"To: r@example.test, (\nSubject: x\n\ny")
        self.assertIn(b'"(" is no address', result.stderr)
        result = self.sendmail("r", code=DATAERR, stdin=b"Subject: x\n\na\0b\n")
        self.assertIn(b"NUL", result.stderr)

    def test_settings(self):
        server = self.serve()
        self.conf.write_text("server unix:/nowhere\n")
        self.sendmail("r@example.test", GATEPOST_SUBMIT=self.socket)
        self.sendmail("--server", self.socket, "r@example.test", GATEPOST_SUBMIT="unix:/nowhere")
        self.assertEqual(len(harness.stored(server)), 2)
        for text, words in (("serve x\n", b":1: the words are"), ("\nserver\n", b":2: write a word")):
            self.conf.write_text(text)
            self.assertIn(words, self.sendmail("r@example.test", code=CONFIG).stderr)
        self.sendmail("r@example.test", code=CONFIG, GATEPOST_SENDMAIL_CONF="/nowhere")

    def test_smtp(self):
        server = self.serve()
        process = subprocess.Popen(
            [self.program, "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "GATEPOST_SENDMAIL_CONF": str(self.conf)})
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.assertRegex(process.stdout.readline(), rb"^220 mx\.example\.test ")
        for line, code in ((b"HELO cron.example", 250), (b"MAIL FROM:<s@example.com>", 250),
                           (b"RCPT TO:<r@example.test>", 250), (b"DATA", 354),
                           (b"Subject: x\r\n\r\nbody\r\n.", 250), (b"QUIT", 221)):
            process.stdin.write(line + b"\r\n")
            process.stdin.flush()
            self.assertTrue(process.stdout.readline().startswith(b"%d " % code))
        self.assertEqual(process.stdout.read(), b"")
        process.stdin.close()
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(self.message(server).content, b"Subject: x\r\n\r\nbody\r\n")

    def test_smtp_to_nobody(self):
        self.assertTrue(self.sendmail("-bs", stdin=b"", code=TEMPFAIL).stdout.startswith(b"421 "))

    def test_other_names(self):
        for name, words in (("mailq", ()), ("newaliases", ()), ("sendmail", ("-bp",)),
                            ("sendmail", ("-bi",))):
            program = self.directory / name
            if not program.exists():
                program.symlink_to(harness.GATEPOST.resolve())
            result = self.sendmail(*words, program=program)
            self.assertEqual(b"gatepost queue list" in result.stdout,
                             "mailq" == name or "-bp" in words)

    def test_local_programs_may_relay(self):
        """To who does not belong to us; the same listener on TCP gives nobody that right."""
        text = (harness.config(listener="relay: [local]").replace(
            '"127.0.0.1:0"', f'["{self.socket}", "127.0.0.1:0"]') +
            "\n").replace("routes:\n", "routes:\n  - {name: out, match: {relay: true}, to: mailboxes, "
                          "mode: direct}\n")
        server = self.server(text, listeners=2)
        self.sendmail("x@elsewhere.example")
        self.message(server, "x@elsewhere.example")
        address = next(tuple(each) for each in (server.address_of(name) for name, _ in
                                                server.listeners[1:]) if not isinstance(each, str))
        self.sendmail("--server", "%s:%d" % address, "x@elsewhere.example", code=NOPERM)

    def test_by_the_command(self):
        server = self.serve()
        result = subprocess.run([harness.GATEPOST, "sendmail", "r@example.test"], check=False,
                                input=b"x\n", capture_output=True, timeout=60,
                                env={**os.environ, "GATEPOST_SENDMAIL_CONF": str(self.conf)})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.message(server)

    def test_as_cron_does(self):
        """vixie-cron: sendmail -i -FCronDaemon -B8BITMIME -oem USER, with a header of its own."""
        server = self.serve()
        self.sendmail("-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root",
                      stdin="From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> job\n"
                      "Content-Type: text/plain; charset=UTF-8\n\ncaf\u00e9\n.\nend\n".encode())
        message = self.message(server, "root@example.test")
        self.assertTrue(message.content.endswith("caf\u00e9\r\n.\r\nend\r\n".encode()))

    @unittest.skipUnless(shutil.which("mail"), "mail(1) is not installed")
    def test_mail_program(self):
        server = self.serve()
        result = subprocess.run(["mail", "-s", "hello", "r@example.test"], input=b"body\n",
                                check=False, capture_output=True, timeout=60, cwd=self.directory,
                                env={**os.environ, "GATEPOST_SENDMAIL_CONF": str(self.conf),
                                     "sendmail": str(self.program), "MAILRC": "/dev/null"})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"\r\nSubject: hello\r\n", self.message(server).content)
