#!/bin/sh
# Installs nymvisor on this machine, or takes it away again: `install.sh --help`.
#
# Nothing is put in its place before the machine and every checksum have been checked, and the executable has answered
# here. Each file takes its place in one step, so that a running nymvisor is not disturbed. ~/.nym is never touched.
set -eu
umask 022

usage() {
  cat <<'END'
Installs nymvisor from the folder that this script lies in, or from an address.

  sh install.sh                     as root: /usr/local/bin/nymvisor and the systemd units
                                    otherwise: ~/.local/bin/nymvisor and a systemd user unit
  sh install.sh --from URL          fetch the release's files from URL/ first
  sh install.sh --uninstall         remove what was installed; configuration, data and backups stay

  --from URL       https, unless --allow-http is given too
  --allow-http     permit an address that begins with http://
  --prefix DIR     install DIR/bin/nymvisor, and no units unless --units says where
  --units DIR      where the systemd units go; `none`: nowhere
  --uninstall      with the same --prefix and --units as the installation
  -h, --help       this text

Running it again installs the same, or the newer, version over the older one. A unit file that differs from the one
installed here is kept, and the new one is laid beside it as <name>.new.
END
}

say() { printf '%s\n' "$*"; }

# fail WHAT NEXT [STATUS]
fail() {
  printf 'error: %s\n  %s\n' "$1" "$2" >&2
  exit "${3:-1}"
}

from='' allow_http=false prefix='' units='' uninstall=false

# value FLAG COUNT: a flag that wants a value has one
value() {
  [ "$2" -ge 2 ] || fail "$1 wants a value" "see: sh install.sh --help" 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --from) value "$1" $#; from=$2; shift 2 ;;
    --prefix) value "$1" $#; prefix=$2; shift 2 ;;
    --units) value "$1" $#; units=$2; shift 2 ;;
    --from=*) from=${1#*=}; shift ;;
    --prefix=*) prefix=${1#*=}; shift ;;
    --units=*) units=${1#*=}; shift ;;
    --allow-http) allow_http=true; shift ;;
    --uninstall) uninstall=true; shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown argument '$1'" "see: sh install.sh --help" 2 ;;
  esac
done

# ---- where things go ----

if [ "$(id -u)" -eq 0 ]; then system=true; else system=false; fi

if [ -n "$prefix" ]; then
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  bin=$prefix/bin
elif $system; then
  bin=/usr/local/bin
else
  bin=${HOME:?HOME is not set}/.local/bin
fi

managed_by_systemd=false
if [ -z "$units" ] && [ -z "$prefix" ] && [ -d /run/systemd/system ]; then
  managed_by_systemd=true
  if $system; then units=/etc/systemd/system; else units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user; fi
