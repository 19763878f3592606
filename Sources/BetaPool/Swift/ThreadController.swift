internal import CBetaPool

/// Decides how many threads a program should have that keeps its own: CPU and wall times of tasks go in, thread counts come out.
///
///     let controller = try ThreadController()
///     try controller.withThread { thread in                // on each thread
///         while let job = queue.next() { thread.perform(job.run) }
///     }
///     let decision = controller.tick(queueLength: queue.count)   // every interval, on one
///
/// Everything may be called from any thread at any time.
public final class ThreadController: Sendable {
    nonisolated(unsafe) private let handle: OpaquePointer

    /// Makes a controller.
    /// - Throws: ``BetaPoolError/outOfRange``, ``BetaPoolError/outOfMemory``
    public init(_ configuration: Configuration = Configuration()) throws(BetaPoolError) {
        var config = try betapool_config(configuration)
        var handle: OpaquePointer?
        try checked(betapool_controller_create(&config, &handle))
        self.handle = handle!
    }

    deinit {
        _ = betapool_controller_free(handle)
    }

    /// Calls the C library with this controller, which lives until the call returns.
    private func with<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(self) { body(handle) }
    }

    /// One finished task, timed by the caller (section "instrumentation" of the paper): the CPU time of its thread, and the wall time.
    /// ``AttachedThread/perform(_:)`` does it for threads that the controller knows.
    /// - Throws: ``BetaPoolError/outOfRange``: a time is negative, above 1e9 seconds, or there is more CPU than wall time.
    public func report(cpuTime: Duration, wallTime: Duration) throws(BetaPoolError) {
        try checked(with { betapool_controller_report($0, cpuTime.inSeconds, wallTime.inSeconds) })
    }

    /// Ends an interval and decides. To be called every ``Configuration/interval``.
    /// - Parameters:
    ///   - queueLength: Tasks that wait for a thread.
    ///   - now: The time, on any clock that does not go back.
    public func tick(queueLength: Int, now: Duration = Decision.now) -> Decision {
        var decision = betapool_decision()
        _ = with { betapool_controller_tick($0, now.inSeconds, UInt64(max(queueLength, 0)), &decision) }
        return Decision(decision)
    }

    /// Looks at what the attached threads are doing, between two ticks: a few looks say more than one. Some 5 times an interval is right.
    /// - Returns: How many of them are busy.
    @discardableResult
    public func sample() -> Int {
        Int(with { betapool_controller_sample($0) })
    }

    /// The thread count now in force.
    public var threads: Int {
        Int(with { betapool_controller_threads($0) })
    }

    /// The mean blocking ratio now in force: ``Decision/smoothedBeta``, 0.5 at the start.
    public var smoothedBeta: Double {
        with { betapool_controller_beta($0) }
    }

    /// The newest 256 decisions, oldest first.
    public var decisions: [Decision] {
        with { handle in Decision.all { betapool_controller_get_decisions(handle, $0, $1) } }
    }

    /// Makes the calling thread known to the controller until `body` returns, so that the controller sees what it is doing, as
    /// ``Policy/adaptive`` and ``Policy/paperIO`` need.
    /// - Throws: What `body` throws, or ``BetaPoolError/outOfMemory``.
    public func withThread<Result>(_ body: (borrowing AttachedThread) throws -> Result) throws -> Result {
        let number = try checked(with { betapool_controller_attach($0) })
        defer { _ = with { betapool_controller_detach($0, number) } }
        return try body(AttachedThread(controller: self, number: number))
    }

    fileprivate func setBusy(_ thread: Int32, _ isBusy: Bool) {
        _ = with { betapool_controller_set_busy($0, thread, isBusy ? 1 : 0) }
    }

    fileprivate func report(cpu: Double, wall: Double) {
        _ = with { betapool_controller_report($0, min(cpu, wall), wall) }
    }
}

/// The calling thread, as a controller knows it: see ``ThreadController/withThread(_:)``.
public struct AttachedThread: ~Copyable {
    fileprivate let controller: ThreadController
    fileprivate let number: Int32

    /// Runs a task on this thread. The controller sees that the thread is busy, and is told the task's CPU and wall time.
    public borrowing func perform<Result, Failure>(_ task: () throws(Failure) -> Result) throws(Failure) -> Result {
        controller.setBusy(number, true)
        let (wall, cpu) = (betapool_wall_time(), betapool_cpu_time())
        defer {
            controller.report(cpu: betapool_cpu_time() - cpu, wall: betapool_wall_time() - wall)
            controller.setBusy(number, false)
        }
        return try task()
    }
}

/// It stands for the thread that it was made on.
@available(*, unavailable)
extension AttachedThread: Sendable {}
