import Foundation

/// Secrets of others, by name: from a file that may change while the server runs, or from the environment.
///
/// A name is all that SQL knows, and all that a failure tells; values are in no log and no error.
struct Credentials: Sendable {
    static let variablePrefix = "LEVQOR_CREDENTIAL_"
    static let directoryVariable = "LEVQOR_CREDENTIALS_DIRECTORY"
    private static let longestFile = 65536

    private let values: [String: String]
    private let directory: String?

    /// - Parameter variables: the environment. What is not about credentials is not kept.
    init(environment variables: [String: String]) {
        values = variables.filter { $0.key.hasPrefix(Self.variablePrefix) && !$0.value.isEmpty }
        directory = variables[Self.directoryVariable].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The value of a credential as it is now. A file of this name wins over the variable, and is read anew each time: that
    /// is how a credential is changed without a restart.
    func find(_ name: String) throws(OutboundFailure) -> Credential {
        guard Self.isName(name) else {
            throw OutboundFailure(.invalidRequest, "the name of a credential has a character that it may not have")
        }
        if let directory, let text = try Self.read("\(directory)/\(name)", name) {
            return Credential(name: name, text: text)
        }
        let variable = Self.variable(name)
        if let text = values[variable] { return Credential(name: name, text: text) }
        let file = directory.map { "or put a file \(name) into \($0)" } ?? "or \(Self.directoryVariable)"
        throw OutboundFailure(.credentialMissing, "the credential \(name) is not known: set \(variable), \(file)")
    }

    /// The variable of a name: upper case, with _ for what a variable's name can not have.
    static func variable(_ name: String) -> String {
        variablePrefix + name.uppercased().replacing("-", with: "_").replacing(".", with: "_")
    }

    /// Up to 64 letters, digits, dots, hyphens and underscores, the first one a letter or a digit: nothing that leads to
    /// another folder.
    private static func isName(_ name: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard let first = name.utf8.first, name.utf8.count <= 64 else { return false }
        return isPlain(first) && name.utf8.allSatisfy { isPlain($0) || "._-".utf8.contains($0) }
    }

    /// The text of a file without the line end behind it; nil: there is no such file.
    private static func read(_ path: String, _ name: String) throws(OutboundFailure) -> String? {
        func unusable(_ reason: String) -> OutboundFailure {
            OutboundFailure(.credentialUnusable, "the file of the credential \(name) cannot be used: \(reason)")
        }
        // Without O_NONBLOCK a FIFO of this name would hold the server up.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw unusable(String(cString: strerror(errno)))
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw unusable("not a file") }
        guard let bytes = try? file.read(upToCount: longestFile + 1) else {
            throw unusable("it is empty, or unreadable")
        }
        guard bytes.count <= longestFile else { throw unusable("longer than \(longestFile) bytes") }
        guard var text = String(validating: bytes, as: UTF8.self) else { throw unusable("no UTF-8") }
        while text.last?.isNewline == true { text.removeLast() }
        guard !text.isEmpty else { throw unusable("it is empty") }
        return text
    }
}
