/// Whether half as many threads finish more tasks, where turns of the host's lock are short.
///
/// Who waits for the lock sleeps, and nobody has it while the next one is woken: tens of microseconds, nothing beside a turn of 10 ms, a quarter
/// of one of 0.1 ms. Few enough threads come back from I/O to a lock that is free, and need no waking. Wait states do not show which of the two
/// weighs more, for who is being woken counts as running. Completions per second do.
struct Handover {
    /// Seconds. Longer turns hardly notice who had to be woken.
    private static let shortTurn = 0.001
    /// Of all threads. Were there more in I/O, half as many would leave the lock idle, and to start those again costs more than they could save.
    private static let fewInIO = 0.3
    /// Seconds that a count is in force before another is held against it.
    private static let settling = 0.6
    /// Seconds. What was found stands for the longest pause; what was not is tried again after ever longer ones.
    private static let pauses = (first: 0.5, longest: 10.0)

    private var trial: Trial?
    private var found: (threads: Int, rate: Double)?
    private var nextLook = 0.0
    private var pause = pauses.first

    /// nil where it has nothing to say.
    /// - Parameters:
    ///   - least: the fewest threads there may be.
    ///   - isStaffed: whether the lock is the bottleneck, and has enough threads in front of it.
    mutating func decide(N: Int, least: Int, isStaffed: Bool, _ stay: Stay, now: Double) -> Verdict? {
        if let trial { return judge(trial, N: N, stay, now: now) }
        if let found {
            if now < nextLook, stay.isLike(found.rate) {
                return Verdict(threads: found.threads, why: Why(.shortTurns, Double(found.threads)))
            }
            self.found = nil
            nextLook = now
        }
        guard isStaffed, N >= 4, N / 2 >= least, now >= nextLook, stay.rate * Self.shortTurn > 1, stay.seconds >= Self.settling,
            let waiting = stay.occupancy?.waiting, waiting < Self.fewInIO * Double(N)
        else { return nil }
        trial = Trial(before: N, stay)
        return Verdict(threads: N / 2, why: Why(.lookingDown, Double(N)))
    }

    private mutating func judge(_ trial: Trial, N: Int, _ stay: Stay, now: Double) -> Verdict {
        let outcome = trial.outcome(ofHalving: stay)
        if outcome == .undecided { return Verdict(threads: N, why: Why(.lookingDown, Double(trial.threads))) }
        self.trial = nil
        if outcome == .better {
            found = (N, stay.rate)
            nextLook = now + Self.pauses.longest
            pause = Self.pauses.first
            return Verdict(threads: N, why: Why(.shortTurns, Double(N)))
        }
        nextLook = now + pause
        pause = min(2 * pause, Self.pauses.longest)
        return Verdict(threads: trial.threads, why: Why(.fewerWereWorse, Double(N)))
    }
}
