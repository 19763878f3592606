internal import CBetaPool

/// One tick of a controller: what it saw, what it did, why.
public struct Decision: Sendable, CustomStringConvertible {
    /// What a decision did to the thread count.
    public enum Action: Int32, Sendable {
        /// Nothing.
        case hold = 0
        /// It rose.
        case scaleUp = 1
        /// It fell.
        case scaleDown = 2
        /// Growth was asked for by the queue and refused.
        case veto = 3
    }

    private let raw: betapool_decision

    init(_ raw: betapool_decision) {
        self.raw = raw
    }

    /// The time now, on the clock that dates decisions: it does not go back, and begins at the start of the system.
    public static var now: Duration { .seconds(betapool_wall_time()) }

    /// 1 for the first decision. A gap means that older ones were forgotten.
    public var number: UInt64 { raw.number }

    /// When it was made: on the clock of ``now``, unless the tick was given another time.
    public var time: Duration { .seconds(raw.time) }

    /// The blocking ratio of the interval, 1 − ΣCPU/Σwall (eq. 3 of the paper); nil if nothing was measured.
    public var beta: Double? { raw.beta.ifKnown }

    /// The exponentially weighted mean of ``beta`` (the paper's Algorithm 1).
    public var smoothedBeta: Double { raw.beta_ewma }

    /// The blocking ratio that contention does not inflate: the share of busy threads that wait for something other than each other.
    /// Nil where wait states cannot be read.
    public var betaIO: Double? { raw.beta_io.ifKnown }

    /// Busy threads on a core, or queued for one: a mean over the interval, as the next two. Nil where wait states cannot be read.
    public var runningThreads: Double? { raw.running_threads.ifKnown }

    /// Busy threads asleep on the pool's own lock.
    public var contendingThreads: Double? { raw.contending_threads.ifKnown }

    /// Busy threads asleep in anything else.
    public var waitingThreads: Double? { raw.waiting_threads.ifKnown }

    /// Threads that could leave and nothing would slow down. Nil where wait states cannot be read.
    public var surplusThreads: Double? { raw.surplus_threads.ifKnown }

    /// Tasks that waited for a thread.
    public var queueLength: Int { Int(clamping: raw.queue_length) }

    /// The thread count until then.
    public var threadsBefore: Int { Int(raw.threads_before) }

    /// The thread count from then on.
    public var threads: Int { Int(raw.threads) }

    /// What became of the thread count.
    public var action: Action { Action(rawValue: raw.action) ?? .hold }

    /// Why, in words: `beta 0.12 is not above 0.3: the CPU is saturated, growth refused`.
    public var reason: String {
        withUnsafePointer(to: raw) { raw in
            let length = max(Int(betapool_decision_reason(raw, nil, 0)), 0)
            return String(unsafeUninitializedCapacity: length + 1) { text in
                text.withMemoryRebound(to: CChar.self) { _ = betapool_decision_reason(raw, $0.baseAddress, length + 1) }
                return length
            }
        }
    }

    /// ``threadsBefore``, ``threads`` and ``reason``.
    public var description: String {
        "\(threadsBefore) -> \(threads) threads: \(reason)"
    }
}

extension Decision {
    /// The newest decisions, oldest first, by a function that copies them.
    static func all(copy: (UnsafeMutablePointer<betapool_decision>?, Int) -> Int32) -> [Decision] {
        let kept = 256  // as many as a controller keeps
        return withUnsafeTemporaryAllocation(of: betapool_decision.self, capacity: kept) { log in
            let count = max(Int(copy(log.baseAddress, kept)), 0)
            return log[..<count].map(Decision.init)
        }
    }
}

extension Double {
    /// The C library says "not known" by a NaN.
    var ifKnown: Double? { isNaN ? nil : self }
}

extension Duration {
    /// As the C library takes it.
    var inSeconds: Double { self / .seconds(1) }
}
