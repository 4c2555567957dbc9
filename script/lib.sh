# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What the scripts share: saying what is done, packages, the build folders, the system user. Sourced, never run.
#
# The scripts cost little when there is nothing to do: packages are looked up with dpkg-query, apt-get runs only when one is
# missing, Meson only when the options changed, and ninja decides the rest.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
cd "$ROOT" || exit 1
BUILD=$ROOT/build
SCRIPT=script/$(basename "$0")

say() { printf '%s: %s\n' "$SCRIPT" "$*"; }
die() {
        printf '%s: %s\n' "$SCRIPT" "$*" >&2
        exit 1
}

# --- packages ---

# packages_of GROUP...: their names, from script/packages.
packages_of() {
        local group name want
        while read -r group name _; do
                for want in "$@"; do
                        if [ "$group" = "$want" ]; then echo "$name"; fi
                done
        done <"$ROOT/script/packages" | sort -u
}

# Those of the named packages that are not installed.
missing_packages() {
        local installed name
        installed=$'\n'$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)$'\n'
        for name in "$@"; do
                case $installed in
                *$'\n'"$name installed"$'\n'*) ;;
                *) echo "$name" ;;
                esac
        done
}

# What systemd knows to start.
unit_files() { find /lib/systemd/system /usr/lib/systemd/system -maxdepth 1 -type f 2>/dev/null | sed 's|.*/||' | sort -u; }

# Installs, and starts no service, neither now nor at the next boot: who needs one of it starts it where it sees fit.
apt_install() (
        before=$(unit_files)
        policy=/usr/sbin/policy-rc.d
        if [ -e "$policy" ]; then
                policy=
        else
                trap 'rm -f "$policy"' EXIT
                printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
        fi
        status=0
        apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                -o DPkg::Lock::Timeout=120 -- "$@" || status=$?
        mapfile -t new < <(comm -13 <(printf '%s\n' "$before") <(unit_files))
        if [ ${#new[@]} -gt 0 ] && command -v systemctl >/dev/null; then
                systemctl --quiet disable "${new[@]}" || true # some cannot be enabled in the first place
        fi
        exit "$status"
)

# try_packages NAME...: installs what is missing; fails with the reason in $why_not.
try_packages() {
        local missing log=$BUILD/packages.log started=$SECONDS
        why_not=
        if ! command -v dpkg-query >/dev/null; then
                say "not a Debian system: taking for granted that these are there: $*"
                return 0
        fi
        mapfile -t missing < <(missing_packages "$@")
        [ ${#missing[@]} -gt 0 ] || return 0
        if [ "$(id -u)" != 0 ]; then
                why_not="not root and these packages are missing; as root: apt-get install --no-install-recommends ${missing[*]}"
                return 1
        fi
        say "installing ${missing[*]}"
        mkdir -p "$BUILD"
        if ! apt_install "${missing[@]}" >"$log" 2>&1; then
                say "that failed ($(grep -m1 '^E:' "$log" || tail -n1 "$log")), trying once more"
                sleep 3
                if ! apt_install "${missing[@]}" >>"$log" 2>&1; then
                        why_not="packages cannot be installed: $(grep '^E:' "$log" | tail -n1) (all of it: $log)"
                        return 1
                fi
        fi
        say "installed in $((SECONDS - started)) s"
}

# need_packages NAME...: the same, or the script ends with a sentence.
need_packages() { try_packages "$@" || die "$why_not"; }

# need_groups GROUP...: the packages of these groups of script/packages.
need_groups() {
        local names
        mapfile -t names < <(packages_of "$@")
        need_packages "${names[@]}"
}

# --- build ---

# configure FOLDER [MESON OPTION...]: runs Meson when there is something new to tell it. The stamp holds what was said
# last, which optional libraries were there (tests need them), and which files there were (registries look for them).
configure() {
        local folder=$1 stamp optional how=() log=$1/configure.log
        shift
        stamp="$ROOT ${CC-} $*"
        for optional in cmocka libssl; do
                stamp+=" $optional=$(pkg-config --modversion $optional 2>/dev/null || echo none)"
        done
        stamp+=" files=$(find src tests bench -type f ! -name '*.pyc' 2>/dev/null | LC_ALL=C sort | cksum)"
        if [ -e "$folder/build.ninja" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then return 0; fi
        if [ -e "$folder/build.ninja" ]; then
                case $(cat "$folder/.stamp" 2>/dev/null) in
                "$ROOT ${CC-} "*) how=(--reconfigure) ;;
                *) rm -rf "$folder/meson-private" "$folder/meson-info" "$folder/build.ninja" ;;
                esac
        fi
        say "configuring ${folder#"$ROOT/"}"
        mkdir -p "$folder"
        if ! meson setup "${how[@]}" "$@" "$folder" >"$log" 2>&1; then
                tail -n 15 "$log" >&2
                return 1
        fi
        printf '%s\n' "$stamp" >"$folder/.stamp"
}

# The clang build with the sanitizers and the fuzzers.
configure_asan() {
        CC=clang configure "$1" -Dwerror=true -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
}

# compile FOLDER [TARGET...]: quiet unless a person watches or something fails.
compile() {
        local folder=$1 quiet=() started=$SECONDS
        shift
        # A changed meson.build; Meson's own report of it is of no use when all is well.
        if ! ninja -C "$folder" build.ninja >"$folder/configure.log" 2>&1; then
                tail -n 15 "$folder/configure.log" >&2
                return 1
        fi
        if ninja -C "$folder" -n "$@" 2>/dev/null | grep -q 'no work to do'; then return 0; fi
        [ -t 1 ] || quiet=(--quiet)
        say "compiling ${folder#"$ROOT/"}"
        ninja -C "$folder" "${quiet[@]}" "$@" || return 1
        say "compiled in $((SECONDS - started)) s"
}

# build_targets TARGET...: in build/, with everything they need, or the script ends.
build_targets() {
        need_groups build run
        configure "$BUILD" -Dwerror=true || die "the build cannot be configured, see $BUILD/configure.log"
        compile "$BUILD" "$@" || die "the program does not compile"
        [ -x "$BUILD/sekimori" ] || die "the build made no build/sekimori"
}

# The program, and the simulated bot that its demo starts.
build_program() { build_targets sekimori src/demo/sekimori-sim; }
build_all() { build_targets all; }

# --- the system user of the engine and the web process ---

ensure_user() {
        [ "$(id -u)" = 0 ] || return 0
        if getent passwd sekimori >/dev/null; then return 0; fi
        say "creating the system user sekimori (packaging/sekimori.sysusers)"
        if command -v systemd-sysusers >/dev/null && systemd-sysusers "$ROOT/packaging/sekimori.sysusers" >/dev/null 2>&1 &&
                getent passwd sekimori >/dev/null; then
                return 0
        fi
        useradd --system --user-group --no-create-home --home-dir /var/lib/sekimori --shell /usr/sbin/nologin \
                --comment 'sekimori engine' sekimori || die "the user sekimori cannot be created"
}
