import Foundation

extension MasterKey {
    private static let longestFile = 4096

    /// Reads the key from a file that its owner alone can read.
    static func load(from path: String) throws(KeyError) -> MasterKey {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(path: path, reason: reason()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .file(path: path, reason: reason()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .file(path: path, reason: "not a file") }
        guard status.st_mode & 0o077 == 0 else { throw .openToOthers(path: path) }
        var buffer = [UInt8](repeating: 0, count: longestFile)
        var filled = 0
        while filled < buffer.count {
            let count = buffer.withUnsafeMutableBytes { bytes in
                read(descriptor, bytes.baseAddress.map { $0 + filled }, bytes.count - filled)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .file(path: path, reason: reason()) }
            if count == 0 { break }
            filled += count
        }
        guard filled < longestFile else { throw .file(path: path, reason: "longer than \(longestFile) bytes") }
        return try MasterKey(String(decoding: buffer[..<filled], as: UTF8.self))
    }

    /// Reads the key, or makes a new one (mode 0600) where there is no file.
    ///
    /// Two servers that start at once end with the same key: the new file appears whole and under its final name, and
    /// the one that comes second reads the other's.
    static func loadOrCreate(at path: String) throws(KeyError) -> MasterKey {
        if access(path, F_OK) != 0 && errno == ENOENT {
            try create(at: path)
        }
        return try load(from: path)
    }

    private static func create(at path: String) throws(KeyError) {
        let draft = "\(path).\(UUID().uuidString)"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .file(path: path, reason: reason()) }
        defer {
            close(descriptor)
            unlink(draft)
        }
        let text = Array((try random().base64 + "\n").utf8)
        // A umask may have taken bits away; the key must also be on disk before anything is derived from it.
        guard fchmod(descriptor, 0o600) == 0, write(descriptor, text, text.count) == text.count,
            fsync(descriptor) == 0
        else { throw .file(path: path, reason: reason()) }
        // A link fails where the name exists, a rename would replace it.
        guard link(draft, path) == 0 || errno == EEXIST else { throw .file(path: path, reason: reason()) }
        let folder = open((path as NSString).deletingLastPathComponent.ifEmpty("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}

extension String {
    fileprivate func ifEmpty(_ other: String) -> String { isEmpty ? other : self }
}
