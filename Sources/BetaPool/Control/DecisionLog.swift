/// The newest decisions, in memory that does not grow. Whoever made it calls `destroy`.
struct DecisionLog {
    static let capacity = 256

    private let memory: UnsafeMutablePointer<Decision>
    /// Decisions ever taken.
    private(set) var count: UInt64 = 0

    init?() {
        guard let memory = allocate(Decision.self, count: Self.capacity) else { return nil }
        self.memory = memory
    }

    func destroy() {
        deallocate(memory)
    }

    mutating func append(_ decision: Decision) {
        memory[slot(of: count)] = decision
        count += 1
    }

    /// The newest decisions, at most `limit`, oldest first.
    func forEach(newest limit: Int, _ body: (Decision) -> Void) {
        let kept = min(count, UInt64(Self.capacity), UInt64(max(limit, 0)))
        for number in (count - kept)..<count { body(memory[slot(of: number)]) }
    }

    private func slot(of number: UInt64) -> Int {
        Int(number % UInt64(Self.capacity))
    }
}
