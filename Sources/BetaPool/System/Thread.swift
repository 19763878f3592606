import CSystem

/// A native thread.
struct Thread: Equatable {
    private let id: pthread_t

    typealias Body = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?

    static func start(stackSize: Int, argument: UnsafeMutableRawPointer, body: Body) throws(Errno) -> Thread {
        var attributes = pthread_attr_t()
        var code = pthread_attr_init(&attributes)
        guard code == 0 else { throw Errno(code: code) }
        defer { pthread_attr_destroy(&attributes) }
        // Checked: a size that the system refuses would silently mean the default of 8 MB.
        // It refuses less than its minimum, which is 16 KiB on x86-64 and 128 KiB on ARM with 64 bits.
        code = pthread_attr_setstacksize(&attributes, max(stackSize, Int(PTHREAD_STACK_MIN)))
        guard code == 0 else { throw Errno(code: code) }
        var thread = pthread_t()
        code = pthread_create(&thread, &attributes, body, argument)
        guard code == 0 else { throw Errno(code: code) }
        return Thread(id: thread)
    }

    /// The calling thread.
    static var current: Thread { Thread(id: pthread_self()) }

    /// Waits for its end, and gives back what is left of it: once.
    static func join(_ thread: Thread) {
        pthread_join(thread.id, nil)
    }

    /// Names the calling thread "PREFIX-NUMBER", or "PREFIX-tick". The kernel keeps 15 bytes: the prefix gives way, not the rest.
    static func setName(_ prefix: ThreadName, number: UInt32?) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16) { digits in
            var suffix = Text(in: digits)
            suffix.append("-")
            if let number { suffix.append(UInt64(number)) } else { suffix.append("tick") }
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16) { memory in
                var name = Text(in: memory)
                for index in 0..<min(prefix.count, 15 - suffix.length) { name.append(prefix.bytes[index]) }
                name.append(cString: digits.baseAddress!)
                _ = pthread_setname_np(pthread_self(), memory.baseAddress!)
            }
        }
    }
}

/// The first 15 bytes of a name.
struct ThreadName {
    fileprivate private(set) var bytes = InlineArray<15, UInt8>(repeating: 0)
    fileprivate private(set) var count = 0

    init(_ name: UnsafePointer<CChar>) {
        while count < bytes.count, name[count] != 0 {
            bytes[count] = UInt8(bitPattern: name[count])
            count += 1
        }
    }
}

/// One pointer for each thread.
enum ThreadLocal {
    static var value: UnsafeMutableRawPointer? {
        pthread_getspecific(csystem_thread_key())
    }

    static func set(_ value: UnsafeMutableRawPointer?) throws(Errno) {
        let code = pthread_setspecific(csystem_thread_key(), value)
        guard code == 0 else { throw Errno(code: code) }
    }

    /// Before the first use; again does nothing. `onExit` is called with the value of each thread that ends while it has one.
    /// Returns 0 or an errno. One thread at a time.
    static func create(onExit: @convention(c) (UnsafeMutableRawPointer?) -> Void) -> Int32 {
        csystem_thread_key_create(onExit)
    }
}
