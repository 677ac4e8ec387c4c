#!/usr/bin/env bash
# Apache Kafka for the tests: scripts/kafka.sh <command…> runs it with POSTROAD_KAFKA_JARS naming a
# folder of the broker's Java packages, and ends with 77 (which ctest takes for skipped) where there
# is none. Sourced by ./dev, which installs it.
#
# Maven gets the packages that tests/kafka/broker/pom.xml names; they are kept in the user's cache,
# for all clones of this repository.

kafka_pom=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../tests/kafka/broker/pom.xml
# Another pom, another folder.
kafka_folder=${XDG_CACHE_HOME:-$HOME/.cache}/postroad/kafka-$(cksum <"$kafka_pom" | cut -d' ' -f1)

# The folder of the packages; fails if it, or a Java to run them, is not there.
find_kafka() {
  command -v java >/dev/null && [[ -d $kafka_folder ]] && echo "$kafka_folder"
}

# Needs Maven and Java in PATH.
fetch_kafka() {
  local new
  mkdir -p "$(dirname "$kafka_folder")"
  new=$(mktemp -d "$kafka_folder.XXXXXX")
  mvn -B -q -f "$kafka_pom" dependency:copy-dependencies -DoutputDirectory="$new" ||
    { rm -rf "$new"; return 1; }
  # Another clone may have been faster.
  mv -T "$new" "$kafka_folder" 2>/dev/null || [[ -d $kafka_folder ]]
  rm -rf "$new"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  POSTROAD_KAFKA_JARS=$(find_kafka) ||
    { echo "skipped: there is no Kafka broker; ./dev install gets it"; exit 77; }
  export POSTROAD_KAFKA_JARS
  exec "$@"
fi
