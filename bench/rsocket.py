#!/usr/bin/env python3
"""What RSocket clients and browsers get, as one table: rsocket.py <build folder> [--quick]. `./dev bench rsocket` builds
what it needs and calls it.

Each figure stands beside its counterpart in the same run; a row whose parts cannot be had (no Chromium, no Maven) says
so, and the exit code is 1.
"""
import json
import os
import subprocess
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = {
    "fan-out": "1 topic to 1,000 WebSocket subscribers, 256 B, nothing to gather",
    "fan-out-backlog": "the same under a backlog",
    "idle-browsers": "idle WebSocket connections with an open stream each",
    "fan-out-sse": "SSE, 1,000 readers",
}


def output(command, **environment):
    """Its last line, as JSON. What it says besides goes on to stderr."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment, check=False)
    lines = done.stdout.strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise RuntimeError(f"{os.path.basename(command[0])} ended with {done.returncode}: {lines[-3:]}") from error


def fan_out(build, name, quick):
    command = [f"{build}/bin/postroad", "--output", "json", "bench", name]
    row = output(command + ["--quick"] * quick)["rows"][0]
    return row["measured"], row["bare"], row["ratio"], row["at_least"], row["reached"]


def echo(build, quick):
    folder = f"{build}/tests/interop/rsocket"
    os.makedirs(folder, exist_ok=True)
    programs = [f"{build}/bin/{name}" for name in ("rsocket_echo_server", "rsocket_echo_client", "postroad")]
    rates = output([sys.executable, f"{REPOSITORY}/tests/interop/rsocket/run.py", *programs, folder, "bench",
                    "1" if quick else "3"])
    ratio = rates["postroad"] / rates["rsocket-java"]
    return (f"{rates['postroad']:,}/s", f"rsocket-java's server {rates['rsocket-java']:,}/s", f"{ratio:.2f}",
            "2.00 of rsocket-java's", ratio >= 2)


def tab(build, quick):
    command = ["bash", f"{REPOSITORY}/clients/ts/test.sh", "bench", f"{build}/clients/ts/work"]
    took = output(command + (["2", "1"] if quick else ["10", "3"]), POSTROAD_SERVER=f"{build}/bin/postroad")
    measured = f"p99 {took['p99']:.2f} ms (p50 {took['p50']:.2f} ms, ±{took['error']:.2f} ms)"
    bare = f"a message on a bare WebSocket: p99 {took['bare_p99']:.2f} ms (p50 {took['bare_p50']:.2f} ms)"
    return measured, bare, f"{took['p99'] / took['bare_p99']:.2f}", "p99 10 ms", took["p99"] < 10


def main():
    build = os.path.abspath(sys.argv[1])
    quick = "--quick" in sys.argv[2:]
    rows = [(what, lambda name=name: fan_out(build, name, quick)) for name, what in OURS.items()]
    rows.insert(3, ("request-response echo, one TCP connection, 128 under way", lambda: echo(build, quick)))
    rows.insert(4, ("post by HTTP to seen in a tab of Chromium, 100/s", lambda: tab(build, quick)))
    lines, well = [], True
    for what, measure in rows:
        print(f"{what} …", file=sys.stderr, flush=True)
        try:
            measured, bare, ratio, aim, reached = measure()
        except (RuntimeError, OSError, KeyError) as error:
            measured, bare, ratio, aim, reached, well = f"not measured: {error}", "", "", "", False, False
        lines.append(f"| {what} | {measured} | {bare} | {ratio} | {aim} | {'yes' if reached else 'no'} |")
    print("| what | measured | bare, in the same run | ratio | aim | reached |\n|---|---|---|---|---|---|")
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
