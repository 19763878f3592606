import Synchronization

/// Tasks that a worker has taken from the queue at once, to run one after the other without the lock.
///
/// A lock taken once for many short tasks costs less than a lock-free queue, which moves cache lines between cores for each; and a thread
/// that is preempted in between holds nobody up. But a task must not wait behind another while somebody could run it. So claims are for some
/// microseconds of work, what has not started can be recalled to the queue, and three rules hold:
///
/// - Nobody claims more than one task while a worker is asleep, or could be started.
/// - A worker recalls all claims before it sleeps. So while anybody sleeps, all tasks that have not started are in the queue.
/// - While all are busy, claims that are overdue are recalled by whoever comes to the queue.
struct Claim {
    /// Seconds of work that a claim should be.
    private static let worth = 20e-6
    /// Seconds after which it is overdue.
    fileprivate static let patience = 1e-3

    let tasks: ClaimedTasks
    /// When it was made.
    var began = 0.0
    /// Tasks of it that count as claimed in the pool's sum.
    fileprivate var counted = 0
    /// Tasks of it that count as completed in the pool's totals.
    fileprivate var completed = 0
    /// How many tasks to claim next time.
    private var size = 1

    init?() {
        guard let tasks = ClaimedTasks() else { return nil }
        self.tasks = tasks
    }

    /// What to claim of `queued` tasks that are for `workers`.
    fileprivate func share(of queued: Int, workers: Int) -> Int {
        size == 1 ? 1 : max(min(size, queued / workers), 1)
    }

    /// Learns from `count` tasks that took some seconds.
    fileprivate mutating func learn(count: Int, seconds: Double) {
        let next = seconds * Double(size), limit = Self.worth * Double(count)
        if next > limit {
            size = seconds > limit ? 1 : size / 2
        } else if next * 2 <= limit {
            size = min(size * 2, ClaimedTasks.most)
        }
    }
}

/// The part of a claim that its owner uses without the lock. A copy is the same tasks; whoever made them calls `destroy`.
struct ClaimedTasks {
    static let most = 32

    /// How many tasks there are, times 2^16, plus how many have started: one more than there are, once the owner has found no more.
    private let progress: UnsafeMutablePointer<Atomic<UInt32>>
    private let tasks: UnsafeMutablePointer<Task>

    init?() {
        guard let progress = allocate(Atomic<UInt32>.self) else { return nil }
        guard let tasks = allocate(Task.self, count: Self.most) else {
            deallocate(progress)
            return nil
        }
        progress.initialize(to: Atomic(0))
        self.progress = progress
        self.tasks = tasks
    }

    func destroy() {
        deallocate(progress)
        deallocate(tasks)
    }

    /// By the owner, with the lock held. The first task counts as started.
    func take(_ count: Int, from queue: inout TaskQueue) {
        queue.pop(count, to: tasks)
        progress.pointee.store(UInt32(truncatingIfNeeded: count << 16 | 1), ordering: .releasing)
    }

    /// By the owner, without the lock.
    func run() {
        var next: UInt32 = 0, count: UInt32
        repeat {
            tasks[Int(next)].run()
            let before = progress.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            next = before & 0xffff
            count = before >> 16
        } while next < count
    }

    /// Puts what has not started back to the head of the queue, which must have room. With the lock held. Returns how many have started.
    func recall(to queue: inout TaskQueue) -> Int {
        var now = progress.pointee.load(ordering: .acquiring)
        while true {
            let started = now & 0xffff, count = now >> 16
            guard started < count else { return Int(count) }
            let (exchanged, original) = progress.pointee.compareExchange(
                expected: now, desired: started << 16 | started, ordering: .acquiringAndReleasing)
            if exchanged {
                for index in (Int(started)..<Int(count)).reversed() { queue.pushFirst(tasks[index]) }
                return Int(started)
            }
            now = original
        }
    }
}

extension Pool {
    /// Claims tasks; there are some.
    func claim(by worker: Worker) {
        recallOverdueClaims(now: worker.pointee.claim.began)
        let count = couldOthersCome ? 1 : worker.pointee.claim.share(of: state.pointee.queue.count, workers: state.pointee.servingCount)
        worker.pointee.claim.tasks.take(count, from: &state.pointee.queue)
        worker.pointee.claim.counted = count - 1
        worker.pointee.claim.completed = 0
        state.pointee.claimed += count - 1
    }

    /// The worker has run what it claimed.
    func concludeClaim(of worker: Worker, now: Double) {
        let started = recall(worker)
        complete(started, of: worker)
        worker.pointee.claim.learn(count: started, seconds: now - worker.pointee.claim.began)
        worker.pointee.claim.began = now
    }

    /// Takes back all tasks that were claimed and have not started.
    @inline(never)
    func recallClaims(since latest: Double = .infinity) {
        guard state.pointee.claimed > 0 else { return }
        var next = state.pointee.serving
        while let worker = next {
            next = worker.pointee.next
            guard worker.pointee.claim.counted > 0, worker.pointee.claim.began <= latest else { continue }
            complete(recall(worker) - 1, of: worker)
        }
    }

    private func recallOverdueClaims(now: Double) {
        guard state.pointee.claimed > 0, now > state.pointee.nextRecall else { return }
        state.pointee.nextRecall = now + Claim.patience
        recallClaims(since: now - Claim.patience)
    }

    /// Returns how many tasks of the claim have started.
    @inline(never)
    private func recall(_ worker: Worker) -> Int {
        state.pointee.claimed -= worker.pointee.claim.counted
        worker.pointee.claim.counted = 0
        return worker.pointee.claim.tasks.recall(to: &state.pointee.queue)
    }

    private func complete(_ count: Int, of worker: Worker) {
        state.pointee.totals.completed += UInt64(count - worker.pointee.claim.completed)
        worker.pointee.claim.completed = count
    }

    private var couldOthersCome: Bool {
        guard state.pointee.threads >= state.pointee.controller.threads else { return true }
        guard let first = state.pointee.idle else { return false }
        return first.pointee.nextWaiting != nil || !first.pointee.isOnLookout
    }
}