fi
[ "$units" != none ] || units=''
case $units in '' | /*) ;; *) units=$PWD/$units ;; esac

# A user's own systemd has no use for a template, the machine's has.
if $system; then unit_names='nymvisor.service nymvisor@.service'; else unit_names='nymvisor.service'; fi
if $system; then systemctl='systemctl'; else systemctl='systemctl --user'; fi

# ---- taking it away ----

remove() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  rm -f -- "$1"
  say "removed $1"
}

if $uninstall; then
  if $managed_by_systemd; then
    active=$($systemctl list-units --plain --no-legend --state=active 'nymvisor.service' 'nymvisor@*.service' | cut -d' ' -f1 | tr '\n' ' ')
    [ -z "$active" ] || fail "still running: $active" "stop it first: $systemctl disable --now $active"
  fi
  remove "$bin/nymvisor"
  if [ -n "$units" ]; then
    for name in $unit_names; do
      remove "$units/$name"
      remove "$units/$name.new"
    done
    if $managed_by_systemd; then $systemctl daemon-reload || true; fi
  fi
  say "Configuration, releases and backups are as they were: in ~/.nym/nymvisors of the node's user, and in the node's home."
  exit 0
fi

# ---- is this a machine for it ----

kernel=$(uname -s)
[ "$kernel" = Linux ] || fail "nymvisor is built for Linux, and this is $kernel" "run it on the machine where the node runs"
machine=$(uname -m)
case $machine in
  x86_64 | amd64) architecture=x64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) fail "nymvisor is built for x86_64 and aarch64, and this machine is $machine" "see CONTRIBUTING.md for a build of your own" ;;
esac
executable=nymvisor-linux-$architecture
command -v sha256sum >/dev/null 2>&1 || fail "sha256sum is missing, and nothing is installed unchecked" "install it (Debian, Ubuntu: apt-get install coreutils)"

if [ -n "$units" ]; then
  case $bin in
    *[\\\"\']*) fail "systemd starts nothing from a path with quotes or backslashes: $bin" "choose another --prefix, or --units none" ;;
  esac
fi

# ---- the files ----

fetched='' staged=''
tidy() {
  [ -z "$fetched" ] || rm -rf -- "$fetched"
  [ -z "$staged" ] || rm -f -- "$staged"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# fetch NAME: from the address into the folder of what was fetched. Over https no redirect leads away from https with curl.
fetch() {
  if command -v curl >/dev/null 2>&1; then
    if $allow_http; then protocols='=http,https'; else protocols='=https'; fi
    curl --proto "$protocols" --fail --silent --show-error --location --connect-timeout 10 --speed-limit 1 --speed-time 30 \
      --output "$fetched/$1" -- "$from/$1"
  elif command -v wget >/dev/null 2>&1; then
    wget --quiet --timeout=30 --tries=3 -O "$fetched/$1" -- "$from/$1"
  else
    fail "neither curl nor wget is here to fetch with" "install one of them, or fetch the release's files yourself and run the install.sh among them"
  fi || fail "$from/$1 could not be fetched" "see that the address is right and that this machine reaches it"
}

if [ -n "$from" ]; then
  case $from in
    https://*) ;;
    http://*) $allow_http || fail "$from is not https" "use an https address, or add --allow-http if you trust every machine in between" ;;
    *) fail "'$from' is not an address" "it looks like https://host/path" 2 ;;
  esac
  from=${from%/}
  fetched=$(mktemp -d)
  folder=$fetched
  for name in SHA256SUMS "$executable" $unit_names; do fetch "$name"; done
else
  folder=$(dirname -- "$0")
  folder=$(cd -- "$folder" && pwd)
  [ -f "$folder/$executable" ] || fail "$folder has no $executable" "run the install.sh of a release (bun run build makes one in release/dist), or use --from URL"
fi

# ---- every checksum ----

[ -f "$folder/SHA256SUMS" ] || fail "$folder has no SHA256SUMS" "fetch it from where the executable came from"
for name in "$executable" $unit_names; do
  [ -f "$folder/$name" ] || fail "$folder has no $name" "fetch the release again, whole"
  expected=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$folder/SHA256SUMS")
  [ -n "$expected" ] || fail "SHA256SUMS says nothing of $name" "fetch the release again, whole"
  actual=$(sha256sum <"$folder/$name" | cut -d' ' -f1)
  [ "$actual" = "$expected" ] || fail "$name is not what SHA256SUMS says: expected $expected, found $actual" "do not use it; fetch the release again"
done

# ---- into place ----

# stage FOLDER NEXT: an empty file in the folder where its content will take its place, in $staged
stage() {
  mkdir -p -- "$1" || fail "$1 cannot be made" "$2"
  staged=$(mktemp "$1/.nymvisor.XXXXXX") || fail "nothing can be written into $1" "$2"
}

stage "$bin" "install as root, or elsewhere with --prefix DIR"
cat <"$folder/$executable" >"$staged"
chmod 755 "$staged"
version=$("$staged" -V) || fail "the executable does not run here" "it needs glibc (so not Alpine, which has musl), and a file system that is not mounted noexec"
mv -f -- "$staged" "$bin/nymvisor"
staged=''
say "installed $bin/nymvisor: $version"

# unit_text NAME: the unit for where the executable lies, and for whose systemd it is
unit_text() {
  path=$(printf '%s' "$bin/nymvisor" | sed 's/%/%%/g; s/[&|]/\\&/g')
  case $path in *[!A-Za-z0-9/._-]*) path="\"$path\"" ;; esac
  if $system; then
    sed "s|^ExecStart=/usr/local/bin/nymvisor|ExecStart=$path|" "$folder/$1"
  else
    # A user's systemd may neither change the user nor take capabilities away, and knows no network of the machine.
    say "# nymvisor under your own systemd: systemctl --user edit nymvisor, then systemctl --user enable --now nymvisor"
    sed -e '1,/^$/{/^$/!d;}' -e '/^#/s/systemctl \([a-z]\)/systemctl --user \1/g' -e "s|^ExecStart=/usr/local/bin/nymvisor|ExecStart=$path|" -e '/^User=/d' -e '/network-online/d' \
      -e '/^# --- hardening/,/^# --- end of hardening/d' -e 's/^WantedBy=.*/WantedBy=default.target/' "$folder/$1"
  fi
}

if [ -n "$units" ]; then
  for name in $unit_names; do
    stage "$units" "use --units DIR, or --units none"
    unit_text "$name" >"$staged"
    chmod 644 "$staged"
    if [ ! -e "$units/$name" ]; then
      mv -f -- "$staged" "$units/$name"
      say "installed $units/$name"
    elif cmp -s "$staged" "$units/$name"; then
      rm -f -- "$staged"
    else
      mv -f -- "$staged" "$units/$name.new"
      say "kept $units/$name, which differs; this version's is $units/$name.new"
    fi
    staged=''
  done
  if $managed_by_systemd; then $systemctl daemon-reload || true; fi
fi

# ---- what comes next ----

case :${PATH:-}: in
  *":$bin:"*) ;;
  *) say "$bin is not in PATH; add it:  export PATH=\"$bin:\$PATH\"" ;;
esac
if $system && [ -n "$units" ]; then
  say "Set up a node, as the user that the unit names:  sudo -u nym -H nymvisor init /path/to/nym-node --daemon-home /home/nym/.nym/nym-nodes/NODE"
else
  say "Set up a node:  nymvisor init /path/to/nym-node --daemon-home ~/.nym/nym-nodes/NODE"
fi
if [ -n "$units" ]; then
  say "Then start it:  $systemctl enable --now nymvisor     (first see the comments in $units/nymvisor.service)"
  $system || say "So that it runs while you are logged out:  loginctl enable-linger"
  say "A nymvisor that runs already goes on as it was until:  $systemctl restart nymvisor"
else
  say "Then run it:    nymvisor run run --id NODE"
fi
