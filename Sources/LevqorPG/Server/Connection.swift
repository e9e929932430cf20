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

    let loop: any EventLoop
    let responder: GatewayResponder
    let limits: ConnectionLimits
    var phase = Phase.idle
    var context: ChannelHandlerContext?
    private var peer: IPAddress?
    var body = ByteBuffer()
    /// The last answer's bytes; its memory serves the next.
    var written = ByteBuffer()

    var queue = CircularBuffer<HTTPServerRequestPart>()
    var queuedBytes = 0
    /// What came instead of a next request: told when the one before is answered.
    var brokenBy: Problem?
    var isReadWanted = false
    var isInRead = false
    var isToFlush = false
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

    init(_ responder: GatewayResponder, _ limits: ConnectionLimits, on loop: any EventLoop) {
        self.loop = loop
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
}
