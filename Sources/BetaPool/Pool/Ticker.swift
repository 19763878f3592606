import CSystem

/// The thread that ticks the controller. It is started by the first task, sleeps while there is nothing to decide, so that an idle pool
/// wakes nobody, and needs no lock of the host's.
struct Ticker {
    enum Alarm {
        case start
        case ring(Futex)
    }

    /// Incremented to end the ticker's sleep.
    let alarm: Futex
    /// Set from the moment that somebody is about to start the thread; `thread` follows.
    var isStarted = false
    var thread: Thread?
    /// Asleep until somebody calls, or not started yet.
    var isAsleep = true
    var mustStop = false

    /// How to call the ticker, if it needs to be called.
    mutating func callIfAsleep() -> Alarm? {
        guard isAsleep else { return nil }
        isAsleep = false
        guard isStarted else {
            isStarted = true
            return .start
        }
        return .ring(alarm)
    }
}

extension Pool {
    func ring(_ alarm: Ticker.Alarm) {
        switch alarm {
        case .ring(let futex):
            futex.increment()
            futex.wakeOne()
        case .start:
            let thread = try? Thread.start(stackSize: PoolConfiguration.smallestStack, argument: handle) { argument in
                Pool(handle: argument!.assumingMemoryBound(to: HandleHeader.self)).keepTicking()
                return nil
            }
            lock()
            state.pointee.ticker.thread = thread
            if thread == nil {  // the next task tries again
                state.pointee.ticker.isStarted = false
                state.pointee.ticker.isAsleep = true
            }
            unlock()
        }
    }

    /// The ticker has no more to do: its thread may end. Called with the lock held.
    func releaseTicker() {
        state.pointee.ticker.alarm.increment()
        state.pointee.ticker.alarm.wakeOne()
    }

    /// Ends the ticker's thread. Nobody submits any more.
    func stopTicker() {
        lock()
        state.pointee.ticker.mustStop = true
        releaseTicker()
        let thread = state.pointee.ticker.thread
        unlock()
        if let thread { Thread.join(thread) }
    }

    private func keepTicking() {
        var rhythm = Rhythm()
        let clock = ThreadCPUClock.ofCallingThread()
        lock()
        state.pointee.ticker.thread = .current  // whoever started it may be slower to say so than the first decision
        Thread.setName(state.pointee.configuration.threadName, number: nil)
        let sampler = state.pointee.sampler
        rhythm.begin(now: Clock.now(), interval: state.pointee.controller.pace, cpu: clock?.read())
        while !mayEndTicking {
            let alarm = state.pointee.ticker.alarm
            let bell = alarm.load()
            let mayRest = hasNothingToDecide
            state.pointee.ticker.isAsleep = mayRest
            unlock()
            if mayRest { sampler.pointee.closeAll() }  // an idle pool holds no files
            alarm.wait(while: bell, until: mayRest ? .infinity : rhythm.nextSample)
            let now = Clock.now()
            if !mayRest, now >= rhythm.nextSample { takeSample(&sampler.pointee, reads: rhythm.reads) }
            lock()
            if !mayRest {
                guard rhythm.isTickDue(now: now) else { continue }
                tick(now: now, cores: rhythm.cores)
            }
            rhythm.begin(now: now, interval: state.pointee.controller.pace, cpu: clock?.read())
        }
        unlock()
        sampler.pointee.closeAll()
    }

    private var mayEndTicking: Bool {
        state.pointee.ticker.mustStop || state.pointee.phase != .open && state.pointee.threads == 0 && state.pointee.queue.isEmpty
    }

    private var hasNothingToDecide: Bool {
        guard state.pointee.queue.isEmpty, state.pointee.running == 0 else { return false }
        return state.pointee.controller.isAtRest || state.pointee.phase != .open
    }
}
