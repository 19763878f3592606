// How many workers there are, and what they use.

extension Pool {
    /// Called with the lock held, returns with it held; lets go of it in between to start threads and to tell the host.
    func tick(now: Double) {
        measure(now: now)
        let decision = state.pointee.controller.tick(now: now, queueLength: UInt64(state.pointee.queue.count))
        let host = state.pointee.configuration.host
        let calls = callsForWork()
        unlock()
        make(calls)
        retireSurplus()
        if decision.action != .hold { host.tell(decision) }
        lock()
    }

    func resize(minThreads: Int, maxThreads: Int) throws(Errno) {
        try enter()
        do throws(Errno) {
            guard state.pointee.phase == .open else { throw .shutDown }
            try state.pointee.controller.resize(minThreads: minThreads, maxThreads: maxThreads)
        } catch {
            unlock()
            throw error
        }
        let calls = callsForWork()
        unlock()
        make(calls)
        retireSurplus()
    }

    /// Wakes parked workers that are more than wanted: they see it and leave. Busy ones see it after their task.
    private func retireSurplus() {
        while true {
            lock()
            let surplus = state.pointee.threads - state.pointee.wakingCount - state.pointee.controller.threads
            let wake = surplus > 0 ? takeIdle() : nil
            unlock()
            guard let wake else { return }
            wake.wakeOne()
        }
    }

    // MARK: Measuring

    /// Reports to the controller what the workers have used since the last time.
    func measure(now: Double) {
        var next = state.pointee.serving
        while let worker = next {
            next = worker.pointee.next
            measure(worker, now: now)
        }
    }

    func measure(_ worker: Worker, now: Double) {
        let clock = worker.pointee.clock
        let used = worker.pointee.usage.take(now: now) { clock?.read() ?? 0 }
        state.pointee.totals.cpuTime += used.cpu
        state.pointee.totals.busyTime += used.wall
        state.pointee.controller.report(cpu: used.cpu, wall: used.wall)
    }
}
