/// Square-root staffing on measured wait states.
///
/// Threads form a closed queueing network: they wait for I/O side by side and for the host's lock, or a core, one behind the other. The
/// number that comes back from I/O fluctuates by about sqrt(waiting), so the bottleneck stays busy when about K * sqrt(waiting) threads
/// wait in front of it, and more add nothing (the square-root staffing rule of call centres: Halfin and Whitt, 1981). Both numbers are
/// measured, so the count need not be searched for: it moves there in a step, and grows by doubling while nobody waits in front at all.
///
/// Where nobody waits in front and growth brings nothing, the bottleneck is outside the process: then completions per second decide.
struct AdaptivePolicy {
    /// Twice what the rule asks for: a thread that is called for its turn takes tens of microseconds to come, and one that happens to be awake
    /// in front of the lock takes the turn meanwhile. Where no thread waits for I/O none is needed in front.
    fileprivate static let K = 5.0
    /// Seconds without a task taken from a queue that is not empty, or finished.
    private static let starvation = 0.25
    /// Seconds to wait for the outcome of growth before growing further, and for that of shrinking.
    private static let patience = (growing: 0.3, shrinking: 1.0)
    /// Seconds of an empty queue before threads leave.
    private static let linger = 2.0

    private var stay: Stay?
    private var damping = Damping()
    private var growth: Trial?
    private var shrinking: Trial?
    private var ceiling: Ceiling?
    private var handover = Handover()
    private var progress: (time: Double, started: UInt64, completed: UInt64)?
    private var quietSince: Double?
    private var quietPeak = 0

    mutating func decide(N: Int, load: Load, now: Double, _ settings: Settings) -> Verdict {
        var stay = self.stay ?? Stay(since: now, completed: load.completed)
        stay.add(load, now: now)
        let verdict = decide(N: N, load: load, now: now, stay, least: settings.minThreads)
        let threads = min(max(verdict.threads, settings.minThreads), settings.maxThreads)
        damping.note(change: threads - N)
        self.stay = threads == N ? stay : Stay(since: now, completed: load.completed, dispersion: stay.dispersion)
        return Verdict(threads: threads, why: threads < verdict.threads && threads == N ? Why(.atMaximum, Double(N)) : verdict.why)
    }

    private mutating func decide(N: Int, load: Load, now: Double, _ stay: Stay, least: Int) -> Verdict {
        let front = Front(stay, load)
        noteProgress(load, now: now)
        if isStarved(front, now: now) {
            forgetTrials()
            return Verdict(threads: 2 * N, why: Why(.starved, now - progress!.time))
        }
        if front.isCrowded {
            forgetTrials()
            let change = -max(1, Int(0.7 * (front.waiting - front.enough)))
            guard damping.allows(change: change, of: N, stay) else { return Verdict(threads: N, why: Why(.notSureYet)) }
            return Verdict(threads: N + change, why: front.why)
        }
        if load.queueLength == 0 { return whenQuiet(N: N, load, now: now) }
        quietSince = nil
        if let verdict = handover.decide(N: N, least: least, isStaffed: front.isLock && front.isStaffed, stay, now: now) {
            forgetTrials()
            return verdict
        }
        if ceiling?.isOutdated(by: stay) == true { forgetTrials() }
        if front.isStaffed {
            forgetTrials()
            return Verdict(threads: N, why: front.why)
        }
        return judgeShrinking(N: N, stay, now: now) ?? judgeGrowth(N: N, stay, now: now) ?? grow(N: N, load, front, stay, now: now)
    }

    // MARK: A bottleneck that is not seen

    private mutating func grow(N: Int, _ load: Load, _ front: Front, _ stay: Stay, now: Double) -> Verdict {
        guard load.peakBusy >= N else { return Verdict(threads: N, why: Why(.starting, Double(load.peakBusy), Double(N))) }
        // From one thread to two, three, six: at first a single thread more tells most.
        var wanted = N + (front.isEmpty && N > 2 ? N : max(1, N / 4))
        ceiling?.notice(stay, now: now)
        if let ceiling {
            if now < ceiling.nextLook {
                wanted = min(wanted, ceiling.threads)
                if wanted <= N { return Verdict(threads: N, why: Why(.growthDidNotPay, Double(N))) }
            } else if ceiling.look == .down, let trial = Trial(before: N, stay) {
                shrinking = trial
                return Verdict(threads: N * 4 / 5, why: Why(.lookingDown, Double(N)))
            }
        }
        guard damping.allows(change: wanted - N, of: N, stay) else { return Verdict(threads: N, why: Why(.notSureYet)) }
        if growth == nil { growth = Trial(before: N, stay) }
        return Verdict(threads: wanted, why: front.why)
    }

