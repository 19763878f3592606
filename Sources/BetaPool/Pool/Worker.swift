import CSystem

typealias Worker = UnsafeMutablePointer<WorkerState>

/// One worker. Everything in it is guarded by the pool's lock, except that a parked worker sleeps on `wake`.
///
/// Its life: hired (made by whoever asks for a thread), serving (a thread has taken it), gone.
struct WorkerState {
    // First of all something that is read with the lock held alone, for the thread sanitizer takes a change in a struct for one of its start.
    /// The kernel's number of its thread.
    var thread: Int32 = 0
    var isRunningTask = false
    var isParked = false
    let pool: Pool
    /// Says how it is parked: see Wake.
    let wake: Futex
    var claim: Claim
    var clock: ThreadCPUClock?
    var usage = Usage()

    /// Neighbours among the pool's serving workers.
    var next: Worker?
    var previous: Worker?
    /// The next one among those hired, or among those parked: never both.
    var nextWaiting: Worker?

    static func make(pool: Pool) -> Worker? {
        guard let wake = Futex() else { return nil }
        guard let claim = Claim() else {
            wake.destroy()
            return nil
        }
        guard let worker = allocate(WorkerState.self) else {
            wake.destroy()
            claim.tasks.destroy()
            return nil
        }
        worker.initialize(to: WorkerState(pool: pool, wake: wake, claim: claim))
        return worker
    }

    static func destroy(_ worker: Worker) {
        worker.pointee.wake.destroy()
        worker.pointee.claim.tasks.destroy()
        deallocate(worker)
    }
}

/// What a worker has used since it was last asked. Wall time counts while it is not parked; CPU time is read from outside, so that tasks
/// pay nothing for it and a task longer than an interval is seen while it runs.
struct Usage {
    private var cpuSeen = 0.0
    private var seen = 0.0
    private var idleSince: Double?
    private var idle = 0.0

    mutating func start(now: Double, cpu: Double) {
        seen = now
        cpuSeen = cpu
    }

    mutating func park(now: Double) {
        idleSince = now
    }

    /// - Parameter spun: seconds of CPU used in between, not for a task.
    mutating func unpark(now: Double, spun: Double) {
        idle += now - max(idleSince ?? now, seen)
        idleSince = nil
        cpuSeen += spun
    }

    /// CPU and wall seconds since the last call. `cpu` is called only if the worker may have used any.
    mutating func take(now: Double, cpu: () -> Double) -> (cpu: Double, wall: Double) {
        defer {
            seen = now
            idle = 0
        }
        if let idleSince, idleSince <= seen { return (0, 0) }
        let used = cpu()
        defer { cpuSeen = used }
        let parked = idleSince.map { now - $0 } ?? 0
        let wall = max(now - seen - idle - parked, 0)
        // Two clocks do not agree to the nanosecond.
        return (min(max(used - cpuSeen, 0), wall), wall)
    }
}
