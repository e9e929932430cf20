import NIOCore
import NIOHTTP1

/// One connection of a client: reads its requests, has them answered one after the other, and writes the answers.
///
/// Lives on its event loop, so that a request that needs no database needs no task and no other thread. What comes while
/// one is answered waits here, within bounds: then no more is read.
final class Connection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// A request whose body is under way.
    struct Reading {
        let visit: Visit
        let route: Route
        let parameters: [(name: String, value: String)]
    }

    /// A request whose answer is awaited.
    struct Asking {
        let visit: Visit
        /// Nil: it asks how the server is, and its body does not count.
        let call: GatewayCall?
        /// Of a call that is not answered at once: it is cancelled when the client leaves.
        var task: Task<Void, Never>?
    }

    enum Phase {
        /// A head is expected.
        case idle
        case reading(Reading)
        case asking(Asking)
        /// The answer is given; what is left of the body is read and thrown away.
        case draining
        /// Nothing is read any more: the last answer is on its way.
        case ending
    }

    let responder: GatewayResponder
    let limits: ConnectionLimits
    var phase = Phase.idle
    var context: ChannelHandlerContext?
    private var peer: IPAddress?
    private var body = ByteBuffer()
    /// The last answer's bytes; its memory serves the next.
    private var written = ByteBuffer()

    var queue = CircularBuffer<HTTPServerRequestPart>()
    var queuedBytes = 0
    /// What came instead of a next request: told when the one before is answered.
    var brokenBy: Problem?
    var isReadWanted = false
    private var isInRead = false
    private var isToFlush = false
    var isInputClosed = false
    var isQuiescing = false

    /// Since when a head is under way.
    var headSince: NIODeadline?
    private var hadPart = false
    var restBytes = 0
    /// When the phase has to be over; looked at by one timer, which is set anew only when it would be late.
    var deadline = NIODeadline.distantFuture
    /// Whether `deadline` counts from the phase's begin, and is not to be put off.
    var isTimed = false
    var timer: (scheduled: Scheduled<Void>, at: NIODeadline)?

    init(_ responder: GatewayResponder, _ limits: ConnectionLimits) {
        self.responder = responder
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) { begin(context) }

    private func begin(_ context: ChannelHandlerContext) {
        peer = context.channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
        limit(limits.idle)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.scheduled.cancel()
        timer = nil
        queue.removeAll()
        switch phase {
        case .reading: bodyBroke()
        case .asking(let asking): asking.task?.cancel()
        default: break
        }
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isInRead = true
        hadPart = true
        let part = unwrapInboundIn(data)
        guard queue.isEmpty, isReady else {
            if case .body(let bytes) = part { queuedBytes += bytes.readableBytes }
            queue.append(part)
            return
        }
        take(part)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isInRead = false
        if isToFlush { flush() }
        switch phase {
        case .reading: limit(limits.body, unlessSooner: true)
        case .draining: limit(limits.rest, unlessSooner: true)
        default: break
        }
    }

    /// Told by the handler in front of the decoder, around what a read gave.
    func willDecode(_ count: Int) {
        hadPart = false
        if case .ending = phase { throwAway(count) }
    }

    /// Bytes that became no part while a head is expected are the beginning of one.
    func didDecode() {
        guard !hadPart, headSince == nil, case .idle = phase else { return }
        headSince = .now()
        limit(limits.head)
    }

    /// Whether the next part can be dealt with now: no answer is awaited, and the client reads those it got.
    private var isReady: Bool {
        if case .asking = phase { return false }
        return context?.channel.isWritable == true
    }

    func goOn() {
        while isReady, let part = queue.popFirst() {
            if case .body(let bytes) = part { queuedBytes -= bytes.readableBytes }
            take(part)
        }
        if let brokenBy, queue.isEmpty, isReady {
            self.brokenBy = nil
            refuse(brokenBy)
        }
        if case .idle = phase, queue.isEmpty, isInputClosed || isQuiescing, let context { closeWhenWritten(context) }
        if isReadWanted, !isFull {
            isReadWanted = false
            context?.read()
        }
        if isToFlush, !isInRead { flush() }
    }

    private func take(_ part: HTTPServerRequestPart) {
        switch (part, phase) {
        case (.head(let head), .idle): begin(head)
        case (.body(let bytes), .reading(let reading)):
            if body.readableBytes + bytes.readableBytes > reading.route.bodyCap {
                body = ByteBuffer()
                phase = .draining
                answer(responder.tooLarge(reading.visit, reading.route), reading.visit)
            } else if body.readableBytes == 0 {
                body = bytes
            } else {
                body.writeImmutableBuffer(bytes)
            }
        case (.end, .reading(let reading)): ask(reading)
        case (.body(let bytes), .draining): throwAway(bytes.readableBytes)
        case (.end, .draining): finishRequest()
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        headSince = nil
        restBytes = 0
        let visit = Visit(RequestHead(head), peer: peer, responder.address)
        switch responder.begin(visit) {
        case .answered(let served):
            phase = .draining
            answer(served, visit)
        case .reading(let route, let parameters):
            if visit.head.waitsForContinue, visit.head.announcesBody {
                context?.write(wrapOutboundOut(AnswerWriter.goOn), promise: nil)
                isToFlush = true
            }
            phase = .reading(Reading(visit: visit, route: route, parameters: parameters))
        case .health:
            phase = .asking(Asking(visit: visit, call: nil))
            let own = NIOLoopBound(self, eventLoop: loop)
            Task { [responder, loop] in
                let served = await responder.health(visit)
                loop.execute { own.value.complete(served) }
            }
        }
    }

    // MARK: Asking

    private func ask(_ reading: Reading) {
        let bytes = body
        body = ByteBuffer()
        switch responder.read(reading.visit, reading.route, reading.parameters, body: bytes) {
        case .failure(let refused):
            phase = .draining
            answer(refused.served, reading.visit)
            finishRequest()
        case .success(let call):
            phase = .asking(Asking(visit: reading.visit, call: call))
            deadline = .distantFuture
            isTimed = false
            let own = NIOLoopBound(self, eventLoop: loop)
            let lane = responder.gateway.send(call) { [loop] first in
                loop.execute { own.value.receive(first) }
            }
            // When everything is read that is there for this loop, so that all of it goes in one batch.
            if let lane { loop.execute { lane.wake() } }
        }
    }

    private func receive(_ first: Gateway.First) {
        guard case .asking(var asking) = phase, let call = asking.call else { return }
        if let outcome = responder.gateway.outcome(first, of: call) {
            complete(responder.serve(outcome, of: call, asking.visit))
            return
        }
        let own = NIOLoopBound(self, eventLoop: loop)
        let task = Task { [responder, loop, visit = asking.visit] in
            let outcome = await responder.gateway.run(call, after: first) { table in
                guard case .found(let route, _) = table.match(method: visit.method, path: visit.head.path) else {
                    return nil
                }
                return route
            }
            loop.execute { own.value.complete(responder.serve(outcome, of: call, visit)) }
        }
        asking.task = task
        phase = .asking(asking)
        if isInputClosed || context?.channel.isActive != true { task.cancel() }
    }

    private func complete(_ served: Served) {
        guard case .asking(let asking) = phase else { return }
        phase = .draining
        answer(served, asking.visit)
        // The body of a call has been read; that of a question for health has not.
        if asking.call != nil { finishRequest() }
        goOn()
    }

    // MARK: Answering

    /// Writes an answer. The phase is one in which none is awaited.
    private func answer(_ served: Served, _ visit: Visit) {
        var served = served
        responder.finish(&served, visit)
        let isUnreadable = visit.head.waitsForContinue && visit.head.announcesBody && served.bytesIn == nil
        let closes = served.closes || isUnreadable || !visit.head.isKeptAlive || isQuiescing || isInputClosed
        write(served.answer, id: visit.id, isHead: visit.head.method == "HEAD", closes: closes)
        if closes { end(isRead: visit.head.announcesBody ? served.bytesIn != nil : !served.closes) }
    }

    /// An answer to what is no request.
    func refuse(_ problem: Problem) {
        let id = RequestIDs.choose(nil)
        responder.gateway.metrics.noteRequest(route: Served.noRoute, status: problem.status, duration: .zero)
        write(problem.answer(requestID: id), id: id, isHead: false, closes: true)
        end(isRead: false)
        if !isInRead { flush() }
    }

    /// The body did not come in time.
    func refuse(_ problem: Problem, _ reading: Reading) {
        phase = .draining
        body = ByteBuffer()
        var served = responder.problem(problem, reading.visit, reading.route)
        served.closes = true
        answer(served, reading.visit)
    }

    /// The client broke off, or sent what is no HTTP, before the body's end.
    func bodyBroke() {
        guard case .reading(let reading) = phase else { return }
        phase = .draining
        var served = responder.problem(.badRequest("The body could not be read."), reading.visit, reading.route)
        served.closes = true
        served.bytesIn = body.readableBytes
        body = ByteBuffer()
        answer(served, reading.visit)
        if !isInRead { flush() }
    }

    private func write(_ answer: Answer, id: String, isHead: Bool, closes: Bool) {
        written.clear(minimumCapacity: 1024)
        AnswerWriter.write(answer, requestID: id, isHead: isHead, closes: closes, to: &written)
        context?.write(wrapOutboundOut(written), promise: nil)
        isToFlush = true
    }

    private func flush() {
        isToFlush = false
        context?.flush()
    }

    /// The request is read and answered: the next may come.
    private func finishRequest() {
        guard case .draining = phase else { return }
        phase = .idle
        headSince = nil
        isTimed = false
        limit(limits.idle)
    }

    private var loop: any EventLoop {
        guard let context else { preconditionFailure("a connection without a channel was asked for its loop") }
        return context.eventLoop
    }
}
