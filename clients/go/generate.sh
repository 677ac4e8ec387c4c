#!/usr/bin/env bash
# Generates postroadv1 from proto/postroad/v1, with the plugins that tools.mod pins. The output
# folder can be given, for the test that compares it with what is committed.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
out=$(readlink -f "${1:-.}")
plugins=$(mktemp -d)
trap 'rm -rf "$plugins"' EXIT
for plugin in google.golang.org/protobuf/cmd/protoc-gen-go \
              google.golang.org/grpc/cmd/protoc-gen-go-grpc; do
  go build -modfile=tools.mod -o "$plugins/" "$plugin"
done
module=github.com/postroad/postroad/clients/go
PATH="$plugins:$PATH" protoc --proto_path=../../proto \
  --go_out="$out" --go_opt=module="$module" \
  --go-grpc_out="$out" --go-grpc_opt=module="$module" \
  postroad/v1/postroad.proto postroad/v1/admin.proto
