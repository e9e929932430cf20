import NIOCore
import NIOHTTP1

extension Connection {
    /// Ends the connection after what was written. While the client may still be sending, only our side is closed at first: a
    /// socket closed over unread bytes resets the connection, and the answer with it.
    func end(isRead: Bool) {
        phase = .ending
        queue.removeAll()
        queuedBytes = 0
        brokenBy = nil
        guard let context else { return }
        let mode: CloseMode = isRead || isInputClosed ? .all : .output
        limit(mode == .all ? limits.idle : limits.rest)
        closeWhenWritten(context, mode)
    }

    /// Closes when the client has taken what was written: not over its head.
    func closeWhenWritten(_ context: ChannelHandlerContext, _ mode: CloseMode = .all) {
        let written = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        written.futureResult.whenComplete { _ in channel.close(mode: mode, promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    /// Counts what is read for nobody.
    func throwAway(_ count: Int) {
        restBytes += count
        if restBytes > limits.restBytes { context?.close(promise: nil) }
    }

    // MARK: Time

    /// Sets when the phase has to be over.
    ///
    /// - Parameter unlessSooner: keeps an earlier time, so that a client that sends byte by byte wins nothing.
    func limit(_ time: TimeAmount, unlessSooner: Bool = false) {
        let new = NIODeadline.now() + time
        if unlessSooner, isTimed, deadline < new { return }
        isTimed = unlessSooner
        deadline = new
        if let timer {
            if timer.at <= new { return }
            timer.scheduled.cancel()
        }
        schedule(at: new)
    }

    private func schedule(at time: NIODeadline) {
        guard let context else { return }
        let scheduled = context.eventLoop.assumeIsolated().scheduleTask(deadline: time) { [weak self] () -> Void in
            self?.look()
        }
        timer = (scheduled, time)
    }

    private func look() {
        timer = nil
        guard let context, context.channel.isActive else { return }
        guard deadline <= .now() else {
            if deadline < .distantFuture { schedule(at: deadline) }
            return
        }
        switch phase {
        case .idle where headSince != nil: refuse(.slowHead)
        case .reading(let reading): refuse(.requestTimeout, reading)
        case .asking: break
        default: context.close(promise: nil)
        }
    }

    // MARK: What happens to the channel

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            if case .reading = phase { bodyBroke() }
            context.close(promise: nil)
            return
        }
        let problem: Problem
        if case .headerOverflow = error {
            problem = .headTooLarge
        } else {
            problem = .badRequest("This is no HTTP/1.1.")
        }
        switch phase {
        case .reading where queue.isEmpty: bodyBroke()
        case .idle where queue.isEmpty: refuse(problem)
        case .draining where queue.isEmpty: end(isRead: false)
        case .ending: break
        default: brokenBy = problem
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            isInputClosed = true
            switch phase {
            case .reading where queue.isEmpty: bodyBroke()
            case .asking(let asking): asking.task?.cancel()
            case .idle where queue.isEmpty, .draining where queue.isEmpty, .ending: closeWhenWritten(context)
            default: break
            }
        } else if event is ChannelShouldQuiesceEvent {
            isQuiescing = true
            if case .idle = phase, queue.isEmpty { closeWhenWritten(context) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Back pressure

    var isFull: Bool {
        queuedBytes > limits.queuedBytes || queue.count > limits.queuedParts
            || (context?.channel.isWritable == false && !queue.isEmpty)
    }

    func read(context: ChannelHandlerContext) {
        if isFull { isReadWanted = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { goOn() }
    }
}
