#!/usr/bin/env bash
# MySQL 8.0 for the tests: scripts/mysql.sh <command…> runs it with POSTROAD_MYSQL naming the folder of
# a server (bin/mysqld), and ends with 77 where there is none. Sourced by ./dev, which installs it.
#
# Debian 12 has no MySQL. Maven gets the package that tests/support/mysql/pom.xml names, which has a
# server for amd64 in it; it is kept in the user's cache, for all clones of this repository.

mysql_pom=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../tests/support/mysql/pom.xml
# Another pom, another folder.
mysql_folder=${XDG_CACHE_HOME:-$HOME/.cache}/postroad/mysql-$(cksum <"$mysql_pom" | cut -d' ' -f1)

# The server's folder; fails if it is not there.
find_mysql() {
  [[ -x $mysql_folder/bin/mysqld ]] && echo "$mysql_folder"
}

# Needs Maven and Java in PATH.
fetch_mysql() {
  local new
  mkdir -p "$(dirname "$mysql_folder")"
  new=$(mktemp -d "$mysql_folder.XXXXXX")
  mvn -B -q -f "$mysql_pom" dependency:copy-dependencies -DoutputDirectory="$new/jars" &&
    (cd "$new/jars" && jar xf ./*.jar "mysql-Linux-$(dpkg --print-architecture).tar.gz") &&
    tar xzf "$new"/jars/mysql-Linux-*.tar.gz -C "$new" || { rm -rf "$new"; return 1; }
  rm -rf "$new/jars"
  # Another clone may have been faster.
  mv -T "$new" "$mysql_folder" 2>/dev/null || [[ -d $mysql_folder ]]
  rm -rf "$new"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  POSTROAD_MYSQL=$(find_mysql) || { echo "skipped: there is no MySQL; ./dev install gets it"; exit 77; }
  export POSTROAD_MYSQL
  exec "$@"
fi
