/// Square-root staffing on measured wait states.
///
/// Threads form a closed queueing network: they wait for I/O side by side and for the host's lock, or a core, one behind the other. The
/// number that comes back from I/O fluctuates by about sqrt(waiting), so the bottleneck stays busy when about K * sqrt(waiting) threads
/// wait in front of it, and more add nothing (the square-root staffing rule of call centres: Halfin and Whitt, 1981). Both numbers are
/// measured, so the count need not be searched for: it moves there in a step, and grows by doubling while nobody waits in front at all.
struct AdaptivePolicy {
    fileprivate static let K = 2.5
    /// Seconds without a task taken from a queue that is not empty.
    private static let starvation = 0.25
    /// Seconds that growth waits for the outcome of the growth before.
    private static let patience = 0.3
    /// Seconds of an empty queue before threads leave.
    private static let linger = 2.0

    private var stay: Stay?
    private var trial: GrowthTrial?
    private var ceiling: Ceiling?
    private var lastStart: (time: Double, started: UInt64)?
    private var quietSince: Double?
    private var quietPeak = 0

    mutating func decide(N: Int, load: Load, now: Double, _ settings: Settings) -> Verdict {
        var stay = self.stay ?? Stay(since: now, completed: load.completed)
        stay.add(load, now: now)
        let verdict = decide(N: N, load: load, now: now, stay, settings)
        let threads = min(max(verdict.threads, settings.minThreads), settings.maxThreads)
        self.stay = threads == N ? stay : Stay(since: now, completed: load.completed)
        return Verdict(threads: threads, why: threads == verdict.threads || threads != N ? verdict.why : Why(.atMaximum, Double(N)))
    }

    private mutating func decide(N: Int, load: Load, now: Double, _ stay: Stay, _ settings: Settings) -> Verdict {
        let crowd = Crowd(stay, load)
        noteStarts(load, now: now)
        if isStarved(load, crowd, now: now) {
            trial = nil
            ceiling = nil
            return Verdict(threads: 2 * N, why: Why(.starved, now - lastStart!.time))
        }
        if crowd.inFront > 1.5 * crowd.enough {
            trial = nil
            ceiling = nil
            return Verdict(threads: N - max(1, Int(0.7 * (crowd.inFront - crowd.enough))), why: crowd.why(.crowded))
        }
        if load.queueLength == 0 { return whenQuiet(N: N, load, now: now) }
        quietSince = nil
        if ceiling?.isOutdated(by: stay) == true { ceiling = nil }
        guard crowd.inFront < crowd.enough / 2 else {
            trial = nil
            return Verdict(threads: N, why: crowd.why(.staffed))
        }
        if let verdict = judgeTrial(N: N, stay, now: now) { return verdict }
        return grow(N: N, load, crowd, stay, now: now)
    }

    // MARK: Growing

    private mutating func grow(N: Int, _ load: Load, _ crowd: Crowd, _ stay: Stay, now: Double) -> Verdict {
        guard load.peakBusy >= N else { return Verdict(threads: N, why: Why(.starting, Double(load.peakBusy), Double(N))) }
        var wanted = crowd.inFront < crowd.enough / 4 ? 2 * N : max(N + 1, N + N / 4)
        if let ceiling, now < ceiling.nextLook {
            wanted = min(wanted, ceiling.threads)
            if wanted <= N { return Verdict(threads: N, why: Why(.growthDidNotPay, Double(ceiling.threads))) }
        }
        if trial == nil { trial = GrowthTrial(before: N, stay) }
        return Verdict(threads: wanted, why: crowd.why(.roomy))
    }

    /// What the outcome of earlier growth says, if it says that N must not grow now.
    private mutating func judgeTrial(N: Int, _ stay: Stay, now: Double) -> Verdict? {
        guard let trial else { return nil }
        switch trial.outcome(with: N, stay) {
        case .paid:
            self.trial = nil
            ceiling = nil
            return nil
        case .failed(let gain):
            self.trial = nil
            let knee = Double(trial.threads) * max(gain, 1)
            let ceiling = Ceiling(knee: knee, rate: trial.rate * max(gain, 1), now: now, previous: ceiling)
            self.ceiling = ceiling
            return Verdict(threads: min(N, ceiling.threads), why: Why(.growthDidNotPay, Double(ceiling.threads)))
        case .undecided:
            guard stay.seconds < Self.patience else { return nil }
            return Verdict(threads: N, why: Why(.growthOnTrial, Double(trial.threads), Double(N)))
        }
    }

    // MARK: Starving, and having nothing to do

    private mutating func noteStarts(_ load: Load, now: Double) {
        if load.queueLength == 0 || load.started != lastStart?.started { lastStart = (now, load.started) }
    }

    /// Tasks wait, none is taken, and no thread computes: they all wait, perhaps for the very tasks in the queue.
    private func isStarved(_ load: Load, _ crowd: Crowd, now: Double) -> Bool {
        guard let lastStart, now - lastStart.time >= Self.starvation else { return false }
        return !crowd.isComputing
    }

    private mutating func whenQuiet(N: Int, _ load: Load, now: Double) -> Verdict {
        guard let since = quietSince else {
            quietSince = now
            quietPeak = load.peakBusy
            return Verdict(threads: N, why: Why(.nothingQueued))
        }
        quietPeak = max(quietPeak, load.peakBusy)
        guard now - since >= Self.linger, quietPeak < N else { return Verdict(threads: N, why: Why(.nothingQueued)) }
        quietSince = nil
        return Verdict(threads: max(quietPeak, N / 2), why: Why(.idle, Double(quietPeak), Double(N)))
    }
}

/// The threads in front of the bottleneck: how many there are, and how many are enough to keep it busy.
private struct Crowd {
    let inFront: Double
    let enough: Double
    let isComputing: Bool
    private let isBehindLock: Bool

    enum Size: UInt8 {
        case roomy, staffed, crowded
    }

    init(_ stay: Stay, _ load: Load) {
        guard let occupancy = stay.occupancy else {
            // Without wait states: a bottleneck in full use has enough in front of it, and how many they are is not known.
            let use = load.cpuRate / load.capacity
            inFront = use > 0.95 ? 1 : use > 0.8 ? 0.4 : 0
            enough = 1
            isComputing = use > 0.1
            isBehindLock = false
            return
        }
        inFront = occupancy.surplus(cores: load.cores)
        enough = 1 + AdaptivePolicy.K * occupancy.waiting.root
        isComputing = occupancy.running + occupancy.contending >= 0.5
        isBehindLock = occupancy.contending > inFront / 2
    }

    func why(_ size: Size) -> Why {
        switch size {
        case .roomy: Why(isBehindLock ? .fewForLock : .fewForCores, inFront, enough)
        case .staffed: Why(isBehindLock ? .enoughForLock : .enoughForCores, inFront, enough)
        case .crowded: Why(isBehindLock ? .tooManyForLock : .tooManyForCores, inFront, enough)
        }
    }
}
