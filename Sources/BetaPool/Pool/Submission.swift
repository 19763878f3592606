// Tasks in.

extension Pool {
    /// Locks a pool that came from outside and may be gone, if nobody else has locked it. What may follow is `submitAtOnce`, then `submit`.
    @inline(__always)
    func tryLock() -> Bool {
        handle.isOf(Self.kind) && handle.mutex.tryLock()
    }

    /// Queues a task and unlocks, if there is no more to it than that: nobody to call, and room. False if not: the lock is held then.
    @inline(__always)
    func submitAtOnce(_ task: Task) -> Bool {
        guard state.pointee.queue.pushThroughDoor(task) else { return false }
        handle.mutex.unlock()  // the door stands as it stood
        return true
    }

    /// The same for tasks, all or none.
    @inline(__always)
    func submitAtOnce(_ tasks: UnsafePointer<Task>, count: Int) -> Bool {
        guard state.pointee.queue.pushThroughDoor(tasks, count: count) else { return false }
        handle.mutex.unlock()
        return true
    }

    /// Queues tasks, all or none.
    /// - Parameter isLocked: after `tryLock`.
    func submit(_ tasks: UnsafePointer<Task>, count: Int, isLocked: Bool = false) throws(Errno) {
        if isLocked { try handle.stay() } else { try handle.enter(Self.kind) }
        settle()
        if submitAtOnce(tasks, count: count) { return }
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
        if isTakenBack { throw failure ?? .tryAgain }
    }
}

/// What is to be done for queued work once the lock is released.
struct Calls {
    var wake: Wake?
    var threadsToStart = 0
    var alarm: Ticker.Alarm?
}

extension Pool {
    /// Lets submissions be quiet as long as nothing but a quiet submission happens: they are if queued work is no reason to call anybody.
    @inline(__always)
    func openDoor() {
        guard state.pointee.phase == .open, !hasSomebodyToCall, state.pointee.orphans.isEmpty else {
            return state.pointee.queue.shutDoor()
        }
        state.pointee.queue.openDoor(limit: state.pointee.configuration.queueLimit, reserved: state.pointee.claimed)
    }

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
        // Those of a pool that was shut down are called to leave.
        let isReason = !state.pointee.queue.isEmpty || state.pointee.phase != .open
        if isReason, state.pointee.wakingCount == 0 { calls.wake = takeIdle() }
        guard !state.pointee.queue.isEmpty else { return calls }
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

    /// Calls whom queued work is for. Called with the lock held, returns without it.
    func callForWorkAndUnlock() {
        guard hasSomebodyToCall else { return unlock() }
        let calls = callsForWork()
        unlock()
        make(calls)
    }

    /// Makes the calls. The lock must not be held.
    func make(_ calls: Calls) {
        calls.wake?.make()
        for _ in 0..<calls.threadsToStart { startThread() }
        if let alarm = calls.alarm { ring(alarm) }
    }
}
