#!/bin/bash
# Installs the client's package into an empty folder, builds a project against it that knows nothing
# of the source tree, and runs that:  run.sh BUILD_DIR APP_SOURCE WORK_DIR CXX [POSTROAD] [CXXFLAGS [LDFLAGS]]
set -eu
build=$1 app=$2 work=$3 compiler=$4 server=${5:-} flags=${6:-} link_flags=${7:-}
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --component client --prefix "$work/prefix" > "$work/install.log"

if grep -rlE '#include [<"](grpc|google|postroad/v1|core/)' "$work/prefix/include"; then
  echo "the headers above include what the package does not have" >&2
  exit 1
fi
cmake -G Ninja -S "$app" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" \
  -DCMAKE_CXX_STANDARD_LIBRARIES="$link_flags" > "$work/configure.log"
cmake --build "$work/build" > "$work/build.log" || { cat "$work/build.log"; exit 1; }
"$work/build/app"
[ -n "$server" ] || exit 0

mkdir "$work/data"
"$server" serve --data "$work/data" --listen.grpc 127.0.0.1:0 --listen.http 127.0.0.1:0 --listen.rsocket "" \
  > "$work/serve.log" 2>&1 &
trap 'kill $! 2> /dev/null; wait' EXIT
for _ in $(seq 600); do
  [ -s "$work/data/ports" ] && break
  sleep 0.1
done
"$work/build/app" "$(awk '$1 == "grpc" { print $2 }' "$work/data/ports")"
