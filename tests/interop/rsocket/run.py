#!/usr/bin/env python3
"""Runs other projects' RSocket clients against our server, and our client against another's server:

    run.py <echo server> <echo client> <postroad> <build folder> [<table> | bench [<seconds>]]

Prints what each can do and fails if one cannot do what it should; with <table>, writes the table
there (docs/rsocket-clients.md). Clients come from their package registry, by exact version; a
client that cannot be had is left out, and if none can, the exit code is 77 (skipped). With bench,
compares our server's speed with another's instead, by the same client.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import peers

HERE = os.path.dirname(os.path.abspath(__file__))
# The last is WebSocket too, of a page in headless Chromium.
TRANSPORTS = ["tcp", "websocket", "chromium"]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
NPM = [("0.0.7", "js0.js"), ("0.0.27", "js0.js"), ("1.0.0-alpha.3", "js1.js")]
# What the scripts need besides: a WebSocket for Node; a bundle, its Buffer, and who drives Chromium.
HELPERS = {"ws": "8.18.3", "esbuild": "0.25.12", "buffer": "6.0.3", "playwright-core": "1.56.1"}
MINUTES = 3

INTRO = """# RSocket clients

What other projects' clients do with Postroad's RSocket server: a run of `tests/interop/rsocket/run.py`, which is one of
the tests. ✓: it works; –: the client cannot, for the reason below. TCP / WebSocket / WebSocket in Chromium, where they
differ; npm's TCP and WebSocket by Node.

"""
OURS = """
## The other way round

What the RSocket client in `src/rsocket/transport` does with other projects' servers. TCP / WebSocket, where they differ.

"""


class Postroad:
    """`postroad serve` with data of its own."""

    def __init__(self, program):
        self.data = tempfile.mkdtemp(prefix="postroad-rsocket-")
        command = [program, "serve", "--data", self.data, "--log.level", "warn"]
        for protocol in ("grpc", "http", "rsocket"):
            command += ["--listen." + protocol, "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        ports = os.path.join(self.data, "ports")
        end = time.monotonic() + 60
        while not os.path.exists(ports) and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.02)
        with open(ports, encoding="utf-8") as file:
            self.addresses = dict(line.split() for line in file)

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        shutil.rmtree(self.data, ignore_errors=True)
        return code


class Server:
    """An echo server; one that ends because a client asked for a restart is started again on its ports."""
    RESTART = 42

    def __init__(self, program, *arguments):
        self.command = [program, *arguments]
        self.stopping = threading.Event()
        self.up = threading.Event()
        self.start()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()

    def start(self, *more):
        # Its ports may be taken for a moment, by somebody's connection.
        for _ in range(50):
            self.process = subprocess.Popen([*self.command, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            text=True)
            lines = [self.process.stdout.readline().split() for _ in range(2)]
            if all(lines):
                break
            time.sleep(0.2)
        self.ports = dict(lines)
        self.up.set()

    def watch(self):
        while self.process.wait() == self.RESTART and not self.stopping.is_set():
            self.up.clear()
            time.sleep(0.3)  # so that clients find nobody at first
            self.start("--ports", self.ports["tcp"], self.ports["websocket"])

    def port(self, transport):
        """Once it is there again."""
        self.up.wait(60)
        return self.ports["tcp" if transport == "tcp" else "websocket"]

    def stop(self):
        self.up.wait(60)
        self.stopping.set()
        self.process.stdin.close()
        code = self.process.wait(timeout=30)
        self.watcher.join(timeout=30)
        return code


def install(folder, version):
    """The folder with the npm client of this version, or None if it cannot be had."""
    target = os.path.join(folder, "npm-" + version)
    os.makedirs(target, exist_ok=True)
    if all(os.path.isdir(os.path.join(target, "node_modules", name)) for name in ["rsocket-core", *HELPERS]):
        return target
    names = ["rsocket-core", "rsocket-tcp-client", "rsocket-websocket-client"]
    with open(os.path.join(target, "package.json"), "w", encoding="utf-8") as file:
        json.dump({"private": True, "dependencies": {name: version for name in names} | HELPERS}, file)
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=target, capture_output=True, text=True)
    except FileNotFoundError:
        print("skipped: there is no npm")
        return None
    if done.returncode == 0:
        return target
    print(f"skipped: npm cannot fetch rsocket {version}: {done.stderr.strip().splitlines()[-1:]}")
    return None


def run(command, folder):
    """{check: outcome} of one client over one transport."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60 * MINUTES)
    lines = [line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line]
    if not lines:
        return {"start": "fail " + done.stderr.strip()[-300:]}
    return dict(lines)


