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
    var thread: pthread_t?
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

    /// Ends the ticker's thread. Nobody submits any more.
    func stopTicker() {
        lock()
        state.pointee.ticker.mustStop = true
        let ticker = state.pointee.ticker
        unlock()
        ticker.alarm.increment()
        ticker.alarm.wakeOne()
        if let thread = ticker.thread { pthread_join(thread, nil) }
    }

    private func keepTicking() {
        lock()
        var next = Clock.now() + state.pointee.settings.interval
        while !state.pointee.ticker.mustStop {
            let alarm = state.pointee.ticker.alarm
            let bell = alarm.load()
            let mayRest = hasNothingToDecide
            state.pointee.ticker.isAsleep = mayRest
            unlock()
            alarm.wait(while: bell, until: mayRest ? .infinity : next)
            lock()
            let now = Clock.now()
            if mayRest {
                next = now + state.pointee.settings.interval
            } else if now >= next {
                next = max(next, now - state.pointee.settings.interval) + state.pointee.settings.interval
                tick(now: now)
            }
        }
        unlock()
    }

    private var hasNothingToDecide: Bool {
        guard state.pointee.queue.isEmpty, state.pointee.running == 0 else { return false }
        return state.pointee.controller.isAtRest || state.pointee.phase != .open
    }
}
