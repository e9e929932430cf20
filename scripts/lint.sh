# shellcheck shell=bash disable=SC2154 # names are shared with ./dev
# The steps of ./dev lint.

# Words of the domains: the server carries messages and knows none of them.
domain_words='stripe|slack|telegram|notion|invoice|referral|cohort|funnel|dunning|dsar|partner|marketplace|ledger|discount'
# Folders of people and machines; written so that this line does not match itself.
machine_paths='/wor[k]/|/roo[t]/|/User[s]/[A-Za-z]+/|/tm[p]/(brief|pkg-|pg-)'

prepare_lint() {
    need git shellcheck compose
    need_python_tools
    need_swift
}

lint_steps() {
    step 'swift-format' lint_swift
    step 'sqlfluff on the DDL' lint_ddl
    step 'squawk on the migrations' lint_migrations
    step 'shellcheck' lint_shell
    step 'ruff' lint_python
    step 'docker-compose.yml' lint_compose
    step 'sql/install.sql and the tests mirror the tree' "$python" scripts/check_sql_layout.py
    step 'no domain word in Sources/' lint_words
    step 'no path of a machine in any file' lint_paths
    step 'Swift within its budget' lint_budget
}

# The project's files, committed or not, without what git ignores: list_files [PATTERN…]
list_files() {
    local file
    git ls-files --cached --others --exclude-standard -z -- "$@" | while IFS= read -r -d '' file; do
        [[ ! -f $file ]] || printf '%s\0' "$file"
    done
}

lint_swift() {
    swift format lint --strict --recursive --parallel Sources Tests Package.swift
}

lint_ddl() {
    list_files 'sql/schema/*.sql' 'sql/migrations/*.sql' \
        | xargs -0 "$python" -m sqlfluff lint --disable-progress-bar --nocolor
}

lint_migrations() {
    local files=()
    mapfile -d '' -t files < <(list_files 'sql/migrations/*.sql')
    if [[ ${#files[@]} -eq 0 ]]; then
        echo 'no migrations yet'
        return
    fi
    .venv/bin/squawk --pg-version 15 "${files[@]}"
}

lint_shell() {
    list_files dev '*.sh' .ci/run | xargs -0 shellcheck --external-sources
}

lint_python() {
    "$python" -m ruff check scripts bench Tests examples
    "$python" -m ruff format --check --diff scripts bench Tests examples
}

lint_compose() {
    local compose=(docker-compose)
    docker compose version > /dev/null 2>&1 && compose=(docker compose)
    # Not local: the trap looks at it when the function is over.
    compose_settings=$(mktemp)
    trap 'rm -f "$compose_settings"' EXIT
    # Without a password it must refuse, not fall back to one.
    if env -u POSTGRES_PASSWORD -u LEVQOR_MASTER_KEY "${compose[@]}" --file docker-compose.yml --env-file "$compose_settings" config --quiet 2> /dev/null; then
        echo 'docker-compose.yml is accepted without POSTGRES_PASSWORD: there is a default password in it'
        return 1
    fi
    printf 'POSTGRES_PASSWORD=%s\nLEVQOR_MASTER_KEY=%s\n' check "$(random_secret)" > "$compose_settings"
    "${compose[@]}" --file docker-compose.yml --env-file "$compose_settings" config --quiet
}

lint_words() {
    if grep -rniE --include='*.swift' --include='*.h' "$domain_words" Sources; then
        echo 'these lines belong to a domain: they go into sql/'
        return 1
    fi
}

lint_paths() {
    if list_files | xargs -0 grep -nIE "$machine_paths"; then
        echo 'these lines name a path of a machine'
        return 1
    fi
}

lint_budget() {
    local lines budget
    lines=$(find Sources -name '*.swift' -exec cat {} + | wc -l)
    budget=$(cat scripts/swift-line-budget)
    printf '%d lines of Swift in Sources/; the budget is %d\n' "$lines" "$budget"
    if [[ $lines -gt $budget ]]; then
        echo 'over the budget: make it less, or raise scripts/swift-line-budget with a decision record in docs/adr/'
        return 1
    fi
}
