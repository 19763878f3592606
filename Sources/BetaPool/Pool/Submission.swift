// Tasks in.

extension Pool {
    /// Queues a task if there is no more to it than that: nobody to call, room in memory, and no system call but for the lock. False if not.
    @inline(__always)
    func submitQuietly(_ task: Task) -> Bool {
        guard (try? handle.enter(Self.kind)) != nil else { return false }
        defer { unlock() }
        guard
            state.pointee.phase == .open, !hasSomebodyToCall, state.pointee.orphans.isEmpty,
            state.pointee.queue.hasRoom(for: 1 &+ state.pointee.claimed),
            state.pointee.queue.count &+ state.pointee.claimed < state.pointee.configuration.queueLimit
        else { return false }
        state.pointee.queue.push(task)
        state.pointee.totals.submitted &+= 1
        return true
    }

    /// Queues tasks, all or none.
    func submit(_ tasks: UnsafePointer<Task>, count: Int) throws(Errno) {
        try enter()
        do throws(Errno) {
            try accept(tasks, count: count)
        } catch {
            unlock()
            throw error
        }
        var calls = callsForWork()
        if state.pointee.running > 0 { callTicker(&calls) }  // the first worker may have begun
        unlock()
        make(calls)
    }

    /// Takes the oldest queued task back: it counts as cancelled, and is the caller's.
    func take() throws(Errno) -> Task? {
        try enter()
        defer { unlock() }
        recallClaims()
        guard let task = state.pointee.queue.pop() else { return nil }
        state.pointee.totals.cancelled += 1
        if state.pointee.running == 0, state.pointee.queue.isEmpty { announceNews() }
        return task
    }

    private func accept(_ tasks: UnsafePointer<Task>, count: Int) throws(Errno) {
        guard state.pointee.phase == .open else { throw .shutDown }
        guard hasRoom(for: count) else { throw .tryAgain }
        try state.pointee.queue.reserve(count + state.pointee.claimed)
        let isFirst = state.pointee.threads == 0 && count > 0
        if isFirst { guard hire() else { throw .outOfMemory } }
        state.pointee.queue.push(tasks, count: count)
        state.pointee.totals.submitted += UInt64(count)
        if isFirst { try startFirstWorker(for: tasks, count: count) }
    }

    private func hasRoom(for count: Int) -> Bool {
        let limit = state.pointee.configuration.queueLimit
        if count > limit - state.pointee.queue.count - state.pointee.claimed { recallClaims() }
        return count <= limit - state.pointee.queue.count
    }

    /// A task is accepted only by a pool that has a worker, so that it cannot be left without one. It is queued nevertheless, so that the
    /// worker finds it when it comes; if none does, it is taken back.
    private func startFirstWorker(for tasks: UnsafePointer<Task>, count: Int) throws(Errno) {
        unlock()
        let failure = askForThread()
        lock()
        let isAlone = state.pointee.threads == (failure == nil ? 0 : 1)
        let isTakenBack = isAlone && state.pointee.queue.remove(tasks, count: count)
        if failure != nil { dismissHired() }
        guard isTakenBack else { return }
        state.pointee.totals.submitted -= UInt64(count)
        throw failure ?? .tryAgain
    }
}

/// What is to be done for queued work once the lock is released.
struct Calls {
    var wake: Wake?
    var threadsToStart = 0
    var alarm: Ticker.Alarm?
}

extension Pool {
    /// Whether queued work is reason to call anybody: see `callsForWork`.
    @inline(__always)
    private var hasSomebodyToCall: Bool {
        state.pointee.idle != nil && state.pointee.wakingCount == 0 || state.pointee.threads < state.pointee.controller.threads
            || state.pointee.ticker.isAsleep && state.pointee.settings.policy != .fixed
    }

    /// Who is to be called now that tasks are queued. Wakes go in a chain: at most one worker is on its way, and wakes the next when it has
    /// taken a task and sees more. So as many wake as are needed, never all at once to find the queue empty, or to queue for a host's lock.
    func callsForWork() -> Calls {
        var calls = Calls()
        guard !state.pointee.queue.isEmpty else { return calls }
        if state.pointee.wakingCount == 0 { calls.wake = takeIdle() }
        let coming = state.pointee.idleCount + state.pointee.wakingCount + state.pointee.hiredCount
        let wanted = min(state.pointee.queue.count - coming, state.pointee.controller.threads - state.pointee.threads)
        while calls.threadsToStart < wanted, hire() { calls.threadsToStart += 1 }
        callTicker(&calls)
        return calls
    }

    private func callTicker(_ calls: inout Calls) {
        guard state.pointee.settings.policy != .fixed, let alarm = state.pointee.ticker.callIfAsleep() else { return }
        calls.alarm = alarm
    }

    /// Makes the calls. The lock must not be held.
    func make(_ calls: Calls) {
        calls.wake?.make()
        for _ in 0..<calls.threadsToStart { startThread() }
        if let alarm = calls.alarm { ring(alarm) }
    }
}
