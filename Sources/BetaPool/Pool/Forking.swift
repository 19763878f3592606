// What fork() leaves of a pool: one thread, the one that called it.

extension Pool {
    /// Called in the child of a fork, where only the forking thread is left, with the lock held. That thread may be one of the workers.
    func resetInChild() {
        let survivor = isServedByCaller ? Worker.current : nil
        recallClaims()
        var next = state.pointee.serving
        while let worker = next {
            next = worker.pointee.next
            if worker != survivor { WorkerState.destroy(worker) }
        }
        while let worker = state.pointee.hired {
            state.pointee.hired = worker.pointee.nextWaiting
            WorkerState.destroy(worker)
        }
        survivor?.pointee.next = nil
        survivor?.pointee.previous = nil
        survivor?.pointee.clock = .ofCallingThread()
        survivor?.pointee.usage.start(now: Clock.now(), cpu: 0)
        state.pointee.serving = survivor
        state.pointee.servingCount = survivor == nil ? 0 : 1
        state.pointee.running = survivor?.pointee.isRunningTask == true ? 1 : 0
        state.pointee.nextToMeasure = nil
        state.pointee.hiredCount = 0
        state.pointee.idle = nil
        state.pointee.idleCount = 0
        state.pointee.wakingCount = 0
        state.pointee.lookout = Lookout()
        state.pointee.waiters = 0
        state.pointee.leaver = nil
        state.pointee.canceller = nil
        state.pointee.sampler.pointee.closeAll()  // they look at the parent's threads
        state.pointee.ticker = Ticker(alarm: state.pointee.ticker.alarm)
        if !state.pointee.queue.isEmpty {
            state.pointee.orphans = state.pointee.queue.takeAll()
        }
        state.pointee.queue.shutDoor()
    }

    /// Reports what the child of a fork has inherited. Called with the lock held, returns with it held.
    func reportOrphans() {
        var orphans = state.pointee.orphans
        state.pointee.orphans = TaskQueue()
        cancel(&orphans)
    }
}
