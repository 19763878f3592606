import CSystem

/// A lock for some tens of instructions. A copy is the same lock. Its memory is never given back: see Registry.
///
/// Taking it when it is free, and giving it back when nobody sleeps on it, is one instruction each ("mutex2" of Drepper's "Futexes Are
/// Tricky"). Whoever finds it taken looks again a few times, ever more seldom, as each look slows the holder down, and then sleeps.
struct Mutex {
    private static let free: UInt32 = 0
    private static let taken: UInt32 = 1
    /// Taken, and somebody may sleep on it.
    private static let wanted: UInt32 = 2
    /// The longest pause between two looks before sleep.
    private static let patience = 32

    private let word: Futex

    init(word: Futex) {
        self.word = word
    }

    /// Where a thread that waits for it sleeps.
    var addresses: Range<UInt> {
        let start = UInt(bitPattern: word.address)
        return start..<(start + UInt(MemoryLayout<UInt32>.size))
    }

    /// Takes it if it is free.
    @inline(__always)
    func tryLock() -> Bool {
        word.exchange(Self.free, for: Self.taken)
    }

    @inline(never)
    func lock() {
        if !word.exchange(Self.free, for: Self.taken) { lockSlowly() }
    }

    @inline(__always)
    func unlock() {
        if word.swap(Self.free) == Self.wanted { wakeOne() }
    }

    @inline(never)
    private func wakeOne() {
        word.wakeOne()
    }

    @inline(never)
    private func lockSlowly() {
        var pauses = 1
        while pauses <= Self.patience {
            for _ in 0..<pauses { csystem_pause() }
            if word.load() == Self.free, word.exchange(Self.free, for: Self.taken) { return }
            pauses *= 2
        }
        while word.swap(Self.wanted) != Self.free { word.wait(while: Self.wanted) }
    }
}
