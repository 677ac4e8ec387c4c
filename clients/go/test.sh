#!/usr/bin/env bash
# What ctest runs of the Go client: test.sh race|vet|staticcheck|generated. Ends with 77 (skipped)
# where the modules it needs cannot be had.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

# The newest that Go 1.24 builds.
staticcheck=honnef.co/go/tools@v0.6.1

# Downloads, which take as long as the network does, come before the tests.
need() {
  "$@" >/tmp/postroad-go-modules.$$ 2>&1 || {
    cat /tmp/postroad-go-modules.$$
    rm -f /tmp/postroad-go-modules.$$
    echo "skipped: Go modules cannot be had"
    exit 77
  }
  rm -f /tmp/postroad-go-modules.$$
}

# Builds leave the version control out: the folder may belong to somebody else.
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"
need go mod download
case ${1:-} in
  race) exec go test -race -timeout 15m ./... ;;
  vet) exec go vet ./... ;;
  staticcheck)
    need go mod download "$staticcheck"
    exec go run "${staticcheck/@//cmd/staticcheck@}" ./...
    ;;
  generated)
    command -v protoc >/dev/null || { echo "skipped: there is no protoc"; exit 77; }
    need go mod download -modfile=tools.mod
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    ./generate.sh "$out"
    diff -r "$out/postroadv1" postroadv1 || {
      echo "postroadv1 is not what proto/postroad/v1 generates: clients/go/generate.sh makes it anew"
      exit 1
    }
    ;;
  *) echo "usage: test.sh race|vet|staticcheck|generated" >&2; exit 2 ;;
esac
