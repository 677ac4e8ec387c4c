#!/usr/bin/env bash
# What ctest runs of the TypeScript client: test.sh unit|server|browser <build folder>; and what
# `./dev bench rsocket` does: test.sh bench <build folder> [seconds] [rounds]. Works on a copy
# there, laid out as the repository is. Ends with 77 (skipped) where npm, what it fetches or Chromium
# cannot be had.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
folder=${1:?unit, server, browser or bench}
build=${2:?a build folder}
shift 2

skip() { echo "skipped: $*"; exit 77; }

command -v npm >/dev/null || skip "there is no npm"
if [[ $folder == browser || $folder == bench ]]; then
  [[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || skip "there is no ${CHROMIUM:-/usr/bin/chromium}"
fi

# Tests run side by side; one of them installs and builds.
make_copy() {
  local copy=$build/clients/ts
  mkdir -p "$copy" "$build/docs"
  rm -rf "$copy"/{src,test,build,dist} "$build"/{examples,docs/formats}
  cp -r "$here"/{src,test,*.json,*.mjs,.npmrc} "$copy"
  cp -r "$here/../../examples" "$build"
  cp -r "$here/../../docs/formats" "$build/docs"
  cd "$copy"
  if ! cmp -s package-lock.json node_modules/.postroad-lock; then
    npm ci --no-audit --no-fund >npm.log 2>&1 || { tail -n 5 npm.log; return 77; }
    cp package-lock.json node_modules/.postroad-lock
  fi
  npm run --silent build
  npx tsc -p tsconfig.test.json
}

# Of all that the copy is made of: so it is made once for the tests of one run.
fingerprint() {
  find "$here"/{src,test} "$here"/*.json "$here"/*.mjs "$here/../../examples" "$here/../../docs/formats" \
    -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
}

mkdir -p "$build"
exec 9>"$build/lock"
flock 9
if [[ $(fingerprint) != "$(cat "$build/made" 2>/dev/null)" ]]; then
  rm -f "$build/made"
  status=0
  (make_copy) || status=$?
  if ((status == 77)); then skip "npm cannot fetch what the tests need"; fi
  if ((status != 0)); then exit "$status"; fi
  fingerprint >"$build/made"
fi
flock -u 9
cd "$build/clients/ts"
if [[ $folder == bench ]]; then exec node build/test/bench/latency.js "$@"; fi
exec node test.mjs "$folder"
