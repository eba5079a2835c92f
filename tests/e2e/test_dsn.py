# SPDX-License-Identifier: Apache-2.0
"""Notifications as another program reads them: Python's email package."""

import email
import email.policy
import email.utils
import subprocess
import unittest

import harness

WRITER = harness.BUILD / "tests" / "unit" / "delivery" / "test_dsn"


def sample(form):
    if not WRITER.exists():
        raise unittest.SkipTest(f"{WRITER} is not built (cmocka is missing)")
    return subprocess.run([WRITER, form], check=True, capture_output=True, timeout=30).stdout


class Notification(unittest.TestCase):
    """What a mail program makes of what core/delivery writes."""

    def parts(self, message):
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "delivery-status")
        self.assertEqual(message.defects, [])
        parts = message.get_payload()
        self.assertEqual(len(parts), 3)
        return parts

    def test_plain(self):
        message = email.message_from_bytes(sample("plain"), policy=email.policy.SMTP)
        text, status, original = self.parts(message)
        self.assertEqual(message["Auto-Submitted"], "auto-replied")
        self.assertEqual(message["To"], "alice@a.example")
        self.assertEqual(message["References"], "<m1@a.example>")
        self.assertIn("alias@here.example", text.get_content())
        self.assertIn("later \u00e9 and", text.get_content())
        about, failed, delayed = status.get_payload()
        self.assertEqual(about["Reporting-MTA"], "dns; mx.example.org")
        self.assertEqual(about["Original-Envelope-Id"], "env 1")
        self.assertIsNotNone(email.utils.parsedate_to_datetime(about["Arrival-Date"]))
        self.assertEqual(failed["Action"], "failed")
        self.assertEqual(failed["Status"], "5.1.1")
        self.assertEqual(failed["Final-Recipient"], "rfc822; bob@b.example")
        self.assertEqual(failed["Original-Recipient"], "rfc822; alias@here.example")
        self.assertEqual(delayed["Action"], "delayed")
        self.assertIn("Will-Retry-Until", delayed)
        self.assertRegex(delayed["Diagnostic-Code"].replace("\r\n", ""),
                         r"^smtp; 451 4\.7\.1 later \? and .* have to undo$")
        self.assertEqual(original.get_content_type(), "message/rfc822")
        returned, = original.get_payload()
        self.assertEqual(returned["Subject"], "Hi")
        self.assertEqual(returned.get_payload(), "body\r\n")

    def test_global(self):
        raw = sample("global")
        message = email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)
        _, status, original = self.parts(message)
        self.assertIn("To: <\u00e9ve@a.example>\r\n".encode(), raw)
        self.assertEqual(status.get_content_type(), "message/global-delivery-status")
        self.assertEqual(original.get_content_type(), "message/global")
        self.assertIn("Final-Recipient: utf-8; j\u00fcrgen@b.example\r\n".encode(), raw)


if __name__ == "__main__":
    unittest.main()
