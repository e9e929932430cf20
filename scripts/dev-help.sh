# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Show the commands, or the manual of one: ./dev help COMMAND
#

main() {
    show_help "$@"
}
