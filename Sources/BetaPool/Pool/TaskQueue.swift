import CSystem

/// Tasks in the order of submission: a ring that doubles when it is full.
struct TaskQueue {
    private static let smallest = 64
    private static let largestToKeep = 1024

    private var ring: UnsafeMutablePointer<Task>?
    private var capacity = 0
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Makes room for `more` tasks.
    mutating func reserve(_ more: Int) throws(Errno) {
        let (needed, overflow) = count.addingReportingOverflow(more)
        guard !overflow else { throw .outOfMemory }
        guard needed > capacity else { return }
        var larger = max(capacity, Self.smallest / 2)
        while larger < needed {
            let (doubled, overflow) = larger.multipliedReportingOverflow(by: 2)
            guard !overflow else { throw .outOfMemory }
            larger = doubled
        }
        guard let memory = allocate(Task.self, count: larger) else { throw .outOfMemory }
        let kept = count
        pop(kept, to: memory)
        count = kept
        if let ring { deallocate(ring) }
        ring = memory
        capacity = larger
        head = 0
    }

    /// Appends a task. There must be room: see `reserve`.
    @inline(__always)
    mutating func push(_ task: Task) {
        (ring! + (head &+ count) & (capacity &- 1)).initialize(to: task)
        count &+= 1
    }

    /// Appends tasks. There must be room.
    mutating func push(_ tasks: UnsafePointer<Task>, count number: Int) {
        guard number > 0 else { return }
        let tail = (head &+ count) & (capacity &- 1)
        let straight = min(number, capacity &- tail)
        memcpy(ring! + tail, tasks, straight &* MemoryLayout<Task>.stride)
        if straight < number { memcpy(ring!, tasks + straight, (number &- straight) &* MemoryLayout<Task>.stride) }
        count &+= number
    }

    /// Whether `more` tasks can be pushed as it is.
    @inline(__always)
    func hasRoom(for more: Int) -> Bool {
        more <= capacity &- count
    }

    /// Takes the oldest tasks; there must be as many.
    mutating func pop(_ number: Int, to memory: UnsafeMutablePointer<Task>) {
        guard number > 0 else { return }
        let straight = min(number, capacity &- head)
        memcpy(memory, ring! + head, straight &* MemoryLayout<Task>.stride)
        if straight < number { memcpy(memory + straight, ring!, (number &- straight) &* MemoryLayout<Task>.stride) }
        head = (head &+ number) & (capacity &- 1)
        count &-= number
    }

    mutating func pop() -> Task? {
        guard count > 0 else { return nil }
        let task = ring![head]
        head = (head + 1) & (capacity - 1)
        count -= 1
        return task
    }

    /// Puts a task back in front of the others. There must be room.
    mutating func pushFirst(_ task: Task) {
        head = (head &- 1) & (capacity - 1)
        (ring! + head).initialize(to: task)
        count += 1
    }

    /// Removes tasks that were pushed at once, if they are all there.
    mutating func remove(_ unwanted: UnsafePointer<Task>, count number: Int) -> Bool {
        var found = 0
        for index in 0..<count where found < number && ring![(head &+ index) & (capacity &- 1)].isSame(as: unwanted[found]) { found += 1 }
        guard found == number else { return false }
        found = 0
        for _ in 0..<count {
            guard let task = pop() else { break }
            if found < number, task.isSame(as: unwanted[found]) { found += 1 } else { push(task) }
        }
        return true
    }

    /// Gives the memory of an empty queue back if it is much.
    mutating func trim() {
        if count == 0, capacity > Self.largestToKeep { removeAll() }
    }

    /// Gives the memory back. Tasks still queued are forgotten.
    mutating func removeAll() {
        if let ring { deallocate(ring) }
        self = TaskQueue()
    }
}
