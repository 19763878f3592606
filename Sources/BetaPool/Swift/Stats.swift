internal import CBetaPool

extension AdaptiveThreadPool {
    /// A pool at one moment. Totals count from its creation.
    public struct Stats: Sendable {
        private let raw: betapool_stats

        init(_ raw: betapool_stats) {
            self.raw = raw
        }

        /// How the pool's controller decides.
        public var policy: Policy { Policy(number: raw.policy) }

        /// The limits of the thread count that are in force.
        public var threadLimits: ClosedRange<Int> { Int(raw.min_threads)...Int(raw.max_threads) }

        /// How many workers the controller allows.
        public var targetThreads: Int { Int(raw.target_threads) }

        /// How many workers there are, those that are just starting among them.
        public var threads: Int { Int(raw.threads) }

        /// How many of them have nothing to do.
        public var idleThreads: Int { Int(raw.idle_threads) }

        /// Tasks that wait for a worker.
        public var queueLength: Int { Int(clamping: raw.queue_length) }

        /// Tasks that run.
        public var running: Int { Int(clamping: raw.running) }

        /// Tasks accepted, ever.
        public var submitted: UInt64 { raw.submitted }

        /// Tasks that have run to their end.
        public var completed: UInt64 { raw.completed }

        /// Tasks that were given up by ``AdaptiveThreadPool/ShutdownMode/cancel``. A call of ``AdaptiveThreadPool/run(_:)`` that was
        /// cancelled by its caller is not among them: its place in the queue runs, and does nothing.
        public var cancelled: UInt64 { raw.cancelled }

        /// Workers started, ever.
        public var threadsStarted: UInt64 { raw.threads_started }

        /// Workers that have left.
        public var threadsRetired: UInt64 { raw.threads_retired }

        /// Times that a thread was wanted and could not be had.
        public var spawnFailures: UInt64 { raw.spawn_failures }

        /// Ticks of the controller.
        public var decisions: UInt64 { raw.decisions }

        /// How many of them raised the thread count.
        public var scaleUps: UInt64 { raw.scale_ups }

        /// How many of them lowered it.
        public var scaleDowns: UInt64 { raw.scale_downs }

        /// How many of them refused growth that the queue asked for.
        public var vetoes: UInt64 { raw.vetoes }

        /// CPU time of the workers, up to the last tick.
        public var cpuTime: Duration { .seconds(raw.cpu_time) }

        /// The time that workers were not idle, summed over workers, up to the last tick.
        public var busyTime: Duration { .seconds(raw.busy_time) }

        /// ``Decision/beta`` of the last interval.
        public var beta: Double? { raw.beta.ifKnown }

        /// ``Decision/smoothedBeta`` of the last interval.
        public var smoothedBeta: Double { raw.beta_ewma }

        /// ``Decision/betaIO`` of the last interval.
        public var betaIO: Double? { raw.beta_io.ifKnown }

        /// ``Decision/runningThreads`` of the last interval.
        public var runningThreads: Double? { raw.running_threads.ifKnown }

        /// ``Decision/contendingThreads`` of the last interval.
        public var contendingThreads: Double? { raw.contending_threads.ifKnown }

        /// ``Decision/waitingThreads`` of the last interval.
        public var waitingThreads: Double? { raw.waiting_threads.ifKnown }

        /// ``Decision/surplusThreads`` of the last interval.
        public var surplusThreads: Double? { raw.surplus_threads.ifKnown }

        /// Whether the last look at busy threads showed what they were doing. If not, decisions go by CPU use and completions. False before
        /// the first look.
        public var seesWaitStates: Bool { raw.wait_states != 0 }
    }
}
