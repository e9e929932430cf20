import Foundation

/// Why the private cluster cannot be used, and what a person can do about it.
public struct EmbeddedError: Error, Sendable, CustomStringConvertible {
    /// The kind of trouble, for code and tests to tell apart.
    public enum Code: String, Sendable {
        case account
        case binaries
        case busy
        case command
        case configuration
        case diskFull
        case foreignFolder
        case incompleteFolder
        case memory
        case permission
        case socket
        case system
        case upgrade
        case vanished
    }

    public let code: Code
    /// What is wrong, one lower-case phrase.
    public let message: String
    /// What to do, in whole words; it may hold commands on lines of their own.
    public let advice: String

    public var description: String { advice.isEmpty ? message : "\(message)\nWhat to do: \(advice)" }

    init(_ code: Code, _ message: String, advice: String) {
        self.code = code
        self.message = message
        self.advice = advice
    }

    static func system(_ what: String, errno number: Int32) -> EmbeddedError {
        let reason = String(cString: strerror(number))
        var error = diagnose(what, output: reason, place: "")
        if error.code == .command { error = EmbeddedError(.system, "\(what): \(reason)", advice: "") }
        return error
    }

    static func lockBusy(_ path: String) -> EmbeddedError {
        EmbeddedError(
            .busy,
            "another server has been starting or stopping this cluster for too long (it holds \(path))",
            advice: "look for a levqor-server that hangs (fuser \(ShellWord.quote(path)) names it), end it, start again"
        )
    }

    static func foreign(_ path: String) -> EmbeddedError {
        EmbeddedError(
            .foreignFolder,
            "\(path) is no folder of the user that PostgreSQL runs as, so it is not trusted",
            advice: "find out who made it (ls -ld \(ShellWord.quote(path))), remove it or give it back, start again"
        )
    }

    static func noBinaries(tooOld: [ClusterBinaries]) -> EmbeddedError {
        let oldest = ClusterBinaries.oldestMajor
        let old = tooOld.map { "\($0.version) in \($0.folder)" }.joined(separator: ", ")
        return EmbeddedError(
            .binaries,
            "no PostgreSQL \(oldest) or newer is installed" + (old.isEmpty ? "" : " (found only \(old))"),
            advice: """
                install it, or set LEVQOR_DATABASE_URL to a PostgreSQL that runs elsewhere:
                Debian, Ubuntu: apt-get install postgresql
                Fedora, Red Hat: dnf install postgresql-server postgresql
                Alpine: apk add postgresql postgresql-client
                macOS: brew install postgresql@17
                """
        )
    }

    static func folderNeedsMajor(_ major: Int, folder: String) -> EmbeddedError {
        let supported = major >= ClusterBinaries.oldestMajor
        return EmbeddedError(
            .upgrade,
            "the data folder \(folder) is of PostgreSQL \(major), and no programs that can use it are installed",
            advice: supported
                ? "install that version (Debian: apt-get install postgresql-\(major)), then start again"
                : "install PostgreSQL \(ClusterBinaries.oldestMajor) or newer (Debian: apt-get install postgresql) and "
                    + "start again: the command that upgrades the folder is then shown"
        )
    }

    static func folderNeedsUpgrade(_ command: UpgradeCommand) -> EmbeddedError {
        EmbeddedError(
            .upgrade,
            "the data folder \(command.folder) is of PostgreSQL \(command.oldMajor), and \(command.new.version) would run it",
            advice: "make a copy of the folder, then upgrade it with\n\(command.text)"
        )
    }
}
