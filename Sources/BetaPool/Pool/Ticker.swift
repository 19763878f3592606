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
        if let thread { pthread_join(thread, nil) }
    }

    private func keepTicking() {
        var rhythm = Rhythm()
        lock()
        state.pointee.ticker.thread = pthread_self()  // whoever started it may be slower to say so than the first decision
        Thread.setName(state.pointee.configuration.threadName, number: nil)
        let sampler = state.pointee.sampler
        rhythm.begin(now: Clock.now(), interval: state.pointee.controller.pace)
        while !mayEndTicking {
            let alarm = state.pointee.ticker.alarm
            let bell = alarm.load()
            let mayRest = hasNothingToDecide
            state.pointee.ticker.isAsleep = mayRest
            unlock()
            alarm.wait(while: bell, until: mayRest ? .infinity : rhythm.nextSample)
            let now = Clock.now()
            if !mayRest, now >= rhythm.nextSample { takeSample(&sampler.pointee) }
            lock()
            if !mayRest {
                guard rhythm.isTickDue(now: now) else { continue }
                tick(now: now, cores: rhythm.cores)
            }
            rhythm.begin(now: now, interval: state.pointee.controller.pace)
        }
        unlock()
    }

    private var mayEndTicking: Bool {
        state.pointee.ticker.mustStop || state.pointee.phase != .open && state.pointee.threads == 0 && state.pointee.queue.isEmpty
    }

    private var hasNothingToDecide: Bool {
        guard state.pointee.queue.isEmpty, state.pointee.running == 0 else { return false }
        return state.pointee.controller.isAtRest || state.pointee.phase != .open
    }
}

/// When to take samples, and when to tick.
private struct Rhythm {
    private static let samplesPerTick = 5.0
    /// Seconds after which the number of cores is asked for again: affinity and quotas change.
    private static let coresInterval = 5.0

    private(set) var nextSample = 0.0
    private(set) var cores = 1.0
    private var interval = 0.0
    private var nextTick = 0.0
    private var nextCores = 0.0
    private var jitter: UInt32 = 1

    mutating func begin(now: Double, interval: Double) {
        self.interval = interval
        nextTick = now + interval
        scheduleSample(now: now)
        lookAtCores(now: now)
    }

    /// Whether it is time; if not, when the next sample is.
    mutating func isTickDue(now: Double) -> Bool {
        guard now >= nextSample else { return false }
        if now >= nextTick - interval / (4 * Self.samplesPerTick) { return true }
        scheduleSample(now: now)
        return false
    }

    /// Not in step with anything that the tasks do.
    private mutating func scheduleSample(now: Double) {
        jitter = jitter &* 1_664_525 &+ 1_013_904_223
        let factor = 0.75 + 0.5 * Double(jitter >> 8) / Double(1 << 24)
        nextSample = min(now + factor * interval / Self.samplesPerTick, max(nextTick, now))
    }

    private mutating func lookAtCores(now: Double) {
        guard now >= nextCores else { return }
        cores = Limits.current().cores
        nextCores = now + Self.coresInterval
    }
}
