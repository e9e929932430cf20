/// What a worker tells the API of an attempt.
enum WorkVerdict: Sendable {
    case complete(result: JSONValue?)
    /// - Parameter retryAfter: seconds; nil: as the plan of retries has it.
    /// - Parameter isSnooze: the attempt is not counted.
    case fail(error: JSONValue, isRetry: Bool, retryAfter: Int?, isSnooze: Bool)

    /// Exit statuses that say more than yes or no, named in sysexits.h.
    static let dataError: Int32 = 65
    static let temporaryFailure: Int32 = 75
    /// As much of the result as the API takes.
    static let mostResult = 204_800
    private static let mostErrorText = 4_096

    /// The exit status decides.
    init(_ ending: WorkProcess.Ending, notes: WorkNotes) {
        if ending.status == 0 {
            self =
                ending.isOutputCut
                ? Self.refused("The result is larger than \(Self.mostResult) bytes.")
                : .complete(result: Self.result(ending.output))
            return
        }
        let isSignal = ending.status > 128
        let error = JSONValue.object([
            ("type", .string("command_failed")),
            (
                "message",
                .string(
                    isSignal
                        ? "The command was ended by signal \(ending.status - 128)."
                        : "The command ended with exit status \(ending.status).")
            ),
            ("exit_code", isSignal ? nil : .int(Int(ending.status))),
            ("signal", isSignal ? .int(Int(ending.status) - 128) : nil),
            ("stderr", ending.errorTail.isEmpty ? nil : .string(Self.shown(ending.errorTail))),
        ])
        let snooze = ending.status == Self.temporaryFailure ? notes.snoozeSeconds : nil
        self = .fail(
            error: error, isRetry: ending.status != Self.dataError, retryAfter: snooze ?? notes.retryAfterSeconds,
            isSnooze: snooze != nil
        )
    }

    /// Trying again would give the same.
    static func refused(_ message: String) -> WorkVerdict {
        .fail(
            error: .object([("type", .string("result_refused")), ("message", .string(message))]), isRetry: false,
            retryAfter: nil, isSnooze: false
        )
    }

    /// The worker could not do it; another one may.
    static func givenBack(_ message: String, after seconds: Int = 0) -> WorkVerdict {
        .fail(
            error: .object([("type", .string("given_back")), ("message", .string(message))]), isRetry: true,
            retryAfter: seconds, isSnooze: true
        )
    }

    /// What the job asked for when it was canceled.
    static let canceled = WorkVerdict.fail(
        error: .object([("type", .string("canceled")), ("message", .string("The command was ended as asked."))]),
        isRetry: false, retryAfter: nil, isSnooze: false
    )

    var action: String { if case .complete = self { "complete" } else { "fail" } }

    func body(token: JSONValue) -> JSONValue {
        switch self {
        case .complete(let result): .object([("lease_token", token), ("result", result)])
        case .fail(let error, let isRetry, let retryAfter, let isSnooze):
            .object([
                ("lease_token", token), ("error", error), ("retry", .bool(isRetry)),
                ("retry_after_seconds", retryAfter.map(JSONValue.int)), ("snooze", isSnooze ? .bool(true) : nil),
            ])
        }
    }

    /// Standard output as the result: JSON when it is some, else text.
    private static func result(_ output: [UInt8]) -> JSONValue? {
        let text = text(output)
        if text.allSatisfy(\.isWhitespace) { return nil }
        if let value = try? JSONParser.parse(text) { return value }
        return .object([("output", .string(text))])
    }

    /// The end of standard error. Control characters, which JSON makes six times as long, are left out: the API takes 16 KiB.
    private static func shown(_ bytes: [UInt8]) -> String {
        text(bytes.suffix(mostErrorText).filter { $0 >= 0x20 || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\t") })
    }

    /// Text that PostgreSQL can keep, without the end of its last line.
    private static func text(_ bytes: some Collection<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self).replacing("\0", with: "\u{FFFD}")
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
