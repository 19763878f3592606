import CSystem

/// How a kind of handle is recognised, and what becomes of one in a forked child.
struct HandleKind: Sendable {
    let magic: UInt32
    /// Called before each new piece of memory for handles of the kind, one thread at a time. Returns 0 or an errno.
    let prepare: @convention(c) () -> Int32
    /// Called in the child for each live handle (its argument), with the lock held. May free memory, not allocate.
    let resetInChild: @convention(c) (UnsafeMutableRawPointer) -> Void
}

/// What every C handle points to. Its memory stays a handle of its kind for ever: it goes back to the registry, never to malloc, so that
/// a call on a freed handle finds a lock and a flag that says so, not somebody else's memory.
struct HandleHeader {
    /// The handle made before this one.
    fileprivate var next: Handle?
    /// The next one of those that wait for another use.
    fileprivate var nextSpare: Handle?
    fileprivate var isLive = false
    fileprivate let kind: HandleKind

    /// Where, after the header, its lock and its state are: in one piece of memory.
    fileprivate static let lockOffset = 64
    fileprivate static let stateOffset = 80
}

typealias Handle = UnsafeMutablePointer<HandleHeader>

extension Handle {
    var mutex: Mutex { Mutex(word: Futex(in: UnsafeMutableRawPointer(self) + HandleHeader.lockOffset)) }

    func state<State: ~Copyable>(as type: State.Type) -> UnsafeMutablePointer<State> {
        (UnsafeMutableRawPointer(self) + HandleHeader.stateOffset).assumingMemoryBound(to: State.self)
    }

    /// Whether a pointer that came from outside is a handle of the kind, alive or not.
    @inline(__always)
    func isOf(_ kind: HandleKind) -> Bool {
        pointee.kind.magic == kind.magic
    }

    /// Locks a handle that came from outside. When it throws, nothing is locked.
    func enter(_ kind: HandleKind) throws(Errno) {
        guard isOf(kind) else { throw .badHandle }
        mutex.lock()
        try stay()
    }

    /// For who has locked a handle that came from outside. When it throws, nothing is locked.
    func stay() throws(Errno) {
        guard pointee.isLive else {
            mutex.unlock()
            throw .badHandle
        }
    }

    /// Ends what `enter` began, and refuses every later `enter`: the caller is about to release the handle.
    func leaveForGood() {
        pointee.isLive = false
        mutex.unlock()
    }
}

/// All handles of the process, so that fork() can bring each into a state that a child can use.
enum Registry {
    nonisolated(unsafe) private static var newest: Handle?
    nonisolated(unsafe) private static var spare: Handle?
    nonisolated(unsafe) private static var watchesFork = false

    /// A handle whose state is uninitialised memory, or what is left of another; `publish` it with a state, or `release` it.
    static func acquire(_ kind: HandleKind, stateSize: Int) throws(Errno) -> Handle {
        pthread_mutex_lock(csystem_registry_mutex())
        defer { pthread_mutex_unlock(csystem_registry_mutex()) }
        if !watchesFork {
            let code = pthread_atfork({ Registry.lockAll() }, { Registry.unlockAll() }, { Registry.resetInChild() })
            guard code == 0 else { throw Errno(code: code) }
            watchesFork = true
        }
        return if let handle = takeSpare(kind) { handle } else { try make(kind, stateSize: stateSize) }
    }

    static func publish<State>(_ handle: Handle, state: State) {
        handle.mutex.lock()
        handle.state(as: State.self).initialize(to: state)
        handle.pointee.isLive = true
        handle.mutex.unlock()
    }

    /// Takes back a handle that is not live. A call on it may still look at what is left of its state.
    static func release(_ handle: Handle) {
        pthread_mutex_lock(csystem_registry_mutex())
        handle.pointee.nextSpare = spare
        spare = handle
        pthread_mutex_unlock(csystem_registry_mutex())
    }

    private static func takeSpare(_ kind: HandleKind) -> Handle? {
        var previous: Handle?
        var candidate = spare
        while let handle = candidate {
            candidate = handle.pointee.nextSpare
            guard handle.pointee.kind.magic == kind.magic else {
                previous = handle
                continue
            }
            if let previous { previous.pointee.nextSpare = candidate } else { spare = candidate }
            handle.pointee.nextSpare = nil
            return handle
        }
        return nil
    }

    private static func make(_ kind: HandleKind, stateSize: Int) throws(Errno) -> Handle {
        // EAGAIN would be: no key is left of those that a process may have.
        guard kind.prepare() == 0, let memory = malloc(HandleHeader.stateOffset + stateSize) else { throw .outOfMemory }
        let handle = memory.bindMemory(to: HandleHeader.self, capacity: 1)
        handle.initialize(to: HandleHeader(next: newest, kind: kind))
        _ = Futex(at: memory + HandleHeader.lockOffset)
        newest = handle
        return handle
    }

    // MARK: fork

    private static func forEach(_ body: (Handle) -> Void) {
        var next = newest
        while let handle = next {
            next = handle.pointee.next
            body(handle)
        }
    }

    private static func lockAll() {
        pthread_mutex_lock(csystem_registry_mutex())
        forEach { $0.mutex.lock() }
    }

    private static func unlockAll() {
        forEach { $0.mutex.unlock() }
        pthread_mutex_unlock(csystem_registry_mutex())
    }

    private static func resetInChild() {
        forEach { if $0.pointee.isLive { $0.pointee.kind.resetInChild($0) } }
        unlockAll()
    }
}
