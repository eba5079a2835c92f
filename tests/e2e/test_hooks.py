# SPDX-License-Identifier: Apache-2.0
"""What plugins decide, as clients and operators see it."""

import json
import smtplib
import time
import unittest

import harness

GOOD = b"From: a@example.com\r\nSubject: fine\r\n\r\nbody\r\n"
BAD = b"From: a@example.com\r\nSubject: buy this\r\n\r\nbody\r\n"
HOLD = "hold: {path: held}\nbuckets: {spam: {}}\n"


def rule(then, more=""):
    """A chain that does something about messages whose subject has "buy" in it."""
    return ("- header_rules:\n"
            f"    rules: [{{header: Subject, match: buy, then: {then}{more}}}]\n")


def held(server, bucket):
    """The envelopes and messages of a bucket; every pair complete."""
    folder = server.directory / "held" / bucket
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir())
    pairs = sorted({name.rsplit(".", 1)[0] for name in names})
    assert names == sorted(f"{pair}.{kind}" for pair in pairs for kind in ("eml", "json")), names
    return [(json.loads((folder / f"{pair}.json").read_text()),
             (folder / f"{pair}.eml").read_bytes()) for pair in pairs]


class Verdicts(harness.TestCase):
    """Each verdict, at the message and before it."""

    def test_reject_and_its_text(self):
        server = self.server(harness.config(chain=rule("reject", ", text: We buy nothing")))
        with smtplib.SMTP(*server.address, local_hostname="client.example") as client:
            with self.assertRaises(smtplib.SMTPDataError) as caught:
                client.sendmail("s@example.com", ["r@example.test"], BAD)
            client.sendmail("s@example.com", ["r@example.test"], GOOD)
        self.assertEqual(caught.exception.smtp_code // 10, 55)
        self.assertRegex(caught.exception.smtp_error, rb"^5\.\d\.\d+ We buy nothing")
        self.assert_stored(server, GOOD)
        record = server.wait_log("message")[0]
        self.assertEqual(record["recipients"][0]["fate"], "rejected")
        self.assertEqual(record["recipients"][0]["by"], "header_rules")
        self.assertEqual(record["recipients"][0]["at"], "headers")
        self.assertRegex(record["verdicts"]["header_rules"], r"^reject \d+us$")

    def test_defer(self):
        server = self.server(harness.config(chain=rule("defer")))
        reply = harness.submit(server.address, BAD, codes=(450, 451, 452))
        self.assertRegex(reply.text, r"^4\.\d\.\d+ ")
        self.assertEqual(harness.stored(server), [])

    def test_quarantine(self):
        server = self.server(harness.config(chain=rule("quarantine", ", bucket: spam"), rest=HOLD))
        harness.submit(server.address, BAD, "r@example.test", "other@example.test")
        harness.submit(server.address, GOOD)
        self.assert_stored(server, GOOD)
        (facts, message), = held(server, "spam")
        self.assertTrue(message.endswith(BAD), message)
        self.assertIn(b"Received: from client.example", message)
        text = json.dumps(facts)
        for fact in ("s@example.com", "r@example.test", "other@example.test", "127.0.0.1"):
            self.assertIn(fact, text)
        folder = server.directory / "held/spam"
        self.assertEqual({path.stat().st_mode & 0o077 for path in folder.iterdir()}, {0})
        self.assertEqual(folder.stat().st_mode & 0o077, 0)

    def test_what_cannot_be_held_is_deferred(self):
        server = self.server(harness.config(chain=rule("quarantine", ", bucket: spam"), rest=HOLD))
        (server.directory / "held").write_text("in the way")
        harness.submit(server.address, BAD, codes=(451,))
        (server.directory / "held").unlink()
        harness.submit(server.address, BAD)
        self.assertEqual(len(held(server, "spam")), 1)
        self.assertEqual(harness.stored(server), [])

    def access(self, then, refuse_at="rcpt", **options):
        return self.server(harness.config(
            f"refuse_at: {refuse_at}",
            f"- access: {{clients: {{127.0.0.0/8: {then}}}}}", **options))

    def test_client_refused_at_rcpt(self):
        server = self.access('"reject 554 5.7.1 Not from there"')
        with harness.Client(server.address) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            reply = client.command("RCPT TO:<r@example.test>", 554)
            self.assertEqual(reply.text, "5.7.1 Not from there")
            client.command("RCPT TO:<postmaster@example.test>", 250)
            client.data(GOOD)
        self.assert_stored(server, GOOD, "postmaster@example.test")

    def test_client_refused_at_once(self):
        server = self.access('"reject 554 5.7.1 Not from there"', "now")
        with harness.Client(server.address, greeting=False) as client:
            self.assertEqual(client.expect(554).text, "mx.example.test Not from there")
            client.command("MAIL FROM:<s@example.com>", 503)
            client.command("QUIT", 221)

    def test_client_deferred_at_once(self):
        server = self.access("defer", "now")
        with harness.Client(server.address, greeting=False) as client:
            client.expect(421)
            self.assertTrue(client.is_closed())

    def test_client_disconnected(self):
        server = self.access('"disconnect 554 5.7.1 Away"')
        with harness.Client(server.address, greeting=False) as client:
            self.assertEqual([reply.code for reply in client.rest()], [554])

    def test_client_whose_mail_is_discarded(self):
        server = self.server(harness.config(
            chain="- access: {recipients: [{gone@example.test: discard}]}"))
        harness.submit(server.address, GOOD, "gone@example.test", "r@example.test")
        self.assert_stored(server, GOOD)
        self.assertEqual(harness.stored(server, "gone@example.test"), [])
        fates = {r["to"]: r["fate"] for r in server.wait_log("message")[0]["recipients"]}
        self.assertEqual(fates["r@example.test"], "delivered")
        self.assertNotEqual(fates["gone@example.test"], "delivered")

    def test_accept_makes_nobody_exist_and_nobody_relay(self):
        text = harness.config(chain="- access: {clients: {127.0.0.0/8: accept}, "
                              "recipients: [{nobody@example.test: accept}, {x@elsewhere.test: accept}]}")
        text = text.replace("    to: mailboxes", "    valid: people\n    to: mailboxes").replace(
            "tables:\n", "tables:\n  people: [r@example.test]\n")
        server = self.server(text)
        with harness.Client(server.address) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            client.command("RCPT TO:<nobody@example.test>", 550)
            client.command("RCPT TO:<x@elsewhere.test>", 550)
            client.command("RCPT TO:<r@example.test>", 250)


class SeveralFates(harness.TestCase):
    """One reply for recipients that are not treated alike."""

    def chain(self, then, more=""):
        return rule(then, more) + "  when: {recipient: strict@example.test}"

    def send(self, server, *codes):
        return harness.submit(server.address, BAD, "r@example.test", "strict@example.test",
                              codes=codes or (250,))

    def fates(self, server):
        return {r["to"].split("@")[0]: r["fate"]
                for r in server.wait_log("message")[0]["recipients"]}

    def test_mixed_reject_hold(self):
        server = self.server(harness.config("mixed_reject: hold", self.chain("reject"), HOLD))
        self.send(server)
        self.assert_stored(server, BAD)
        self.assertEqual(harness.stored(server, "strict@example.test"), [])
        (facts, message), = held(server, "held")
        self.assertTrue(message.endswith(BAD))
        self.assertIn("strict@example.test", json.dumps(facts))
        self.assertNotIn("r@example.test", json.dumps(facts).replace("strict@", ""))
        self.assertEqual(self.fates(server)["r"], "delivered")

    def test_mixed_reject_discard(self):
        server = self.server(harness.config("mixed_reject: discard", self.chain("reject"), HOLD))
        self.send(server)
        self.assert_stored(server, BAD)
        self.assertEqual(harness.stored(server, "strict@example.test"), [])
        self.assertEqual(held(server, "held"), [])

    def test_without_hold_refused_for_all(self):
        server = self.server(harness.config(chain=self.chain("reject")))
        self.send(server, 550)
        self.assertEqual(harness.stored(server), [])
        self.assertEqual(set(self.fates(server).values()), {"rejected"})

    def test_all_rejected(self):
        server = self.server(harness.config("mixed_reject: hold", rule("reject"), HOLD))
        self.send(server, 550)
        self.assertEqual((harness.stored(server), held(server, "held")), ([], []))

    def test_one_deferred_defers_all(self):
        server = self.server(harness.config(chain=self.chain("defer"), rest=HOLD))
        self.send(server, 450, 451)
        self.assertEqual((harness.stored(server), held(server, "held")), ([], []))
        self.assertEqual(set(self.fates(server).values()), {"deferred"})

    def test_one_held(self):
        server = self.server(harness.config(chain=self.chain("quarantine", ", bucket: spam"),
                                            rest=HOLD))
        self.send(server)
        self.assert_stored(server, BAD)
        self.assertEqual(len(held(server, "spam")), 1)


class Conditions(harness.TestCase):
    """when:"""

    def test_facts(self):
        for when, holds in (("{client: 127.0.0.0/8}", True), ("{client_not: 127.0.0.0/8}", False),
                            ("{sender: s@example.com}", True), ("{sender: other.test}", False),
                            ("{listener: mx}", True), ("{null_sender: true}", False),
                            ("{recipient: our_domains}", True), ("{size_over: 1MiB}", False),
                            ("{any: [{null_sender: true}, {client: 127.0.0.1}]}", True),
                            ("{none: [{client: 127.0.0.1}]}", False),
                            ("{all: [{client: 127.0.0.1}, {sender: other.test}]}", False)):
            with self.subTest(when=when):
                directory = self.directory / str(abs(hash(when)))
                directory.mkdir()
                server = self.server(harness.config(chain=rule("reject") + f"  when: {when}"),
                                     directory=directory)
                harness.submit(server.address, BAD, codes=(550 if holds else 250,))
                server.stop()

    def test_group(self):
        chain = ("- when: {recipient: strict@example.test}\n  do:\n    - header_rules:\n"
                 "        rules: [{header: Subject, match: buy, then: reject}]")
        server = self.server(harness.config(chain=chain))
        harness.submit(server.address, BAD)
        harness.submit(server.address, BAD, "strict@example.test", codes=(550,))


class Modes(harness.TestCase):
    """mode: shadow, deadlines and on_error."""

    def test_shadow_is_harmless(self):
        chain = rule("reject") + "  mode: shadow\n" + \
            '- access: {clients: {127.0.0.0/8: reject}}\n  mode: shadow\n'
        server = self.server(harness.config(chain=chain))
        for _ in range(20):
            harness.submit(server.address, BAD)
        self.assert_stored(server, BAD, count=20)
        self.assertEqual(server.stop(), 0)

    def test_shadow_delays_nobody(self):
        chain = "- early_talker: {wait: 30s}\n  mode: shadow\n  deadline: 40s"
        server = self.server(harness.config(chain=chain))
        began = time.monotonic()
        harness.submit(server.address, GOOD)
        self.assertLess(time.monotonic() - began, 20)

    def late(self, on_error, refuse_at="rcpt"):
        """An instance that takes longer than it may."""
        chain = f"- early_talker: {{wait: 20s}}\n  deadline: 200ms\n  on_error: {on_error}"
        return self.server(harness.config(f"refuse_at: {refuse_at}", chain, HOLD))

    def test_late_continue(self):
        server = self.late("continue")
        harness.submit(server.address, GOOD)
        self.assert_stored(server, GOOD)

    def test_late_defer_and_reject(self):
        for on_error, codes in (("defer", (450, 451)), ("reject", (550, 554))):
            with self.subTest(on_error=on_error):
                server = self.late(on_error)
                with harness.Client(server.address) as client:
                    client.hello()
                    client.command("MAIL FROM:<s@example.com>", 250)
                    client.command("RCPT TO:<r@example.test>", *codes)
                server.stop()

    def test_late_defer_now(self):
        server = self.late("defer", "now")
        with harness.Client(server.address, greeting=False) as client:
            client.expect(421)

    def test_late_quarantine(self):
        server = self.late("quarantine")
        harness.submit(server.address, GOOD)
        self.assertEqual(harness.stored(server), [])
        self.assertEqual(len(held(server, "held")), 1)

    def test_client_leaves_while_a_hook_waits(self):
        server = self.server(harness.config(chain="- early_talker: {wait: 20s}\n  deadline: 25s"))
        clients = [self.client(server, greeting=False) for _ in range(50)]
        server.wait_log("session.open", 50)
        for i, client in enumerate(clients):
            client.reset() if i % 2 else client.close()
        server.wait_log("session.close", 50)
        self.assertEqual(server.stop(), 0)

    def test_stopped_while_a_hook_waits(self):
        server = self.server(harness.config(chain="- early_talker: {wait: 20s}\n  deadline: 25s"))
        self.client(server, greeting=False)
        server.wait_log("session.open")
        server.signal(harness.signal.SIGTERM)
        server.wait_log("process.stop")
        server.signal(harness.signal.SIGTERM)
        self.assertEqual(server.wait(15), 0)  # its drain takes longer


class Statistics(harness.TestCase):
    """What instances did, in the log: when asked for, and at the end."""

    def numbers(self, record):
        return {key: record[key] for key in ("calls", "verdicts", "faults", "timeouts", "canceled")}

    def test_asked_for_and_at_the_end(self):
        ghost = rule("reject") + "  id: ghost\n  mode: shadow\n"
        late = '- early_talker: {wait: 2s}\n  deadline: 1ms\n  on_error: continue\n'
        server = self.server(harness.config(chain=ghost + rule("reject", ", text: No") + late))
        harness.submit(server.address, GOOD)
        harness.submit(server.address, BAD, codes=(550, 554))
        server.wait_log("session.close", 2)
        server.signal(harness.signal.SIGUSR2)
        server.wait_log("shadow.stats")
        asked = {(r["instance"], r["hook"]): r for r in server.log("hook.stats")}
        self.assertEqual(self.numbers(asked["header_rules", "headers"]),
                         {"calls": 2, "verdicts": {"next": 1, "reject": 1}, "faults": 0,
                          "timeouts": 0, "canceled": 0})
        self.assertEqual(self.numbers(asked["early_talker", "connect"]),
                         {"calls": 2, "verdicts": {"next": 2}, "faults": 2, "timeouts": 2,
                          "canceled": 0})
        self.assertEqual(self.numbers(asked["ghost", "headers"])["verdicts"],
                         {"next": 1, "reject": 1})
        shadow, = server.log("shadow.stats")
        self.assertEqual((shadow["instance"], shadow["agreed"], shadow["differed"],
                          shadow["skipped"]), ("ghost", 2, 0, 0))
        timed = asked["early_talker", "connect"]
        self.assertGreater(timed["mean_us"], 0)
        self.assertGreaterEqual(timed["p99_us"], timed["p50_us"])
        harness.submit(server.address, GOOD)
        self.assertEqual(server.stop(), 0)
        last = {(r["instance"], r["hook"]): r for r in server.log("hook.stats")}
        self.assertEqual(last["header_rules", "headers"]["verdicts"], {"next": 2, "reject": 1})
        self.assertEqual(len(server.log("shadow.stats")), 2)

    def test_nothing_of_what_was_not_called(self):
        server = self.server(harness.config(chain=rule("reject")))
        server.signal(harness.signal.SIGUSR2)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.log("hook.stats"), [])


class Rewriting(harness.TestCase):
    """Recipients that become others."""

    def test_aliases(self):
        chain = "- rewrite: {aliases: aliases, plus: \"+\"}"
        text = harness.config(chain=chain).replace(
            "tables:\n", "tables:\n  aliases: [{team@example.test: \"a@example.test, b@example.test\"}]\n")
        server = self.server(text)
        harness.submit(server.address, GOOD, "team@example.test", "a@example.test")
        for who in ("a@example.test", "b@example.test"):
            self.assert_stored(server, GOOD, who)
        self.assertEqual(harness.stored(server, "team@example.test"), [])
        harness.submit(server.address, GOOD, "c+detail@example.test")
        self.assert_stored(server, GOOD, "c@example.test")


if __name__ == "__main__":
    unittest.main()
