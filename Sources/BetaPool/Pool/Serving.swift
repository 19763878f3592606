import CSystem

// Threads and what they do: tasks out.

extension Pool {
    // MARK: Hiring

    /// Makes a worker for a thread that is about to be asked for. False if there is no memory.
    func hire() -> Bool {
        guard let worker = WorkerState.make(pool: self) else {
            state.pointee.totals.spawnFailures += 1
            return false
        }
        hire(worker)
        return true
    }

    private func hire(_ worker: Worker) {
        worker.pointee.nextWaiting = state.pointee.hired
        state.pointee.hired = worker
        state.pointee.hiredCount += 1
    }

    /// Gets a thread for a hired worker. The lock must not be held.
    func startThread() {
        guard askForThread() != nil else { return }
        lock()
        dismissHired()
        unlock()
    }

    /// Returns why it failed; the worker is to be dismissed then. The lock must not be held.
    func askForThread() -> Errno? {
        lock()
        let configuration = state.pointee.configuration
        unlock()
        do throws(Errno) {
            if let spawn = configuration.host.spawn {
                let code = spawn(configuration.host.context)
                guard code >= 0 else { throw Errno(code: code == .min ? .max : -code) }
            } else {
                _ = try Thread.start(stackSize: configuration.stackSize, argument: handle) { argument in
                    let pool = Pool(handle: argument!.assumingMemoryBound(to: HandleHeader.self))
                    pool.nameThread()
                    try? pool.serve()
                    return nil
                }
            }
        } catch {
            return error.code == ENOMEM ? error : .tryAgain
        }
        return nil
    }

    /// Tasks may be queued in the belief that a thread would come that does not: the ticker asks for another. Called with the lock held,
    /// returns with it held, before the worker is dismissed: as long as it counts, nobody frees the pool.
    private func callForAnother() {
        guard state.pointee.threads == 1, !state.pointee.queue.isEmpty, let alarm = state.pointee.ticker.callIfAsleep() else { return }
        unlock()
        ring(alarm)
        lock()
    }

    /// A thread that was asked for will not come. Called with the lock held, returns with it held.
    func dismissHired() {
        callForAnother()
        guard let worker = takeHired() else { return }
        state.pointee.totals.spawnFailures += 1
        WorkerState.destroy(worker)
        announceNews()
    }

    private func takeHired() -> Worker? {
        guard let worker = state.pointee.hired else { return nil }
        state.pointee.hired = worker.pointee.nextWaiting
        state.pointee.hiredCount -= 1
        worker.pointee.nextWaiting = nil
        return worker
    }

    private func nameThread() {
        lock()
        let number = state.pointee.nextThreadNumber
        state.pointee.nextThreadNumber &+= 1
        unlock()
        Thread.setName(state.pointee.configuration.threadName, number: number)
    }

    /// The same, said by the host.
    func forgetPromisedThread() throws(Errno) {
        try enter()
        defer { unlock() }
        guard isServedByHost, state.pointee.hiredCount > 0 else { throw .invalidArgument }
        dismissHired()
    }

    private var isServedByHost: Bool { state.pointee.configuration.host.spawn != nil }

    // MARK: Serving

    /// Makes the host's calling thread a worker.
    func serveForHost() throws(Errno) {
        try enter()
        let isExpected = isServedByHost
        unlock()
        guard isExpected else { throw .invalidArgument }
        try serve()
    }

    /// Makes the calling thread a worker until it is retired or the pool ends.
    private func serve() throws(Errno) {
        guard Worker.current == nil else { throw .wouldDeadlock }
        try enter()
        guard let worker = state.pointee.hired else {
            unlock()
            throw .invalidArgument
        }
        do throws(Errno) {
            try ThreadLocal.set(worker)
        } catch {
            dismissHired()
            let predecessor = takeLeaversPlace()
            unlock()
            if let predecessor { Thread.join(predecessor) }
            throw error
        }
        _ = takeHired()
        enroll(worker)
        while mayStay {
            if !state.pointee.queue.isEmpty {
                runTasks(by: worker)
            } else if state.pointee.phase == .open {
                park(worker)
            } else if state.pointee.claimed > 0 {
                recallClaims()
            } else {
                break
            }
        }
        try? ThreadLocal.set(nil)
        leave(worker)
    }

