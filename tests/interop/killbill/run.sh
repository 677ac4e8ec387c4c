#!/usr/bin/env bash
# Builds Kill Bill's own Go client with its test and runs it: run.sh <postroad> <build folder>.
#
# The client comes from the Go module proxy, or, with POSTROAD_KILLBILL_CLIENT, from a checkout of
# github.com/killbill/standalone-queue in that folder. Exits 77 (skipped) if it cannot be had.
set -euo pipefail
postroad=$1
folder=$2
source=$(dirname "$(realpath "$0")")

# A copy, since fetching modules writes go.sum.
mkdir -p "$folder"
cp "$source"/go.mod "$source"/*.go "$folder"
cd "$folder"
export GOFLAGS=-mod=mod
if [[ -n ${POSTROAD_KILLBILL_CLIENT:-} ]]; then
  client=$(realpath "$POSTROAD_KILLBILL_CLIENT")
  go mod edit -replace "github.com/killbill/standalone-queue/queue-client=$client/queue-client" \
              -replace "github.com/killbill/standalone-queue/gen-go=$client/gen-go"
fi
if ! go mod download >download.log 2>&1; then
  cat download.log
  echo "skipped: the client cannot be fetched; see POSTROAD_KILLBILL_CLIENT in $0"
  exit 77
fi
go test -c -o interop_test .
POSTROAD_PROGRAM=$postroad ./interop_test -test.v -test.timeout 280s
