import CLibPQ

/// The bound parameters of one statement in the form libpq reads: pointers into one buffer that is used again and
/// again, so that a statement of usual size allocates nothing.
///
/// Not Sendable: it belongs to one connection's actor. The pointers are valid until the next `bind`.
final class PostgresParameterBuffer {
    /// Above this a buffer is given back once a much smaller statement follows.
    private static let largeBuffer = 1 << 20

    private(set) var count: Int32 = 0
    private var storage = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    private var slots = 16
    private(set) var values = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: 16)
    private(set) var lengths = UnsafeMutablePointer<Int32>.allocate(capacity: 16)
    private(set) var formats = UnsafeMutablePointer<Int32>.allocate(capacity: 16)

    deinit {
        storage.deallocate()
        values.deallocate()
        lengths.deallocate()
        formats.deallocate()
    }

    /// Copies the parameters in.
    ///
    /// - Throws: `.invalidParameter` for a NUL byte in text (libpq would cut the text there), for more than 65,535
    ///   parameters and for one of 1 GiB or more. The error names the parameter's number, never its value.
    func bind(_ parameters: [PostgresParameter]) throws {
        guard parameters.count <= Int(PQ_QUERY_PARAM_MAX_LIMIT) else {
            throw PostgresError(.invalidParameter, "a statement takes at most \(PQ_QUERY_PARAM_MAX_LIMIT) parameters")
        }
        reserve(slots: parameters.count, bytes: try size(of: parameters))
        var offset = 0
        for (index, parameter) in parameters.enumerated() {
            lengths[index] = 0
            formats[index] = PostgresFormat.text.rawValue
            switch parameter {
            case .null:
                values[index] = nil
            case .text(var text):
                try text.withUTF8 { try append(text: UnsafeRawBufferPointer($0), index, &offset) }
            case .utf8(let bytes):
                try bytes.withUnsafeBytes { try append(text: $0, index, &offset) }
            case .bytes(let bytes):
                formats[index] = PostgresFormat.binary.rawValue
                bytes.withUnsafeBytes { append($0, index, &offset) }
            }
        }
        count = Int32(parameters.count)
    }

    private func size(of parameters: [PostgresParameter]) throws -> Int {
        var total = 0
        for (index, parameter) in parameters.enumerated() {
            let size =
                switch parameter {
                case .null: 0
                case .text(let text): text.utf8.count + 1
                case .utf8(let bytes), .bytes(let bytes): bytes.count + 1
                }
            guard size < 1 << 30 else {
                throw PostgresError(
                    .invalidParameter, "parameter $\(index + 1) is larger than PostgreSQL takes (1 GiB)")
            }
            total += size
        }
        return total
    }

    private func append(text: UnsafeRawBufferPointer, _ index: Int, _ offset: inout Int) throws {
        if PostgresText.holdsNUL(text) {
            throw PostgresError(.invalidParameter, "parameter $\(index + 1) holds a NUL byte, which text cannot hold")
        }
        append(text, index, &offset)
    }

    /// Every value ends with a NUL byte: text has to, and an empty `bytea` must not become a NULL pointer.
    private func append(_ bytes: UnsafeRawBufferPointer, _ index: Int, _ offset: inout Int) {
        let target = UnsafeMutableRawBufferPointer(rebasing: storage[offset..<(offset + bytes.count + 1)])
        target.copyMemory(from: bytes)
        target[bytes.count] = 0
        values[index] = target.baseAddress.map { UnsafePointer($0.assumingMemoryBound(to: CChar.self)) }
        lengths[index] = Int32(bytes.count)
        offset += bytes.count + 1
    }

    private func reserve(slots wanted: Int, bytes: Int) {
        if bytes > storage.count || (storage.count > Self.largeBuffer && bytes < storage.count / 8) {
            storage.deallocate()
            storage = .allocate(byteCount: max(4096, bytes + bytes / 2), alignment: 16)
        }
        guard wanted > slots else { return }
        slots = max(wanted, slots * 2)
        values.deallocate()
        lengths.deallocate()
        formats.deallocate()
        values = .allocate(capacity: slots)
        lengths = .allocate(capacity: slots)
        formats = .allocate(capacity: slots)
    }
}
