import HTTPTypes
import NIOCore
import Testing

@testable import LevqorPG

@Suite("Callers who are refused from memory")
struct RefusalMemoryTests {
    private static func done(
        _ reach: String = "address", seconds: Double = 30, body: String = "{}", routeClass: String = "write"
    ) throws -> GatewayAnswer.Done {
        var done = GatewayAnswer.Done(status: 429, headers: [:], body: ByteBuffer())
        let text =
            #"{"for": "\#(reach)", "class": "\#(routeClass)", "seconds": \#(seconds), "headers": {}, "body": ""}"#
        var members = try #require(try JSONParser.parse(text).object).members.filter { $0.name != "body" }
        members.append(JSONObject.Member(name: "body", value: .string(body)))
        done.refusal = try #require(RepeatableRefusal(.object(JSONObject(members))))
        done.decision = Array(#"{"tier": "pro", "violated": [{"policy": "p"}], "flags": ["replayed"]}"#.utf8)
        done.account = "account-1"
        done.key = "key-1"
        return done
    }

    private static func call(_ address: String, key: String? = nil, account: String? = nil) throws -> GatewayCall {
        GatewayCall(
            requestID: "r", route: try GatewayParts.route("POST"), key: key, address: address, userAgent: nil,
            parameters: [], body: nil, account: account
        )
    }

    private static func remember(
        _ memory: RefusalMemory, _ reach: String, _ address: String = "192.0.2.1", key: String? = nil,
        account: String? = nil, seconds: Double = 30
    ) throws -> RefusalMemory.Asked {
        let asked = memory.ask()
        memory.remember(
            try done(reach, seconds: seconds), of: try call(address, key: key, account: account), asked: asked)
        return asked
    }

    private static func isRefused(
        _ memory: RefusalMemory, _ address: String, key: String? = nil, account: String? = nil,
        routeClass: String = "write", at now: ContinuousClock.Instant = .now
    ) throws -> Bool {
        let address = try #require(IPAddress(address))
        return memory.find(routeClass: routeClass, address: address, key: key, account: account, at: now) != nil
    }

    @Test("By address: that address, whatever its key, on routes of that class")
    func address() throws {
        let memory = RefusalMemory()
        _ = try Self.remember(memory, "address", key: "k")
        #expect(try Self.isRefused(memory, "192.0.2.1", key: "other"))
        #expect(try Self.isRefused(memory, "::ffff:192.0.2.1"))
        #expect(try !Self.isRefused(memory, "192.0.2.2", key: "k"))
        #expect(try !Self.isRefused(memory, "192.0.2.1", routeClass: "read"))
    }

    @Test("By address in IPv6: the whole /64, and no other")
    func network() throws {
        let memory = RefusalMemory()
        _ = try Self.remember(memory, "address", "2001:db8:1:2::7")
        #expect(try Self.isRefused(memory, "2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(try !Self.isRefused(memory, "2001:db8:1:3::7"))
    }

    @Test("By key: that key acting for that account, from any address")
    func key() throws {
        let memory = RefusalMemory()
        _ = try Self.remember(memory, "key", key: "k", account: "acct_1")
        #expect(try Self.isRefused(memory, "198.51.100.1", key: "k", account: "acct_1"))
        #expect(try !Self.isRefused(memory, "192.0.2.1", key: "k"))
        #expect(try !Self.isRefused(memory, "192.0.2.1", key: "k", account: "acct_2"))
        #expect(try !Self.isRefused(memory, "192.0.2.1", key: "l", account: "acct_1"))
        // Without a key there is nobody to remember.
        _ = try Self.remember(memory, "key")
        #expect(try !Self.isRefused(memory, "192.0.2.1"))
    }

    @Test("All: everybody on routes of that class")
    func all() throws {
        let memory = RefusalMemory()
        _ = try Self.remember(memory, "all")
        #expect(try Self.isRefused(memory, "198.51.100.1"))
        #expect(try !Self.isRefused(memory, "192.0.2.1", routeClass: "read"))
    }

    @Test("It ends as long after the call was sent as the database said, and after a minute at most")
    func end() throws {
        let memory = RefusalMemory()
        var asked = try Self.remember(memory, "address", seconds: 12.5)
        #expect(try Self.isRefused(memory, "192.0.2.1", at: asked.at + .milliseconds(12_499)))
        #expect(try !Self.isRefused(memory, "192.0.2.1", at: asked.at + .milliseconds(12_500)))
        asked = try Self.remember(memory, "address", seconds: 86_400)
        #expect(try Self.isRefused(memory, "192.0.2.1", at: asked.at + .seconds(59)))
        #expect(try !Self.isRefused(memory, "192.0.2.1", at: asked.at + .seconds(60)))
    }

    @Test("The figures are those of the moment; of several refusals the one that ends last speaks")
    func figures() throws {
        let memory = RefusalMemory()
        let asked = try Self.remember(memory, "address", key: "k", seconds: 12.5)
        _ = try Self.remember(memory, "all", seconds: 5)
        let address = try #require(IPAddress("192.0.2.1"))
        func seconds(after time: Duration) -> Int? {
            memory.find(routeClass: "write", address: address, key: "k", account: nil, at: asked.at + time)?.seconds
        }
        #expect(seconds(after: .zero) == 13)
        #expect(seconds(after: .milliseconds(500)) == 12)
        #expect(seconds(after: .milliseconds(11_600)) == 1)
        let found = memory.find(routeClass: "write", address: address, key: "k", account: nil, at: asked.at)
        let end = Double(asked.time.seconds) + Double(asked.time.nanoseconds) / 1e9 + 12.5
        #expect(found?.reset == Int(end.rounded(.up)))
    }

    @Test("To forget is to forget also what is still under way")
    func forget() throws {
        let memory = RefusalMemory()
        _ = try Self.remember(memory, "address")
        let before = memory.ask()
        memory.forgetAll()
        #expect(try !Self.isRefused(memory, "192.0.2.1"))
        memory.remember(try Self.done(), of: try Self.call("192.0.2.1"), asked: before)
        #expect(try !Self.isRefused(memory, "192.0.2.1"))
        memory.remember(try Self.done(), of: try Self.call("192.0.2.1"), asked: memory.ask())
        #expect(try Self.isRefused(memory, "192.0.2.1"))
    }

    @Test("It holds so many callers and no more; the oldest goes")
    func bounded() throws {
        let memory = RefusalMemory(mostEntries: 100)
        for number in 0..<5000 {
            _ = try Self.remember(memory, "address", "10.0.\(number / 256).\(number % 256)")
            // One that comes again and again takes one place.
            _ = try Self.remember(memory, "address", "10.1.0.0")
            #expect(memory.figures.remembered <= 100)
        }
        #expect(memory.figures.remembered == 100)
        #expect(try Self.isRefused(memory, "10.0.\(4999 / 256).\(4999 % 256)"))
        #expect(try !Self.isRefused(memory, "10.0.0.0"))
    }

    @Test("What is over makes room by itself")
    func expired() throws {
        let memory = RefusalMemory()
        for number in 0..<50 { _ = try Self.remember(memory, "address", "10.0.0.\(number)", seconds: 0.000_001) }
        _ = try Self.remember(memory, "address", "10.0.1.1")
        #expect(memory.figures.remembered < 50)
    }

    @Test("An answer that is too large is not kept")
    func large() throws {
        let memory = RefusalMemory()
        let done = try Self.done(body: String(repeating: "x", count: RefusalTemplate.mostBytes + 1))
        memory.remember(done, of: try Self.call("192.0.2.1"), asked: memory.ask())
        #expect(memory.figures.remembered == 0)
    }

    @Test("After a minute the database is asked again, and until then the figures tell the true end")
    func longRefusal() throws {
        let memory = RefusalMemory()
        let asked = try Self.remember(memory, "address", seconds: 3600)
        let address = try #require(IPAddress("192.0.2.1"))
        func seconds(after time: Duration) -> Int? {
            memory.find(routeClass: "write", address: address, key: nil, account: nil, at: asked.at + time)?.seconds
        }
        #expect(seconds(after: .seconds(59)) == 3541)
        #expect(seconds(after: .seconds(60)) == nil)
    }

    @Test("The record says that it was memory, and whose call it was to the caller who was refused, and to no other")
    func decision() throws {
        func found(_ reach: String, by key: String?) throws -> RefusalMemory.Found {
            let memory = RefusalMemory()
            _ = try Self.remember(memory, reach, key: "k")
            let address = try #require(IPAddress("192.0.2.1"))
            return try #require(memory.find(routeClass: "write", address: address, key: key, account: nil))
        }
        #expect(try found("address", by: "k").account == "account-1")
        #expect(try found("address", by: nil).account == nil)
        let own = try found("key", by: "k")
        #expect(
            own.decision.map { String(decoding: $0, as: UTF8.self) }
                == #"{"tier":"pro","violated":[{"policy":"p"}],"flags":["replayed","memory"]}"#)
        #expect(own.account == "account-1")
        #expect(own.key == "key-1")
        let anybody = try found("address", by: "other")
        #expect(
            anybody.decision.map { String(decoding: $0, as: UTF8.self) }
                == #"{"violated":[{"policy":"p"}],"flags":["replayed","memory"]}"#)
        #expect(anybody.account == nil && anybody.key == nil)
    }

    @Test(
        "What does not say all of it is no refusal to remember",
        arguments: [
            #"{"class": "write", "seconds": 1, "headers": {}, "body": ""}"#,
            #"{"for": "planet", "class": "write", "seconds": 1, "headers": {}, "body": ""}"#,
            #"{"for": "all", "class": "write", "seconds": 0, "headers": {}, "body": ""}"#,
            #"{"for": "all", "class": "write", "seconds": -1, "headers": {}, "body": ""}"#,
            #"{"for": "all", "class": "write", "seconds": 1, "headers": {}}"#, #"{}"#, "null",
        ])
    func incomplete(text: String) throws {
        #expect(RepeatableRefusal(try JSONParser.parse(text)) == nil)
    }
}
