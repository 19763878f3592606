import CSystem

/// Raw memory for `count` values, or nil when there is none. Swift's own allocation ends the process instead.
func allocate<T: ~Copyable>(_ type: T.Type, count: Int = 1) -> UnsafeMutablePointer<T>? {
    let (bytes, overflow) = MemoryLayout<T>.stride.multipliedReportingOverflow(by: count)
    guard !overflow, let memory = malloc(bytes) else { return nil }
    return memory.bindMemory(to: type, capacity: count)
}

func deallocate<T: ~Copyable>(_ memory: UnsafeMutablePointer<T>) {
    free(memory)
}

/// Calls `body` with memory for `count` characters; nil if there is none. (withUnsafeTemporaryAllocation ends the process above 1 KiB then.)
func withScratch<Result>(_ count: Int, _ body: (UnsafeMutableBufferPointer<CChar>) -> Result?) -> Result? {
    guard let memory = allocate(CChar.self, count: count) else { return nil }
    defer { deallocate(memory) }
    return body(UnsafeMutableBufferPointer(start: memory, count: count))
}
