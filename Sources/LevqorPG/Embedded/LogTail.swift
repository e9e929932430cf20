import Foundation

/// The last lines of PostgreSQL's logs, for an error that a person reads.
enum LogTail {
    static let lines = 15

    /// The last lines of each log file that changed since `date`, oldest file first.
    static func read(folder: String, since date: Date) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let changed = names.compactMap { name -> (Date, String)? in
            let path = "\(folder)/\(name)"
            let facts = try? FileManager.default.attributesOfItem(atPath: path)
            guard let time = facts?[.modificationDate] as? Date, time >= date.addingTimeInterval(-1) else { return nil }
            return (time, path)
        }
        return changed.sorted { $0.0 < $1.0 }.map { last($0.1) }.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private static func last(_ path: String) -> String {
        guard let handle = FileHandle(forReadingAtPath: path), let size = try? handle.seekToEnd() else { return "" }
        try? handle.seek(toOffset: size > 8192 ? size - 8192 : 0)
        let text = String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
    }
}
