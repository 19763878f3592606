/// Tasks in the order of submission: a ring that doubles when it is full and gives its memory back when it is empty.
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
        for index in 0..<count { (memory + index).initialize(to: self[index]) }
        if let ring { deallocate(ring) }
        ring = memory
        capacity = larger
        head = 0
    }

    /// Appends a task. There must be room: see `reserve`.
    mutating func push(_ task: Task) {
        (ring! + (head + count) & (capacity - 1)).initialize(to: task)
        count += 1
    }

    mutating func pop() -> Task? {
        guard count > 0 else { return nil }
        let task = ring![head]
        head = (head + 1) & (capacity - 1)
        count -= 1
        if count == 0, capacity > Self.largestToKeep { removeAll() }
        return task
    }

    /// Gives the memory back. Tasks still queued are forgotten.
    mutating func removeAll() {
        if let ring { deallocate(ring) }
        self = TaskQueue()
    }

    private subscript(index: Int) -> Task {
        ring![(head + index) & (capacity - 1)]
    }
}
