import CSystem

/// What a thread is doing, as its kernel tells it.
enum WaitState: UInt8 {
    /// On a core, or queued for one.
    case running
    /// Asleep on one of the locks given.
    case contending
    /// Asleep in anything else: a sleep, a read, another lock.
    case waiting
}

/// A lock that all threads of the host must hold to compute.
enum HostLock {
    case none
    case at(Range<UInt>)
    /// There is one, but a thread that waits for it cannot be told from one that waits for I/O.
    case unknown

    /// How many cores the threads can keep busy.
    func capacity(cores: Double) -> Double {
        if case .none = self { cores } else { min(cores, 1) }
    }
}

/// Locks that serialise threads: a futex in one of them is contention, not I/O.
struct Locks {
    let host: HostLock
    /// The pool's own.
    var own: Range<UInt> = 0..<0

    var areKnown: Bool {
        if case .unknown = host { false } else { true }
    }

    func contain(_ address: UInt) -> Bool {
        if case .at(let range) = host, range.contains(address) { return true }
        return own.contains(address)
    }
}

/// Reads the wait state of one thread of this process, from any thread: no privilege and no lock of the host's is needed.
///
/// Linux: /proc/self/task/TID/syscall says "running", or the number and the arguments of the system call in which the thread sleeps. The
/// file stays open; a read costs 1-2 us.
struct WaitProbe {
    private let file: Int32

    /// nil where the system does not tell, has no descriptor left, or no such thread.
    /// - Parameter thread: the kernel's number of it.
    init?(thread: Int32) {
        let file = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { memory in
            var path = Text(in: memory)
            path.append("/proc/self/task/")
            path.append(UInt64(max(thread, 0)))
            path.append("/syscall")
            return csystem_open_for_reading(memory.baseAddress!)
        }
        guard file >= 0 else { return nil }
        self.file = file
    }

    func close() {
        csystem_close(file)
    }

    /// nil when the thread is gone.
    @inline(never)
    func read(_ locks: Locks) -> WaitState? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { memory in
            let text = memory.baseAddress!
            guard csystem_read_again(file, text, memory.count) > 0 else { return nil }
            if text[0] == CChar(bitPattern: UInt8(ascii: "r")) { return .running }
            var rest: UnsafeMutablePointer<CChar>?
            let number = strtol(text, &rest, 10)
            guard let rest, rest != text else { return nil }
            guard csystem_is_futex(number) else { return .waiting }
            return locks.contain(strtoul(rest, nil, 16)) ? .contending : .waiting
        }
    }
}
