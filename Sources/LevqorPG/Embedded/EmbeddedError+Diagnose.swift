import Foundation

extension EmbeddedError {
    /// The error for a program's output: the first known cause in it, with the way out of it.
    /// - Parameters:
    ///   - what: what was tried, as in "cannot start PostgreSQL".
    ///   - output: what the program or its log said (in English: every program runs with LC_ALL=C).
    ///   - place: the folder that the trouble is about.
    static func diagnose(_ what: String, output: String, place: String) -> EmbeddedError {
        let folder = ShellWord.quote(place.isEmpty ? "/" : place)
        let message = output.isEmpty ? what : "\(what): \(output)"
        for cause in causes where cause.signs.contains(where: output.contains) {
            return EmbeddedError(
                cause.code,
                message,
                advice: cause.advice.replacingOccurrences(of: "FOLDER", with: folder)
            )
        }
        return EmbeddedError(.command, message, advice: place.isEmpty ? "" : "the log is in \(folder)")
    }

    private struct Cause {
        var code: Code
        var signs: [String]
        var advice: String
    }

    /// Special causes stand before general ones: a shared memory failure also says "No space left on device".
    private static let causes = [
        Cause(
            code: .memory,
            signs: [
                "could not create shared memory", "could not resize shared memory",
                "could not map anonymous shared memory",
                "Cannot allocate memory",
            ],
            advice: """
                give the machine or container more memory (Docker: --shm-size=256m), or write a smaller \
                shared_buffers into local.conf in the data folder, then start again
                """
        ),
        Cause(
            code: .diskFull,
            signs: ["No space left on device", "Check free disk space", "Disk quota exceeded"],
            advice: "free some space (df -h FOLDER shows how much there is), then start again; no data is lost"
        ),
        Cause(
            code: .upgrade,
            signs: ["database files are incompatible with server"],
            advice: "the folder was made by another PostgreSQL; use the version in its file PG_VERSION"
        ),
        Cause(
            code: .configuration,
            signs: ["configuration file", "unrecognized configuration parameter", "invalid value for parameter"],
            advice: "mend what the message names; your own settings stand in local.conf and postgresql.auto.conf"
        ),
        Cause(
            code: .permission,
            signs: ["Permission denied", "Operation not permitted", "Read-only file system", "must be owned by"],
            advice: "see who owns the folder and its parents (namei -l FOLDER), let the user in, then start again"
        ),
        Cause(
            code: .socket,
            signs: [
                "Address already in use", "Is another postmaster", "lock file", "Unix-domain socket path",
                "could not create any Unix-domain sockets", "could not bind Unix address",
                "pre-existing shared memory block",
            ],
            advice: """
                another PostgreSQL uses this folder or its socket: end it (pg_ctl stop -D FOLDER) or, if none runs, \
                remove the file that the message names, then start again
                """
        ),
    ]
}
