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

/// Locks that serialise threads: a futex in one of these ranges is contention, not I/O.
struct LockRanges {
    /// The host's big lock, if it has one.
    var host: Range<UInt> = 0..<0
    /// The pool's own.
    var own: Range<UInt> = 0..<0

    func contains(_ address: UInt) -> Bool {
        host.contains(address) || own.contains(address)
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
    func read(_ locks: LockRanges) -> WaitState? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { memory in
            let text = memory.baseAddress!
            guard csystem_read_again(file, text, memory.count) > 0 else { return nil }
            if text[0] == CChar(bitPattern: UInt8(ascii: "r")) { return .running }
            var rest: UnsafeMutablePointer<CChar>?
            let number = strtol(text, &rest, 10)
            guard let rest, rest != text else { return nil }
            guard csystem_is_futex(number) else { return .waiting }
            return locks.contains(strtoul(rest, nil, 16)) ? .contending : .waiting
        }
    }
}
