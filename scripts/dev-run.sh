# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Build and start the server with a private PostgreSQL; show a URL, a key and a curl line.
#
# usage: ./dev run [OPTIONS OF levqor-server serve]
#
# Everything lives in .levqor/ (as root the database lives under /var/lib/levqor, and .levqor/pg leads there). The
# first key is kept in .levqor/first-key, which only you can read, so that it can be shown again; delete the file and
# revoke the key when you have made others. Variables: see .env.template. With LEVQOR_DATABASE_URL your own PostgreSQL
# is used, and none is started. Ctrl-C ends it.

server_pid=

stop_server() {
    trap '' INT TERM
    [[ -z $server_pid ]] || stop_process "$server_pid"
    exit 0
}

# Waits until the server that we started says where it listens, and is ready.
wait_until_ready() {
    local left=1200
    until [[ -s $directory/server.json && $(json_value "$directory/server.json" pid) == "$server_pid" ]] \
        && url=$(json_value "$directory/server.json" url) \
        && curl --silent --fail --max-time 5 --output /dev/null "$url/ready"; do
        kill -0 "$server_pid" 2> /dev/null || die "the server ended while it started" "See the lines above."
        [[ $left -gt 0 ]] || die "the server is not ready after two minutes" "See the lines above; and: curl -s ${url:-URL}/ready"
        left=$((left - 1))
        sleep 0.1
    done
}

# The key in .levqor/first-key when it still works here, or else a new one.
find_or_make_key() {
    local file="$directory/first-key"
    key=$(cat "$file" 2> /dev/null || true)
    if [[ -n $key ]] && curl --silent --fail --max-time 5 --output /dev/null --header "X-Api-Key: $key" "$url/api/v1/keys"; then
        return
    fi
    key=$("$server" key create --directory "$directory" --name 'first key' --account operator \
        --scopes platform,admin,jobs:submit,jobs:read,jobs:work,events:write,analytics:read,keys:manage) || die "cannot make the first key" "See the lines above."
    key=$(grep -Eo 'lvk_(live|test)_[A-Za-z0-9_-]+' <<< "$key" | head -n 1)
    (umask 077 && printf '%s\n' "$key" > "$file")
    say "made the first key; kept in $file for you alone"
}

main() {
    need curl certificates
    [[ -n ${LEVQOR_DATABASE_URL:-} ]] || need postgres
    build debug
    export LEVQOR_ENVIRONMENT=${LEVQOR_ENVIRONMENT:-development}
    directory=${LEVQOR_DIRECTORY:-$root/.levqor}
    export LEVQOR_DIRECTORY=$directory

    trap stop_server INT TERM
    if [[ -n ${LEVQOR_DATABASE_URL:-} ]]; then
        say "deploying to the database of LEVQOR_DATABASE_URL"
        "$server" migrate || die "the deploy failed" "See the lines above."
    fi
    say "starting the server; data in $directory"
    "$server" serve "$@" &
    server_pid=$!
    wait_until_ready
    find_or_make_key
    cat << END

  URL   $url
  docs  $url/docs
  key   $key

  Try:  curl -s $url/api/v1/intake -H 'X-Api-Key: $key' -H 'Content-Type: application/json' -d '{"workflow": "hello", "payload": {"name": "world"}}'

  SQL:  ./dev psql          End: Ctrl-C

END
    local status=0
    wait "$server_pid" || status=$?
    return "$status"
}
