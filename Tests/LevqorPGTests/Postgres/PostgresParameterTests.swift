import Testing

@testable import LevqorPG

@Suite("Parameters")
struct PostgresParameterTests {
    @Test(
        "a NUL byte in text is refused by the parameter's number, without its value",
        arguments: [
            .text("secret\0rest"), .utf8(Array("secret\0rest".utf8)), .textArray(["ok", "secret\0rest"]), .text("\0"),
        ] as [PostgresParameter]
    )
    func refusesNUL(parameter: PostgresParameter) {
        let error = #expect(throws: PostgresError.self) { try PostgresParameterBuffer().bind([.null, parameter]) }
        #expect(error?.code == .invalidParameter)
        #expect(error?.message.contains("$2") == true)
        #expect(error.map { String(reflecting: $0).contains("secret") } == false)
    }

    @Test("bytes may hold anything")
    func takesAnyBytes() throws {
        let buffer = PostgresParameterBuffer()
        try buffer.bind([.bytes([0, 1, 0]), .bytes([])])
        #expect(buffer.count == 2)
        #expect(buffer.lengths[0] == 3)
        #expect(buffer.formats[0] == 1)
        #expect(buffer.values[1] != nil)
    }

    @Test("the buffer grows, shrinks and is used again")
    func reusesItsBuffer() throws {
        let buffer = PostgresParameterBuffer()
        for size in [1, 100_000, 4_000_000, 3, 0, 70_000] {
            try buffer.bind([.text(String(repeating: "x", count: size)), .null, .text("end")])
            let values = (0..<3).map { index in buffer.values[index].map { String(cString: $0) } }
            #expect(values == [String(repeating: "x", count: size), nil, "end"])
        }
        try buffer.bind((0..<1000).map { .int($0) })
        #expect(buffer.values[999].map { String(cString: $0) } == "999")
    }

    @Test("more parameters than the protocol counts are refused")
    func refusesTooMany() {
        let error = #expect(throws: PostgresError.self) {
            try PostgresParameterBuffer().bind(Array(repeating: .null, count: 65_536))
        }
        #expect(error?.code == .invalidParameter)
    }

    @Test("no text made of a parameter holds its value")
    func withholdsValues() {
        for parameter in [PostgresParameter.text("secret"), .utf8(Array("secret".utf8)), .bytes([42])] {
            var dumped = ""
            dump(parameter, to: &dumped)
            dump([parameter], to: &dumped)
            dumped += "\(parameter) \([parameter]) \(String(reflecting: parameter))"
            #expect(!dumped.contains("secret") && !dumped.contains("42"))
        }
    }

    @Test("optional values become NULL")
    func mapsNil() {
        for parameter in [PostgresParameter.text(nil), .int(nil), .bool(nil), .double(nil)] {
            guard case .null = parameter else {
                Issue.record("not NULL")
                continue
            }
        }
    }
}
