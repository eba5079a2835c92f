# SPDX-License-Identifier: Apache-2.0
"""The plugin `auth_ldap` with Debian's slapd, a private instance."""

import shutil
import socket
import unittest
import urllib.parse

import harness
import logins
import pki

CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {dir}/pid
TLSCACertificateFile {ca}
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
{more}
database mdb
suffix "dc=example,dc=org"
directory {dir}/db
rootdn "cn=root,dc=example,dc=org"
rootpw root
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=org" read by * none
"""
PEOPLE = """\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=reader,dc=example,dc=org
objectClass: person
cn: reader
sn: reader
userPassword: hush

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=anna,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: anna
mail: anna@example.org
cn: Anna
sn: A
userPassword: se cret

dn: uid=b\\2Certa\\2Bx,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: b,erta+x
mail: team@example.org
cn: Berta
sn: B
userPassword: se cret

dn: uid=carla,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: carla
mail: team@example.org
cn: Carla
sn: C
"""
TEMPLATE = 'dn: "uid=%u,ou=people,dc=example,dc=org"'
SEARCH = ('base: "dc=example,dc=org", filter: "(|(uid=%u)(mail=%u))", '
          'search_dn: "cn=reader,dc=example,dc=org", search_password: hush')


@unittest.skipUnless(harness.has("slapd"), "slapd is not installed")
@unittest.skipUnless(harness.has("openssl"), "openssl is not installed")
class Ldap(logins.Case):
    def setUp(self):
        super().setUp()
        self.home = self.directory / "ldap"
        (self.home / "db").mkdir(parents=True)
        # A copy: where AppArmor is at work, Debian's profile keeps slapd itself out of here.
        self.slapd = self.home / "slapd"
        shutil.copy("/usr/sbin/slapd", self.slapd)
        authority = pki.Authority(self.home)
        self.ca = authority.certificate
        self.cert, self.key = authority.issue("ldap", "IP:127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.tls_port = probe.getsockname()[1]
        self.ldapi = "ldapi://" + urllib.parse.quote(str(self.home / "ldapi"), safe="")

    def directory_server(self, more=""):
        (self.home / "conf").write_text(CONF.format(dir=self.home, ca=self.ca, cert=self.cert,
                                                    key=self.key, more=more))
        (self.home / "people").write_text(PEOPLE)
        if not list((self.home / "db").iterdir()):
            added = harness.run(self.slapd, "-T", "add", "-f", self.home / "conf", "-l",
                                self.home / "people")
            self.assertEqual(added.returncode, 0, added.stderr)
        return self.launch()

    def launch(self):
        urls = f"{self.ldapi} ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        return self.daemon(self.slapd, "-d", "0", "-f", self.home / "conf", "-h", urls,
                           ready=self.answers)

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.tls_port), 5).close()
            return True
        except OSError:
            return False

    def test_template(self):
        self.directory_server()
        server = self.start(f'ldap: {{url: "{self.ldapi}", {TEMPLATE}}}')
        self.assert_logins(server, "anna", "se cret")
        self.assertEqual(self.login(server, "b,erta+x", "se cret").code, 235)
        for name in ("anna,ou=people", "*", "carla", "anna)(uid=*", "\\61nna"):
            self.assertEqual(self.login(server, name, "se cret").code, 535, name)

    def test_search(self):
        self.directory_server()
        server = self.start(f'ldap: {{url: "{self.ldapi}", {SEARCH}}}')
        self.assert_logins(server, "anna", "se cret")
        for name in ("anna@example.org", "b,erta+x"):
            self.assertEqual(self.login(server, name, "se cret").code, 235, name)
        for name in ("*", "ann*", "anna)(uid=*", "carla", "a)(|(uid=*))", "\\61nna"):
            self.assertEqual(self.login(server, name, "se cret").code, 535, name)
        self.assertEqual(self.login(server, "team@example.org", "se cret").code, 454)
        self.assertNotIn("hush", server.stderr())

    def test_who_may_not_search(self):
        self.directory_server()
        server = self.start(f'ldap: {{url: "{self.ldapi}", {SEARCH.replace("hush", "no")}}}')
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)

    def test_empty_password(self):
        """slapd would say yes to it."""
        self.directory_server("allow bind_anon_dn")
        server = self.start(f'ldap: {{url: "{self.ldapi}", {TEMPLATE}}}')
        self.assertIn(self.login(server, "anna", "").code, (501, 535))

    def test_tls(self):
        self.directory_server("security simple_bind=128")
        for url, more in ((f"ldap://127.0.0.1:{self.port}", ", starttls: true"),
                          (f"ldaps://127.0.0.1:{self.tls_port}", "")):
            with self.subTest(url=url):
                server = self.start(f'ldap: {{url: "{url}", ca: {self.ca}, {TEMPLATE}{more}}}')
                self.assert_logins(server, "anna", "se cret")
                for bad in (f'url: "{url}"',
                            f'url: "{url.replace("127.0.0.1", "localhost")}", ca: {self.ca}'):
                    other = self.start(f"ldap: {{{bad}, {TEMPLATE}{more}}}")
                    self.assertEqual(self.login(other, "anna", "se cret").code, 454)
        plain = self.start(f'ldap: {{url: "ldap://127.0.0.1:{self.port}", {TEMPLATE}}}')
        self.assertEqual(self.login(plain, "anna", "se cret").code, 454)

    def test_it_goes_and_comes(self):
        process = self.directory_server()
        server = self.start(f'ldap: {{url: "{self.ldapi}", {SEARCH}}}')
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)
        self.finish(process)
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)
        process = self.launch()
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)
        self.finish(process)
        self.launch()
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)  # a kept one, gone stale


if __name__ == "__main__":
    unittest.main()
