import Testing

@testable import LevqorPG

@Suite("JSON parser under random input")
struct JSONParserFuzzTests {
    /// SplitMix64: the same bytes in every run.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private static let seeds = [
        #"{"name":"Ada","tags":["a","b",{"x":null}],"n":-12.50e+3,"t":true,"f":false,"u":"\u00e9\ud83d\ude00"}"#,
        #"[[[[]]],{},"",0,-0,1e5,"\\\"\/",{"é":"ü😀"},[1,2,3]]"#,
        #"  {"a":{"b":{"c":[1.5,2.25,3e-7]}}} "#,
    ]

    /// Checks what must hold for every input: a sane error, or a value that stands up to being used.
    private func check(_ bytes: [UInt8]) {
        do throws(JSONParseError) {
            let value = try JSONParser.parse(bytes)
            #expect(value == value)
            #expect(value.hashValue == value.hashValue)
        } catch {
            #expect(error.offset >= 0 && error.offset <= bytes.count)
            #expect(error.line >= 1 && error.column >= 1)
        }
    }

    @Test("Random bytes never crash it", arguments: [1, 2, 3, 4] as [UInt64])
    func survivesNoise(seed: UInt64) {
        var generator = Generator(state: seed)
        let alphabet = Array("{}[]\",:\\u0123456789.eE+-truefalsn \n\u{80}é".utf8)
        for _ in 0..<5_000 {
            let length = Int.random(in: 0...40, using: &generator)
            let isPlain = Bool.random(using: &generator)
            check(
                (0..<length).map { _ in
                    isPlain
                        ? UInt8.random(in: 0...255, using: &generator)
                        : alphabet.randomElement(using: &generator) ?? 0
                }
            )
        }
    }

    @Test("Mutated documents never crash it", arguments: [11, 12, 13, 14] as [UInt64])
    func survivesMutations(seed: UInt64) {
        var generator = Generator(state: seed)
        for round in 0..<5_000 {
            var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(bytes.randomElement(using: &generator) ?? 0, at: place)
                default: bytes.removeLast(bytes.count - place)
                }
            }
            check(bytes)
        }
    }
}
