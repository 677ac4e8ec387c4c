#!/usr/bin/env bash
# Builds one of examples/outbox and runs its test: example.sh go|java <folder to build in> <test…>.
# Ends with 77 (skipped) where what it needs cannot be had.
set -euo pipefail
language=$1
folder=$2
shift 2
root=$(dirname "$(realpath "$0")")/../..
source=$root/examples/outbox/$language

# What builds leave behind stays out of the repository.
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
cp -r "$source" "$folder"
cd "$folder"
need() {
  "$@" >fetch.log 2>&1 || { cat fetch.log; echo "skipped: $1 cannot fetch what the example needs"; exit 77; }
}
case $language in
  go)
    # shellcheck source=../../scripts/go.sh
    source "$root/scripts/go.sh"
    use_go || { echo "skipped: there is no Go (1.24 or newer); ./dev install gets it"; exit 77; }
    need go mod download
    go build -buildvcs=false -o shop .
    export POSTROAD_EXAMPLE=$folder/shop
    ;;
  java)
    command -v mvn >/dev/null || { echo "skipped: there is no Maven"; exit 77; }
    need mvn -B -q dependency:copy-dependencies
    mvn -B -q compile
    export POSTROAD_EXAMPLE="java -XX:TieredStopAtLevel=1 -cp $folder/target/classes:$folder/target/dependency/* shop.Shop"
    ;;
esac
exec "$@"
