"""RSocket implementations in other languages, as run.py tries them: rsocket-java, rsocket-go and
rsocket-py as clients of our server, and our client at rsocket-java's server.

Each comes from its language's package registry, by exact version; one that cannot be had (no
compiler, no way there) is left out, with a line that says why.
"""
import json
import os
import shutil
import subprocess
import sys
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
INTEROP = os.path.dirname(HERE)
SCRIPTS = os.path.join(INTEROP, "..", "..", "scripts")
PYTHON_PACKAGES = ["rsocket==0.4.20", "aiohttp==3.11.18"]


def cannot(name, why):
    print(f"skipped: {name} cannot be had: {why}")


def build(name, folder, source, command, made):
    """A copy of the source's folder in which `command` has made the file `made`; None if it cannot."""
    target = os.path.join(folder, name)
    shutil.copytree(os.path.join(INTEROP, source), target, dirs_exist_ok=True)
    try:
        done = subprocess.run(command, cwd=target, capture_output=True, text=True, timeout=400)
    except (OSError, subprocess.TimeoutExpired) as error:
        return cannot(name, error)
    if done.returncode != 0 or not os.path.exists(os.path.join(target, made)):
        return cannot(name, (done.stdout + done.stderr).strip()[-300:])
    return target


def java(folder):
    """The command that runs rsocket-java's programs."""
    maven = ["mvn", "-q", "-B", "compile", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
    target = build("rsocket-java", folder, "rsocket-java", maven, "target/classes/Main.class")
    return target and ["java", "-cp", f"{target}/target/classes:{target}/lib/*", "Main"]


def go(folder):
    environment = ["env", "GOFLAGS=-mod=mod -buildvcs=false"]
    command = ["bash", os.path.join(SCRIPTS, "go.sh"), *environment, "go", "build", "-o", "client", "."]
    target = build("rsocket-go", folder, "rsocket-go", command, "client")
    return target and [os.path.join(target, "client")]


def python(folder):
    target = os.path.join(folder, "rsocket-py")
    program = os.path.join(target, "bin", "python")
    try:
        if not os.path.exists(program):
            venv.create(target, with_pip=True)
        done = subprocess.run([program, "-m", "pip", "install", "-q", *PYTHON_PACKAGES],
                              capture_output=True, text=True, timeout=400)
    except (OSError, subprocess.SubprocessError) as error:
        return cannot("rsocket-py", error)
    if done.returncode != 0:
        return cannot("rsocket-py", done.stderr.strip()[-300:])
    return [program, os.path.join(INTEROP, "rsocket-py", "client.py")]


def clients(folder):
    """{name: command}; arguments: transport, host, port."""
    java_command = java(folder)
    found = {"rsocket-java 1.1.5": java_command and java_command + ["client"],
             "rsocket-go 0.8.12": go(folder), "rsocket-py 0.4.20": python(folder)}
    return {name: command for name, command in found.items() if command}


def servers(folder):
    """{name: command} of those that our client is tried with."""
    command = java(folder)
    return {"rsocket-java 1.1.5": command + ["server"]} if command else {}


def bench(client, our_server, start, folder, seconds):
    """Compares request-responses a second over one TCP connection with 128 under way, in turns: ours, theirs, ours, …
    Prints the medians as JSON."""
    theirs = servers(folder).get("rsocket-java 1.1.5")
    if theirs is None:
        return 77
    running = {"postroad": start(our_server), "rsocket-java": start(*theirs)}
    rates = {name: [] for name in running}
    for _ in range(3):
        for name, server in running.items():
            command = [client, "bench", "127.0.0.1", server.port("tcp"), str(seconds), "128"]
            rates[name].append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    for server in running.values():
        server.stop()
    medians = {name: sorted(each)[1] for name, each in rates.items()}
    print(json.dumps(medians))
    return 0


if __name__ == "__main__":
    sys.exit("run.py is what to run")
