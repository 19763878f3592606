internal import CBetaPool
internal import CSystem
internal import Dispatch

/// A thread pool that sizes itself from what its threads are really doing: computing, waiting for a core, waiting for I/O.
///
/// It is for work that blocks its thread (files, databases, C libraries) and must not block the threads that `async` code runs on:
///
///     let pool = try AdaptiveThreadPool()
///     let page = try await pool.run { try readPage(path) }
///
/// Everything may be called from any thread at any time, tasks included, unless its comment says otherwise. Tasks start in the order in
/// which they were submitted; threads start when tasks come, and leave when they are too many.
///
/// When the last reference goes, the pool ends as after ``shutdown(_:)`` with ``ShutdownMode/drain`` and ``join()``: what was submitted still
/// runs, and the thread that let go waits for it. A task or ``Configuration/onDecision`` may hold the last reference: then nobody waits.
public final class AdaptiveThreadPool: Sendable {
    /// What becomes of tasks that wait for a worker when a pool is shut down.
    public enum ShutdownMode: Int32, Sendable {
        /// They still run.
        case drain = 0
        /// They are given up: see ``AdaptiveThreadPool/submit(_:onCancel:)`` and ``AdaptiveThreadPool/run(_:)``.
        case cancel = 1
    }

    nonisolated(unsafe) private let handle: OpaquePointer
    private let observer: Observer?

    /// Makes a pool.
    /// - Throws: ``BetaPoolError/outOfRange``, ``BetaPoolError/outOfMemory``
    public init(_ configuration: Configuration = Configuration()) throws(BetaPoolError) {
        var config = try betapool_config(configuration)
        observer = configuration.onDecision.map(Observer.init)
        if let observer {
            config.host = Unmanaged.passUnretained(observer).toOpaque()
            config.on_decision = { Observer.tell($0, $1) }
        }
        var handle: OpaquePointer?
        try checked(
            configuration.threadName.withCString { name in
                config.thread_name = name
                return betapool_create(&config, &handle)
            })
        self.handle = handle!
    }

    deinit {
        // Neither a worker nor the thread that decides can wait for itself: another does.
        guard observer?.isBusyHere == true || betapool_free(handle) == -EDEADLK else { return }
        nonisolated(unsafe) let handle = handle
        let observer = observer
        DispatchQueue.global().async {
            withExtendedLifetime(observer) { _ = betapool_free(handle) }
        }
    }

    /// Calls the C library with this pool, which lives until the call returns.
    private func with<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(self) { body(handle) }
    }

    // MARK: Tasks

    /// Queues a task and returns.
    /// - Parameters:
    ///   - body: The work. It may block.
    ///   - onCancel: Called in the place of `body` if the pool is shut down with ``ShutdownMode/cancel`` before the task has started, by the
    ///     thread that shuts it down. One of the two is called, once.
    /// - Throws: ``BetaPoolError/tryAgain``, ``BetaPoolError/outOfMemory``, ``BetaPoolError/shutDown``
    public func submit(_ body: @escaping @Sendable () -> Void, onCancel: (@Sendable () -> Void)? = nil) throws(BetaPoolError) {
        let job = Unmanaged.passRetained(Job(body: body, onCancel: onCancel))
        let code = with { betapool_submit($0, { Job.call($0, $1) }, job.toOpaque()) }
        if code < 0 { job.release() }
        try checked(code)
    }

    /// Waits until no task is queued or running.
    /// - Parameter timeout: Nil waits without end, zero only looks.
    /// - Throws: ``BetaPoolError/timedOut``, ``BetaPoolError/wouldDeadlock`` (called by a task of this pool)
    @available(*, noasync, message: "this blocks its thread: await the calls of run(_:) instead")
    public func wait(timeout: Duration? = nil) throws(BetaPoolError) {
        try checked(with { betapool_wait($0, seconds(timeout)) })
    }

    // MARK: Size

    /// Sets the limits of the thread count, 1 to 65536. A count outside moves to the nearer limit at once; workers leave between tasks.
    /// - Throws: ``BetaPoolError/outOfRange``, ``BetaPoolError/shutDown``
    public func resize(to threads: ClosedRange<Int>) throws(BetaPoolError) {
        guard let least = UInt32(exactly: threads.lowerBound), let most = UInt32(exactly: threads.upperBound) else { throw .outOfRange }
        try checked(with { betapool_resize($0, least, most) })
    }

    // MARK: The end

    /// Refuses further tasks and lets the workers end. Does not wait for them. May be called again, e.g. to cancel what an earlier call
    /// meant to drain.
    public func shutdown(_ mode: ShutdownMode = .drain) {
        _ = with { betapool_shutdown($0, mode.rawValue) }
    }

    /// Waits until every worker has left a pool that was shut down. The caller is suspended meanwhile, and blocks no thread.
    /// - Throws: ``BetaPoolError/notShutDown``
    public func join() async throws(BetaPoolError) {
        try checkedJoin(
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async { continuation.resume(returning: self.with { betapool_join($0, -1) }) }
            })
    }

    /// As ``join()``, where there is no `await`: blocks the calling thread.
    /// - Parameter timeout: Nil waits without end, zero only looks.
    /// - Throws: ``BetaPoolError/notShutDown``, ``BetaPoolError/timedOut``, ``BetaPoolError/wouldDeadlock`` (called by a task of this pool)
    @available(*, noasync, message: "this blocks its thread: await join() instead")
    public func syncJoin(timeout: Duration? = nil) throws(BetaPoolError) {
        try checkedJoin(with { betapool_join($0, seconds(timeout)) })
    }

    private func checkedJoin(_ code: Int32) throws(BetaPoolError) {
        guard code != -EINVAL else { throw .notShutDown }
        try checked(code)
    }

    // MARK: Looking

    /// What the pool is doing now. Takes the pool's lock for a moment.
    public var stats: Stats {
        var stats = betapool_stats()
        stats.size = MemoryLayout<betapool_stats>.size
        _ = with { betapool_get_stats($0, &stats) }
        return Stats(stats)
    }

    /// The newest 256 decisions, oldest first, those that changed nothing among them.
    public var decisions: [Decision] {
        with { handle in Decision.all { betapool_get_decisions(handle, $0, $1) } }
    }
}

private func seconds(_ timeout: Duration?) -> Double {
    timeout.map { max($0.inSeconds, 0) } ?? -1
}

/// A task, from its submission until it has run or was given up.
private final class Job: Sendable {
    private let body: @Sendable () -> Void
    private let onCancel: (@Sendable () -> Void)?

    init(body: @escaping @Sendable () -> Void, onCancel: (@Sendable () -> Void)?) {
        self.body = body
        self.onCancel = onCancel
    }

    /// A betapool_function.
    static func call(_ job: UnsafeMutableRawPointer?, _ status: Int32) {
        let job = Unmanaged<Job>.fromOpaque(job!).takeRetainedValue()
        if status == 0 { job.body() } else { job.onCancel?() }
    }
}
