# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
# Finds Swift and builds the server.

# Puts Swift 6.1 or newer into PATH, or says how to get it.
need_swift() {
    local folder version
    for folder in "${SWIFTLY_BIN_DIR:-}" "$HOME/.local/share/swiftly/bin" "$HOME/.swiftly/bin" /opt/swift/usr/bin /usr/local/swift/usr/bin; do
        if ! has swift && [[ -n $folder && -x $folder/swift ]]; then
            PATH="$folder:$PATH"
        fi
    done
    has swift || die "Swift is not installed (6.1 or newer is needed)" \
        "Get it from https://www.swift.org/install/linux/ with swiftly:" \
        "  curl -O https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz" \
        "  tar zxf swiftly-$(uname -m).tar.gz && ./swiftly init && . ~/.local/share/swiftly/env.sh" \
        "Then run this again."
    version=$(swift --version 2> /dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)
    if [[ -z $version || ${version% *} -lt 6 || (${version% *} -eq 6 && ${version#* } -lt 1) ]]; then
        die "Swift $(tr ' ' '.' <<< "$version") is too old (6.1 or newer is needed)" "See https://www.swift.org/install/"
    fi
}

# build debug|release: makes the server, and says where it is in $server.
build() {
    need pkg-config libpq libcurl
    need_swift
    say "building the server ($1); the first time takes minutes"
    swift build -c "$1" --product levqor-server >&2 || die "the build failed" "See the lines above."
    server="$root/.build/$1/levqor-server"
}
