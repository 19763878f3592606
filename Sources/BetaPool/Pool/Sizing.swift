// How many workers there are, and what they use.

extension Pool {
    /// Called with the lock held, returns with it held; lets go of it in between to start threads and to tell the host.
    func tick(now: Double, cores: Double) {
        measure(now: now, atMost: Self.measuredAtOnce)
        recallClaims()
        let before = state.pointee.controller.lastAction
        let decision = state.pointee.controller.tick(now: now, load: load(cores: cores))
        state.pointee.peakBusy = state.pointee.servingCount - state.pointee.idleCount
        state.pointee.seesWaitStates = state.pointee.sampler.pointee.seesWaitStates
        let host = state.pointee.configuration.host
        callForWorkAndUnlock()
        retireSurplus()
        if decision.threads != decision.threadsBefore || decision.action == .veto && before != .veto { host.tell(decision) }
        lock()
    }

    private func load(cores: Double) -> Load {
        let state = self.state
        var load = Load()
        load.queueLength = UInt64(state.pointee.queue.count)
        load.started = state.pointee.queue.appended - load.queueLength
        load.completed = state.pointee.totals.completed
        load.peakBusy = state.pointee.peakBusy
        load.occupancy = state.pointee.sampler.pointee.take()
        load.cores = cores
        load.capacity = state.pointee.locks.host.capacity(cores: cores)
        return load
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
        callForWorkAndUnlock()
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
            wake.make()
        }
    }

    // MARK: Measuring

    /// Workers whose clocks are read at one tick: 250 ns each. With more workers than that each has its turn, with longer shares.
    private static let measuredAtOnce = 64

    /// Reports to the controller what the workers have used since the last time, in turn.
    func measure(now: Double, atMost most: Int = .max) {
        var next = state.pointee.nextToMeasure ?? state.pointee.serving
        for _ in 0..<min(most, state.pointee.servingCount) {
            guard let worker = next else { break }
            next = worker.pointee.next ?? state.pointee.serving
            measure(worker, now: now)
        }
        state.pointee.nextToMeasure = next
    }

    func measure(_ worker: Worker, now: Double) {
        let clock = worker.pointee.clock
        let used = worker.pointee.usage.take(now: now) { clock?.read() ?? 0 }
        state.pointee.totals.cpuTime += used.cpu
        state.pointee.totals.busyTime += used.wall
        state.pointee.controller.report(cpu: used.cpu, wall: used.wall)
    }
}
