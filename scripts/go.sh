#!/usr/bin/env bash
# The Go toolchain: scripts/go.sh <command…> runs it with Go 1.24 or newer first in PATH, and ends
# with 77 (which ctest takes for skipped) where there is none. Sourced by ./dev, which installs it.
#
# A Go of the machine's own is taken if it is new enough. Else an older one (Debian 12 has 1.19)
# fetches the module golang.org/toolchain, in which every release of Go is published, checked
# against Go's checksum database; it is kept in the user's cache, for all clones of this repository.

# The oldest that clients/go promises to work with, so that this is tested, too.
go_version=1.24.13
go_folder=${XDG_CACHE_HOME:-$HOME/.cache}/postroad/go$go_version

# The folder with a fitting `go`; fails if there is none.
find_go() {
  local version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | grep -oE '^go1\.[0-9]+') || version=go1.0
  if ((${version#go1.} >= 24)); then
    dirname "$(command -v go)"
  elif [[ -x $go_folder/bin/go ]]; then
    echo "$go_folder/bin"
  else
    return 1
  fi
}

# Needs any Go in PATH.
fetch_go() {
  local architecture new
  architecture=$(GOTOOLCHAIN=local go env GOHOSTARCH)
  mkdir -p "$(dirname "$go_folder")"
  new=$(mktemp -d "$go_folder.XXXXXX")
  # In a cache of its own: an older Go would leave files in the user's that a newer one cannot run.
  (cd "$new" &&
    GOTOOLCHAIN=local GOFLAGS=-modcacherw GOPATH="$new/path" GOMODCACHE="$new/path/pkg/mod" \
      go mod download "golang.org/toolchain@v0.0.1-go$go_version.linux-$architecture") ||
    { rm -rf "$new"; return 1; }
  local unpacked=$new/path/pkg/mod/golang.org/toolchain@v0.0.1-go$go_version.linux-$architecture
  # What a module cannot hold: modes, and go.mod files inside.
  chmod -R u+w "$unpacked"
  chmod a+x "$unpacked"/bin/* "$unpacked"/pkg/tool/*/*
  find "$unpacked" -name _go.mod -execdir cp _go.mod go.mod \;
  # Another clone may have been faster.
  mv -T "$unpacked" "$go_folder" 2>/dev/null || [[ -x $go_folder/bin/go ]]
  rm -rf "$new"
}

# The environment that Go's commands run in.
use_go() {
  PATH=$(find_go):$PATH || return 1
  # No newer toolchain behind one's back.
  export PATH GOTOOLCHAIN=local
  # The race detector links with the C compiler; what builds Postroad does.
  if [[ -z ${CC:-} ]] && ! command -v gcc >/dev/null; then export CC=clang-19; fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  use_go || { echo "skipped: there is no Go (1.24 or newer); ./dev install gets it"; exit 77; }
  exec "$@"
fi
