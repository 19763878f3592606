/// Why a decision was taken: a sentence and the two figures in it.
struct Why {
    enum Reason: Int32 {
        // Algorithm 1, and what all policies share
        case fixed = 1
        case nothingQueued = 2
        case blocking = 3
        case blockingLongEnough = 4
        case atMaximum = 5
        case cpuSaturated = 6
        // Wait states
        case fewForLock = 10
        case fewForCores = 11
        case enoughForLock = 12
        case enoughForCores = 13
        case tooManyForLock = 14
        case tooManyForCores = 15
        // Throughput, starvation, idleness
        case growthOnTrial = 20
        case growthDidNotPay = 21
        case starved = 22
        case starting = 23
        case idle = 24
        case lookingDown = 25
        case fewerWereWorse = 26
        case notSureYet = 27
        case shortTurns = 28
    }

    let reason: Reason
    /// The figure that decided, and what it was held against.
    let observed: Double
    let limit: Double

    init(_ reason: Reason, _ observed: Double = 0, _ limit: Double = 0) {
        self.reason = reason
        self.observed = observed
        self.limit = limit
    }

    /// Whether tasks wait and get no thread, because it would not serve them sooner.
    var refusesGrowth: Bool {
        switch reason {
        case .cpuSaturated, .enoughForLock, .enoughForCores, .growthDidNotPay, .shortTurns: true
        default: false
        }
    }

    /// The sentence, in pieces around the two figures.
    private var pieces: (StaticString, StaticString, StaticString) {
        switch reason {
        case .fixed: ("the thread count is fixed", "", "")
        case .nothingQueued: ("no task waits for a thread", "", "")
        case .blocking: ("tasks wait and threads block: interval ", " of ", " before one thread more")
        case .blockingLongEnough: ("tasks wait and beta ", " is above ", ": one thread more")
        case .atMaximum: ("tasks wait and threads block, but ", " threads are the maximum", "")
        case .cpuSaturated: ("beta ", " is not above ", ": the CPU is saturated, growth refused")
        case .fewForLock: ("tasks wait, and only ", " threads wait for the lock where ", " keep it busy: more threads")
        case .fewForCores: ("tasks wait, and only ", " threads wait for a core where ", " keep them busy: more threads")
        case .enoughForLock: ("", " threads wait for the lock, ", " are enough to keep it busy")
        case .enoughForCores: ("", " threads wait for a core, ", " are enough to keep them busy")
        case .tooManyForLock: ("", " threads wait for the lock, ", " are enough to keep it busy: fewer threads")
        case .tooManyForCores: ("", " threads wait for a core, ", " are enough to keep them busy: fewer threads")
        case .growthOnTrial: ("waiting to see whether going from ", " to ", " threads pays")
        case .growthDidNotPay: ("more than ", " threads finish no more tasks: what they wait for is outside", "")
        case .lookingDown: ("trying whether fewer than ", " threads finish as many tasks", "")
        case .notSureYet: ("a change would undo the last one: looking for longer first", "", "")
        case .fewerWereWorse: ("", " threads finished fewer tasks", "")
        case .shortTurns: ("more than ", " threads finish fewer tasks: turns of the lock are short", "")
        case .starved: ("tasks wait, and no thread has taken one for ", " s: they may wait for each other", "")
        case .starting: ("", " of ", " threads are at work, the others are still starting")
        case .idle: ("no task waits, and at most ", " of ", " threads had work")
        }
    }

    /// How many figures the sentence has.
    private var figures: Int {
        switch reason {
        case .fixed, .nothingQueued, .notSureYet: 0
        case .atMaximum, .growthDidNotPay, .starved, .lookingDown, .fewerWereWorse, .shortTurns: 1
        default: 2
        }
    }

    func write(to text: inout Text) {
        let (first, second, third) = pieces
        text.append(first)
        guard figures > 0 else { return }
        text.append(observed)
        text.append(second)
        guard figures > 1 else { return }
        text.append(limit)
        text.append(third)
    }
}
