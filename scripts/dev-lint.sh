# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Check form and conventions of everything that can be checked without running it.
#
# usage: ./dev lint [--fix]
#
# Swift by swift-format, DDL by sqlfluff, migrations by squawk, shell by shellcheck, Python by ruff, docker-compose.yml
# by docker-compose, and the project's own rules: sql/install.sql lists every file once and in floor order, every
# function file has its test, Sources/ knows no domain word, no file names a path of somebody's machine, and the Swift
# stays within the budget of scripts/swift-line-budget. --fix lets swift-format and ruff mend what they can.

main() {
    # shellcheck source=scripts/steps.sh
    source "$root/scripts/steps.sh"
    # shellcheck source=scripts/lint.sh
    source "$root/scripts/lint.sh"
    prepare_lint
    if [[ ${1:-} == --fix ]]; then
        say "formatting"
        swift format --in-place --recursive --parallel Sources Tests Package.swift
        "$python" -m ruff check --quiet --fix scripts bench Tests || true
        "$python" -m ruff format --quiet scripts bench Tests
    fi
    lint_steps
    finish_steps
}
