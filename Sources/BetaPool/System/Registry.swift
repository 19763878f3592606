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
    let mutex: Mutex
    let state: UnsafeMutableRawPointer
}

typealias Handle = UnsafeMutablePointer<HandleHeader>

extension Handle {
    /// Locks a handle that came from outside. When it throws, nothing is locked.
    func enter(_ kind: HandleKind) throws(Errno) {
        guard pointee.kind.magic == kind.magic else { throw .badHandle }
        pointee.mutex.lock()
        guard pointee.isLive else {
            pointee.mutex.unlock()
            throw .badHandle
        }
    }

    /// Ends what `enter` began, and refuses every later `enter`: the caller is about to release the handle.
    func leaveForGood() {
        pointee.isLive = false
        pointee.mutex.unlock()
    }

    func state<State: ~Copyable>(as type: State.Type) -> UnsafeMutablePointer<State> {
        pointee.state.assumingMemoryBound(to: type)
    }
}

/// All handles of the process, so that fork() can bring each into a state that a child can use.
enum Registry {
    nonisolated(unsafe) private static var newest: Handle?
    nonisolated(unsafe) private static var spare: Handle?
    nonisolated(unsafe) private static var watchesFork = false

    /// A handle whose state is uninitialised memory; `publish` it when the state stands, or `release` it.
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

    static func publish(_ handle: Handle) {
        handle.pointee.mutex.lock()
        handle.pointee.isLive = true
        handle.pointee.mutex.unlock()
    }

    /// Takes back a handle that is not live. Its state is uninitialised from now on.
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
        guard kind.prepare() == 0, let state = malloc(stateSize) else { throw .outOfMemory }
        guard let handle = allocate(HandleHeader.self) else {
            free(state)
            throw .outOfMemory
        }
        guard let mutex = Mutex() else {
            free(state)
            deallocate(handle)
            throw .outOfMemory
        }
        handle.initialize(to: HandleHeader(next: newest, kind: kind, mutex: mutex, state: state))
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
        forEach { $0.pointee.mutex.lock() }
    }

    private static func unlockAll() {
        forEach { $0.pointee.mutex.unlock() }
        pthread_mutex_unlock(csystem_registry_mutex())
    }

    private static func resetInChild() {
        forEach { if $0.pointee.isLive { $0.pointee.kind.resetInChild($0) } }
        unlockAll()
    }
}
