#!/usr/bin/env python3
"""Compares what the code includes with what the modules declare.

1. A module's DEPS (its CMakeLists.txt) are modules that stand above it in src/CMakeLists.txt,
   which is the order of the module table in docs/architecture.md.
2. A file includes headers of its own module and of the modules in its DEPS, and of no other; a
   test, also of any module that stands above its own.
3. A third-party header is included only by the folders that wrap its library (WRAPPED_BY).
4. The C++ client includes core and no other module; its public headers, which are installed with
   core's, nothing but the standard library, core and each other; outbox_<library>.h also that one
   library's.

Prints one line a violation and exits 1 if there is one.
"""
import os
import re
import sys

# Third-party headers by prefix, and the folders (or files) under the root that may include them.
# Tests (x_test.cc, testing/) may also use GoogleTest.
# The bench needs gRPC for the bare call it compares with.
RPC = ["src/gateway/grpc", "src/gateway/killbill", "src/server", "src/cli/bench", "clients/cpp/client"]
WRAPPED_BY = {
    "rocksdb/": ["src/store/rocks"],
    "absl/": ["src/gateway/grpc", "src/cli/bench"],
    "grpc/": RPC,
    "grpcpp/": RPC,
    "google/protobuf/": RPC,
    "google/rpc/": RPC,
    "postroad/v1/": RPC,
    "killbill/": ["src/gateway/killbill"],
    "boost/json": ["src/cli", "src/auth", "src/gateway", "src/outbox", "src/kafka"],
    "librdkafka/": ["src/kafka"],
    "boost/asio": ["src/rsocket/transport", "src/rsocket/coroutine", "src/runtime", "src/gateway/http"],
    "boost/beast": ["src/gateway/http", "src/rsocket/transport/dial.cc"],
    "boost/url": ["src/gateway/http"],
    "boost/": ["src/runtime", "src/cli", "src/gateway/http"],
    "openssl/": ["src/rsocket/transport", "src/auth", "src/server", "src/kafka"],
    "spdlog/": ["src/runtime"],
    "fmt/": ["src/runtime"],
    "prometheus/": ["src/runtime"],
    "toml++/": ["src/server"],
    "systemd/": ["src/server"],
    "xxhash.h": ["src/core"],
    "zlib.h": ["src/gateway/http", "src/rsocket/transport/deflate.cc"],
    "libpq": ["src/outbox/postgres", "clients/cpp/include/postroad/outbox_libpq.h"],
    "pqxx/": ["clients/cpp/include/postroad/outbox_pqxx.h"],
    "mysql.h": ["clients/cpp/include/postroad/outbox_mariadb.h"],
    "mariadb/": ["src/outbox/mariadb"],
    "sqlite3.h": ["src/outbox/sqlite", "clients/cpp/include/postroad/outbox_sqlite.h"],
    "CLI/": ["src/server", "src/cli"],
    "gtest/": ["src/store/rocks/child_process.h"],
    "gmock/": [],
    "benchmark/": [],
}
# A gateway speaks one protocol and knows nothing of the others.
GATEWAYS = ["gateway_grpc", "gateway_killbill", "gateway_http", "gateway_rsocket"]
NEVER = [(one, other) for one in GATEWAYS for other in GATEWAYS if one != other]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def without_comments(text):
    return re.sub(r"#.*", "", text)


def modules(root):
    """{module: (folder, deps)} in the order of declaration."""
    found = {}

    def visit(folder):
        path = os.path.join(root, folder, "CMakeLists.txt")
        text = without_comments(read(path)) if os.path.exists(path) else ""
        for match in re.finditer(r"postroad_module\(([^)]*)\)|add_subdirectory\(([^)\s]+)[^)]*\)", text):
            if match.group(2):
                visit(os.path.normpath(os.path.join(folder, match.group(2))))
                continue
            words = match.group(1).split()
            deps = []
            if "DEPS" in words:
                for word in words[words.index("DEPS") + 1:]:
                    if word == "LIBS":
                        break
                    deps.append(word)
            found[words[0]] = (folder, deps)

    visit("src")
    return found


def cpp_files(root, folder):
    for directory, _, names in os.walk(os.path.join(root, folder)):
        for name in sorted(names):
            if name.endswith((".cc", ".h")):
                yield os.path.relpath(os.path.join(directory, name), root)


def is_test(path):
    """x_test.cc, and what tests share: contract suites, testing.h, fakes."""
    return re.search(r"(^|[/_])(test|testing|contract|fake|fakes|mock)[^/]*\.(h|cc)$|/testing/|_test\w*\.(h|cc)$", path)


def owner(path, by_folder):
    """The module whose folder holds the path: the deepest that does."""
    folder = os.path.dirname(path)
    while folder and folder not in by_folder:
        folder = os.path.dirname(folder)
    return by_folder.get(folder)


def check_third_party(path, header):
    for prefix in sorted(WRAPPED_BY, key=len, reverse=True):
        if not header.startswith(prefix):
            continue
        if is_test(path) and prefix in ("gtest/", "gmock/"):
            return None
        for folder in WRAPPED_BY[prefix]:
            if path == folder or path.startswith(folder + "/"):
                return None
        allowed = ", ".join(WRAPPED_BY[prefix]) or "tests"
        return f"<{header}> is for {allowed} only"
    return None


def check_order(declared):
    names = list(declared)
    for name, (folder, deps) in declared.items():
        for dep in deps:
            if dep in ("proto", "client", "enqueue"):
                continue
            if dep not in declared:
                yield f"{folder}/CMakeLists.txt: DEPS names '{dep}', which is no module"
            elif names.index(dep) >= names.index(name):
                yield f"{folder}/CMakeLists.txt: '{name}' may not depend on '{dep}', which stands at or above it in the module table"
            elif (name, dep) in NEVER:
                yield f"{folder}/CMakeLists.txt: '{name}' may not depend on '{dep}'"


def check_file(root, path, declared, by_folder):
    me, names = owner(path, by_folder), list(declared)
    for bracket, header in INCLUDE.findall(read(os.path.join(root, path))):
        problem = check_third_party(path, header)
        if problem:
            yield f"{path}: {problem}"
        if bracket == '"' and os.path.exists(os.path.join(root, "src", header)):
            other = owner("src/" + header, by_folder)
            if is_test(path) and other and me and names.index(other) < names.index(me):
                continue
            if other and me and other != me and other not in declared[me][1]:
                yield f"{path}: includes {header} of module '{other}', which '{me}' does not declare in DEPS"
            elif other and other != "core" and not me and path.startswith("clients/"):
                yield f"{path}: includes {header}: of the server's modules, a client may use core only"


def check_client_header(root, path):
    for bracket, header in INCLUDE.findall(read(os.path.join(root, path))):
        if os.path.basename(path).startswith("outbox_") and check_third_party(path, header) is None:
            continue
        if not header.startswith(("postroad/", "core/")) and not re.fullmatch(r"[a-z_0-9]+", header):
            yield f"{path}: public client headers include the standard library, core and each other, not {header}"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    root = os.path.abspath(root)
    declared = modules(root)
    by_folder = {folder: name for name, (folder, _) in declared.items()}
    problems = list(check_order(declared))
    count = 0
    for top in ("src", "clients"):
        for path in cpp_files(root, top):
            count += 1
            problems += check_file(root, path, declared, by_folder)
            if path.startswith("clients/cpp/include/"):
                problems += check_client_header(root, path)
    for problem in sorted(set(problems)):
        print(problem)
    print(f"{count} files of {len(declared)} modules: {len(set(problems))} violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
