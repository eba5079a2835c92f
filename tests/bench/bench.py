# SPDX-License-Identifier: Apache-2.0
"""Measures the server beside its peers: same machine, same load, in turns; medians of the rounds.

The load generator shares the machine with the server, so CPU time of a message comes first and
messages a second come second. A difference of a few tenths between two runs says nothing: what is
compared is always of one run. Started by scripts/bench.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import crowd as many
from crowd import Fleet
from fairness import fairness
from queues import Exim, GatepostQueue, HarakaQueue, OpenSmtpd, PostfixQueue, Sink
from tls_load import PASSWORD
from servers import Filter, Gatepost, Haraka, Missing, Postfix, SmtpSink

HERE = pathlib.Path(__file__).resolve().parent
IDLE_SESSIONS = 10000
CROWD = 50000
SLOW = 5000
HANDSHAKES = 500
MESSAGES = 1000
CHAIN = 8


class Bench:
    def __init__(self, options):
        self.build = pathlib.Path(options.build).resolve()
        self.tools = pathlib.Path(options.tools or options.build).resolve()
        self.peers = pathlib.Path(options.peers).resolve()
        self.rounds, self.seconds = options.rounds, options.seconds
        self.goals, self.sent = [], 0
        self.folder = self.build / "bench"

    def server(self, make, **how):
        return make(self.build, self.peers, self.folder / "server", **how)

    def program(self, name):
        return str(self.tools / "tests/bench" / name)

    def goal(self, text, value, bound, least=False):
        self.goals.append((value >= bound if least else value <= bound, text, value, bound, least))

    def load(self, server, *options):
        result = subprocess.run([self.program("bench_load"), *map(str, options), str(server.port)],
                                stdout=subprocess.PIPE, text=True, check=False)
        if not result.stdout:
            raise RuntimeError(f"{server.name}: the load generator gave up")
        figures = json.loads(result.stdout)
        if figures["failed"]:
            raise RuntimeError(f"{server.name}: {figures['failed']} failed: {figures['first_bad']}")
        self.sent += figures["messages"]
        return figures

    def tls_command(self, how, count, server):
        return [sys.executable, str(HERE / "tls_load.py"), how, str(count), str(server.port)]

    def tls(self, server, how, count):
        result = subprocess.run(self.tls_command(how, count, server), stdout=subprocess.PIPE,
                                text=True, check=True)
        return json.loads(result.stdout)

    # One run of one server: warm-up, then the load; its CPU time until all is settled.
    def measure(self, server, *options):
        warm = self.load(server, "-n", 500, *options)
        settle(server)
        user, system = server.cpu_us()
        began = time.monotonic()
        figures = self.load(server, "-t", self.seconds, *options)
        settle(server)
        figures["done_per_second"] = figures["messages"] / (time.monotonic() - began)
        user_after, system_after = server.cpu_us()
        n = figures["messages"]
        stored = server.stored()
        if stored is not None and stored != n + warm["messages"]:
            raise RuntimeError(f"{server.name}: {n + warm['messages']} taken, {stored} stored")
        figures["user_us"] = (user_after - user) / n
        figures["system_us"] = (system_after - system) / n
        figures["cpu_us"] = figures["user_us"] + figures["system_us"]
        return figures

    # Each contestant once a round, in turns. Those that cannot run here are left out, and said so.
    def compete(self, title, contestants, *options):
        runs, absent = {}, set()
        print(f"\n{title} ({self.rounds} rounds of {self.seconds} s, medians)")
        for _ in range(self.rounds):
            for make, how in contestants:
                server = self.server(make, **how)
                if server.name in absent:
                    continue
                try:
                    with server:
                        runs.setdefault(server.name, []).append(self.measure(server, *options))
                except Missing as why:
                    absent.add(server.name)
                    print(f"  left out: {why}")
        medians = {name: {key: statistics.median(run[key] for run in all_)
                          for key in all_[0] if key != "first_bad"} for name, all_ in runs.items()}
        print_table(medians)
        return medians


def settle(server, seconds=120):
    end = time.monotonic() + seconds
    while not server.settled():
        if time.monotonic() > end:
            raise RuntimeError(f"{server.name}: the queue does not empty")
        time.sleep(0.02)


COLUMNS = (("per_second", "msgs/s", "{:.0f}"), ("done_per_second", "done/s", "{:.0f}"),
           ("cpu_us", "CPU us", "{:.1f}"),
           ("user_us", "user", "{:.1f}"), ("system_us", "system", "{:.1f}"),
           ("p50_ms", "p50 ms", "{:.2f}"), ("p99_ms", "p99 ms", "{:.2f}"),
           ("load_cpu_us", "load CPU us", "{:.1f}"))


def print_table(medians):
    first = next(iter(medians), None)
    heads = "".join(f"{head:>12}" for _, head, _ in COLUMNS)
    print(f"  {'':<22}{heads}   msgs/s, CPU as a multiple of {first}'s")
    for name, row in medians.items():
        cells = "".join(f"{form.format(row[key]):>12}" for key, _, form in COLUMNS)
        rate = row["per_second"] / medians[first]["per_second"]
        print(f"  {name:<22}{cells}   {rate:.2f}, {row['cpu_us'] / medians[first]['cpu_us']:.2f}")


# ---- the benchmarks ----

def discard(bench):
    """4 KiB messages, 20 sessions, connections reused, nothing kept."""
    rows = bench.compete(discard.__doc__, [(Gatepost, {}), (SmtpSink, {}), (Haraka, {})],
                         "-s", 20, "-b", 4096)
    ours = rows["gatepost"]
    if "smtp-sink" in rows:
        sink = rows["smtp-sink"]
        bench.goal("CPU of a message, of smtp-sink's", ours["cpu_us"] / sink["cpu_us"], 0.75)
        bench.goal("messages a second, of smtp-sink's", ours["per_second"] / sink["per_second"],
                   1.25, least=True)
    if "haraka" in rows:
        bench.goal("messages a second, of Haraka's",
                   ours["per_second"] / rows["haraka"]["per_second"], 6, least=True)


def connect(bench):
    """The same with a new connection for each message."""
    bench.compete(connect.__doc__, [(Gatepost, {}), (SmtpSink, {})], "-s", 20, "-r", 1)


def pipelining(bench):
    """The same with MAIL, RCPT and DATA sent together."""
    bench.compete(pipelining.__doc__, [(Gatepost, {}), (SmtpSink, {})], "-s", 20, "-p")


def chain(bench):
    """The same without and with eight plugins that have a hook at each of seven points."""
    rows = bench.compete(chain.__doc__, [(Gatepost, {}), (Gatepost, {"hooks": CHAIN})], "-s", 20)
    with_, without = rows[f"gatepost, {CHAIN} plugins"], rows["gatepost"]
    bench.goal("CPU of a message, with eight plugins of without",
               with_["cpu_us"] / without["cpu_us"], 1.15)


def maildir(bench):
    """Taken durably, 20 sessions, then in one Maildir: Postfix by way of its queue."""
    rows = bench.compete(maildir.__doc__, [(Gatepost, {"store": "maildir"}), (Postfix, {})],
                         "-s", 20, "-b", 4096)
    if "postfix" in rows:
        bench.goal("messages a second taken durably, of Postfix's",
                   rows["gatepost"]["per_second"] / rows["postfix"]["per_second"], 2, least=True)


def milter(bench):
    """The same with a milter that both ask, one of ours; its own CPU is not counted."""
    with Filter(bench.build, bench.peers, bench.folder / "milter") as asked:
        rows = bench.compete(milter.__doc__, [
            (Gatepost, {"store": "maildir", "milter": asked.port}),
            (Postfix, {"milter": asked.port})], "-s", 20, "-b", 4096)
    if "postfix" in rows:
        bench.goal("messages a CPU second with a milter, of Postfix's",
                   rows["postfix"]["cpu_us"] / rows["gatepost"]["cpu_us"], 3, least=True)


def durable(bench):
    """Queued durably before the 250, then dropped from the queue; 4 KiB, 100 sessions."""
    for sessions in (20, 100):
        rows = bench.compete(f"Queued durably, then dropped: 4 KiB, {sessions} sessions",
                             [(make, {}) for make in (GatepostQueue, PostfixQueue, Exim, OpenSmtpd)],
                             "-s", sessions, "-b", 4096)
    if "postfix" in rows:
        ours, theirs = rows["gatepost"], rows["postfix"]
        bench.goal("messages a second accepted durably, 100 sessions, of Postfix's",
                   ours["per_second"] / theirs["per_second"], 20, least=True)
        bench.goal("CPU of such a message, of Postfix's", ours["cpu_us"] / theirs["cpu_us"], 0.05)


def relay(bench):
    """Queued durably, then delivered over SMTP to a sink; 4 KiB, 20 sessions."""
    # Without OpenSMTPD: it delivers 14 a second, and would take minutes to be done.
    sent = bench.sent
    with Sink(bench.build, bench.peers, bench.folder / "sink") as sink:
        rows = bench.compete(relay.__doc__[:-1], [
            (make, {"sink": sink.port})
            for make in (GatepostQueue, PostfixQueue, Exim, HarakaQueue)],
            "-s", 20, "-b", 4096)
        if sink.count() != bench.sent - sent:
            raise RuntimeError(f"{bench.sent - sent} were sent, {sink.count()} came")
    if "postfix" in rows:
        bench.goal("messages a second relayed, of Postfix's",
                   rows["gatepost"]["done_per_second"] / rows["postfix"]["done_per_second"], 10,
                   least=True)


def idle(bench):
    """Memory of a session that waits after EHLO, by the growth of the private dirty pages."""
    print(f"\n{idle.__doc__[:-1]}, {IDLE_SESSIONS} sessions")
    for make in (Gatepost, SmtpSink):
        try:
            with bench.server(make) as server:
                per_session = hold(bench, server)
        except Missing as why:
            print(f"  left out: {why}")
            continue
        print(f"  {server.name:<22}{per_session / 1024:>8.2f} KiB a session")
        if make is Gatepost:
            bench.goal("KiB of memory of an idle session", per_session / 1024, 4)


def idletls(bench):
    """Memory of a session that waits after EHLO in TLS, by the growth of the private dirty pages."""
    print(f"\n{idletls.__doc__[:-1]}, {IDLE_SESSIONS} sessions")
    with bench.server(Gatepost, tls=True) as server:
        bench.tls(server, "full", 20)
        per_session = hold(bench, server, bench.tls_command("hold", IDLE_SESSIONS, server))
    print(f"  {server.name:<22}{per_session / 1024:>8.2f} KiB a session")
    bench.goal("KiB of memory of an idle TLS session", per_session / 1024, 32)


def crowd(bench):
    """Idle sessions with four workers, in plaintext and in TLS, a normal client beside them, the end."""
    print(f"\n{crowd.__doc__[:-1]}")
    for count, tls in ((CROWD, False), (IDLE_SESSIONS, True)):
        with bench.server(Fleet, tls=tls) as server:
            found = many.crowd(server, crowd_commands(bench, server, count, tls), count)
        print(f"  {count} sessions{' in TLS' if tls else ''}, there after {found['seconds']:.0f} s, at most "
              f"{found['descriptors']} descriptors a process\n"
              f"    bytes a session: heap {found['heap']:.0f}, resident {found['rss']:.0f}; of the kernel, "
              f"both ends, {found['kernel']:.0f}\n"
              f"    a normal client is done after at most {found['served_ms']:.0f} ms\n"
              f"    stopped within {found['stop_seconds']:.1f} s: {found['closed']} closed, "
              f"{found['told']} told why")
        bench.goal(f"KiB of heap of one of {count} sessions{' in TLS' if tls else ''}",
                   found["heap"] / 1024, 32 if tls else 4)
        bench.goal("ms until a normal client is done", found["served_ms"], 1000)
        bench.goal("sessions that were closed in order, of all", found["closed"] / count, 1, least=True)


def crowd_commands(bench, server, count, tls):
    if tls:
        return [bench.tls_command("hold", part, server) for part in many.split(count, 5000)]
    return [[bench.program("bench_load"), "-i", "-s", str(part), "-a", f"127.0.0.{n}", str(server.port)]
            for n, part in enumerate(many.split(count, 12500), 2)]


def slow(bench):
    """Slow clients, an octet a turn each, and a normal one that delivers meanwhile."""
    print(f"\n{slow.__doc__[:-1]}: {SLOW} of them, two workers")
    with bench.server(Fleet, workers=2) as server:
        served, each = many.trickle(server, SLOW)
    print(f"  a normal client is done after at most {served:.0f} ms; {each:.0f} bytes of heap a slow one")
    bench.goal("ms until a normal client is done beside slow ones", served, 1000)


def handshakes(bench):
    """CPU time of a session with a TLS handshake (ECDSA P-256, TLS 1.3), full and resumed."""
    print(f"\n{handshakes.__doc__[:-1]}, {HANDSHAKES} one after the other")
    found = {}
    for make in (Gatepost, Postfix):
        try:
            with bench.server(make, tls=True) as server:
                found[make] = [shake(bench, server, how) for how in ("full", "resumed")]
        except Missing as why:
            print(f"  left out: {why}")
            continue
        full, resumed = found[make]
        print(f"  {server.name:<22}{full:>8.0f} us full{resumed:>8.0f} us resumed")
    if len(found) == 2:
        for at, how in enumerate(("full", "resumed")):
            bench.goal(f"CPU time of a {how} handshake, of Postfix's",
                       found[Gatepost][at] / found[Postfix][at], 1)


def tlskept(bench):
    """CPU time of a message of 4 KiB over a TLS connection that is kept, taken durably."""
    print(f"\n{tlskept.__doc__[:-1]}: {MESSAGES} one after the other, into a Maildir")
    found = {}
    for make, how in ((Gatepost, {"store": "maildir"}), (Postfix, {})):
        try:
            with bench.server(make, tls=True, **how) as server:
                bench.tls(server, "messages", 50)
                settle(server)
                before = sum(server.cpu_us())
                bench.tls(server, "messages", MESSAGES)
                settle(server)
                found[make] = (sum(server.cpu_us()) - before) / MESSAGES
        except Missing as why:
            print(f"  left out: {why}")
            continue
        print(f"  {server.name:<22}{found[make]:>8.0f} us")
    if len(found) == 2:
        bench.goal("CPU time of a message over kept TLS, of Postfix's",
                   found[Gatepost] / found[Postfix], 1)


def logins(bench):
    """What messages of other sessions wait while four clients log in all the time."""
    print(f"\n{logins.__doc__[:-1]}; 20 sessions without a login, 4 KiB")
    with bench.server(Gatepost, tls=True, password=PASSWORD) as server:
        bench.tls(server, "logins", 4)
        alone = bench.load(server, "-t", bench.seconds)
        with subprocess.Popen(bench.tls_command("logins", 0, server), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as clients:
            beside = bench.load(server, "-t", bench.seconds)
            clients.stdin.close()
            count = json.loads(clients.stdout.read())["logins"]
    for name, row in (("alone", alone), (f"beside {count} logins", beside)):
        print(f"  {name:<22}{row['per_second']:>8.0f} messages a second, p50 {row['p50_ms']:.2f} ms, "
              f"p99 {row['p99_ms']:.2f} ms")
    bench.goal("ms that half of the messages take beside logins", beside["p50_ms"], 10)


def shake(bench, server, how):
    bench.tls(server, how, 50)
    before = sum(server.cpu_us())
    figures = bench.tls(server, how, HANDSHAKES)
    if (figures["resumed"] > 0) != (how == "resumed"):
        raise RuntimeError(f"{server.name}: {figures['resumed']} sessions were resumed")
    return (sum(server.cpu_us()) - before) / HANDSHAKES


def hold(bench, server, command=None):
    _, before = server.memory_kib()
    command = command or [bench.program("bench_load"), "-i", "-s", str(IDLE_SESSIONS),
                          str(server.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as load:
        held = json.loads(load.stdout.readline() or '{"held": 0}')["held"]
        time.sleep(1)
        _, after = server.memory_kib()
        load.stdin.close()
        load.wait(30)
    if held != IDLE_SESSIONS:
        raise RuntimeError(f"{server.name}: only {held} sessions (limit of open files?)")
    return (after - before) * 1024 / held


def hook(bench):
    """What one call of a hook costs on top of its own work, and what the engine alone costs."""
    print(f"\n{hook.__doc__} ({bench.rounds} rounds, the least: noise only adds)")
    found = {}
    for _ in range(bench.rounds):
        output = subprocess.run([bench.program("bench_hook")], stdout=subprocess.PIPE, text=True,
                                check=True).stdout
        for name, ns in re.findall(r"^(\w+) ([0-9.]+) ns$", output, re.MULTILINE):
            found.setdefault(name, []).append(float(ns))
    for name, values in found.items():
        print(f"  {name:<22}{min(values):>8.1f} ns")
    bench.goal("ns of a hook that decides at once", min(found["hook_at_once"]), 100)
    bench.goal("ns of a hook that parks", min(found["hook_parked"]), 1000)
    bench.goal("ns of a hook that parks, 1,000 at a time", min(found["hook_parked_1000"]), 1000)
    for name in ("bench_engine", "bench_fiber"):
        subprocess.run([bench.program(name)], check=True)


def instructions(bench):
    """Instructions of our own code a message, by callgrind: two runs and their difference."""
    print(f"\n{instructions.__doc__}")
    for shown, plugins in ((12, 0), (0, CHAIN)):
        result = subprocess.run(["bash", str(HERE / "callgrind.sh"), str(bench.build), "1000",
                                 str(shown), str(plugins)],
                                stdout=subprocess.PIPE, text=True, check=False)
        print(result.stdout, end="")


ALL = (discard, connect, pipelining, chain, maildir, durable, relay, fairness, milter, idle, idletls, crowd, slow,
       handshakes, tlskept, logins, hook, instructions)


# ---- the command ----

# What ctest runs: that a load is served whole, by every kind of server of ours. No clock is read.
def short(bench):
    for how in ({}, {"hooks": 2}, {"store": "maildir"}):
        if how.get("hooks") and not (bench.build / "tests/bench/nop.so").exists():
            continue
        with bench.server(Gatepost, **how) as server:
            for options in ((), ("-p",), ("-r", 1), ("-b", 100000)):
                figures = bench.load(server, "-s", 5, "-n", 60, *options)
                if figures["messages"] != 60:
                    raise RuntimeError(f"{figures['messages']} of 60 messages")
            if server.stored() not in (None, 240):
                raise RuntimeError(f"{server.stored()} of 240 messages are in the Maildir")
    with bench.server(Gatepost, tls=True) as server:
        for how, resumed in (("full", 0), ("resumed", 2)):
            if bench.tls(server, how, 3)["resumed"] != resumed:
                raise RuntimeError(f"{how} handshakes are not {how}")
    with bench.server(Fleet, workers=2) as server:
        many.trickle(server, 6, turns=1)
        found = many.crowd(server, crowd_commands(bench, server, 40, False), 40)
        if (found["closed"], found["told"]) != (40, 40):
            raise RuntimeError(f"{found['closed']} of 40 sessions were closed, {found['told']} told why")


def report(goals):
    print("\nGoals")
    for met, text, value, bound, least in goals:
        print(f"  {'met' if met else 'NOT MET':<9}{text}: {value:.2f} "
              f"({'at least' if least else 'at most'} {bound:g})")
    return all(goal[0] for goal in goals)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(f.__name__ for f in ALL) + "; else all")
    parser.add_argument("--build", default="build/gcc", help="the build that is measured")
    parser.add_argument("--tools", help="the build whose tests/bench is used; else that one")
    parser.add_argument("--peers", default="build/peers", help="where the peers are")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of load, each round and server")
    parser.add_argument("--check", action="store_true", help="fail when a goal is not met")
    parser.add_argument("--short", action="store_true", help="check that it works; measure nothing")
    return parser.parse_args()


def main():
    options = arguments()
    bench = Bench(options)
    known = {function.__name__: function for function in ALL}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        sys.exit(f"bench: no benchmark {unknown[0]}; there are {', '.join(known)}")
    if options.short:
        short(bench)
        return
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.2f}")
    for name in options.names or known:
        known[name](bench)
        sys.stdout.flush()
    met = report(bench.goals)
    if options.check and not met:
        sys.exit(1)


if __name__ == "__main__":
    main()