def node(name):
    return ["node", os.path.join(HERE, "node", name)]


def try_client(transport, version, script, target, server, served, postroad):
    """{check: outcome} of one npm client: against the echo server, and as an application against Postroad."""
    port = server.port(transport)
    http = served.addresses["http"]
    echo = [version, "tcp" if transport == "tcp" else "websocket", "127.0.0.1", port]
    application = [version, f"ws://{http}/rsocket", postroad, served.addresses["grpc"], transport]
    if transport == "tcp":
        return run(node(script) + echo, target)
    if transport == "websocket":
        return run(node(script) + echo, target) | run(node("notifications.js") + application, target)
    if not os.access(CHROMIUM, os.X_OK):
        print(f"skipped in Chromium: there is no {CHROMIUM}")
        return {}
    page = node("chromium.js") + [script, f"http://127.0.0.1:{port}/"]
    found = run(page + echo, target)
    return found | run(node("chromium.js") + ["notifications.js", f"http://{http}/healthz"] + application, target)


def outcomes(by_transport, check):
    """Of one client in one check, for each transport that was run."""
    missing = "none applications of browsers have no TCP"
    if not any(check in checks for checks in by_transport.values()):
        missing = "none it is tried as a library, not as an application"
    return [by_transport[transport].get(check, missing) for transport in TRANSPORTS if transport in by_transport]


def table(results):
    """Markdown of {client: {transport: {check: outcome}}}."""
    checks = list(next(iter(results.values()))["websocket"])
    notes = []
    text = "| | " + " | ".join(results) + " |\n|---|" + "---|" * len(results) + "\n"
    for check in checks:
        cells = []
        for client, by_transport in results.items():
            marks = []
            for outcome in outcomes(by_transport, check):
                word, _, why = outcome.partition(" ")
                if word != "pass":
                    if why not in notes:
                        notes.append(why)
                    marks.append(f"{'–' if word == 'none' else '✗'} [{notes.index(why) + 1}]")
                else:
                    marks.append("✓")
            cells.append(marks[0] if len(set(marks)) == 1 else " / ".join(marks))
        text += f"| {check} | " + " | ".join(cells) + " |\n"
    return text + "\n" + "".join(f"{number}. {note}\n" for number, note in enumerate(notes, 1))


def try_peers(program, client, folder):
    """What other languages' clients do at our server; and what our client does at others' servers."""
    results = {}
    for name, command in peers.clients(folder).items():
        server = Server(program)
        results[name] = {transport: run(command + [transport, "127.0.0.1", server.port(transport)], folder)
                         for transport in ("tcp", "websocket")}
        if server.stop() != 0:
            results[name]["tcp"]["server"] = "fail it did not end well"
    ours = {}
    for name, command in peers.servers(folder).items():
        server = Server(*command)
        ours[f"Postroad's client at {name}"] = {
            transport: run([client, transport, "127.0.0.1", server.port(transport)], folder)
            for transport in ("tcp", "websocket")}
        server.stop()
    return results, ours


def main():
    program, client, postroad, folder = (os.path.abspath(path) for path in sys.argv[1:5])
    if sys.argv[5:6] == ["bench"]:
        return peers.bench(client, program, Server, folder, int(sys.argv[6]) if len(sys.argv) > 6 else 3)
    results = {}
    for version, script in NPM:
        target = install(folder, version)
        if target is None:
            continue
        server = Server(program)
        served = Postroad(postroad)
        by_transport = results["npm rsocket-core " + version] = {}
        for transport in TRANSPORTS:
            by_transport[transport] = try_client(transport, version, script, target, server, served, postroad)
            if not by_transport[transport]:
                del by_transport[transport]
        code = server.stop() or served.stop()
        if code != 0:
            by_transport["tcp"]["server"] = f"fail it ended with {code}"
    others, ours = try_peers(program, client, folder)
    results |= others
    if not results:
        return 77
    text = INTRO + table(results) + (OURS + table(ours) if ours else "")
    print(text)
    if len(sys.argv) > 5:
        with open(sys.argv[5], "w", encoding="utf-8") as file:
            file.write(text)
    results |= ours
    failed = [f"{client}, {transport}, {check}: {outcome}" for client, by_transport in results.items()
              for transport, checks in by_transport.items() for check, outcome in checks.items()
              if outcome.startswith("fail")]
    print("\n".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
