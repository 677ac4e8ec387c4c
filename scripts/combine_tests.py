#!/usr/bin/env python3
"""Makes one ctest run out of the tests of several presets, so that one summary tells of all.

Writes CTestTestfile.cmake into --out with every test of build/<preset>, named <preset>.<test>; a
preset's tests that are not built are left out, and said. With --minutes N, sanitized tests that
would not fit into N minutes are left out too (by what they took the last time); with --sanitized,
so are those that it does not name. All that is left out is said.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

# How much slower a sanitizer makes a test, where it never ran here.
GUESSED_SECONDS = {"release": 20, "asan": 40, "tsan": 60, "dev": 30}
COPIED = ("TIMEOUT", "LABELS", "ENVIRONMENT", "WORKING_DIRECTORY", "RESOURCE_LOCK", "RUN_SERIAL",
          "SKIP_RETURN_CODE", "SKIP_REGULAR_EXPRESSION", "PROCESSORS")


def tests_of(preset):
    out = subprocess.run(["ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1"],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)["tests"]


def last_costs(out):
    """{test: seconds} of the last run, from ctest's own notes."""
    costs = {}
    path = os.path.join(out, "Testing/Temporary/CTestCostData.txt")
    if os.path.exists(path):
        for line in open(path, encoding="utf-8"):
            words = line.split()
            if len(words) == 3:
                costs[words[0]] = float(words[2])
    return costs


def is_built(test):
    command = test.get("command")
    if not command:
        return False
    return os.access(command[0], os.X_OK) or shutil.which(command[0]) is not None


def quote(value):
    return "[==[" + str(value) + "]==]"


def render(name, test):
    lines = [f"add_test({quote(name)} " + " ".join(quote(word) for word in test["command"]) + ")"]
    for entry in test.get("properties", []):
        if entry["name"] not in COPIED:
            continue
        value = entry["value"]
        if isinstance(value, list):
            value = ";".join(map(str, value))
        elif isinstance(value, bool):
            value = "ON" if value else "OFF"
        lines.append(f"set_tests_properties({quote(name)} PROPERTIES {entry['name']} {quote(value)})")
    return "\n".join(lines)


def choose(presets, minutes, costs, sanitized):
    """([(name, test)], [what is left out and why])."""
    chosen, left_out = [], []
    budget = minutes * 60 * os.cpu_count() if minutes else float("inf")
    for preset in presets:
        if not os.path.exists(f"build/{preset}/CTestTestfile.cmake"):
            left_out.append(f"{preset}: all of it (no time to build it)")
            continue
        for test in tests_of(preset):
            name = f"{preset}.{test['name']}"
            cost = costs.get(name, GUESSED_SECONDS.get(preset, 30))
            if sanitized and preset != "release" and name not in sanitized:
                left_out.append(f"{name} (./dev test --preset {preset})")
            elif not is_built(test):
                left_out.append(f"{name} (not built in time)")
            elif preset != "release" and cost > budget:
                left_out.append(f"{name} (no time)")
            else:
                budget -= cost
                chosen.append((name, test))
    return chosen, left_out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=int, default=0)
    parser.add_argument("--sanitized", default="", help="of the sanitized presets, only these")
    parser.add_argument("presets", nargs="+")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    chosen, left_out = choose(args.presets, args.minutes, last_costs(args.out),
                              args.sanitized.split())
    with open(os.path.join(args.out, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
        for name, test in chosen:
            file.write(render(name, test) + "\n")
    for preset in ("release", "asan", "tsan"):
        if preset not in args.presets:
            left_out.append(f"{preset}: not asked for (./dev test --preset {preset})")
    print(f"==> Running {len(chosen)} test programs; left out: {len(left_out) or 'nothing'}")
    for line in left_out:
        print("      " + line)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
