import CSystem
import Synchronization

/// A 32-bit word that threads can sleep on. A copy is the same word; whoever made it calls `destroy`.
struct Futex: @unchecked Sendable {
    private let word: UnsafeMutablePointer<Atomic<UInt32>>

    init?() {
        guard let word = allocate(Atomic<UInt32>.self) else { return nil }
        self.init(at: word)
    }

    /// In memory that somebody else provides, and gives back.
    init(at memory: UnsafeMutableRawPointer) {
        word = memory.bindMemory(to: Atomic<UInt32>.self, capacity: 1)
        word.initialize(to: Atomic(0))
    }

    /// The one that was made in this memory.
    init(in memory: UnsafeMutableRawPointer) {
        word = memory.assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    func destroy() {
        deallocate(word)
    }

    func load() -> UInt32 {
        word.pointee.load(ordering: .acquiring)
    }

    func store(_ value: UInt32) {
        word.pointee.store(value, ordering: .releasing)
    }

    /// Puts `new` in the place of `old`; false if something else was there.
    func exchange(_ old: UInt32, for new: UInt32) -> Bool {
        word.pointee.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
    }

    /// Puts `value` there. Returns what was there.
    func swap(_ value: UInt32) -> UInt32 {
        word.pointee.exchange(value, ordering: .acquiringAndReleasing)
    }

    /// Looks at the word for about a microsecond while it is `value`. Whether it is something else.
    func spin(while value: UInt32) -> Bool {
        for _ in 0..<16 {
            if load() != value { return true }
            csystem_pause()
        }
        return load() != value
    }

    /// For use as a generation: who read it before sleeps only while nobody has incremented it since.
    func increment() {
        word.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing)
    }

    /// Sleeps while the word is `value`, at most until `deadline` (on `Clock.now`). May return early: look again.
    func wait(while value: UInt32, until deadline: Double = .infinity) {
        if deadline == .infinity {
            csystem_futex_wait(address, value, nil)
        } else {
            var span = timespec(seconds: deadline - Clock.now())
            csystem_futex_wait(address, value, &span)
        }
    }

    func wakeOne() {
        csystem_futex_wake(address, 1)
    }

    func wakeAll() {
        csystem_futex_wake(address, Int32.max)
    }

    var address: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(word).assumingMemoryBound(to: UInt32.self)
    }
}
