#!/usr/bin/env python3
"""Compares tests/client/scenarios.md with the clients' tests.

Each scenario of its tables (F1, P1, …) has exactly one test in each client, of the same name in all
of them; and no test claims a scenario that the tables do not have. Prints one line a fault and exits
1 if there is one.
"""
import glob
import os
import re
import sys

TABLE = "tests/client/scenarios.md"
# Where each client's tests are, and what a test's name looks like there.
CLIENTS = {
    "C++": ("tests/client/*_test.cc", re.compile(r"^TEST_F\(\w+, (([A-Z]\d+)\w+)\)", re.M)),
    "Go": ("clients/go/internal/scenarios/*_test.go",
           re.compile(r"^func Test(([A-Z]\d+)\w+)\(t \*testing\.T\)", re.M)),
}


def tests_of(root, pattern, name):
    """{scenario: [names of its tests]}"""
    found = {}
    for path in sorted(glob.glob(os.path.join(root, pattern))):
        with open(path, encoding="utf-8") as file:
            for full, scenario in name.findall(file.read()):
                found.setdefault(scenario, []).append(full)
    return found


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    with open(os.path.join(root, TABLE), encoding="utf-8") as file:
        scenarios = re.findall(r"^\| ([A-Z]\d+) \|", file.read(), re.M)
    faults = [f"{TABLE}: {s} is there {scenarios.count(s)} times"
              for s in sorted(set(scenarios)) if scenarios.count(s) > 1]
    if not scenarios:
        faults.append(f"{TABLE}: there are no scenarios")
    tests = {client: tests_of(root, *where) for client, where in CLIENTS.items()}
    for client, found in tests.items():
        for scenario in scenarios:
            if len(found.get(scenario, [])) != 1:
                faults.append(f"{client}: {scenario} has the tests {found.get(scenario, [])}, not one")
        for scenario in sorted(set(found) - set(scenarios)):
            faults.append(f"{TABLE}: has no {scenario}, which {client} tests: {found[scenario]}")
    for scenario in scenarios:
        names = {found[scenario][0] for found in tests.values() if len(found.get(scenario, [])) == 1}
        if len(names) > 1:
            faults.append(f"{scenario} has several names: {', '.join(sorted(names))}")
    print("\n".join(faults) or f"{len(scenarios)} scenarios, in each of {', '.join(CLIENTS)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
