# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
# Installs what a command needs: Debian packages, Python tools in .venv, test data. Nothing is done when all is here.
#
# A need is proved by looking for the thing itself, not for the package: on a system other than Debian it is enough to
# have it.

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif has sudo; then
        sudo -- "$@"
    else
        die "to install packages this needs root, and there is no sudo" "As root: apt-get install ${missing_packages[*]:-}"
    fi
}

# The folder of the newest PostgreSQL (15 or newer) in the places where distributions put it; the server looks there too.
pg_bin() {
    local folder version best='' best_version=0
    local candidates=(
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin /usr/lib64/postgresql-*/bin
        /usr/libexec/postgresql* /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /usr/local/pgsql/bin
    )
    if has pg_config; then
        candidates+=("$(pg_config --bindir)")
    fi
    for folder in "${candidates[@]}"; do
        [[ -x $folder/postgres && -x $folder/initdb && -x $folder/psql ]] || continue
        version=$("$folder/postgres" --version | sed -E 's/.*\(PostgreSQL\) ([0-9]+).*/\1/')
        if [[ $version =~ ^[0-9]+$ && $version -ge 15 && $version -gt $best_version ]]; then
            best=$folder
            best_version=$version
        fi
    done
    [[ -n $best ]] && printf '%s\n' "$best"
}

pg_major() {
    "$(pg_bin)/postgres" --version | sed -E 's/.*\(PostgreSQL\) ([0-9]+).*/\1/'
}

pg_extension_is_here() {
    local folder
    folder=$(pg_bin) || return 1
    compgen -G "$("$folder/pg_config" --sharedir 2> /dev/null || printf '/usr/share/postgresql/%s' "$(pg_major)")/extension/$1.control" > /dev/null
}

# Whether a need is met.
is_here() {
    case $1 in
        pkg-config) has pkg-config ;;
        libpq) has pkg-config && pkg-config --exists libpq ;;
        libcurl) has pkg-config && pkg-config --exists libcurl ;;
        postgres) pg_bin > /dev/null ;;
        pgbench) [[ -x $(pg_bin)/pgbench ]] ;;
        pgtap | plpgsql_check) pg_extension_is_here "$1" ;;
        pg_prove) has pg_prove ;;
        curl | shellcheck | wrk | git | jq) has "$1" ;;
        certificates) [[ -e /etc/ssl/certs/ca-certificates.crt || $(uname) != Linux ]] ;;
        python) has python3 && python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2> /dev/null ;;
        compose) has docker-compose || docker compose version > /dev/null 2>&1 ;;
        *) die "unknown need '$1'" ;;
    esac
}

# The Debian package that brings it.
package_of() {
    case $1 in
        libpq) printf 'libpq-dev' ;;
        libcurl) printf 'libcurl4-openssl-dev' ;;
        postgres | pgbench) printf 'postgresql' ;;
        pgtap) printf 'postgresql-%s-pgtap' "$(pg_major)" ;;
        plpgsql_check) printf 'postgresql-%s-plpgsql-check' "$(pg_major)" ;;
        pg_prove) printf 'libtap-parser-sourcehandler-pgtap-perl' ;;
        certificates) printf 'ca-certificates' ;;
        python) printf 'python3-venv' ;;
        compose) printf 'docker-compose' ;;
        *) printf '%s' "$1" ;;
    esac
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Installs packages; the lists are brought up to date only when it does not work without.
install_packages() {
    missing_packages=("$@")
    say "installing Debian packages: $*"
    quietly apt_install "$@" 2> /dev/null && return
    say "bringing apt's lists up to date"
    quietly as_root apt-get update || die "apt-get update failed" "See the lines above."
    quietly apt_install "$@" || die "apt-get could not install: $*" "See the lines above."
}

# Installing Debian's server package makes a cluster and starts it, unless it is told not to beforehand. Where there is
# a server already, its owner has decided.
forbid_default_cluster() {
    local file=/etc/postgresql-common/createcluster.conf
    [[ -e $file ]] || install_packages postgresql-common
    if ! grep -Eq '^[[:space:]]*create_main_cluster' "$file"; then
        say "telling Debian not to make a default PostgreSQL cluster ($file)"
        printf '\n# A private cluster is made by the application.\ncreate_main_cluster = false\n' | as_root tee -a "$file" > /dev/null
    fi
}

