import CSystem

// Waiting for the end of work, and the end of the pool.

extension Pool {
    /// What becomes of queued tasks.
    enum ShutdownMode: Int32 {
        case drain = 0
        case cancel = 1
    }

    /// Waits until no task is queued or running.
    func wait(timeout: Double) throws(Errno) {
        try enter()
        defer { unlock() }
        try waitForNews(timeout: timeout, evenOfThreads: false)
    }

    func shutDown(_ mode: ShutdownMode) throws(Errno) {
        try enter()
        if state.pointee.phase == .open { state.pointee.phase = .shutDown }
        if mode == .cancel { cancelQueue() }
        let isHerdFeared = state.pointee.configuration.host.beforeWait != nil
        unlock()
        // Those of a host with a big lock would queue for it: there one is called, and calls the next when it has the lock.
        while let wake = lockAndTakeIdle() {
            wake.make()
            if isHerdFeared { break }
        }
    }

    /// Waits until every worker has left.
    func join(timeout: Double) throws(Errno) {
        try enter()
        defer { unlock() }
        guard state.pointee.phase != .open else { throw .invalidArgument }
        try waitForNews(timeout: timeout, evenOfThreads: true)
    }

    /// Shuts down, joins, and gives everything back.
    func end() throws(Errno) {
        try enter()
        guard !wouldWaitForCaller, state.pointee.phase != .freeing else {
            let error = wouldWaitForCaller ? Errno.wouldDeadlock : .badHandle
            unlock()
            throw error
        }
        unlock()
        try shutDown(.drain)
        lock()
        state.pointee.phase = .freeing
        try? waitForNews(timeout: -1, evenOfThreads: true)
        cancelQueue()
        let leaver = state.pointee.leaver
        unlock()
        if let leaver { Thread.join(leaver) }  // it may be about to start the ticker
        stopTicker()
        lock()
        handle.leaveForGood()
        state.pointee.destroy()
        Registry.release(handle)
    }

    /// Tells every thread that waits. Called with the lock held.
    func announceNews() {
        guard state.pointee.waiters > 0 else { return }
        state.pointee.news.increment()
        state.pointee.news.wakeAll()
    }

    /// Waits until nothing runs, and nothing is queued or, `evenOfThreads`, no worker is left. Called with the lock held, returns with it
    /// held.
    @inline(never)
    private func waitForNews(timeout: Double, evenOfThreads: Bool) throws(Errno) {
        guard !wouldWaitForCaller else { throw .wouldDeadlock }
        let deadline = timeout < 0 ? .infinity : Clock.now() + timeout
        var nextRescue = 0.0
        state.pointee.waiters += 1
        defer { state.pointee.waiters -= 1 }
        while state.pointee.running > 0 || (evenOfThreads ? state.pointee.threads > 0 : !state.pointee.queue.isEmpty) {
            let now = Clock.now()
            guard now < deadline else { throw .timedOut }
            let isAbandoned = state.pointee.threads == 0 && !state.pointee.queue.isEmpty
            if isAbandoned, now >= nextRescue {
                nextRescue = now + Self.rescueInterval
                rescue()
                continue
            }
            let news = state.pointee.news
            let edition = news.load()
            unlock()
            news.wait(while: edition, until: isAbandoned ? min(deadline, nextRescue) : deadline)
            lock()
        }
    }

    /// Seconds.
    private static let rescueInterval = 0.01

    /// The last worker is gone, and neither it nor the ticker could get a thread for what is queued: whoever waits for that tries again.
    /// Called with the lock held, returns with it held.
    private func rescue() {
        let calls = callsForWork()
        unlock()
        make(calls)
        lock()
    }

    private func lockAndTakeIdle() -> Wake? {
        lock()
        defer { unlock() }
        return takeIdle()
    }

    private func cancelQueue() {
        recallClaims()
        var queue = state.pointee.queue.takeAll()
        cancel(&queue)
    }

    /// Reports tasks as cancelled. Called with the lock held, returns with it held; not held during the reports.
    @inline(never)
    func cancel(_ queue: inout TaskQueue) {
        let count = queue.count
        guard count > 0 else { return queue.removeAll() }
        state.pointee.running += count
        state.pointee.canceller = .current
        unlock()
        while let task = queue.pop() { task.cancel() }
        queue.removeAll()
        lock()
        state.pointee.canceller = nil
        state.pointee.running -= count
        state.pointee.totals.cancelled += UInt64(count)
        announceNews()
    }
}