    /// What the outcome of earlier growth says, if it says that the count must not grow now.
    private mutating func judgeGrowth(N: Int, _ stay: Stay, now: Double) -> Verdict? {
        guard let trial = growth else { return nil }
        switch trial.outcome(ofGrowingTo: N, stay) {
        case .better:
            growth = nil
            ceiling = nil
            return nil
        case .notBetter:
            growth = nil
            let rate = max(stay.rate, trial.rate)
            if ceiling != nil, trial.threads >= ceiling!.threads {
                ceiling!.stands(rate: rate, now: now)
            } else {
                ceiling = Ceiling(knee: Double(trial.threads) * rate / trial.rate, rate: rate, now: now)
            }
            return Verdict(threads: min(N, ceiling!.threads), why: Why(.growthDidNotPay, Double(ceiling!.threads)))
        case .undecided:
            guard stay.seconds < Self.patience.growing else { return nil }
            return Verdict(threads: N, why: Why(.growthOnTrial, Double(trial.threads), Double(N)))
        }
    }

    private mutating func judgeShrinking(N: Int, _ stay: Stay, now: Double) -> Verdict? {
        guard let trial = shrinking else { return nil }
        switch trial.outcome(ofShrinking: stay, patience: Self.patience.shrinking) {
        case .better:
            shrinking = nil
            ceiling?.lower(to: N, now: now)
            return Verdict(threads: N, why: Why(.growthDidNotPay, Double(N)))
        case .notBetter:
            shrinking = nil
            ceiling?.stands(rate: trial.rate, now: now)
            return Verdict(threads: trial.threads, why: Why(.fewerWereWorse, Double(N)))
        case .undecided:
            return Verdict(threads: N, why: Why(.lookingDown, Double(trial.threads)))
        }
    }

    private mutating func forgetTrials() {
        growth = nil
        shrinking = nil
        ceiling = nil
    }

    // MARK: Starving, and having nothing to do

    private mutating func noteProgress(_ load: Load, now: Double) {
        if load.queueLength > 0, let progress, progress.started == load.started, progress.completed == load.completed { return }
        progress = (now, load.started, load.completed)
    }

    /// Tasks wait, none is taken or finished, and no thread computes: they all wait, perhaps for the very tasks in the queue.
    private func isStarved(_ front: Front, now: Double) -> Bool {
        guard let progress, now - progress.time >= Self.starvation else { return false }
        return !front.isComputing
    }

    private mutating func whenQuiet(N: Int, _ load: Load, now: Double) -> Verdict {
        guard let since = quietSince else {
            quietSince = now
            quietPeak = load.peakBusy
            return Verdict(threads: N, why: Why(.nothingQueued))
        }
        quietPeak = max(quietPeak, load.peakBusy)
        guard now - since >= Self.linger else { return Verdict(threads: N, why: Why(.nothingQueued)) }
        defer {
            quietSince = now
            quietPeak = load.peakBusy
        }
        guard quietPeak < N else { return Verdict(threads: N, why: Why(.nothingQueued)) }
        return Verdict(threads: max(quietPeak, N / 2), why: Why(.idle, Double(quietPeak), Double(N)))
    }
}

/// Keeps the count from going to and fro: a move that undoes the last one must be seen for longer, each time.
private struct Damping {
    private static let mostTicks = 16

    private var direction = 0
    private var ticks = 1

    /// A large change, by a third or more, is not to and fro.
    func allows(change: Int, of count: Int, _ stay: Stay) -> Bool {
        change.signum() == direction || stay.ticks >= ticks || change < -max(2, count / 3)
    }

    mutating func note(change: Int) {
        guard change != 0 else { return }
        ticks = change.signum() == -direction ? min(2 * ticks, Self.mostTicks) : 1
        direction = change.signum()
    }
}

/// The threads in front of the bottleneck: how many wait there, and how many are enough to keep it busy.
private struct Front {
    let waiting: Double
    let enough: Double
    let isComputing: Bool
    let isLock: Bool

    init(_ stay: Stay, _ load: Load) {
        guard let occupancy = stay.occupancy else {
            // Without wait states: a bottleneck in full use has enough in front of it; how many more there are is not known.
            let use = load.cpuRate / load.capacity
            waiting = use > 0.95 ? 1 : use > 0.8 ? 0.4 : 0
            enough = 1
            isComputing = use > 0.1
            isLock = false
            return
        }
        waiting = occupancy.surplus(cores: load.cores)
        enough = AdaptivePolicy.K * occupancy.waiting.root
        isComputing = occupancy.running + occupancy.contending >= 0.5
        isLock = occupancy.contending > waiting / 2
    }

    var isCrowded: Bool { waiting > 1.5 * enough }
    var isStaffed: Bool { waiting >= enough / 2 && !isCrowded }
    var isEmpty: Bool { waiting < enough / 4 }

    var why: Why {
        let reason: Why.Reason =
            if isCrowded { isLock ? .tooManyForLock : .tooManyForCores } else if isStaffed {
                isLock ? .enoughForLock : .enoughForCores
            } else { isLock ? .fewForLock : .fewForCores }
        return Why(reason, waiting, enough)
    }
}
