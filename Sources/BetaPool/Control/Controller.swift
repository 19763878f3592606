/// Turns what tasks used into thread counts. It has no clock, no thread and no lock: time comes in with each tick, and its owner sees to it
/// that one thread at a time is here. Whoever made it calls `destroy`.
struct Controller {
    private enum Policy {
        case fixed(FixedPolicy)
        case paper(PaperPolicy)
        case paperIO(PaperPolicy)
        case adaptive(AdaptivePolicy)
    }

    private(set) var settings: Settings
    /// N: the thread count in force.
    private(set) var threads: Int
    private(set) var beta: Double?
    private(set) var smoothedBeta = SmoothedBeta()
    private(set) var occupancy: Occupancy?
    private(set) var log: DecisionLog
    private(set) var tally = Tally()
    private(set) var lastAction = Action.hold
    /// Threads that wait for a lock or a core that others of them have; nil where wait states cannot be read.
    private(set) var surplus: Double?
    private var policy: Policy
    private var monitor = Monitor()
    private var lastTick = -Double.infinity

    /// How often each action was taken.
    struct Tally {
        var scaleUps: UInt64 = 0
        var scaleDowns: UInt64 = 0
        var vetoes: UInt64 = 0
    }

    init(_ settings: Settings) throws(Errno) {
        guard settings.isValid else { throw .invalidArgument }
        guard let log = DecisionLog() else { throw .outOfMemory }
        self.settings = settings
        self.log = log
        threads = settings.firstThreads
        switch settings.policy {
        case .fixed:
            policy = .fixed(FixedPolicy())
        case .paper:
            policy = .paper(PaperPolicy())
        case .paperIO:
            policy = .paperIO(PaperPolicy())
        case .adaptive:
            policy = .adaptive(AdaptivePolicy())
        }
    }

    /// Seconds until the next tick should come: sooner while the adaptive policy grows, for each step shows whether another one is due.
    var pace: Double {
        if case .adaptive = policy, lastAction == .scaleUp { settings.interval / 2 } else { settings.interval }
    }

    func destroy() {
        log.destroy()
    }

    /// Whether a tick without load would change nothing.
    var isAtRest: Bool {
        settings.policy == .fixed || threads == settings.minThreads
    }

    /// Adds what a task, or a worker since the last tick, used: seconds.
    mutating func report(cpu: Double, wall: Double) {
        monitor.add(cpu: cpu, wall: wall)
    }

    /// Ends the interval and decides.
    mutating func tick(now: Double, load seen: Load) -> Decision {
        var load = seen
        load.cpuRate = now > lastTick ? monitor.cpu / (now - lastTick) : 0
        lastTick = now
        beta = monitor.takeBeta()
        smoothedBeta.add(beta, alpha: settings.alpha)
        occupancy = load.occupancy
        surplus = occupancy?.surplus(cores: load.cores)
        let verdict = decide(load, now: now)
        let decision = Decision(
            number: log.count + 1, time: now, beta: beta, smoothedBeta: smoothedBeta.value, occupancy: load.occupancy,
            surplus: surplus, queueLength: load.queueLength, threadsBefore: threads, threads: verdict.threads, why: verdict.why)
        threads = verdict.threads
        log.append(decision)
        tally.add(decision.action)
        lastAction = decision.action
        return decision
    }

    /// Sets N_min and N_max; a count outside them moves to the nearer one.
    mutating func resize(minThreads: Int, maxThreads: Int) throws(Errno) {
        var changed = settings
        changed.minThreads = minThreads
        changed.maxThreads = maxThreads
        guard changed.isValid else { throw .invalidArgument }
        settings = changed
        threads = settings.policy == .fixed ? maxThreads : min(max(threads, minThreads), maxThreads)
    }

    private mutating func decide(_ load: Load, now: Double) -> Verdict {
        let Q = load.queueLength
        switch policy {
        case .fixed(let fixed):
            return fixed.decide(settings)
        case .paper(var paper):
            defer { policy = .paper(paper) }
            return paper.decide(N: threads, Q: Q, beta_sample: beta, settings)
        case .paperIO(var paper):
            defer { policy = .paperIO(paper) }
            return paper.decide(N: threads, Q: Q, beta_sample: load.occupancy?.betaIO, settings)
        case .adaptive(var adaptive):
            defer { policy = .adaptive(adaptive) }
            return adaptive.decide(N: threads, load: load, now: now, settings)
        }
    }
}

extension Controller.Tally {
    fileprivate mutating func add(_ action: Action) {
        switch action {
        case .hold: break
        case .scaleUp: scaleUps += 1
        case .scaleDown: scaleDowns += 1
        case .veto: vetoes += 1
        }
    }
}
