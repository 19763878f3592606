internal import CBetaPool
internal import CSystem

/// What a pool or a controller could not do. Its description is one line that names the fix.
public struct BetaPoolError: Error, Hashable, Sendable, CustomStringConvertible {
    private enum Kind: Hashable {
        case outOfRange
        case notShutDown
        case code(Int32)
    }

    private let kind: Kind

    /// A value is outside the range that its documentation gives.
    public static let outOfRange = BetaPoolError(kind: .outOfRange)
    /// A pool can be joined only after ``AdaptiveThreadPool/shutdown(_:)``.
    public static let notShutDown = BetaPoolError(kind: .notShutDown)
    /// There is no memory for it.
    public static let outOfMemory = BetaPoolError(kind: .code(-ENOMEM))
    /// The queue is full, or there is no thread and none can be had: the same may succeed when tasks have finished.
    public static let tryAgain = BetaPoolError(kind: .code(-EAGAIN))
    /// The pool was shut down and takes no further tasks.
    public static let shutDown = BetaPoolError(kind: .code(-ESHUTDOWN))
    /// The time that was given is over.
    public static let timedOut = BetaPoolError(kind: .code(-ETIMEDOUT))
    /// A task of the pool cannot wait for the pool.
    public static let wouldDeadlock = BetaPoolError(kind: .code(-EDEADLK))

    private init(kind: Kind) {
        self.kind = kind
    }

    /// A negative code of the C library.
    init(code: Int32) {
        kind = code == -EINVAL ? .outOfRange : .code(code)
    }

    /// One line that names the fix.
    public var description: String {
        switch kind {
        case .outOfRange: "a value is out of range: the documentation of each property and parameter says what it may be"
        case .notShutDown: "the pool is still open: call shutdown() before join()"
        case .code(let code): String(cString: betapool_strerror(code))
        }
    }
}

/// What a function of the C library returned, unless that is a negative code.
@discardableResult
func checked(_ result: Int32) throws(BetaPoolError) -> Int32 {
    guard result >= 0 else { throw BetaPoolError(code: result) }
    return result
}
