import Foundation
import Testing

@testable import LevqorPG

@Suite("The transport and time", .timeLimit(.minutes(2)))
struct HTTPTransportLifeTests {
    /// Takes requests and says nothing until the other side leaves.
    private func silentReceiver() throws -> LoopbackReceiver {
        try LoopbackReceiver { connection, _ in
            connection.waitForEnd()
            return .close
        }
    }

    @Test("a server that says nothing runs into the total timeout")
    func silentServer() async throws {
        let receiver = try silentReceiver()
        let transport = try HTTPTransport.forLoopback()
        var request = OutboundRequest.get("http://127.0.0.1:\(receiver.port)/")
        request.totalTimeout = .milliseconds(200)
        #expect(await transport.send(request).failureKind == .timeout)
        try await next(of: receiver.endings)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("a server that stops in the middle of its answer runs into the total timeout")
    func stalledAnswer() async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.waitForEnd()
            return .close
        }
        let transport = try HTTPTransport.forLoopback()
        var request = OutboundRequest.get("http://127.0.0.1:\(receiver.port)/")
        request.totalTimeout = .milliseconds(300)
        #expect(await transport.send(request).failureKind == .timeout)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("waiting for a free place counts towards the total timeout")
    func queuedTimeout() async throws {
        let receiver = try silentReceiver()
        let transport = try HTTPTransport.forLoopback(maxConcurrent: 1)
        let url = "http://127.0.0.1:\(receiver.port)/"
        let holder = Task { await transport.send(.get(url)) }
        _ = try await next(of: receiver.arrivals)
        var second = OutboundRequest.get(url)
        second.totalTimeout = .milliseconds(50)
        #expect(await transport.send(second).failureKind == .timeout)
        #expect(receiver.connectionCount == 1)
        holder.cancel()
        #expect(await holder.value.failureKind == .cancelled)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("a hundred transfers are under way at once")
    func hundredAtOnce() async throws {
        let gathering = Gathering(of: 100)
        let receiver = try LoopbackReceiver { connection, request in
            // Nobody is answered before all have come.
            gathering.arriveAndWait()
            connection.answer("200 OK", request.line)
            return .close
        }
        let transport = try HTTPTransport.forLoopback()
        let port = receiver.port
        let texts = await withTaskGroup(of: (Int, String?).self) { group in
            for number in 0..<100 {
                group.addTask {
                    let outcome = await transport.send(.get("http://127.0.0.1:\(port)/\(number)"))
                    return (number, outcome.response?.text)
                }
            }
            return await group.reduce(into: [Int: String?]()) { $0[$1.0] = $1.1 }
        }
        #expect(texts.count == 100)
        #expect(texts.allSatisfy { number, text in text == "GET /\(number) HTTP/1.1" })
        await transport.shutdown()
        receiver.stop()
    }

    @Test("more requests than places are all answered")
    func moreThanPlaces() async throws {
        let receiver = try LoopbackReceiver { connection, request in
            connection.answer("200 OK", request.line)
            return .keep
        }
        let transport = try HTTPTransport.forLoopback(maxConcurrent: 3)
        let port = receiver.port
        let good = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let outcome = await transport.send(.get("http://127.0.0.1:\(port)/\(number)"))
                    return outcome.response?.text == "GET /\(number) HTTP/1.1"
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(good == 200)
        #expect(receiver.connectionCount <= 3)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("cancelling the task removes the transfer and closes its connection")
    func cancellation() async throws {
        let receiver = try silentReceiver()
        let transport = try HTTPTransport.forLoopback()
        let url = "http://127.0.0.1:\(receiver.port)/"
        let sender = Task { await transport.send(.get(url)) }
        _ = try await next(of: receiver.arrivals)
        sender.cancel()
        #expect(await sender.value.failureKind == .cancelled)
        try await next(of: receiver.endings)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("a task that is cancelled before it sends reaches nobody")
    func cancelledBefore() async throws {
        let receiver = try silentReceiver()
        let transport = try HTTPTransport.forLoopback()
        let url = "http://127.0.0.1:\(receiver.port)/"
        let sender = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await transport.send(.get(url))
        }
        #expect(await sender.value.failureKind == .cancelled)
        await transport.shutdown()
        #expect(receiver.connectionCount == 0)
        receiver.stop()
    }

    @Test("cancellation at any moment gives one outcome")
    func cancellationRace() async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.answer("200 OK")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        let url = "http://127.0.0.1:\(receiver.port)/"
        for round in 0..<100 {
            let sender = Task { await transport.send(.get(url)) }
            for _ in 0..<round { await Task.yield() }
            sender.cancel()
            let outcome = await sender.value
            #expect(outcome.response?.status == 200 || outcome.failureKind == .cancelled)
        }
        await transport.shutdown()
        receiver.stop()
    }

    @Test("shutdown ends the transfers in flight and those that wait, and refuses later ones")
    func shutdownInFlight() async throws {
        let receiver = try silentReceiver()
        let transport = try HTTPTransport.forLoopback(maxConcurrent: 4)
        let url = "http://127.0.0.1:\(receiver.port)/"
        let senders = (0..<10).map { _ in Task { await transport.send(.get(url)) } }
        for await _ in receiver.arrivals.prefix(4) {}
        async let first: Void = transport.shutdown()
        async let second: Void = transport.shutdown()
        _ = await (first, second)
        for sender in senders {
            #expect(await sender.value.failureKind == .shutdown)
        }
        #expect(await transport.send(.get(url)).failureKind == .shutdown)
        for await _ in receiver.endings.prefix(4) {}
        #expect(receiver.connectionCount == 4)
        receiver.stop()
    }

    @Test("a transport that never sent shuts down at once")
    func shutdownUnused() async throws {
        let transport = try HTTPTransport.forLoopback()
        await transport.shutdown()
        #expect(await transport.send(.get("http://127.0.0.1:1/")).failureKind == .shutdown)
    }

    @Test("as a service it lives until it is told to end, and takes its transfers with it")
    func service() async throws {
        let receiver = try silentReceiver()
        let transport = try HTTPTransport.forLoopback()
        let url = "http://127.0.0.1:\(receiver.port)/"
        let service = Task { try await transport.run() }
        let sender = Task { await transport.send(.get(url)) }
        _ = try await next(of: receiver.arrivals)
        service.cancel()
        #expect(await sender.value.failureKind == .shutdown)
        try await service.value
        receiver.stop()
    }

    @Test("letting go of the transport ends its thread and its connections")
    func released() async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.answer("200 OK")
            return .keep
        }
        var transport: HTTPTransport? = try HTTPTransport.forLoopback()
        #expect(await transport?.send(.get("http://127.0.0.1:\(receiver.port)/")).response?.status == 200)
        transport = nil
        // The idle connection was kept for re-use until now.
        try await next(of: receiver.endings)
        receiver.stop()
    }
}
