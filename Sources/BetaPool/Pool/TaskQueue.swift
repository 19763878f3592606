import CSystem

/// Tasks in the order of submission: a ring that doubles when it is full.
struct TaskQueue {
    private static let smallest = 64
    private static let largestToKeep = 4096

    private var ring: UnsafeMutablePointer<Task>?
    private var capacity = 0
    /// How many tasks were appended, ever; the task that is appended next goes where that number, modulo `capacity`, says.
    private(set) var appended: UInt64 = 0
    /// Where the oldest task is, in the same way.
    private var head: UInt64 = 0
    /// The door is shut once so many tasks were appended. See `openDoor`.
    private var doorShutsAt: UInt64 = 0

    var count: Int { Int(truncatingIfNeeded: appended &- head) }
    var isEmpty: Bool { appended == head }

    // MARK: The door

    /// Lets `pushThroughDoor` append as many tasks as there is room for, if that and `reserved` more are not above `limit`. Whatever else is
    /// done with the queue, the door is to be opened anew after it, or shut.
    mutating func openDoor(limit: Int, reserved: Int) {
        let room = min(capacity, limit) &- count &- reserved
        doorShutsAt = appended &+ UInt64(truncatingIfNeeded: max(room, 0))
    }

    mutating func shutDoor() {
        doorShutsAt = appended
    }

    /// Appends a task, or not if the door is shut: one comparison for all that may speak against it.
    @inline(__always)
    mutating func pushThroughDoor(_ task: Task) -> Bool {
        guard appended != doorShutsAt else { return false }
        (ring.unsafelyUnwrapped + place(of: appended)).initialize(to: task)
        appended &+= 1
        return true
    }

    /// Appends tasks, all or none.
    @inline(__always)
    mutating func pushThroughDoor(_ tasks: UnsafePointer<Task>, count: Int) -> Bool {
        guard count > 0, UInt64(truncatingIfNeeded: count) <= doorShutsAt &- appended else { return false }
        push(tasks, count: count)
        return true
    }

    // MARK: In and out

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
        var old = self
        ring = memory
        capacity = larger
        appended = head
        while !old.isEmpty {
            let straight = old.straight(from: old.head, atMost: old.count)
            push(old.ring! + old.place(of: old.head), count: straight)
            old.head &+= UInt64(truncatingIfNeeded: straight)
        }
        if let ring = old.ring { deallocate(ring) }
    }

    /// Appends tasks. There must be room: see `reserve`.
    @inline(never)
    mutating func push(_ tasks: UnsafePointer<Task>, count number: Int) {
        guard number > 0, let ring else { return }
        let straight = straight(from: appended, atMost: number)
        memcpy(ring + place(of: appended), tasks, straight &* MemoryLayout<Task>.stride)
        if straight < number { memcpy(ring, tasks + straight, (number &- straight) &* MemoryLayout<Task>.stride) }
        appended &+= UInt64(truncatingIfNeeded: number)
    }

    /// Takes the oldest tasks; there must be as many.
    mutating func pop(_ number: Int, to memory: UnsafeMutablePointer<Task>) {
        guard number > 0, let ring else { return }
        let straight = straight(from: head, atMost: number)
        memcpy(memory, ring + place(of: head), straight &* MemoryLayout<Task>.stride)
        if straight < number { memcpy(memory + straight, ring, (number &- straight) &* MemoryLayout<Task>.stride) }
        head &+= UInt64(truncatingIfNeeded: number)
    }

    mutating func pop() -> Task? {
        guard !isEmpty, let ring else { return nil }
        defer { head &+= 1 }
        return ring[place(of: head)]
    }

    /// Puts a task back in front of the others. There must be room.
    mutating func pushFirst(_ task: Task) {
        head &-= 1
        (ring! + place(of: head)).initialize(to: task)
    }

    /// Takes back tasks that were appended at once, if they are all there: as if they had never been appended.
    mutating func remove(_ unwanted: UnsafePointer<Task>, count number: Int) -> Bool {
        guard let ring else { return false }
        var found = 0
        for index in 0..<count where found < number && ring[place(after: index)].isSame(as: unwanted[found]) { found += 1 }
        guard found == number else { return false }
        found = 0
        for index in 0..<count {
            let task = ring[place(after: index)]
            if found < number, task.isSame(as: unwanted[found]) { found += 1 } else { ring[place(after: index &- found)] = task }
        }
        appended &-= UInt64(truncatingIfNeeded: number)
        return true
    }

    // MARK: Memory

    /// Gives the memory of an empty queue back if it is much.
    mutating func trim() {
        if capacity > Self.largestToKeep, isEmpty { removeAll() }
    }

    /// Gives the memory back. Tasks still queued are forgotten.
    mutating func removeAll() {
        if let ring { deallocate(ring) }
        _ = takeAll()
    }

    /// The queue as it is, in the place of which there is an empty one.
    mutating func takeAll() -> TaskQueue {
        let all = self
        self = TaskQueue()
        appended = all.appended
        head = appended
        doorShutsAt = appended
        return all
    }

    @inline(__always)
    private func place(of number: UInt64) -> Int {
        Int(truncatingIfNeeded: number) & (capacity &- 1)
    }

    private func place(after older: Int) -> Int {
        place(of: head &+ UInt64(truncatingIfNeeded: older))
    }

    /// How many of `most` places from there on are one after the other in memory.
    private func straight(from number: UInt64, atMost most: Int) -> Int {
        min(most, capacity &- place(of: number))
    }
}
