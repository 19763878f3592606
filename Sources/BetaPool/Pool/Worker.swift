import CSystem
import Synchronization

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

    /// The two words that threads share without the lock follow it in the same piece of memory.
    private static let progressOffset = MemoryLayout<WorkerState>.stride
    private static let wakeOffset = progressOffset + MemoryLayout<Atomic<Int>>.stride

    static func make(pool: Pool) -> Worker? {
        guard let memory = malloc(wakeOffset + MemoryLayout<Atomic<UInt32>>.stride) else { return nil }
        let worker = memory.bindMemory(to: WorkerState.self, capacity: 1)
        initialize(worker, pool: pool)
        return worker
    }

    /// Makes it another worker.
    static func renew(_ worker: Worker) {
        worker.pointee.claim.others.giveRoomBack()
        initialize(worker, pool: worker.pointee.pool)
    }

    static func destroy(_ worker: Worker) {
        worker.pointee.claim.others.giveRoomBack()
        deallocate(worker)
    }

    private static func initialize(_ worker: Worker, pool: Pool) {
        let memory = UnsafeMutableRawPointer(worker)
        let progress = (memory + progressOffset).bindMemory(to: Atomic<Int>.self, capacity: 1)
        worker.initialize(to: WorkerState(pool: pool, wake: Futex(at: memory + wakeOffset), claim: Claim(progress: progress)))
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
