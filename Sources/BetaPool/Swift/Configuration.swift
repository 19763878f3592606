internal import CBetaPool

extension ThreadController {
    /// The constants of a controller. What is nil is the policy's own choice.
    public struct Configuration: Sendable {
        /// How it decides.
        public var policy = Policy.adaptive

        /// N_min of the paper: 1 to ``maxThreads``. Nil: the paper's 4; 1 for ``Policy/adaptive``.
        public var minThreads: Int?

        /// N_max of the paper: at most 65536, never exceeded. Nil: the paper's 64; for ``Policy/adaptive`` as many as the limits of memory
        /// and of thread numbers bear.
        public var maxThreads: Int?

        /// The time between decisions: 1 ms to 1 hour. Nil: the paper's 0.5 s; 0.1 s for ``Policy/adaptive``.
        public var interval: Duration?

        /// H of Algorithm 1: so many intervals of wanting to grow come before growth. At least 1; the paper's 3.
        public var hysteresis: Int

        /// Algorithm 1 grows only above this blocking ratio: 0 to 1; the paper's 0.3.
        public var betaThreshold: Double

        /// The weight of the newest interval in ``Decision/smoothedBeta``: above 0 to 1; the paper's 0.2.
        public var alpha: Double

        /// The defaults.
        public init() {
            var defaults = betapool_config()
            betapool_config_init(&defaults)
            hysteresis = Int(defaults.hysteresis)
            betaThreshold = defaults.beta_threshold
            alpha = defaults.alpha
        }
    }
}

extension AdaptiveThreadPool {
    /// What a pool is made of.
    public struct Configuration: Sendable {
        /// How its threads are counted.
        public var control = ThreadController.Configuration()

        /// Most tasks that may wait for a worker, at least 1; nil: no limit.
        public var queueLimit: Int?

        /// Bytes of stack for each worker, at least 65536; nil: 1 MiB.
        public var stackSize: Int?

        /// Workers are called NAME-0, NAME-1, …, of which the kernel keeps 15 bytes.
        public var threadName = "betapool"

        /// Is told when the thread count changes, and when growth begins to be refused. Called by a thread of the pool that is no worker;
        /// must return soon, for control stands still meanwhile. A reference to the pool in it must be weak, or the pool never ends.
        public var onDecision: (@Sendable (Decision) -> Void)?

        /// The defaults.
        public init() {}
    }
}

extension betapool_config {
    init(_ configuration: ThreadController.Configuration) throws(BetaPoolError) {
        self.init()
        betapool_config_init(&self)
        policy = configuration.policy.number
        min_threads = try chosen(configuration.minThreads)
        max_threads = try chosen(configuration.maxThreads)
        hysteresis = try chosen(configuration.hysteresis)
        beta_threshold = configuration.betaThreshold
        alpha = configuration.alpha
        if let chosen = configuration.interval {
            guard chosen > .zero else { throw .outOfRange }
            interval = chosen.inSeconds
        }
    }

    init(_ configuration: AdaptiveThreadPool.Configuration) throws(BetaPoolError) {
        try self.init(configuration.control)
        queue_limit = try chosen(configuration.queueLimit)
        stack_size = try chosen(configuration.stackSize)
    }
}

/// The C library's 0 is Swift's nil: a 0 that was chosen is out of range.
private func chosen<C: FixedWidthInteger>(_ value: Int?) throws(BetaPoolError) -> C {
    guard let value else { return 0 }
    guard value > 0, let number = C(exactly: value) else { throw .outOfRange }
    return number
}
