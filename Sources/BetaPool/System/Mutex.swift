import CSystem

/// A lock. A copy is the same lock. Its memory is never given back: see Registry.
struct Mutex {
    private let raw: UnsafeMutablePointer<pthread_mutex_t>

    init?() {
        guard let raw = allocate(pthread_mutex_t.self) else { return nil }
        csystem_mutex_init(raw)
        self.raw = raw
    }

    /// Where a thread that waits for it sleeps.
    var addresses: Range<UInt> {
        let start = UInt(bitPattern: raw)
        return start..<(start + UInt(MemoryLayout<pthread_mutex_t>.size))
    }

    func lock() {
        pthread_mutex_lock(raw)
    }

    func unlock() {
        pthread_mutex_unlock(raw)
    }
}
