import CSystem

// Workers that have nothing to do.

extension Pool {
    /// Waits until somebody has work for the worker, or wants it gone. Called with the lock held, returns with it held.
    func park(_ worker: Worker) {
        let isOnLookout = state.pointee.lookout.take()
        if !isOnLookout {
            recallClaims()
            guard state.pointee.queue.isEmpty else { return }
            giveMemoryBack(worker)
        }
        let host = state.pointee.configuration.host
        worker.pointee.wake.store(isOnLookout ? Wake.onLookout : Wake.asleep)
        putAside(worker)
        worker.pointee.usage.park(now: Clock.now())
        unlock()
        host.beforeWait?(host.context)
        let lookout = isOnLookout ? lookOut(worker) : nil
        while worker.pointee.wake.load() != Wake.called { worker.pointee.wake.wait(while: Wake.asleep) }
        let now = Clock.now()
        host.afterWait?(host.context)
        lock()
        if lookout?.paid == true { state.pointee.lookout.giveBack(paid: true) }
        state.pointee.wakingCount -= 1
        worker.pointee.usage.unpark(now: now, spun: lookout?.seconds ?? 0)
        worker.pointee.claim.began = now
    }

    /// The worker that parked last is the first to be called, so that the surplus stays asleep; the one on the lookout goes before it.
    private func putAside(_ worker: Worker) {
        worker.pointee.isParked = true
        state.pointee.idleCount += 1
        if let first = state.pointee.idle, first.pointee.isOnLookout {
            worker.pointee.nextWaiting = first.pointee.nextWaiting
            first.pointee.nextWaiting = worker
        } else {
            worker.pointee.nextWaiting = state.pointee.idle
            state.pointee.idle = worker
        }
    }

    /// Looks out for a call, for a moment.
    private func lookOut(_ worker: Worker) -> (paid: Bool, seconds: Double) {
        let wake = worker.pointee.wake
        let began = Clock.now()
        var now = began
        while now < began + Lookout.span {
            if wake.spin(while: Wake.onLookout) { return (true, now - began) }
            now = Clock.now()
        }
        lock()
        guard wake.exchange(Wake.onLookout, for: Wake.asleep) else {
            unlock()
            return (true, now - began)
        }
        state.pointee.lookout.giveBack(paid: false)
        recallClaims()
        giveMemoryBack(worker)
        callForWorkAndUnlock()
        return (false, now - began)
    }

    /// Before a worker sleeps.
    private func giveMemoryBack(_ worker: Worker) {
        worker.pointee.claim.others.giveRoomBack()
        state.pointee.queue.trim()
    }

    /// Takes the worker whose turn it is off the idle list. Whoever gets the call makes it, after unlocking.
    func takeIdle() -> Wake? {
        guard let worker = state.pointee.idle else { return nil }
        state.pointee.idle = worker.pointee.nextWaiting
        state.pointee.idleCount -= 1
        state.pointee.wakingCount += 1
        worker.pointee.nextWaiting = nil
        worker.pointee.isParked = false
        // Now, and not after unlocking: from here on the worker may run, leave and be freed. The wake-up itself touches no memory.
        let wasAwake = worker.pointee.wake.exchange(Wake.onLookout, for: Wake.called)
        if !wasAwake { worker.pointee.wake.store(Wake.called) }
        return Wake(futex: worker.pointee.wake, isNeeded: !wasAwake)
    }
}

extension WorkerState {
    var isOnLookout: Bool { wake.load() == Wake.onLookout }
}

/// A call for a parked worker, which has been told of it, but may have to be woken.
struct Wake {
    /// What the word says that a parked worker sleeps on.
    static let asleep: UInt32 = 0
    static let called: UInt32 = 1
    static let onLookout: UInt32 = 2

    fileprivate let futex: Futex
    fileprivate let isNeeded: Bool

    func make() {
        if isNeeded { futex.wakeOne() }
    }
}

/// Whether a worker that has nothing to do looks out for its next task for a moment before it sleeps.
///
/// To be woken takes a sleeping core tens of microseconds; to look out takes CPU. So one worker does at most, where there are two cores or
/// more, and as long as it pays: each lookout in vain costs credit, each other one earns some, and without any it is tried now and then.
struct Lookout {
    /// Seconds.
    fileprivate static let span = 50e-6
    private static let mostCredit = 8
    /// How many times nobody looks out, without credit.
    private static let pause = 64

    /// A core must be left for whoever is to call. Quotas do not matter: they are for longer than a moment.
    private let isOfUse = csystem_affinity_count() >= 2
    private var isTaken = false
    private var credit = 0
    private var skipped = 0

    fileprivate mutating func take() -> Bool {
        guard isOfUse, !isTaken else { return false }
        guard credit > 0 || skipped >= Self.pause else {
            skipped += 1
            return false
        }
        skipped = 0
        isTaken = true
        return true
    }

    fileprivate mutating func giveBack(paid: Bool) {
        isTaken = false
        credit = paid ? min(credit + 1, Self.mostCredit) : max(credit - 1, 0)
    }
}
