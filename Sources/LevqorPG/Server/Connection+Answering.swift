import NIOCore

extension Connection {
    // MARK: Asking

    func ask(_ reading: Reading) {
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

    func complete(_ served: Served) {
        guard case .asking(let asking) = phase else { return }
        phase = .draining
        answer(served, asking.visit)
        // The body of a call has been read; that of a question for health has not.
        if asking.call != nil { finishRequest() }
        goOn()
    }

    // MARK: Answering

    /// Writes an answer. The phase is one in which none is awaited.
    func answer(_ served: Served, _ visit: Visit) {
        var served = served
        responder.finish(&served, visit)
        let isUnreadable = visit.head.waitsForContinue && visit.head.announcesBody && served.bytesIn == nil
        let closes =
            served.closes || isUnreadable || !visit.head.isKeptAlive || isQuiescing
            || (isInputClosed && queue.isEmpty && brokenBy == nil)
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

    func flush() {
        isToFlush = false
        context?.flush()
    }

    /// The request is read and answered: the next may come.
    func finishRequest() {
        guard case .draining = phase else { return }
        phase = .idle
        headSince = nil
        isTimed = false
        limit(limits.idle)
    }
}