# need NAME…: makes sure that each is here.
need() {
    local name missing=() missing_packages=()
    for name in "$@"; do
        is_here "$name" || missing+=("$name")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ ! -e /etc/debian_version ]] || ! has apt-get; then
        die "this is not Debian or Ubuntu, so these must be installed by hand: ${missing[*]}" \
            "In all, the project uses: PostgreSQL 15 or newer with its headers (libpq), libcurl's headers, pkg-config, curl," \
            "Python 3.10 or newer with venv; for tests pgTAP, plpgsql_check and pg_prove; for lint shellcheck and" \
            "docker-compose; for the bench wrk and pgbench. Then run this again."
    fi
    # The extensions' packages are named after the server's version, so the server comes first.
    for name in "${missing[@]}"; do
        if [[ $name == postgres ]]; then
            forbid_default_cluster
            install_packages postgresql
        fi
    done
    for name in "${missing[@]}"; do
        is_here "$name" || missing_packages+=("$(package_of "$name")")
    done
    [[ ${#missing_packages[@]} -eq 0 ]] || install_packages "${missing_packages[@]}"
    for name in "${missing[@]}"; do
        is_here "$name" || die "$name is still missing after $(package_of "$name") was installed" \
            "PostgreSQL must be 15 or newer (older Debian and Ubuntu: https://apt.postgresql.org)."
    done
}

python="$root/.venv/bin/python"

# Python tools of the pinned versions, in .venv. Made again when the versions or the folder's place change.
need_python_tools() {
    need python
    local wanted found
    wanted="$root $(cksum < scripts/requirements.txt)"
    found=$(cat .venv/.made-for 2> /dev/null || true)
    if [[ $wanted == "$found" ]] && "$python" -c '' 2> /dev/null; then
        return
    fi
    say "installing Python tools into .venv"
    rm -rf .venv
    quietly python3 -m venv .venv || die "cannot make .venv" "See the lines above."
    quietly "$python" -m pip install --quiet --disable-pip-version-check --requirement scripts/requirements.txt \
        || die "pip could not install scripts/requirements.txt" "See the lines above."
    printf '%s' "$wanted" > .venv/.made-for
}

# dbt, which can not live with the other Python tools, in a venv of its own.
need_dbt() {
    need python
    local wanted folder="$root/.levqor/cache/dbt"
    dbt="$folder/bin/dbt"
    wanted="$root $(cksum < scripts/requirements-dbt.txt)"
    if [[ $wanted == "$(cat "$folder/.made-for" 2> /dev/null || true)" ]] && "$folder/bin/python" -c '' 2> /dev/null; then
        return
    fi
    say "installing dbt into .levqor/cache/dbt"
    rm -rf "$folder"
    mkdir -p "$root/.levqor/cache"
    quietly python3 -m venv "$folder" || die "cannot make $folder" "See the lines above."
    quietly "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement scripts/requirements-dbt.txt \
        || die "pip could not install scripts/requirements-dbt.txt" "See the lines above."
    printf '%s' "$wanted" > "$folder/.made-for"
}

# promtool, out of Debian's package of Prometheus: unpacked, not installed, since the package would start a server.
need_promtool() {
    promtool=$(command -v promtool || true)
    [[ -z $promtool ]] || return 0
    promtool="$root/.levqor/cache/prometheus/usr/bin/promtool"
    [[ ! -x $promtool ]] || return 0
    has apt-get || die "promtool is missing" "It comes with Prometheus: https://prometheus.io/download"
    say "unpacking promtool into .levqor/cache"
    local folder="$root/.levqor/cache/prometheus"
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd -- "$folder" && quietly apt-get download prometheus) || {
        quietly as_root apt-get update
        (cd -- "$folder" && quietly apt-get download prometheus) || die "apt-get could not download prometheus"
    }
    dpkg-deb -x "$folder"/prometheus_*.deb "$folder"
    rm -f "$folder"/prometheus_*.deb
    [[ -x $promtool ]] || die "Debian's prometheus package holds no promtool"
}

# The official JSON-Schema-Test-Suite, as the source package of Python's jsonschema carries it.
need_json_schema_suite() {
    local version=4.26.0 cache="$root/.levqor/cache"
    json_schema_suite="$cache/json-schema-suite-$version"
    [[ ! -d $json_schema_suite/tests/draft2020-12 ]] || return 0
    need_python_tools
    say "downloading the JSON-Schema-Test-Suite (source package of jsonschema $version)"
    local work
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/download.XXXXXX")
    quietly "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary jsonschema \
        --dest "$work" "jsonschema==$version" || die "pip could not download jsonschema $version" "See the lines above."
    tar -xzf "$work/jsonschema-$version.tar.gz" -C "$work"
    [[ -d $work/jsonschema-$version/json/tests/draft2020-12 ]] || die "the source package of jsonschema $version has no test suite"
    rm -rf "$json_schema_suite"
    mv "$work/jsonschema-$version/json" "$json_schema_suite"
    rm -rf "$work"
}