    /// A worker more than the controller wants leaves, between two tasks.
    private var mayStay: Bool {
        state.pointee.threads <= state.pointee.controller.threads
    }

    private func runTasks(by worker: Worker) {
        guard let first = claim(by: worker) else { return }
        let others = worker.pointee.claim.others
        worker.pointee.isRunningTask = true
        state.pointee.running += 1
        callForWorkAndUnlock()
        first.run()
        others.run()
        let now = Clock.now()
        lock()
        concludeClaim(of: worker, now: now)
        worker.pointee.isRunningTask = false
        state.pointee.running -= 1
        if state.pointee.running == 0, state.pointee.queue.isEmpty { announceNews() }
    }

    // MARK: Coming and going

    private func enroll(_ worker: Worker) {
        worker.pointee.thread = csystem_thread_id()
        worker.pointee.clock = .ofCallingThread()
        let now = Clock.now()
        worker.pointee.claim.began = now
        worker.pointee.usage.start(now: now, cpu: worker.pointee.clock?.read() ?? 0)
        worker.pointee.next = state.pointee.serving
        state.pointee.serving?.pointee.previous = worker
        state.pointee.serving = worker
        state.pointee.servingCount += 1
        state.pointee.totals.threadsStarted += 1
    }

    /// The calling thread's worker ends. Called with the lock held, returns without it. Hands its wake-up on: there may be work that it was
    /// called for.
    fileprivate func leave(_ worker: Worker) {
        measure(worker, now: Clock.now())
        worker.pointee.previous?.pointee.next = worker.pointee.next
        worker.pointee.next?.pointee.previous = worker.pointee.previous
        if state.pointee.serving == worker { state.pointee.serving = worker.pointee.next }
        if state.pointee.nextToMeasure == worker { state.pointee.nextToMeasure = worker.pointee.next }
        state.pointee.servingCount -= 1
        state.pointee.totals.threadsRetired += 1
        var calls = callsForWork()
        let predecessor = takeLeaversPlace()
        if state.pointee.threads == 0, !state.pointee.queue.isEmpty {
            // There is no memory for another worker: this one's will do.
            WorkerState.renew(worker)
            hire(worker)
            calls.threadsToStart += 1
        } else {
            WorkerState.destroy(worker)
        }
        // From the moment that nobody serves, the pool may be freed; so its last worker makes no calls, and there are none to make.
        let isLast = state.pointee.threads == 0
        if isLast {
            announceNews()
            if state.pointee.phase != .open { releaseTicker() }
        }
        unlock()
        if !isLast { make(calls) }
        if let predecessor { Thread.join(predecessor) }
    }

    /// The calling thread, if it is the pool's own, is joined by the next one that leaves; returns the one that it has to join itself.
    private func takeLeaversPlace() -> Thread? {
        guard !isServedByHost else { return nil }
        defer { state.pointee.leaver = .current }
        return state.pointee.leaver
    }
}

extension Worker {
    /// The calling thread's.
    static var current: Worker? {
        ThreadLocal.value?.assumingMemoryBound(to: WorkerState.self)
    }

    /// The thread ends in the middle of a task, by pthread_exit: the task counts as run, the worker is gone, the pool goes on.
    func threadEnded() {
        let pool = pointee.pool
        pool.lock()
        if pointee.isRunningTask {
            pool.concludeClaim(of: self, now: Clock.now())
            pool.state.pointee.running -= 1
        }
        if pool.state.pointee.running == 0, pool.state.pointee.queue.isEmpty { pool.announceNews() }
        pool.leave(self)
    }
}
