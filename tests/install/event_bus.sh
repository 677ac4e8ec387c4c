#!/bin/bash
# Installs the event bus's package into an empty folder, builds examples/event_bus against it and runs
# that:  event_bus.sh BUILD_DIR EXAMPLE WORK_DIR CXX [CXXFLAGS [LDFLAGS]]
set -eu
build=$1 example=$2 work=$3 compiler=$4 flags=${5:-} link_flags=${6:-}
rm -rf "$work"
mkdir -p "$work"
for component in client event_bus; do
  cmake --install "$build" --component $component --prefix "$work/prefix" >> "$work/install.log"
done
if grep -lE '#include [<"](boost|librdkafka|prometheus|spdlog|grpc|core/|runtime/|kafka/|outbox/)' \
  "$work"/prefix/include/postroad/*.h; then
  echo "the headers above include what the package does not have" >&2
  exit 1
fi
cmake -G Ninja -S "$example" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" \
  -DCMAKE_CXX_STANDARD_LIBRARIES="$link_flags" > "$work/configure.log"
cmake --build "$work/build" > "$work/build.log" || { cat "$work/build.log"; exit 1; }
for run in first second; do # what is left in the database does no harm
  "$work/build/shop" "$work/shop.db" | tee "$work/$run.log"
  [ "$(grep -c '^OrderPaid' "$work/$run.log")" = 3 ]
done
